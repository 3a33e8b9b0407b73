/* main.c - cfn-spawn: pid 1 of the pool's namespaces.  It starts, kills and reaps; it ends with its master.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/options.h"
#include "ipc/start.h"
#include "spawn/spawn.h"

static int
read_arguments(struct spawn *s, int argc, char **argv, struct err *e)
{
	uint64_t n_uids;

	if (argc != 4 || option_parse_number(argv[2], &n_uids) < 0 || n_uids > INT_MAX)
		return err_set(e, -EINVAL, "cfn-spawn is started by cfn-pool and cfn-deploy alone");
	s->n_slots = n_uids > BASE_FIRST_ID ? (unsigned)n_uids - BASE_FIRST_ID : 0;
	s->cgroup = strcmp(argv[3], "cgroup") == 0 ? SPAWNER_FD_CGROUP : -1;
	return 0;
}

static void
raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int
keep_apart(struct spawn *s, struct err *e)
{
	const int end = s->cgroup >= 0 ? SPAWNER_FD_END : SPAWNER_FD_CGROUP;
	int rc;

	for (int fd = SPAWNER_FD_MASTER; fd < end; fd++)
		if (fd != SPAWNER_FD_RUNNER && fd_set_cloexec(fd, 1) < 0)
			return err_set(e, errno, "close descriptors at exec");
	/* Now: later on its number may be another's. */
	rc = fd_set_cloexec(SPAWNER_FD_RUNNER, 1);
	if (rc < 0 && rc != -EBADF)
		return err_set(e, -rc, "close descriptors at exec");
	s->runner = rc < 0 ? -1 : SPAWNER_FD_RUNNER;
	/* A terminal's Ctrl-C is for the master; routers are not pid 1 and would die of it. */
	return setsid() < 0 ? err_set(e, errno, "setsid") : 0;
}

/* The one network namespace that every sandbox inherits is empty and stays so. */
static int
enter_namespaces(struct err *e)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return err_set(e, errno, "network and mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_set(e, errno, "mount namespace");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return err_set(e, errno, "mount /proc of the pool (is /proc masked by a container?)");
	return 0;
}

static int
open_shared(struct spawn *s, const char *path, struct err *e)
{
	int rc;

	if (path[0] == '\0')
		return 0;
	rc = folder_check_path(path, e);
	if (rc < 0)
		return rc;
	s->shared = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return s->shared < 0 ? err_set(e, errno, "shared folder '%s'", path) : 0;
}

/* Decided here, once: from then on every worker has a leaf, or none has. */
static void
prove_cgroup(struct spawn *s, struct spawner_ready *ready)
{
	struct err e;

	if (s->cgroup < 0 || cgroup_prove(s->cgroup, &e) == 0)
		return;
	snprintf(ready->no_cgroup, sizeof ready->no_cgroup, "%s", e.text);
	fd_close(&s->cgroup);
}

static int
prove_isolation(struct spawn *s, struct spawner_ready *ready, struct err *e)
{
	int rc;

	s->filters_fd = sandbox_filters_seal(FILTERS_OF_SPAWNER, e);
	if (s->filters_fd < 0)
		return s->filters_fd;
	prove_cgroup(s, ready);
	rc = sandbox_filters_map(s->filters_fd, &s->filters, e);
	return rc < 0 ? rc : sandbox_probe(-1, slot_id(s, 0), s->filters, ready, e);
}

static int
watch(struct spawn *s, int fd, struct watch *what, struct err *e)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? err_set(e, errno, "epoll") : 0;
}

static int
open_loop(struct spawn *s, struct err *e)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	s->children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->children < 0 || s->epoll < 0 || sigprocmask(SIG_SETMASK, &child, NULL) < 0 ||
	    fd_set_blocking(s->master, 0) < 0)
		return err_set(e, errno, "event loop");
	s->on_master = (struct watch){ SOURCE_MASTER, NULL };
	s->on_children = (struct watch){ SOURCE_CHILDREN, NULL };
	return watch(s, s->master, &s->on_master, e) < 0 ? -e->code
	                                                 : watch(s, s->children, &s->on_children, e);
}

static int
prepare(struct spawn *s, int argc, char **argv, struct err *e)
{
	struct spawner_ready ready = { 0 };

	raise_file_limit();
	if (read_arguments(s, argc, argv, e) < 0 || keep_apart(s, e) < 0 || enter_namespaces(e) < 0 ||
	    open_shared(s, argv[1], e) < 0 || prove_isolation(s, &ready, e) < 0 || open_loop(s, e) < 0)
		return -e->code;
	return outbox_post(s, MSG_SPAWNER_READY, &ready, sizeof ready, -1, e);
}

/* 0 goes on; 1 the master is gone; -errno. */
static int
serve_master(struct spawn *s, uint32_t events, struct err *e)
{
	int rc = 1;

	if (events & EPOLLOUT && outbox_flush(s, e) < 0)
		return -e->code;
	while (rc == 1)
		rc = command_serve(s, e);
	return rc == 0 ? 1 : rc == -EAGAIN ? 0 : rc;
}

static int
serve_event(struct spawn *s, const struct epoll_event *event, struct err *e)
{
	const struct watch *w = event->data.ptr;
	int rc = 0;

	if (w->source == SOURCE_MASTER)
		return serve_master(s, event->events, e);
	/* An earlier event of this turn may have closed it. */
	if (w->source == SOURCE_REPORT && w->process->report >= 0)
		rc = report_read(s, w->process, e);
	if (w->source == SOURCE_LISTENER && w->process->listener >= 0)
		report_denied(s, w->process, event->events);
	return rc == -EAGAIN ? 0 : rc;
}

static void
forget_signals(const struct spawn *s)
{
	struct signalfd_siginfo info;

	while (read(s->children, &info, sizeof info) == (ssize_t)sizeof info)
		;
}

/* Of two waits; -1 is for ever. */
static int
sooner(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

/* Until something has to be looked at by itself. */
static int
patience(struct spawn *s)
{
	int ms = sooner(invoked_check(s), spares_patience(s));

	return sooner(ms, s->ended || s->is_reaping ? RETRY_MS : -1);
}

/* Children are reaped at the end of the turn: what they said before is served first, and what belongs to
 * them is freed when no event of this turn can name it. */
static int
turn(struct spawn *s, struct err *e)
{
	struct epoll_event events[64];
	int n = epoll_wait(s->epoll, events, ARRAY_SIZE(events), patience(s));
	int rc = 0;

	for (int i = 0; i < n && rc == 0; i++)
		if (((const struct watch *)events[i].data.ptr)->source != SOURCE_CHILDREN)
			rc = serve_event(s, &events[i], e);
	if (rc != 0)
		return rc;
	forget_signals(s);
	rc = process_reap(s, e);
	process_free_ended(s);
	return rc < 0 ? rc : spares_tend(s, e);
}

static void
say_failed(const struct spawn *s, const struct err *failure)
{
	struct spawner_failed failed = { .code = failure->code };
	struct err e;

	snprintf(failed.text, sizeof failed.text, "%s", failure->text);
	message_send(s->master, MSG_SPAWNER_FAILED, &failed, sizeof failed, NULL, 0, &e);
}

/* A broken channel is how a dead master looks when the spawner was about to speak. */
static bool
is_master_gone(const struct err *e)
{
	return e->code == EPIPE || e->code == ECONNRESET;
}

int
main(int argc, char **argv)
{
	static struct spawn s;
	struct err e = { 0 };
	int rc;

	s.master = SPAWNER_FD_MASTER;
	s.shared = s.cgroup = s.filters_fd = s.epoll = s.children = -1;
	for (size_t i = 0; i < ARRAY_SIZE(s.other_fds); i++)
		s.other_fds[i] = -1;
	log_init("cfn-spawn", 2);
	log_to_starter();
	prctl(PR_SET_NAME, "cfn-spawn");
	if (prepare(&s, argc, argv, &e) < 0) {
		say_failed(&s, &e);
		return 1;
	}
	do
		rc = turn(&s, &e);
	while (rc == 0);
	process_remove_leaves(&s);
	if (rc < 0 && !is_master_gone(&e))
		log_line(LOG_ERR, "%s", e.text);
	return rc < 0;
}
