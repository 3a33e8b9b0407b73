/* hearing.c - what processes below the master write to their standard error. */
#include "pool/hearing.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "pool/master.h"

enum { SECOND_US = 1000 * 1000 };

static const char *const programs[HEARD_N] = {
	[HEARD_SPAWNER] = "cfn-spawn",
	[HEARD_RUNNER] = "cfn-runner",
	[HEARD_MANAGEMENT] = "cfn-manage",
};

static const char *
program_of(const struct master *m, const struct hearing *l)
{
	return programs[l - m->hearing];
}

/* ---- a line ---- */

/* What libraries write has no level.  Nobody below the master raises an alarm, which is what a system's log
 * makes of the first three. */
static int
take_level(const char **text, size_t *n)
{
	int level;

	if (*n < 3 || (*text)[0] != '<' || (*text)[1] < '0' || (*text)[1] > '7' || (*text)[2] != '>')
		return LOG_ERR;
	level = (*text)[1] - '0';
	*text += 3;
	*n -= 3;
	return level < LOG_ERR ? LOG_ERR : level;
}

static void
log_record(const char *program, int pid, const char *text, size_t n)
{
	const struct log_origin from = { program, pid };
	int level = take_level(&text, &n);

	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0)
		log_line_of(&from, level, text, n);
}

enum taken { TAKEN_LINE, TAKEN_NONE, TAKEN_END };

/* Room for the sender's credentials alone: a descriptor that comes with it is closed by the kernel. */
static enum taken
take_line(const char *program, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))] = { 0 };
	char text[HEARING_BYTES];
	struct iovec part = { text, sizeof text };
	struct msghdr h = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	struct ucred from = { 0 };
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&h);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? TAKEN_NONE : TAKEN_END;
	/* An empty record looks like the end, but has a sender. */
	if (!c)
		return TAKEN_END;
	if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof from))
		memcpy(&from, CMSG_DATA(c), sizeof from);
	log_record(program, from.pid, text, (size_t)n);
	return TAKEN_LINE;
}

/* ---- its socket ---- */

static void
close_one(struct master *m, struct hearing *l)
{
	timer_cancel(&m->loop, &l->pause);
	loop_forget(&m->loop, &l->watch);
	fd_close(&l->watch.fd);
}

static bool
is_second_full(const struct hearing *l)
{
	return l->n >= HEARING_LINES_MAX;
}

static void
hear(struct master *m, struct hearing *l)
{
	const uint64_t now = clock_now_us();
	enum taken taken = TAKEN_LINE;

	if (now - l->second_us >= SECOND_US) {
		l->second_us = now;
		l->n = 0;
	}
	while (l->watch.fd >= 0 && taken == TAKEN_LINE && !is_second_full(l)) {
		taken = take_line(program_of(m, l), l->watch.fd);
		l->n += taken == TAKEN_LINE;
		if (taken == TAKEN_END)
			close_one(m, l);
	}
}

static void
serve(void *context, void *owner, uint32_t events)
{
	struct master *m = context;
	struct hearing *l = owner;

	(void)events;
	hear(m, l);
	if (l->watch.fd < 0 || !is_second_full(l))
		return;
	log_line(LOG_WARNING, "%s: %d lines within a second; more of them come later, or are lost",
	         program_of(m, l), HEARING_LINES_MAX);
	loop_forget(&m->loop, &l->watch);
	timer_arm(&m->loop, &l->pause, SECOND_US);
}

static void
pause_is_over(void *context, void *owner)
{
	struct master *m = context;
	struct hearing *l = owner;
	struct err e;

	if (loop_watch(&m->loop, &l->watch, EPOLLIN, &e) < 0)
		log_line(LOG_WARNING, "%s: %s", program_of(m, l), e.text);
}

void
hearing_init(struct master *m)
{
	for (size_t i = 0; i < HEARD_N; i++) {
		struct hearing *l = &m->hearing[i];

		*l = (struct hearing){ .watch = { .fd = -1, .serve = serve, .owner = l },
			               .pause = { .fire = pause_is_over, .owner = l } };
	}
}

/* Neither end waits: a writer must not stand still because the master does. */
int
hearing_open(struct master *m, enum heard who, struct err *e)
{
	struct hearing *l = &m->hearing[who];
	const int on = 1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_set(e, errno, "socket for the lines of %s", programs[who]);
	if (setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) {
		err_set(e, errno, "SO_PASSCRED");
		close(pair[0]);
		close(pair[1]);
		return -e->code;
	}
	hear(m, l);
	close_one(m, l);
	l->watch.fd = pair[0];
	return pair[1];
}

int
hearing_watch(struct master *m, enum heard who, struct err *e)
{
	return loop_watch(&m->loop, &m->hearing[who].watch, EPOLLIN, e);
}

void
hearing_take(struct master *m, enum heard who)
{
	hear(m, &m->hearing[who]);
}

void
hearing_close(struct master *m)
{
	for (size_t i = 0; i < HEARD_N; i++) {
		m->hearing[i].second_us = 0;
		hear(m, &m->hearing[i]);
		close_one(m, &m->hearing[i]);
	}
}
