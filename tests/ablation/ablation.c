/* ablation.c - what each layer holds by itself: the forbidden acts of tests/unit/sandbox_attempts.c, tried in
 * a function's sandbox from which one layer has been taken away.  A program of its own that walks the
 * library's table of stages and leaves some out; nothing that is installed can. */
#include "sandbox/stages.c"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "unit/sandbox_attempts.h"
#include "unit/sandbox_base.h"

enum { PATIENCE_S = 30, UNTRIED = -2, NO_SANDBOX = -1 };

struct ablation {
	const char *name;
	const char *without[3];         /* stages */
	bool is_without_user_namespace; /* as root alone, with a uid of its own instead */
};

static const struct ablation ablations[] = {
	{ "all layers", { NULL } },
	{ "no seccomp", { "seccomp" } },
	{ "no Landlock", { "landlock" } },
	{ "no seccomp, no Landlock", { "seccomp", "landlock" } },
	{ "old root", { "root" } },
	{ "no user namespace", { NULL }, .is_without_user_namespace = true },
};

static const struct sandbox_filters *filters;
static struct sandbox_profile profile;
static int folders = -1, artifact = -1;
static char place[] = "/tmp/cfn-ablation-XXXXXX";
static const struct ablation *chosen;

static bool
is_left_out(const struct ablation *a, const char *stage)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->without); i++)
		if (a->without[i] && strcmp(a->without[i], stage) == 0)
			return true;
	return false;
}

static int
enter_rest(struct sandbox *s, unsigned part, const struct ablation *a, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
		if ((stages[i].parts & part) && !is_left_out(a, stages[i].name) && stages[i].enter(s, e) < 0)
			return err_wrap(e, "%s", stages[i].name);
	return 0;
}

/* The uid alone, and the capabilities that the stages behind it need and drop. */
static int
become_uid(struct err *e)
{
	cap_t caps = cap_get_proc();
	int rc = 0;

	if (chown("/tmp", BASE_RANGE, BASE_RANGE) < 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    setgroups(0, NULL) < 0 || setresgid(BASE_RANGE, BASE_RANGE, BASE_RANGE) < 0 ||
	    setresuid(BASE_RANGE, BASE_RANGE, BASE_RANGE) < 0 || !caps || cap_set_proc(caps) < 0)
		rc = err_set(e, errno, "uid");
	cap_free(caps);
	return rc;
}

static int
enter_root(struct sandbox *s, const struct ablation *a, struct err *e)
{
	if (!a->is_without_user_namespace && enter_rest(s, SANDBOX_PREPARE | SANDBOX_IDENTITY, a, e) < 0)
		return -e->code;
	/* With the old root the acts would leave their files in the host's /tmp. */
	if (is_left_out(a, "root") && mount("tmp", "/tmp", "tmpfs", 0, NULL) < 0)
		return err_set(e, errno, "/tmp");
	if (!a->is_without_user_namespace)
		return enter_rest(s, SANDBOX_ROOT, a, e);
	return enter_rest(s, SANDBOX_ROOT, a, e) < 0 ? -e->code : become_uid(e);
}

static int
payload_run(struct sandbox *s, const struct attempt_case *c, const struct ablation *a)
{
	struct err e = { 0 };
	int rc = enter_rest(s, SANDBOX_PAYLOAD, a, &e);

	/* Nobody listens: what is reported meets ENOSYS. */
	fd_close(&s->listener);
	if (rc == 0)
		rc = enter_rest(s, SANDBOX_CLOSE, a, &e);
	if (rc == 0 && c->phase == PHASE_SERVE)
		rc = enter_rest(s, SANDBOX_SERVE, a, &e);
	if (rc < 0)
		fprintf(stderr, "%s: %s: %s\n", a->name, c->name, e.text);
	return rc < 0 ? NO_SANDBOX : c->attempt();
}

static _Noreturn void
child_run(struct sandbox *s, const struct attempt_case *c, const struct ablation *a, int report)
{
	const int keep[] = { 0, 1, 2, report };
	struct err e = { 0 };
	int status, outcome;
	pid_t pid;

	s->keep = keep;
	s->n_keep = ARRAY_SIZE(keep);
	if (enter_root(s, a, &e) < 0) {
		fprintf(stderr, "%s: %s\n", a->name, e.text);
		_exit(1);
	}
	pid = fork();
	if (pid == 0) {
		alarm(PATIENCE_S);
		outcome = payload_run(s, c, a);
		_exit(write(report, &outcome, sizeof outcome) < 0);
	}
	while (waitpid(pid, &status, 0) < 0)
		;
	outcome = WIFSIGNALED(status) ? ENDED_BY_SIGNAL + WTERMSIG(status) : UNTRIED;
	if (outcome != UNTRIED && write(report, &outcome, sizeof outcome) < 0)
		_exit(1);
	_exit(0);
}

static void
sandbox_fill(struct sandbox *s, const struct attempt_case *c, const struct ablation *a)
{
	struct err e;

	profile = sandbox_function;
	/* The empty network namespace is the base's; without that one it is made here. */
	if (a->is_without_user_namespace)
		profile.namespaces = (profile.namespaces & ~(uint64_t)CLONE_NEWUSER) | CLONE_NEWNET;
	sandbox_init(s, &profile, c->name);
	s->filters = filters;
	/* Its folder is the owner's, who is another then. */
	s->artifact = a->is_without_user_namespace ? -1 : artifact;
	s->is_folder_read_only = c->world == WORLD_READ_ONLY;
	if (c->world != WORLD_EMPTY)
		s->folder = sandbox_folder_open(folders, "f", s->is_folder_read_only, &e);
	s->limits = (struct sandbox_limits){ .memory = ATTEMPT_MEMORY,
		                             .tmp_size = ATTEMPT_TMP,
		                             .tmp_inodes = ATTEMPT_INODES,
		                             .file_size = ATTEMPT_FILE,
		                             .processes = ATTEMPT_THREADS,
		                             .files = ATTEMPT_FILES };
}

static int
act_run(const struct attempt_case *c, const struct ablation *a)
{
	struct sandbox_process process;
	struct sandbox s;
	struct err e = { 0 };
	int report[2], outcome = UNTRIED;
	pid_t pid;

	sandbox_fill(&s, c, a);
	if (pipe2(report, O_CLOEXEC) < 0)
		return NO_SANDBOX;
	pid = sandbox_clone(&profile, -1, &process, &e);
	if (pid == 0) {
		if (!a->is_without_user_namespace && sandbox_await(&process, &e) < 0)
			_exit(1);
		child_run(&s, c, a, report[1]);
	}
	close(report[1]);
	if (pid > 0 && !a->is_without_user_namespace &&
	    sandbox_release(&process, -1, base_outside_id(), base_outside_id(), &e) < 0)
		fprintf(stderr, "%s\n", e.text);
	if (read(report[0], &outcome, sizeof outcome) != (ssize_t)sizeof outcome)
		outcome = NO_SANDBOX;
	if (pid > 0) {
		syscall(SYS_pidfd_send_signal, process.pidfd, SIGKILL, NULL, 0);
		waitpid(pid, NULL, 0);
		sandbox_process_done(&process);
	}
	close(report[0]);
	fd_close(&s.folder);
	return outcome;
}

static void
folder_empty(void)
{
	unlinkat(folders, "f/new", 0);
	unlinkat(folders, "f/link", 0);
	unlinkat(folders, "f/own", 0);
}

static int
prepare(void)
{
	AUTO_FD sealed = -1, library = open("libcfn.so.1", O_RDONLY | O_CLOEXEC);
	struct err e;
	char *bytes;
	size_t n;

	sealed = sandbox_filters_seal(FILTERS_OF_SPAWNER, &e);
	if (sealed < 0 || sandbox_filters_map(sealed, &filters, &e) < 0 || library < 0 ||
	    fd_read_file(library, 1 << 24, &bytes, &n, &e) < 0)
		return -1;
	artifact = fd_sealed_memory("artifact", bytes, n, &e);
	free(bytes);
	if (!mkdtemp(place) || chmod(place, 0755) < 0)
		return -1;
	folders = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return mkdirat(folders, "f", 0777) < 0 || fchmodat(folders, "f", 0777, 0) < 0 ||
	               mkdirat(folders, "f/tmp", 0777) < 0
	           ? -1
	           : 0;
}

static const char *
outcome_word(int outcome, char text[16])
{
	const char *name = outcome > 0 ? strerrorname_np(outcome) : NULL;

	if (outcome == 0)
		return "done";
	if (name)
		return name;
	snprintf(text, 16,
	         outcome > ENDED_BY_SIGNAL ? "killed"
	         : outcome == NO_SANDBOX   ? "-"
	                                   : "%d",
	         outcome);
	return text;
}

/* Every act under one ablation: a line "ablation, act, outcome" each. */
static int
run_all(void)
{
	char text[16];

	/* Again, for it must be of this mount namespace. */
	folders = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < attempt_n_cases; i++) {
		int outcome;

		folder_empty();
		outcome = act_run(&attempt_cases[i], chosen);
		printf("%s\t%s\t%s\n", chosen->name, attempt_cases[i].name, outcome_word(outcome, text));
	}
	fflush(stdout);
	return 0;
}

static int
run_ablation(const struct ablation *a)
{
	chosen = a;
	if (a->is_without_user_namespace)
		return getuid() == 0 ? run_all() : 0;
	return base_run(run_all);
}

int
main(void)
{
	int rc = prepare();

	if (rc < 0)
		perror("ablation");
	for (size_t i = 0; i < ARRAY_SIZE(ablations) && rc == 0; i++)
		rc = run_ablation(&ablations[i]);
	folder_empty();
	unlinkat(folders, "f/tmp", AT_REMOVEDIR);
	unlinkat(folders, "f", AT_REMOVEDIR);
	rmdir(place);
	return rc;
}
