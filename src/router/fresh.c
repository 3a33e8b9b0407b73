/* fresh.c - fresh mode: a socket and a process for each request of a worker.
 *
 * Two things end a request's process here: what it says on its socket (the answer's end, or the socket's),
 * and init's word that it is gone and /tmp is empty.  They come in any order; after both the worker is idle.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "router/router.h"

/* ---- a socket for the request ---- */

static int
open_socket(struct router *r, struct worker *w, int *theirs)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*theirs = pair[1];
	w->requests = (struct source){ .fd = pair[0], .ready = worker_ready };
	return loop_watch(r, &w->requests, WORKER_EVENTS);
}

static int
send_socket(const struct worker *w, int theirs)
{
	struct fresh_request request = { w->number };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof theirs)] = { 0 };
	struct iovec part = { &request, sizeof request };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof theirs);
	memcpy(CMSG_DATA(c), &theirs, sizeof theirs);
	return sendmsg(w->zygote.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void
forget_last(struct worker *w)
{
	w->number = w->number == UINT32_MAX ? 1 : w->number + 1;
	w->child = 0;
	w->cause = CAUSE_NONE;
	w->has_hello = w->has_ended = w->is_kill_said = w->is_looked_at = false;
	w->is_readable = w->is_paused = w->is_blocked = w->is_cut = false;
	w->is_to_be_told = w->is_told = false;
	w->cpu_start_us = w->cpu_last_us = -1;
}

/* The request lies in the socket before its process gets that: who wakes has all before him. */
bool
fresh_begin(struct router *r, struct worker *w)
{
	AUTO_FD theirs = -1;
	int rc;

	forget_last(w);
	rc = open_socket(r, w, &theirs);
	if (rc == 0) {
		exchange_send(r, w);
		rc = send_socket(w, theirs);
	}
	if (rc < 0)
		worker_lose(r, w);
	return rc == 0;
}

/* ---- the process ---- */

/* Kernel-verified; 0: it did not come, or the process that was loaded answers itself. */
static pid_t
sender_of(const struct worker *w, struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	struct ucred who;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
		return 0;
	memcpy(&who, CMSG_DATA(c), sizeof who);
	return who.pid > 0 && who.pid != w->pid ? who.pid : 0;
}

/* One word on the lease's channel.  1; 0 there is none; -EBADMSG. */
static int
word_read(struct worker *w)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
	struct fresh_request word;
	struct iovec part = { &word, sizeof word };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	ssize_t n;

	/* Who went with something unread: said once, in front of the word. */
	do
		n = recvmsg(w->zygote.fd, &m, MSG_DONTWAIT);
	while (n < 0 && errno == ECONNRESET);
	/* The end shows by itself. */
	if (n <= 0)
		return 0;
	/* Descriptors that came with it did not fit, and are gone. */
	if (n != sizeof word || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || word.number != w->number ||
	    w->has_hello)
		return -EBADMSG;
	w->child = sender_of(w, &m);
	w->has_hello = w->child != 0;
	/* All that it has ever used, it used for this request. */
	w->cpu_start_us = 0;
	return w->has_hello ? 1 : -EBADMSG;
}

/* Who has taken the request says so on the channel, and nobody is woken for it: it is read when the answer
 * comes, or on a tick.  Only the sandbox's processes can speak there, so the pid is one of theirs, and serves
 * for its CPU clock alone: nobody is killed by it. */
bool
fresh_hello(struct worker *w)
{
	int rc;

	do
		rc = word_read(w);
	while (rc > 0);
	return rc == 0;
}

/* Init ends whom it knows to have this request; a process that has spoken here has told it before. */
static void
say_kill(struct worker *w)
{
	const struct fresh_kill message = { w->number };

	if (w->is_kill_said || w->has_ended || !w->has_hello)
		return;
	/* Without room it is said again on a later tick. */
	w->is_kill_said = write(w->init.fd, &message, sizeof message) == sizeof message;
}

/* ---- its end ---- */

/* A client that knows how to make a function crash does so thousands of times in a second. */
static void
tell_failed(struct router *r, const struct worker *w)
{
	struct pool *p = w->pool;
	struct request_failed message = { .worker = w->id, .cause = w->cause, .ending = w->ending };

	if (w->cause == CAUSE_NONE || w->cause == CAUSE_CLIENT_GONE)
		return;
	p->n_failed++;
	if (r->now_us - p->failed_us < FAILED_WAIT_MS * 1000)
		return;
	message.n = p->n_failed;
	master_say(r, MSG_REQUEST_FAILED, &message, sizeof message);
	p->failed_us = r->now_us;
	p->n_failed = 0;
}

/* It ended before it had answered.  One that never spoke has begun nothing. */
static void
judge(struct router *r, struct worker *w)
{
	struct request *q = TAILQ_FIRST(&w->in_flight);

	if (!q)
		return;
	fresh_hello(w);
	output_now(r, w);
	if (!worker_has_begun(w, q)) {
		worker_give_back(r, w, q);
		return;
	}
	q->ending = w->ending;
	w->cause = q->is_aborted ? CAUSE_CLIENT_GONE : ending_cause(&w->ending, w->pool->function.memory);
	worker_blame(r, w, w->cause);
}

static void
renew(struct router *r, struct worker *w)
{
	if (!w->has_ended)
		return;
	judge(r, w);
	tell_failed(r, w);
	failure_tell(r, w, CAUSE_NONE, &w->ending);
	worker_renewed(r, w);
}

static void
leave_socket(struct router *r, struct worker *w)
{
	loop_forget(r, &w->requests);
	w->unsent = NULL;
	worker_renewing(r, w);
}

void
fresh_answered(struct router *r, struct worker *w)
{
	leave_socket(r, w);
	renew(r, w);
}

/* Also when nobody took the request: its socket has ended with the zygote that it was sent to, whose own end
 * shows as well. */
void
fresh_closed(struct router *r, struct worker *w)
{
	struct request *q = TAILQ_FIRST(&w->in_flight);

	fresh_hello(w);
	say_kill(w);
	if (q)
		q->stage = REQUEST_ENDING;
	leave_socket(r, w);
	renew(r, w);
}

bool
fresh_stop(struct router *r, struct worker *w, enum cause cause)
{
	if (w->stage >= WORKER_GONE || !fresh_hello(w) || !w->has_hello)
		return false;
	if (!w->is_looked_at)
		say_kill(w);
	if (w->n_in_flight > 0)
		w->cause = cause;
	if (w->stage == WORKER_BUSY)
		leave_socket(r, w);
	worker_blame(r, w, cause);
	renew(r, w);
	return true;
}

void
fresh_check(struct router *r, struct worker *w)
{
	uint64_t ms = (r->now_us - w->since_us) / 1000;

	if (ms > RENEW_MAX_MS || (w->n_in_flight > 0 && ms > ENDING_WAIT_MS))
		worker_kill_all(r, w, CAUSE_WALL_TIME_LIMIT);
	else if (ms > (w->is_looked_at ? LOOK_WAIT_MS : RENEW_WAIT_MS))
		say_kill(w);
}

/* ---- the lease's descriptors ---- */

/* A word about an earlier request, which was given up, is nobody's. */
static void
ended_take(struct router *r, struct worker *w, const struct fresh_ended *ended)
{
	bool is_current = ended->number == w->number && !w->has_ended;

	if (!is_current || (w->stage != WORKER_BUSY && w->stage != WORKER_RENEWING))
		return;
	w->has_ended = true;
	w->ending = ended->ending;
	pool_learn_memory(w->pool, &w->ending);
	if (w->stage == WORKER_RENEWING) {
		renew(r, w);
		return;
	}
	/* Its last words may still be in the socket. */
	w->is_readable = true;
	worker_resume(r, w);
}

static void
init_ready(struct router *r, struct source *s, uint32_t events)
{
	struct worker *w = CONTAINER_OF(s, struct worker, init);
	struct fresh_ended ended;
	ssize_t n = read(s->fd, &ended, sizeof ended);

	(void)events;
	if (n == sizeof ended)
		ended_take(r, w, &ended);
	else if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		loop_forget(r, s); /* the master tells the end of the whole */
}

/* Its end alone is watched. */
static void
zygote_ready(struct router *r, struct source *s, uint32_t events)
{
	(void)events;
	worker_vanished(r, CONTAINER_OF(s, struct worker, zygote));
}

int
fresh_lease(struct router *r, struct worker *w, int zygote, int init)
{
	const int on = 1;
	int rc;

	w->is_fresh = true;
	w->zygote = (struct source){ .fd = zygote, .ready = zygote_ready };
	w->init = (struct source){ .fd = init, .ready = init_ready };
	/* Before anything is said on it: the sender's pid comes with each word. */
	if (setsockopt(zygote, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
		return -errno;
	rc = fd_set_blocking(init, 0);
	if (rc == 0)
		rc = loop_watch(r, &w->zygote, EPOLLRDHUP);
	return rc < 0 ? rc : loop_watch(r, &w->init, EPOLLIN);
}
