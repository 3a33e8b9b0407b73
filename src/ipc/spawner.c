/* spawner.c - starting cfn-spawn as pid 1 of the base namespaces, and ending it. */
#include "ipc/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/message.h"
#include "ipc/start.h"

enum {
	UIDS_MIN = 2000,
	FIRST_FUNCTION_ID = 1000, /* ids of the base: 0 is the spawner, slots begin here */
	READY_TIMEOUT_MS = 30000,
	SPAWNER_FD_PROGRAM = SPAWNER_FD_END,
	MAP_SIZE = 96,
};

/* What the new process needs and its parent has opened. */
struct launch {
	const struct spawner_options *options;
	bool is_root;
	int fds[SPAWNER_FD_END - SPAWNER_FD_MASTER]; /* in the order of enum spawner_fd */
	size_t n_fds;                                /* the last one only with a cgroup */
	int program;
	int parent_end;
};

/* In the order of enum spawner_fd. */
static const struct {
	const char *name;
	bool is_optional;
} programs[] = {
	{ "cfn-router", false },
	{ "cfn-worker", false },
	{ "libcfn.so.1", false },
	{ "cfn-runner", true }, /* a start of it says that it is missing */
};

static int
open_program(const char *dir, const char *name, struct err *e)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
		return err_set(e, ENAMETOOLONG, "open '%s'", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open '%s'", path) : fd;
}

static int
open_programs(struct launch *l, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		int rc = open_program(l->options->libexec_dir, programs[i].name, e);

		if (rc < 0 && !(rc == -ENOENT && programs[i].is_optional))
			return rc;
		l->fds[1 + i] = rc < 0 ? -1 : rc;
	}
	l->program = open_program(l->options->libexec_dir, "cfn-spawn", e);
	return l->program < 0 ? l->program : 0;
}

/* A copy, which keeps the folder's lock for as long as the spawner lives. */
static int
copy_cgroup(struct launch *l, struct err *e)
{
	enum { CGROUP = SPAWNER_FD_CGROUP - SPAWNER_FD_MASTER };

	l->n_fds = CGROUP;
	if (!cgroup_is_open(l->options->cgroup))
		return 0;
	l->fds[CGROUP] = fcntl(l->options->cgroup->folder, F_DUPFD_CLOEXEC, 3);
	if (l->fds[CGROUP] < 0)
		return err_set(e, errno, "cgroup");
	l->n_fds++;
	return 0;
}

static void
launch_done(struct launch *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->fds); i++)
		fd_close(&l->fds[i]);
	fd_close(&l->program);
	fd_close(&l->parent_end);
}

static bool
folder_is_empty(int fd)
{
	char entries[1024];
	long n = syscall(SYS_getdents64, fd, entries, sizeof entries);

	/* "." and ".." take 24 bytes each. */
	return n >= 0 && n <= 48;
}

/* Only an empty folder of root is given to the spawner: a wrong setting must not give /etc away, nor a pool
 * that an ordinary user runs its folder. */
static int
give_shared_dir(const char *path, uid_t uid, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "shared folder '%s'", path);
	if (st.st_uid == uid)
		return 0;
	if (!folder_is_empty(fd))
		return err_set(e, -EPERM,
		               "shared folder '%s' is not empty and belongs to uid %u; it must be %u's", path,
		               st.st_uid, uid);
	if (fchown(fd, uid, uid) < 0 || fchmod(fd, 0711) < 0)
		return err_set(e, errno, "give shared folder '%s' to uid %u", path, uid);
	return 0;
}

static int
make_shared_dir(const struct launch *l, struct err *e)
{
	const char *path = l->options->shared_dir;

	if (path == NULL)
		return 0;
	if (path[0] != '/')
		return err_set(e, -EINVAL, "shared folder '%s' is not an absolute path", path);
	if (mkdir(path, 0711) < 0 && errno != EEXIST)
		return err_set(e, errno, "make shared folder '%s'", path);
	return l->is_root ? give_shared_dir(path, l->options->uid_range, e) : 0;
}

static int
write_map(pid_t pid, const char *name, const char *text, struct err *e)
{
	char path[64];
	AUTO_FD fd = -1;
	int rc;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "open %s", path);
	rc = fd_write_all(fd, text, strlen(text));
	/* Its first line: an error is one. */
	return rc < 0 ? err_set(e, -rc, "write '%.*s' to %s", (int)strcspn(text, "\n"), text, name) : 0;
}

int
spawner_write_maps(const struct spawner_options *o, pid_t pid, struct err *e)
{
	char uids[MAP_SIZE], gids[MAP_SIZE];
	int rc = 0;

	if (geteuid() == 0) {
		snprintf(uids, sizeof uids, "0 %u 1\n%u %u %u\n", o->uid_range, FIRST_FUNCTION_ID,
		         o->uid_range + FIRST_FUNCTION_ID, o->n_uids - FIRST_FUNCTION_ID);
		memcpy(gids, uids, sizeof gids);
	} else {
		snprintf(uids, sizeof uids, "0 %u 1", geteuid());
		snprintf(gids, sizeof gids, "0 %u 1", getegid());
		rc = write_map(pid, "setgroups", "deny", e);
	}
	if (rc == 0)
		rc = write_map(pid, "uid_map", uids, e);
	return rc == 0 ? write_map(pid, "gid_map", gids, e) : rc;
}

/* One byte each way over the channel: "maps may be written" and "they are".  1: it is a message instead, to
 * be received. */
static int
channel_wait(int channel, struct err *e)
{
	char byte;
	ssize_t n;

	do
		n = recv(channel, &byte, 1, MSG_PEEK | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n > 1)
		return 1;
	if (n == 1 && recv(channel, &byte, 1, 0) == 1)
		return 0;
	return err_set(e, n == 0 ? -EPIPE : errno, n == 0 ? "the other side has ended" : "id maps");
}

static int
channel_wake(int channel)
{
	return send(channel, "", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* Child: becomes uid 0 of the base.  Supplementary groups are the starter's and go, where they may. */
static int
become_base_root(const struct launch *l, int channel, struct err *e)
{
	int rc;

	prctl(PR_SET_DUMPABLE, 1); /* or the parent may not write the maps */
	if (channel_wake(channel) < 0)
		return err_set(e, errno, "wake the master");
	rc = channel_wait(channel, e);
	if (rc != 0)
		return rc < 0 ? err_wrap(e, "wait for the master")
		              : err_set(e, -EPROTO, "the master said too much");
	if (l->is_root && setgroups(0, NULL) < 0)
		return err_set(e, errno, "setgroups");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_set(e, errno, "become uid 0 of the pool's namespace");
	return 0;
}

static int
reset_signals(struct err *e)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? err_set(e, errno, "signal mask") : 0;
}

/* Child: not before the others are placed, of which one may be a 2 that was free. */
static int
place_errors(int errors, int null, struct err *e)
{
	int rc = errors >= 0 ? dup2(errors, 2) : fcntl(2, F_GETFD) < 0 ? dup2(null, 2) : 0;

	return rc < 0 ? err_set(e, errno, "standard error") : 0;
}

/* Child: 0 and 1 may be the starter's listening socket or terminal; 2 is for the last words.  The spare stays
 * until the exec. */
static int
place_descriptors(struct launch *l, int spare, struct err *e)
{
	int fds[ARRAY_SIZE(l->fds) + 1], errors = -1, null, rc;

	if (l->options->errors > 0)
		errors = fcntl(l->options->errors, F_DUPFD_CLOEXEC, SPAWNER_FD_PROGRAM + 1);
	if (l->options->errors > 0 && errors < 0)
		return err_set(e, errno, "standard error");
	memcpy(fds, l->fds, sizeof l->fds);
	fds[l->n_fds] = l->program;
	rc = fd_place(fds, l->n_fds + 1, SPAWNER_FD_MASTER);
	if (rc < 0)
		return err_set(e, -rc, "place descriptors");
	l->program = SPAWNER_FD_MASTER + (int)l->n_fds;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		return err_set(e, errno, "open /dev/null");
	if (place_errors(errors, null, e) < 0)
		return -e->code;
	rc = fd_set_cloexec(l->program, 1);
	if (rc == 0)
		rc = fd_close_from(l->program + 1, spare);
	return rc < 0 ? err_set(e, -rc, "close descriptors") : 0;
}

static int
exec_spawner(struct launch *l, struct err *e)
{
	char n_uids[16], path[] = "PATH=/usr/bin:/bin", *env[] = { path, NULL };
	const char *dir = l->options->shared_dir;
	char name[] = "cfn-spawn", *shared = strdup(dir != NULL ? dir : "");
	char cgroup[] = "cgroup", none[] = "";
	char *argv[] = { name, shared, n_uids, cgroup_is_open(l->options->cgroup) ? cgroup : none, NULL };

	snprintf(n_uids, sizeof n_uids, "%u", l->is_root ? l->options->n_uids : 0);
	execveat(l->program, "", argv, env, AT_EMPTY_PATH);
	return err_set(e, errno, "run cfn-spawn");
}

static void
say_failed(int channel, const struct err *failure)
{
	struct spawner_failed text = { .code = failure->code };
	struct err e;

	snprintf(text.text, sizeof text.text, "%s", failure->text);
	message_send(channel, MSG_SPAWNER_FAILED, &text, sizeof text, NULL, 0, &e);
}

static void
child_main(struct launch *l)
{
	/* To say what fails while the others are moved. */
	int spare = fcntl(l->fds[0], F_DUPFD_CLOEXEC, SPAWNER_FD_PROGRAM + 1);
	struct err e;

	if (spare < 0) {
		err_set(&e, errno, "duplicate the channel");
		spare = l->fds[0];
	} else if (reset_signals(&e) == 0 && become_base_root(l, spare, &e) == 0 &&
	           place_descriptors(l, spare, &e) == 0) {
		exec_spawner(l, &e);
	}
	say_failed(spare, &e);
	_exit(1);
}

static int
explain_clone(int error, struct err *e)
{
	if (error == ENOSPC || error == EUSERS)
		return err_set(e, -error,
		               "user namespaces are switched off here: set the sysctl "
		               "user.max_user_namespaces to 10000 or more");
	if (error == EPERM || error == EACCES)
		return err_set(e, -error,
		               "user namespaces are not allowed here: set the sysctl "
		               "kernel.unprivileged_userns_clone=1, or "
		               "kernel.apparmor_restrict_unprivileged_userns=0");
	return err_set(e, error, "start cfn-spawn");
}

static int
clone_spawner(struct launch *l, struct spawner *s, struct err *e)
{
	int pidfd = -1;
	struct clone_args args = { .flags = CLONE_PIDFD | CLONE_NEWUSER | CLONE_NEWPID,
		                   .pidfd = (uintptr_t)&pidfd,
		                   .exit_signal = SIGCHLD };
	long pid;

	/* It must live inside: who starts a process in a leaf needs rights on what is above both. */
	if (cgroup_is_open(l->options->cgroup)) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)l->options->cgroup->trusted;
	}
	pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid < 0)
		return explain_clone(errno, e);
	if (pid == 0) {
		fd_close(&l->parent_end); /* so that the parent's death is the end of the channel */
		child_main(l);
	}
	s->pid = (pid_t)pid;
	s->pidfd = pidfd;
	s->channel = l->parent_end;
	l->parent_end = -1;
	fd_close(&l->fds[0]); /* so that the spawner's death is the end of the channel */
	return 0;
}

static int
check_failed(const struct message *m, struct err *e)
{
	struct spawner_failed failed;

	if (m->type != MSG_SPAWNER_FAILED || m->length != sizeof failed)
		return err_set(e, -EPROTO, "cfn-spawn said something else than ready");
	memcpy(&failed, m->body, sizeof failed);
	failed.text[sizeof failed.text - 1] = '\0';
	return err_set(e, failed.code > 0 ? -failed.code : -EPROTO, "%s", failed.text);
}

static int
wait_ready(struct spawner *s, struct err *e)
{
	static struct message m;
	struct pollfd p = { .fd = s->channel, .events = POLLIN };
	int rc;

	do
		rc = poll(&p, 1, READY_TIMEOUT_MS);
	while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return err_set(e, rc < 0 ? errno : ETIMEDOUT, "start cfn-spawn");
	rc = message_receive(s->channel, &m, e);
	if (rc == 0)
		return err_set(e, -EPIPE, "cfn-spawn ended before it was ready");
	if (rc < 0)
		return rc;
	message_done(&m);
	if (m.type != MSG_SPAWNER_READY || m.length != sizeof s->ready)
		return check_failed(&m, e);
	memcpy(&s->ready, m.body, sizeof s->ready);
	s->ready.layers[sizeof s->ready.layers - 1] = '\0';
	s->ready.no_cgroup[sizeof s->ready.no_cgroup - 1] = '\0';
	return 0;
}

/* Or it has ended. */
static bool
has_spoken(const struct spawner *s)
{
	struct pollfd p = { .fd = s->channel, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static int
release(const struct launch *l, struct spawner *s, struct err *e)
{
	int rc;

	rc = channel_wait(s->channel, e);
	if (rc != 0)
		return rc < 0 ? err_wrap(e, "start cfn-spawn") : 0;
	rc = spawner_write_maps(l->options, s->pid, e);
	/* One that has ended has said why, which is what is read next. */
	if (rc < 0)
		return has_spoken(s) ? 0 : err_wrap(e, "user namespace of the pool");
	return channel_wake(s->channel) < 0 && errno != EPIPE ? err_set(e, errno, "start cfn-spawn") : 0;
}

static int
check_options(const struct launch *l, struct err *e)
{
	const struct spawner_options *o = l->options;

	if (!l->is_root)
		return 0;
	if (o->n_uids < UIDS_MIN || o->uid_range == 0 || o->uid_range + o->n_uids < o->uid_range)
		return err_set(e, -EINVAL, "uid range %u with %u uids: at least %d, and not 0", o->uid_range,
		               o->n_uids, UIDS_MIN);
	return 0;
}

static int
launch_spawner(struct launch *l, struct spawner *s, struct err *e)
{
	int pair[2] = { -1, -1 }, rc;

	rc = check_options(l, e);
	if (rc == 0)
		rc = open_programs(l, e);
	if (rc == 0)
		rc = copy_cgroup(l, e);
	if (rc == 0)
		rc = message_pair(pair, e);
	if (rc < 0)
		return rc;
	l->parent_end = pair[0];
	l->fds[0] = pair[1];
	/* Behind the clone, which is what fails first on a system without user namespaces. */
	rc = clone_spawner(l, s, e);
	if (rc == 0)
		rc = make_shared_dir(l, e);
	if (rc == 0)
		rc = release(l, s, e);
	return rc;
}

uid_t
spawner_uid(uid_t uid_range)
{
	return geteuid() == 0 ? uid_range : geteuid();
}

static void
spawner_give_up(struct spawner *s)
{
	if (s->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
	spawner_stop(s);
}

int
spawner_begin(const struct spawner_options *options, struct spawner *s, struct err *e)
{
	struct launch l = { .options = options, .is_root = geteuid() == 0, .program = -1, .parent_end = -1 };
	struct spawner started = { .channel = -1, .pidfd = -1 };
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(l.fds); i++)
		l.fds[i] = -1;
	rc = launch_spawner(&l, &started, e);
	launch_done(&l);
	if (rc < 0) {
		spawner_give_up(&started);
		return rc;
	}
	*s = started;
	return 0;
}

int
spawner_await(struct spawner *s, struct err *e)
{
	int rc = wait_ready(s, e);

	if (rc < 0)
		spawner_give_up(s);
	return rc;
}

int
spawner_start(const struct spawner_options *options, struct spawner *s, struct err *e)
{
	struct spawner started;
	int rc = spawner_begin(options, &started, e);

	if (rc == 0)
		rc = spawner_await(&started, e);
	if (rc == 0)
		*s = started;
	return rc;
}

void
spawner_stop(struct spawner *s)
{
	siginfo_t info;

	fd_close(&s->channel);
	if (s->pidfd < 0)
		return;
	/* It ends by itself at the end of its channel; while it waits for its maps nobody wakes it. */
	while (waitid(P_PIDFD, (id_t)s->pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
	fd_close(&s->pidfd);
	s->pid = 0;
}
