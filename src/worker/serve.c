/* serve.c - requests by libfcgi on one socket; the only file that sees it. */
#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "worker/worker.h"

/* A file that may grow no more is an error of write(2), which a database can handle, and not the worker's
 * end. libfcgi takes the other signals over; here nobody but the function itself could send them.  With a
 * shutdown pending it does not accept at the end of the requests, which would be a reported call that nobody
 * answers.
 */
void
serve_init(void)
{
	FCGX_Init();
	FCGX_ShutdownPending();
	signal(SIGTERM, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

/* What is there, not as much as asked for: FCGX_GetStr alone would wait for a whole buffer. */
static ssize_t
body_read(void *context, void *data, size_t n)
{
	FCGX_Stream *in = ((FCGX_Request *)context)->in;
	char *to = data;
	size_t there;
	int first;

	if (n == 0)
		return 0;
	first = FCGX_GetChar(in);
	if (first == EOF)
		return FCGX_GetError(in) ? -ECONNRESET : 0;
	to[0] = (char)first;
	there = (size_t)(in->stop - in->rdNext);
	if (there > n - 1)
		there = n - 1;
	return 1 + FCGX_GetStr(to + 1, (int)there, in);
}

static ssize_t
answer_write(void *context, const void *data, size_t n)
{
	enum { STEP = 1 << 20 };
	FCGX_Stream *out = ((FCGX_Request *)context)->out;
	int step = n < STEP ? (int)n : STEP;

	return FCGX_PutStr(data, step, out) < 0 ? -EPIPE : step;
}

static int
answer_flush(void *context)
{
	return FCGX_FFlush(((FCGX_Request *)context)->out) < 0 ? -EPIPE : 0;
}

/* At once: what a function logs before it crashes must have left. */
static void
log_write(void *context, const char *line, size_t n)
{
	FCGX_Stream *err = ((FCGX_Request *)context)->err;

	FCGX_PutStr(line, (int)n, err);
	if (n == 0 || line[n - 1] != '\n')
		FCGX_PutChar('\n', err);
	FCGX_FFlush(err);
}

/* How an end is told: the router shuts its writing half, behind a record ABORT_REQUEST when the client is
 * gone. Whatever else lies there is a request that was put behind this one. */
static int
told(int requests, short revents)
{
	int n = 0;

	if (revents & (POLLHUP | POLLERR | POLLNVAL) || ioctl(requests, FIONREAD, &n) < 0)
		return -EPIPE;
	return n == FCGI_HEADER_LEN ? -EPIPE : -ESHUTDOWN;
}

static int
answer_wait(void *context, int ms)
{
	struct pollfd requests = { .fd = ((FCGX_Request *)context)->ipcFd, .events = POLLRDHUP };
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

/* What the handler left of the body, or the next request would begin with it. */
static void
drain(FCGX_Request *r)
{
	char rest[4096];

	while (FCGX_GetStr(rest, sizeof rest, r->in) > 0)
		;
}

static void
open_requests(FCGX_Request *r, int requests)
{
	FCGX_InitRequest(r, -1, 0);
	r->ipcFd = requests;
	r->keepConnection = 1; /* else its own Finish closes it before the first request */
}

static void
answer(struct function *f, FCGX_Request *r)
{
	const struct function_io io = { r, body_read, answer_write, answer_flush, log_write, answer_wait };

	/* A stream that was broken off: the router must not end it as if it were whole. */
	if (function_serve(f, &io, r->envp) < 0)
		FCGX_SetExitStatus(1, r->out);
	drain(r);
	FCGX_Finish_r(r);
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

int
serve(struct function *f, int requests, bool is_held)
{
	FCGX_Request r;
	int rc = 0;

	open_requests(&r, requests);
	while (rc == 0 && FCGX_Accept_r(&r) == 0) {
		answer(f, &r);
		if (r.ipcFd < 0)
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
	FCGX_Request r;

	open_requests(&r, requests);
	if (FCGX_Accept_r(&r) == 0)
		answer(f, &r);
}
