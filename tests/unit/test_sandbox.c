/* test_sandbox.c - forbidden acts inside of a function's sandbox, the router's, and the probe. */
#include "unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "ipc/message.h"
#include "sandbox/confine.h"
#include "sandbox/sandbox.h"
#include "sandbox_attempts.h"
#include "sandbox_base.h"

static const struct sandbox_filters *filters; /* of service */
static const struct sandbox_filters *explaining;
static int folders = -1;  /* holds the shared folder "f" */
static int artifact = -1; /* a library of this host */

/* Which programs a sandbox gets. */
enum attempt_programs { PROGRAMS_OF_SERVICE, PROGRAMS_EXPLAINING };

/* What came out of one sandbox. */
struct outcome {
	int met;        /* as attempt_case.want; -1: no sandbox */
	char first[64]; /* name of the first reported call */
	unsigned n_reported;
	struct err e;
};

static int
folder_of(enum attempt_world world, struct err *e)
{
	return world == WORLD_EMPTY ? -1 : sandbox_folder_open(folders, "f", world == WORLD_READ_ONLY, e);
}

static void
sandbox_prepare(struct sandbox *s, const struct attempt_case *c, enum attempt_programs programs,
                struct err *e)
{
	sandbox_init(s, &sandbox_function, c->name);
	s->filters = programs == PROGRAMS_EXPLAINING ? explaining : filters;
	s->folder = folder_of(c->world, e);
	s->is_folder_read_only = c->world == WORLD_READ_ONLY;
	s->artifact = artifact;
	s->limits = (struct sandbox_limits){
		.memory = ATTEMPT_MEMORY,
		.tmp_size = ATTEMPT_TMP,
		.tmp_inodes = ATTEMPT_INODES,
		.file_size = ATTEMPT_FILE,
		.processes = ATTEMPT_THREADS,
		.files = ATTEMPT_FILES,
	};
}

/* The worker: met is written to the report, or the error as text. */
static int
payload_run(struct sandbox *s, const struct attempt_case *c, int channel, struct err *e)
{
	int rc = sandbox_enter(s, SANDBOX_PAYLOAD, e);

	if (rc == 0)
		rc = message_send(channel, 1, NULL, 0, &s->listener, 1, e);
	close(channel);
	close(s->listener);
	if (rc == 0)
		rc = sandbox_enter(s, SANDBOX_CLOSE, e);
	if (rc == 0 && c->phase == PHASE_SERVE)
		rc = sandbox_enter(s, SANDBOX_SERVE, e);
	return rc < 0 ? -1 : c->attempt();
}

/* As the exec between IDENTITY and ROOT does: what is not inheritable is gone. */
static int
capabilities_of_an_exec(void)
{
	cap_t caps = cap_get_proc();
	int rc = caps ? cap_fill(caps, CAP_PERMITTED, CAP_INHERITABLE) : -1;

	rc = rc == 0 ? cap_fill(caps, CAP_EFFECTIVE, CAP_INHERITABLE) : rc;
	rc = rc == 0 ? cap_set_proc(caps) : rc;
	cap_free(caps);
	return rc;
}

static _Noreturn void
child_run(struct sandbox *s, const struct attempt_case *c, struct sandbox_process *process, const int ends[2])
{
	struct outcome o = { .met = -1 };
	const int keep[] = { 0, ends[0], ends[1] };
	int status;
	pid_t pid;

	s->keep = keep;
	s->n_keep = ARRAY_SIZE(keep);
	if (sandbox_await(process, &o.e) < 0 ||
	    sandbox_enter(s, SANDBOX_PREPARE | SANDBOX_IDENTITY, &o.e) < 0 || capabilities_of_an_exec() < 0 ||
	    sandbox_enter(s, SANDBOX_ROOT, &o.e) < 0)
		_exit(write(ends[1], &o, sizeof o) < 0);
	pid = fork();
	if (pid == 0) {
		o.met = payload_run(s, c, ends[0], &o.e);
		_exit(write(ends[1], &o, sizeof o) < 0);
	}
	close(ends[0]);
	fd_close(&s->artifact_folder);
	if (sandbox_enter(s, SANDBOX_INIT, &o.e) < 0)
		_exit(99);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status)) {
		o.met = ENDED_BY_SIGNAL + WTERMSIG(status);
		if (write(ends[1], &o, sizeof o) < 0)
			_exit(1);
	}
	_exit(0);
}

static void
reports_answer(int listener, struct outcome *o)
{
	char name[SYSCALL_NAME_SIZE];
	struct sandbox_denied d;

	if (sandbox_denied_receive(listener, &d) <= 0)
		return;
	sandbox_syscall_name(d.nr, name);
	if (o->n_reported++ == 0)
		snprintf(o->first, sizeof o->first, "%s", name);
	/* Which is what sandbox_denied_answer says where service reports. */
	sandbox_denied_answer_with(listener, &d, sandbox_service_errno(filters, &d));
}

static void
outcome_await(int channel, int report, struct outcome *o)
{
	enum { REPORT, CHANNEL, LISTENER, N };
	struct pollfd polled[N] = { { report, POLLIN, 0 }, { channel, POLLIN, 0 }, { -1, POLLIN, 0 } };
	struct outcome said;
	struct message m;
	struct err e;

	for (;;) {
		poll(polled, N, -1);
		if (polled[LISTENER].revents & POLLIN)
			reports_answer(polled[LISTENER].fd, o);
		else if (polled[LISTENER].revents)
			fd_close(&polled[LISTENER].fd);
		if (polled[CHANNEL].fd >= 0 && polled[CHANNEL].revents) {
			if (message_receive(channel, &m, &e) == 1)
				polled[LISTENER].fd = message_take_fd(&m, 0);
			polled[CHANNEL].fd = -1;
		}
		if (!polled[REPORT].revents)
			continue;
		if (read(report, &said, sizeof said) == (ssize_t)sizeof said) {
			o->met = said.met;
			o->e = said.e;
		}
		fd_close(&polled[LISTENER].fd);
		return;
	}
}

static void
attempt_run_with(const struct attempt_case *c, enum attempt_programs programs, struct outcome *o)
{
	int pair[2], ends[2];
	struct sandbox_process process;
	struct sandbox s;
	pid_t pid;

	*o = (struct outcome){ .met = -1 };
	sandbox_prepare(&s, c, programs, &o->e);
	assert_int_equal(message_pair(pair, &o->e), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = sandbox_clone(&sandbox_function, -1, &process, &o->e);
	if (pid == 0) {
		const int theirs[2] = { pair[1], ends[1] };

		child_run(&s, c, &process, theirs);
	}
	close(pair[1]);
	close(ends[1]);
	if (pid > 0 && sandbox_release(&process, -1, base_outside_id(), base_outside_id(), &o->e) == 0)
		outcome_await(pair[0], ends[0], o);
	if (pid > 0) {
		syscall(SYS_pidfd_send_signal, process.pidfd, SIGKILL, NULL, 0);
		waitpid(pid, NULL, 0);
		sandbox_process_done(&process);
	}
	close(pair[0]);
	close(ends[0]);
	fd_close(&s.folder);
}

static void
attempt_run(const struct attempt_case *c, struct outcome *o)
{
	attempt_run_with(c, PROGRAMS_OF_SERVICE, o);
}

/* The folder is the same for all: what one made, the next must not meet. */
static void
folder_empty(void)
{
	unlinkat(folders, "f/new", 0);
	unlinkat(folders, "f/link", 0);
	unlinkat(folders, "f/own", 0);
}

static bool
is_as_wanted(const struct attempt_case *c, const struct outcome *o)
{
	if (o->met != c->want)
		return false;
	return c->reported ? o->n_reported > 0 && strcmp(o->first, c->reported) == 0 : o->n_reported == 0;
}

static void
every_act_meets_its_errno(void **state)
{
	unsigned n_wrong = 0;
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < attempt_n_cases; i++) {
		const struct attempt_case *c = &attempt_cases[i];

		folder_empty();
		attempt_run(c, &o);
		if (is_as_wanted(c, &o))
			continue;
		print_error("%s: met %d (%s), wanted %d; reported %u '%s'; %s\n", c->name, o.met,
		            o.met >= 0 && o.met < 200 ? strerrordesc_np(o.met) : "-", c->want, o.n_reported,
		            o.first, o.e.text);
		n_wrong++;
	}
	assert_int_equal(n_wrong, 0);
}

/* Beside the errno: whatever service reports is reported. */
static void
every_act_meets_its_errno_when_it_is_explained(void **state)
{
	unsigned n_wrong = 0;
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < attempt_n_cases; i++) {
		const struct attempt_case *c = &attempt_cases[i];

		folder_empty();
		attempt_run_with(c, PROGRAMS_EXPLAINING, &o);
		if (o.met == c->want && (!c->reported || o.n_reported > 0))
			continue;
		print_error("%s: met %d, wanted %d; reported %u '%s'; %s\n", c->name, o.met, c->want,
		            o.n_reported, o.first, o.e.text);
		n_wrong++;
	}
	assert_int_equal(n_wrong, 0);
}

static int
landlock_version(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
}

static int
try_init(void)
{
	return kill(1, 0) < 0 ? errno : 0;
}

/* Init has the same uid: Landlock alone is between them.  ABI 6. */
static void
a_function_sends_its_init_no_signal(void **state)
{
	static const struct attempt_case c = { .name = "signal", .attempt = try_init };
	struct outcome o;

	(void)state;
	if (landlock_version() < 6)
		skip();
	attempt_run(&c, &o);
	assert_int_equal(o.met, EPERM);
}

static void *
filter_of_its_own(void *unused)
{
	struct sock_filter allow = { .code = BPF_RET | BPF_K, .k = SECCOMP_RET_ALLOW };
	struct sock_fprog one = { 1, &allow };

	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &one);
	pause();
	return unused;
}

/* As a constructor would: a thread that the last program cannot reach must not live on beside it. */
static int
try_serve_beside_a_thread(void)
{
	struct err e;
	pthread_t thread;

	if (pthread_create(&thread, NULL, filter_of_its_own, NULL) != 0)
		return -1;
	usleep(20000);
	return -sandbox_filter_load(filters, FILTER_FUNCTION_SERVE, &e);
}

static void
a_thread_with_a_filter_of_its_own_prevents_serving(void **state)
{
	static const struct attempt_case c = { .name = "thread",
		                               .attempt = try_serve_beside_a_thread,
		                               .phase = PHASE_LOAD };
	struct outcome o;

	(void)state;
	attempt_run(&c, &o);
	assert_int_equal(o.met, ESRCH);
}

static void
the_probe_finds_every_layer(void **state)
{
	struct spawner_ready ready = { 0 };
	struct err e = { 0 };
	bool has_landlock = landlock_version() > 0;

	(void)state;
	assert_int_equal(sandbox_probe(-1, base_outside_id(), filters, &ready, &e), 0);
	assert_int_equal(ready.level, has_landlock ? ISOLATION_FULL : ISOLATION_STRONG);
	assert_non_null(strstr(ready.layers, "seccomp"));
	assert_int_equal(strstr(ready.layers, "landlock") != NULL, has_landlock);
}

static void
the_probe_refuses_without_programs(void **state)
{
	static const struct sandbox_filters none;
	struct spawner_ready ready = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(sandbox_probe(-1, base_outside_id(), &none, &ready, &e), -EINVAL);
	assert_non_null(strstr(e.text, "seccomp"));
	assert_int_equal(ready.level, ISOLATION_NONE);
}

static void
a_folder_without_a_plain_tmp_is_refused(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(mkdirat(folders, "bare", 0700), 0);
	assert_int_equal(sandbox_folder_open(folders, "bare", false, &e), -ENOENT);
	assert_int_equal(symlinkat("/etc", folders, "bare/tmp"), 0);
	assert_int_equal(sandbox_folder_open(folders, "bare", false, &e), -ENOTDIR);
	assert_int_equal(unlinkat(folders, "bare/tmp", 0), 0);
	assert_int_equal(unlinkat(folders, "bare", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("f", folders, "link"), 0);
	assert_int_equal(sandbox_folder_open(folders, "link", false, &e), -ENOTDIR);
	assert_int_equal(unlinkat(folders, "link", 0), 0);
	assert_int_equal(sandbox_folder_open(folders, "../f", false, &e), -EXDEV);
	assert_int_equal(sandbox_folder_open(folders, "absent", false, &e), -ENOENT);
}

static void
a_mount_that_allows_too_much_is_no_root(void **state)
{
	struct attempt_case c = { .name = "open folder", .world = WORLD_EMPTY };
	struct sandbox s;
	struct err e;

	(void)state;
	sandbox_prepare(&s, &c, PROGRAMS_OF_SERVICE, &e);
	s.folder = open_tree(folders, "f", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	assert_true(s.folder >= 0);
	/* In a copy of this mount namespace: it is changed. */
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) == 0 && sandbox_enter(&s, SANDBOX_ROOT, &e) == -EINVAL &&
		              strstr(e.text, "root")
		          ? 0
		          : 1);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	fd_close(&s.folder);
}

static void
a_child_whose_parent_gives_up_does_not_start(void **state)
{
	struct sandbox_process process;
	struct err e;
	int status;
	pid_t pid = sandbox_clone(&sandbox_function, -1, &process, &e);

	(void)state;
	if (pid == 0)
		_exit(sandbox_await(&process, &e) == -ECANCELED ? 0 : 1);
	assert_true(pid > 0);
	sandbox_process_done(&process);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void
programs_that_are_not_sealed_are_refused(void **state)
{
	const struct sandbox_filters *mapped;
	AUTO_FD open_file = memfd_create("x", MFD_CLOEXEC);
	AUTO_FD small = -1;
	struct err e;

	(void)state;
	assert_int_equal(sandbox_filters_map(open_file, &mapped, &e), -EPERM);
	small = fd_sealed_memory("x", "abc", 3, &e);
	assert_int_equal(sandbox_filters_map(small, &mapped, &e), -EBADMSG);
}

/* Each has to fail in the router; returns the number of the first that did not. */
static int
router_attempts(void)
{
	char byte;
	int pair[2];

	if (open("/", O_RDONLY) >= 0 || errno != ENOSYS)
		return 1;
	if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EACCES)
		return 2;
	if (fork() >= 0 || errno != ENOSYS)
		return 3;
	if (kill(getppid(), 0) == 0 || errno != ENOSYS)
		return 4;
	if (syscall(SYS_execve, "/x", NULL, NULL) >= 0 || errno != ENOSYS)
		return 5;
	if (connect(0, NULL, 0) == 0 || errno != ENOSYS)
		return 6;
	if (syscall(SYS_ptrace, 0, 0, 0, 0) >= 0 || errno != EPERM)
		return 7;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 || errno != ENOSYS)
		return 8;
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return 9;
	if (fcntl(0, F_SETOWN, 1) == 0 || errno != ENOSYS)
		return 10;
	if (getuid() != SANDBOX_ID)
		return 11;
	/* It writes the logs, and could rewrite them if it could go back. */
	if (lseek(0, 0, SEEK_SET) >= 0 || errno != ENOSYS)
		return 12;
	/* What it is for goes on. */
	if (read(0, &byte, 1) < 0 && errno != EAGAIN && errno != EISDIR)
		return 13;
	sandbox_syscall_name(SYS_ptrace, (char[SYSCALL_NAME_SIZE]){ "" });
	return 0;
}

static void
a_router_may_only_serve(void **state)
{
	struct sandbox s;
	struct sandbox_process process;
	struct err e = { 0 };
	int status;
	pid_t pid = sandbox_clone(&sandbox_router, -1, &process, &e);

	(void)state;
	if (pid == 0) {
		sandbox_init(&s, &sandbox_router, "router");
		if (sandbox_await(&process, &e) == 0 &&
		    sandbox_enter(&s, SANDBOX_PREPARE | SANDBOX_IDENTITY, &e) == 0 && confine_router(&e) == 0)
			_exit(router_attempts());
		print_error("%s\n", e.text);
		_exit(99);
	}
	assert_true(pid > 0);
	assert_int_equal(sandbox_release(&process, -1, base_outside_id(), base_outside_id(), &e), 0);
	waitpid(pid, &status, 0);
	sandbox_process_done(&process);
	assert_int_equal(status, 0);
}

/* A copy of a library is what an artifact is: code that is mapped from the detached mount. */
static int
artifact_open(struct err *e)
{
	AUTO_FREE char *data = NULL;
	AUTO_FD fd = -1;
	Dl_info info;
	size_t n;

	if (!dladdr((void *)(uintptr_t)_cmocka_run_group_tests, &info))
		return -ENOENT;
	fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_file(fd, 16 << 20, &data, &n, e) < 0)
		return -ENOENT;
	return fd_sealed_memory("artifact", data, n, e);
}

static int
try_load(void)
{
	void *library = dlopen(SANDBOX_ARTIFACT, RTLD_NOW | RTLD_LOCAL);

	return library && dlsym(library, "_cmocka_run_group_tests") ? 0 : ENOEXEC;
}

static void
an_artifact_is_loaded_from_a_mount_without_a_path(void **state)
{
	static const struct attempt_case c = { .name = "load", .attempt = try_load, .phase = PHASE_LOAD };
	struct outcome o;

	(void)state;
	attempt_run(&c, &o);
	assert_int_equal(o.met, 0);
	assert_int_equal(o.n_reported, 0);
}

static int
folders_open(char *path)
{
	int fd;

	if (!mkdtemp(path) || (fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -1;
	if (mkdirat(fd, "f", 0700) < 0 || mkdirat(fd, "f/tmp", 0700) < 0 ||
	    fchownat(fd, "f", base_outside_id(), base_outside_id(), 0) < 0)
		return -1;
	return fd;
}

static int
inside(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_probe_finds_every_layer),
		cmocka_unit_test(the_probe_refuses_without_programs),
		cmocka_unit_test(an_artifact_is_loaded_from_a_mount_without_a_path),
		cmocka_unit_test(every_act_meets_its_errno),
		cmocka_unit_test(every_act_meets_its_errno_when_it_is_explained),
		cmocka_unit_test(a_function_sends_its_init_no_signal),
		cmocka_unit_test(a_thread_with_a_filter_of_its_own_prevents_serving),
		cmocka_unit_test(a_folder_without_a_plain_tmp_is_refused),
		cmocka_unit_test(a_mount_that_allows_too_much_is_no_root),
		cmocka_unit_test(a_child_whose_parent_gives_up_does_not_start),
		cmocka_unit_test(programs_that_are_not_sealed_are_refused),
		cmocka_unit_test(a_router_may_only_serve),
	};
	char path[] = "/tmp/cfn-sandbox.XXXXXX";
	struct err e = { 0 };
	int programs = sandbox_filters_seal(FILTERS_OF_SPAWNER, &e), failed;
	int others = sandbox_filters_seal_explaining(&e);

	setenv("CFN_TEST_SECRET", "x", 1);
	folders = folders_open(path);
	artifact = artifact_open(&e);
	if (folders < 0 || artifact < 0 || programs < 0 || sandbox_filters_map(programs, &filters, &e) < 0 ||
	    sandbox_filters_map(others, &explaining, &e) < 0) {
		print_error("prepare: %s\n", e.text);
		return 99;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	folder_empty();
	unlinkat(folders, "f/tmp", AT_REMOVEDIR);
	unlinkat(folders, "f", AT_REMOVEDIR);
	rmdir(path);
	return failed ? 1 : 0;
}

static int
below_base(void)
{
	return base_run(inside);
}

int
main(void)
{
	return base_as_everybody(below_base);
}
