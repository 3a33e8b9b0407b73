/* invoke.c - `cfn-deploy invoke`: one request to one version of a function, in a worker of its own.
 *
 * Towards the worker this is what a router is: it sends the request, judges every byte of the answer, holds
 * the wall time.  The CPU time is the spawner's to hold, which alone can read the worker's clock. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/exchange.h"
#include "deploy-tool/instance.h"
#include "deploy-tool/invoke_show.h"
#include "deploy-tool/numbers.h"
#include "deploy-tool/request.h"

enum {
	GONE_MS = 1000,       /* from the end of its connection to the word about its end */
	FINISH_MS = 6 * 1000, /* from the end of its requests: cfn_fini has 5 s */
	KILL_MS = 5 * 1000,
	EX_ANSWER = EX_PROTOCOL, /* it answered with 400 or more */
};

struct options {
	struct request_options request;
	const char *data, *version;
	bool include, explain;
};

struct invoke {
	struct tool *tool;
	struct options options;
	struct argument_list rest;
	struct registry_version version;
	struct buf params, body;
	bool has_body;
	struct instance instance;
	struct exchange exchange;
	struct show show;
	uint64_t begun_us, active_us, done_us; /* sent; last byte of a stream; over */
	enum cause cause;                      /* why we gave it up */
	bool is_closed;                        /* its end of the requests is */
};

#define AT(field) offsetof(struct options, field)

const struct argument_row invoke_options[] = {
	{ "path", 0, ARGUMENT_TEXT, AT(request.path), "PATH", "as in a URL; else its first route" },
	{ "query", 0, ARGUMENT_LIST, AT(request.queries), "TEXT", "behind the path's '?' (repeatable)" },
	{ "method", 0, ARGUMENT_TEXT, AT(request.method), "METHOD", "else GET, with --data POST" },
	{ "header", 0, ARGUMENT_LIST, AT(request.fields), "FIELD", "'Name: value' (repeatable)" },
	{ "data", 0, ARGUMENT_TEXT, AT(data), "TEXT|@FILE|-", "the request's body" },
	{ "version", 0, ARGUMENT_TEXT, AT(version), "N", "this one, active or not" },
	{ "include", 'i', ARGUMENT_FLAG, AT(include), NULL, "print status and header, too" },
	{ "explain", 0, ARGUMENT_FLAG, AT(explain), NULL, "name every system call that is refused" },
};
const size_t invoke_n_options = ARRAY_SIZE(invoke_options);

/* ---- before it runs ---- */

static int
find_version(struct invoke *v)
{
	uint32_t number = 0;
	struct err e;
	int rc = tool_open_registry(v->tool, REGISTRY_READ);

	if (rc != 0)
		return rc;
	if (v->options.version != NULL && numbers_version(v->options.version, &number) < 0)
		return tool_fail_as(EX_USAGE, "--version '%.20s' is not a version's number",
		                    v->options.version);
	if (registry_version_find(v->tool->registry, v->rest.items[0], number, &v->version, &e) < 0)
		return tool_fail(&e);
	return 0;
}

static int
read_stream(struct invoke *v, int fd, const char *name)
{
	char bytes[16 * 1024];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof bytes)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tool_fail_as(EX_IOERR, "%s: %s", name, strerror(errno));
		if (buf_append(&v->body, bytes, (size_t)n) < 0)
			return tool_fail_as(EX_DATAERR,
			                    "%s: larger than the function's body_size (%zu bytes)", name,
			                    v->body.max);
	}
	return 0;
}

static int
read_file(struct invoke *v, const char *file)
{
	AUTO_FD fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return tool_fail_as(errno == EACCES ? EX_NOPERM : EX_NOINPUT, "%s: %s", file,
		                    strerror(errno));
	return read_stream(v, fd, file);
}

/* No more than the function takes; a pool may say still less. */
static int
read_data(struct invoke *v)
{
	AUTO_FREE struct function_policy *policy = malloc(sizeof *policy);
	const char *data = v->options.data;

	if (policy == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	*policy = v->version.policy;
	config_apply(&v->tool->config, v->version.function, policy);
	buf_init(&v->body, (size_t)policy->body_max);
	v->has_body = data != NULL;
	if (data == NULL)
		return 0;
	if (strcmp(data, "-") == 0)
		return read_stream(v, STDIN_FILENO, "standard input");
	if (data[0] == '@')
		return read_file(v, data + 1);
	if (buf_append(&v->body, data, strlen(data)) < 0)
		return tool_fail_as(EX_DATAERR, "--data: larger than the function's body_size (%zu bytes)",
		                    v->body.max);
	return 0;
}

static int
compose(struct invoke *v)
{
	struct request q = { .has_body = v->has_body, .n_body = buf_used(&v->body) };
	struct err e;

	buf_init(&v->params, REQUEST_PARAMS_MAX);
	if (request_compose(&v->options.request, &v->version, &q, &v->params, &e) < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	v->exchange.drops_body = q.method == HTTP_HEAD;
	return 0;
}

/* ---- its bytes ---- */

static void
take_head(void *context, const struct http_answer_head *head)
{
	show_head(&((struct invoke *)context)->show, head);
}

static void
take_body(void *context, const char *p, size_t n)
{
	struct invoke *v = context;

	v->active_us = clock_now_us();
	show_body(&v->show, p, n);
}

static void
take_log(void *context, const char *p, size_t n)
{
	show_text(&((struct invoke *)context)->show.log, p, n);
	show_text_end(&((struct invoke *)context)->show.log);
}

/* Bounded: what it prints without end must not keep its answer waiting. */
static void
read_output(struct invoke *v)
{
	enum { READS_MAX = 16 };
	char bytes[4096];

	for (int i = 0; i < READS_MAX && v->instance.output >= 0; i++) {
		ssize_t n = read(v->instance.output, bytes, sizeof bytes);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0)
			show_text(&v->show.output, bytes, (size_t)n);
		else
			fd_close(&v->instance.output);
	}
}

/* Until its end: when the worker is gone, or was never ready. */
static void
read_last_output(struct invoke *v)
{
	uint64_t end = clock_now_us() + GONE_MS * UINT64_C(1000);

	while (v->instance.output >= 0 && clock_now_us() < end) {
		struct pollfd p = { .fd = v->instance.output, .events = POLLIN };

		if (poll(&p, 1, GONE_MS) <= 0)
			break;
		read_output(v);
	}
	show_text_end(&v->show.output);
}

/* ---- the exchange ---- */

static void
send_messages(struct invoke *v)
{
	unsigned char message[FCGI_MESSAGE_MAX];
	struct exchange *x = &v->exchange;

	while (!x->sent.is_done) {
		struct fcgi_progress next;
		size_t n = fcgi_request_message(&x->request, &x->sent, message, &next);

		if (send(v->instance.requests, message, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			/* It takes no more; what it has said is still read. */
			x->sent.is_done = errno != EAGAIN && errno != EINTR;
			return;
		}
		x->sent = next;
	}
}

/* Bytes alone: without room for control data the kernel drops descriptors that a worker may try to pass. */
static void
receive_messages(struct invoke *v)
{
	enum { MESSAGES_MAX = 16 };
	unsigned char message[FCGI_MESSAGE_MAX];

	for (int i = 0; i < MESSAGES_MAX && v->cause == CAUSE_NONE && !v->exchange.is_over; i++) {
		struct iovec part = { message, sizeof message };
		struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1 };
		ssize_t n = recvmsg(v->instance.requests, &h, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		v->is_closed = n <= 0;
		if (v->is_closed)
			return;
		v->cause = h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)
		               ? CAUSE_BAD_RESPONSE
		               : exchange_message(&v->exchange, message, (size_t)n);
	}
}

/* Milliseconds until its wall time is over, or the patience with a stream; 0: it is. */
static int
time_left(const struct invoke *v)
{
	bool is_stream = v->exchange.is_stream;
	uint64_t since = is_stream ? v->active_us : v->begun_us;
	uint64_t limit_ms = is_stream ? v->instance.stream_idle_ms : v->instance.wall_ms;
	uint64_t end = since + limit_ms * 1000, now = clock_now_us();

	return now < end ? (int)((end - now + 999) / 1000) : 0;
}

static bool
goes_on(const struct invoke *v)
{
	return v->cause == CAUSE_NONE && !v->exchange.is_over && !v->is_closed && !ferror(stdout) &&
	       !v->show.is_body_cut;
}

static void
relay(struct invoke *v)
{
	struct instance *in = &v->instance;

	fd_set_blocking(in->output, 0);
	v->begun_us = v->active_us = clock_now_us();
	send_messages(v);
	while (goes_on(v)) {
		struct pollfd polled[] = {
			{ in->requests, (short)(POLLIN | (v->exchange.sent.is_done ? 0 : POLLOUT)), 0 },
			{ in->output, POLLIN, 0 },
		};
		int left = time_left(v);

		if (left == 0) {
			v->cause = CAUSE_WALL_TIME_LIMIT;
			break;
		}
		if (poll(polled, ARRAY_SIZE(polled), left) <= 0)
			continue;
		if (polled[0].revents & POLLOUT)
			send_messages(v);
		if (polled[0].revents & (POLLIN | POLLHUP | POLLERR))
			receive_messages(v);
		if (polled[1].revents)
			read_output(v);
	}
	v->done_us = clock_now_us();
}

/* Its end, while its output is read: a worker that waits to write does not end. */
static int
await_end(struct invoke *v, int timeout_ms)
{
	uint64_t end = clock_now_us() + (uint64_t)timeout_ms * 1000, now;
	struct err e;

	while ((now = clock_now_us()) < end) {
		struct pollfd polled[] = { { instance_channel(&v->instance), POLLIN, 0 },
			                   { v->instance.output, POLLIN, 0 } };

		if (poll(polled, ARRAY_SIZE(polled), (int)((end - now) / 1000) + 1) <= 0)
			continue;
		if (polled[1].revents)
			read_output(v);
		if (polled[0].revents)
			return instance_await_end(&v->instance, KILL_MS, &e);
	}
	return -ETIMEDOUT;
}

/* An answer that is whole is good whatever comes after it. */
static void
finish(struct invoke *v)
{
	bool is_over = v->exchange.is_over;
	int rc = -ETIMEDOUT;

	fd_close(&v->instance.requests);
	if (is_over || v->is_closed)
		rc = await_end(v, is_over ? FINISH_MS : GONE_MS);
	if (rc == -ETIMEDOUT) {
		instance_stop(&v->instance);
		await_end(v, KILL_MS);
	}
	read_last_output(v);
}

/* ---- what came of it ---- */

static void
show_answer(struct invoke *v)
{
	struct http_answer_head head;
	const char *body;
	size_t n;

	if (v->exchange.is_stream)
		return;
	v->cause = exchange_answer(&v->exchange, &head, &body, &n);
	if (v->cause != CAUSE_NONE)
		return;
	show_head(&v->show, &head);
	show_body(&v->show, body, n);
}

/* Why there is no answer: our own reason, the spawner's, or that it just went away. */
static void
settle_cause(const struct invoke *v, struct show_result *r)
{
	const struct instance_end *end = &v->instance.end;

	r->cause = r->how = "";
	if (v->cause == CAUSE_NONE && (v->exchange.is_over || !v->is_closed))
		return;
	if (v->cause != CAUSE_NONE) {
		r->cause = cause_word(v->cause);
		return;
	}
	r->cause = end->cause[0] != '\0' ? end->cause : cause_word(CAUSE_CRASH);
	r->how = end->how;
}

static int
report(struct invoke *v)
{
	struct show_result r = { .version = &v->version,
		                 .instance = &v->instance,
		                 .wall_us = v->done_us - v->begun_us,
		                 .is_explained = v->options.explain };
	int rc;

	if (v->cause == CAUSE_NONE && v->exchange.is_over)
		show_answer(v);
	settle_cause(v, &r);
	rc = show_result(&v->show, &r);
	if (rc != 0)
		return rc;
	if (r.cause[0] != '\0')
		return EX_DATAERR;
	return v->show.status >= 400 ? EX_ANSWER : 0;
}

static int
report_start(struct invoke *v, const struct err *e)
{
	int status = tool_exit_status(e->code);

	/* What it printed and what it was refused is why, perhaps. */
	if (e->code == ENOEXEC) {
		v->show.is_json = false;
		fd_set_blocking(v->instance.output, 0);
		read_last_output(v);
		show_refused(&v->instance.end, v->options.explain);
	}
	return tool_fail_as(status, "%s v%u: %s", v->version.function, v->version.number, e->text);
}

/* ---- all of it ---- */

static int
start(struct invoke *v)
{
	struct instance *in = &v->instance;
	struct err e;

	show_init(&v->show, v->tool->json, v->options.include, v->version.policy.output_max);
	if (instance_start(v->tool, &v->version, v->options.explain, in, &e) < 0)
		return report_start(v, &e);
	if (buf_used(&v->body) > in->body_max)
		return tool_fail_as(EX_DATAERR, "the body is over the pool's body_size for %s",
		                    v->version.function);
	if (request_add_limits(&v->params, in->body_max, in->output_max) < 0)
		return tool_fail_as(EX_USAGE, "the request's params are over %d bytes", REQUEST_PARAMS_MAX);
	return 0;
}

static int
exchange(struct invoke *v)
{
	const struct exchange_sink sink = { v, take_head, take_body, take_log };
	struct exchange *x = &v->exchange;
	bool drops_body = x->drops_body;
	uint16_t id;

	do
		random_bytes(&id, sizeof id);
	while (id == 0); /* 0 is no request's */
	exchange_init(x, id, v->instance.output_max, &sink);
	x->drops_body = drops_body;
	x->request.params[0].p = buf_head(&v->params);
	x->request.params[0].n = buf_used(&v->params);
	x->request.body = buf_head(&v->body);
	x->request.n_body = buf_used(&v->body);
	relay(v);
	finish(v);
	return report(v);
}

/* In this order; each says by itself what is wrong. */
static int (*const steps[])(struct invoke *) = { find_version, read_data, compose, start, exchange };

static void
free_invoke(struct invoke **v)
{
	if (*v == NULL)
		return;
	instance_done(&(*v)->instance);
	exchange_done(&(*v)->exchange);
	show_done(&(*v)->show);
	buf_done(&(*v)->params);
	buf_done(&(*v)->body);
	free(*v);
}

int
run_invoke(struct tool *t, const char *const *arguments)
{
	__attribute__((cleanup(free_invoke))) struct invoke *v = calloc(1, sizeof *v);
	int rc;

	if (v == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	v->tool = t;
	v->instance.requests = v->instance.output = -1;
	rc = tool_arguments(t,
	                    &(struct tool_syntax){ (const struct argument_table[]){
						       { invoke_options, invoke_n_options, &v->options } },
	                                           1, 1, 1 },
	                    arguments, &v->rest);
	for (size_t i = 0; i < ARRAY_SIZE(steps) && rc == 0 && !t->wants_help; i++)
		rc = steps[i](v);
	return rc;
}
