/* process.c - the processes that the spawner owns: their descriptors, their end and the word about it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/start.h"
#include "spawn/spawn.h"

struct process *
process_new(struct spawn *s, enum process_kind kind, uint32_t id)
{
	struct process *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->kind = kind;
	p->id = id;
	p->pidfd = p->report = p->ending = p->listener = p->leaf.fd = -1;
	p->on_report = (struct watch){ SOURCE_REPORT, p };
	p->on_listener = (struct watch){ SOURCE_LISTENER, p };
	p->next = s->processes;
	s->processes = p;
	return p;
}

struct process *
process_by_id(const struct spawn *s, uint32_t id)
{
	struct process *p = s->processes;

	while (p && (p->id != id || p->kind == PROCESS_SPARE))
		p = p->next;
	return p;
}

size_t
process_count(const struct spawn *s)
{
	size_t n = 0;

	for (const struct process *p = s->processes; p; p = p->next)
		n++;
	return n;
}

int
process_watch(struct spawn *s, struct process *p, enum source source, struct err *e)
{
	bool is_report = source == SOURCE_REPORT;
	struct epoll_event event = { .events = EPOLLIN,
		                     .data.ptr = is_report ? &p->on_report : &p->on_listener };
	int fd = is_report ? p->report : p->listener;

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? err_set(e, errno, "epoll") : 0;
}

void
process_set_reason(struct process *p, const char *text, size_t n)
{
	if (p->reason[0] == '\0')
		log_escape(p->reason, sizeof p->reason, text, n);
}

void
process_kill(struct process *p)
{
	if (p->pidfd < 0)
		return;
	/* The kernel forgets the usage of what dies with its init. */
	if (p->worker > 0)
		p->cpu_us = clock_cpu_us(p->worker);
	p->was_killed = true;
	syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
}

/* Closing alone would not end it: a listener lives on at the master, a copy of any of them for a moment in a
 * process that is being started. */
int
process_unwatch(const struct spawn *s, int *fd)
{
	int was = *fd;

	if (was >= 0)
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, was, NULL);
	*fd = -1;
	return was;
}

static void
close_watched(const struct spawn *s, int *fd)
{
	int was = process_unwatch(s, fd);

	fd_close(&was);
}

void
process_close_report(const struct spawn *s, struct process *p)
{
	close_watched(s, &p->report);
}

void
process_close_listener(const struct spawn *s, struct process *p)
{
	close_watched(s, &p->listener);
}

static void
close_descriptors(const struct spawn *s, struct process *p)
{
	process_close_report(s, p);
	process_close_listener(s, p);
	fd_close(&p->pidfd);
	fd_close(&p->ending);
}

void
process_free(const struct spawn *s, struct process *p)
{
	close_descriptors(s, p);
	cgroup_leaf_remove(s->cgroup, &p->leaf);
	fd_close(&p->leaf.fd);
	free(p->invoked);
	free(p);
}

static void
unlink_process(struct spawn *s, const struct process *p)
{
	struct process **at = &s->processes;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
}

void
process_forget(struct spawn *s, struct process *p)
{
	unlink_process(s, p);
	process_free(s, p);
}

/* Events of this turn may still name the spare: what is left of it is freed at the turn's end. */
int
process_adopt(struct spawn *s, struct process *p, struct process *spare, struct err *e)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &p->on_report };

	if (epoll_ctl(s->epoll, EPOLL_CTL_MOD, spare->report, &event) < 0)
		return err_set(e, errno, "epoll");
	p->pid = spare->pid;
	p->pidfd = spare->pidfd;
	p->report = spare->report;
	p->ending = spare->ending;
	p->leaf = spare->leaf;
	p->is_waiting = spare->is_waiting;
	p->was_spare = true;
	spare->pidfd = spare->report = spare->ending = spare->leaf.fd = -1;
	unlink_process(s, spare);
	spare->next = s->ended;
	s->ended = spare;
	return 0;
}

/* The kernel may hold a leaf for a moment after its last process was reaped. */
void
process_free_ended(struct spawn *s)
{
	struct process *p = s->ended, *next;

	s->ended = NULL;
	for (; p; p = next) {
		next = p->next;
		close_descriptors(s, p);
		if (cgroup_leaf_remove(s->cgroup, &p->leaf) == 0) {
			process_free(s, p);
			continue;
		}
		p->next = s->ended;
		s->ended = p;
	}
}

static bool
leaves_are_left(const struct spawn *s)
{
	bool is_left = false;

	for (struct process *p = s->processes; p; p = p->next)
		is_left |= cgroup_leaf_remove(s->cgroup, &p->leaf) < 0;
	for (struct process *p = s->ended; p; p = p->next)
		is_left |= cgroup_leaf_remove(s->cgroup, &p->leaf) < 0;
	return is_left;
}

void
process_remove_leaves(const struct spawn *s)
{
	enum { TRIES = 50, WAIT_MS = 10 };

	for (int i = 0; i < TRIES && leaves_are_left(s); i++)
		usleep(WAIT_MS * 1000);
}

static struct process *
take_by_pid(struct spawn *s, pid_t pid)
{
	for (struct process **at = &s->processes; *at; at = &(*at)->next) {
		struct process *p = *at;

		if (p->pid != pid)
			continue;
		*at = p->next;
		return p;
	}
	return NULL;
}

static uint64_t
microseconds(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

/* Init's word is about its payload; without it (init was killed) what the kernel says about init stands, and
 * what the payload had used when it was killed. */
static void
read_ending(const struct process *p, const siginfo_t *info, const struct rusage *usage, struct ending *ending)
{
	*ending = (struct ending){ .code = info->si_code,
		                   .status = info->si_status,
		                   .cpu_us = microseconds(&usage->ru_utime) + microseconds(&usage->ru_stime),
		                   .max_rss_kb = (uint64_t)usage->ru_maxrss };
	if (p->ending >= 0) {
		struct ending word;

		if (read(p->ending, &word, sizeof word) == (ssize_t)sizeof word)
			*ending = word;
	}
	ending->memory_peak_kb = ending->is_over_memory = ending->is_short_of_memory = 0;
	if (p->cpu_us > (int64_t)ending->cpu_us)
		ending->cpu_us = (uint64_t)p->cpu_us;
}

/* What the kernel counted in its leaf goes before anybody's word. */
static void
read_usage(struct process *p, struct ending *ending)
{
	static const char over[] = "killed at its memory limit",
			  of_others[] = "killed for a lack of memory outside";
	struct cgroup_usage usage;
	struct err ignored;

	if (p->leaf.fd < 0 || cgroup_leaf_usage(&p->leaf, &usage, &ignored) < 0)
		return;
	cgroup_usage_add(&usage, ending);
	if (ending->is_over_memory)
		process_set_reason(p, over, sizeof over - 1);
	if (ending->is_short_of_memory)
		process_set_reason(p, of_others, sizeof of_others - 1);
}

/* Nobody's code ran, and nobody said a word. */
static bool
is_lost(const struct process *p, const struct ending *ending)
{
	return p->was_spare && !p->was_confined && !p->was_killed && p->reason[0] == '\0' &&
	       ending->code == CLD_KILLED && ending->status == SIGKILL;
}

int
process_tell_ended(struct spawn *s, const struct process *p, const struct ending *ending, struct err *e)
{
	struct {
		struct process_ended ended;
		struct refused_call calls[REFUSED_KINDS_MAX];
	} told = { .ended = { .id = p->id,
		              .was_ready = p->was_ready,
		              .was_confined = p->was_confined,
		              .is_missing = p->is_missing,
		              .is_lost = is_lost(p, ending),
		              .ending = *ending } };
	size_t n = sizeof told.ended;

	memcpy(told.ended.reason, p->reason, sizeof told.ended.reason);
	if (p->invoked)
		n = invoked_tell(p, &told.ended, told.calls);
	return outbox_post(s, MSG_PROCESS_ENDED, &told, n, -1, e);
}

static int
bury(struct spawn *s, struct process *p, const struct ending *ending, struct err *e)
{
	int rc = 0;

	/* Its last words come before the word about its end. */
	while (p->report >= 0 && rc == 0)
		rc = report_read(s, p, e);
	if (p->kind == PROCESS_SPARE)
		spares_ended(s, p, ending);
	else if (rc == 0 || rc == -EAGAIN)
		rc = process_tell_ended(s, p, ending, e);
	p->next = s->ended;
	s->ended = p;
	return rc;
}

int
process_reap(struct spawn *s, struct err *e)
{
	for (;;) {
		siginfo_t info = { 0 };
		struct rusage usage = { 0 };
		struct ending ending;
		struct process *p;
		int rc;

		/* The system call, because waitid(3) has no usage. */
		rc = (int)syscall(SYS_waitid, P_ALL, 0, &info, WEXITED | WNOHANG, &usage);
		s->is_reaping = rc < 0 && errno != ECHILD;
		if (rc < 0 || info.si_pid == 0)
			return 0;
		p = take_by_pid(s, info.si_pid);
		if (!p)
			continue;
		read_ending(p, &info, &usage, &ending);
		read_usage(p, &ending);
		p->is_missing =
		    p->kind == PROCESS_COPY && ending.code == CLD_EXITED && ending.status == COPY_NO_FILE;
		rc = bury(s, p, &ending, e);
		if (rc < 0)
			return rc;
	}
}
