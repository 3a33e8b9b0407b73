/* serve.c - requests through the loaded function: its input and output, the end of a stream, the reset
 * between two requests. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "worker/responder.h"
#include "worker/worker.h"

/* A file that may grow no more is an error of write(2), which a database can handle, and not the worker's
 * end. */
void
serve_init(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static ssize_t
body_read(void *context, void *data, size_t n)
{
	return responder_read(context, data, n);
}

static ssize_t
answer_write(void *context, const void *data, size_t n)
{
	return responder_write(context, data, n) < 0 ? -EPIPE : (ssize_t)n;
}

static int
answer_flush(void *context)
{
	return responder_flush(context);
}

/* At once: what a function logs before it crashes must have left. */
static void
log_write(void *context, const char *line, size_t n)
{
	responder_log(context, line, n);
}

/* How an end is told: the router shuts its writing half, behind a record ABORT_REQUEST when the client is
 * gone. Whatever else lies there is a request that was put behind this one. */
static int
told(int requests, short revents)
{
	int n = 0;

	if (revents & (POLLHUP | POLLERR | POLLNVAL) || ioctl(requests, FIONREAD, &n) < 0)
		return -EPIPE;
	return n == FCGI_HEADER_SIZE ? -EPIPE : -ESHUTDOWN;
}

static int
answer_wait(void *context, int ms)
{
	const struct responder *s = context;
	struct pollfd requests = { .fd = s->fd, .events = POLLRDHUP };
	struct timespec end, now;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += (long)(ms % 1000) * 1000000;
	while ((rc = poll(&requests, 1, ms)) < 0 && errno == EINTR) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		ms = (int)((end.tv_sec - now.tv_sec) * 1000 + (end.tv_nsec - now.tv_nsec) / 1000000);
		ms = ms > 0 ? ms : 0;
	}
	return rc > 0 ? told(requests.fd, requests.revents) : 0;
}

static void
answer(struct function *f, struct responder *s)
{
	const struct function_io io = { s, body_read, answer_write, answer_flush, log_write, answer_wait };

	/* A stream that was broken off: the router must not end it as if it were whole. */
	if (function_serve(f, &io, s->params) < 0)
		responder_end(s, FCGI_BROKEN_OFF);
	else
		responder_end(s, function_cause(f) != CAUSE_NONE ? FCGI_SAID_CAUSE + function_cause(f) : 0);
}

/* Requests may have ended because the router has shut them, which the master need not know yet: whoever ends
 * before he lets go has crashed.  He closes the other end of the output last. */
static void
await_release(void)
{
	struct pollfd output = { .fd = STDOUT_FILENO };

	while (poll(&output, 1, -1) < 0 && errno == EINTR)
		;
}

static struct responder responder;

int
serve(struct function *f, int requests, bool is_held)
{
	int rc = 0;

	responder_open(&responder, requests);
	while (rc == 0 && responder_next(&responder) == 0) {
		answer(f, &responder);
		if (responder.is_broken)
			rc = -EPIPE;
		else
			reset();
	}
	if (is_held)
		await_release();
	return rc;
}

void
serve_one(struct function *f, int requests)
{
	responder_open(&responder, requests);
	if (responder_next(&responder) == 0)
		answer(f, &responder);
}
