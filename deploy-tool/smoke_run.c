/* smoke_run.c - the requests that a version must answer, made in its real sandbox. */
#include "deploy-tool/smoke_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "config/smoke.h"
#include "deploy-tool/call.h"
#include "deploy-tool/request.h"

enum { WRITTEN_MAX = 256 }; /* bytes that are shown of what it logs and prints */

struct smoke_run {
	struct tool *tool;
	struct subject subject;
	pid_t pool; /* 0: none */
	struct smoke smoke;
	struct buf params, body, written;
	struct call_sink sink;
	struct instance instance;
	struct call call;
	int status; /* 0: there is no answer */
};

/* ---- the function's bytes ---- */

static void
take_stream(void *context, const struct http_answer_head *head)
{
	((struct smoke_run *)context)->status = head->status;
}

static void
drop_body(void *context, const char *p, size_t n)
{
	(void)context;
	(void)p;
	(void)n;
}

/* The beginning; what comes later is lost, and nobody minds. */
static void
take_written(void *context, const char *p, size_t n)
{
	struct buf *written = &((struct smoke_run *)context)->written;
	size_t room = buf_room(written);

	buf_append(written, p, n < room ? n : room);
}

/* A stream has answered when its head is there. */
static bool
has_status(const void *context)
{
	return ((const struct smoke_run *)context)->status != 0;
}

/* ---- one request ---- */

static int
compose(struct smoke_run *r, struct request *q, struct err *e)
{
	AUTO_FREE struct request_options *o = calloc(1, sizeof *o);
	int rc;

	if (o == NULL)
		return err_set(e, ENOMEM, "smoke");
	o->method = r->smoke.method;
	o->path = r->smoke.target;
	o->user = q->auth != AUTH_NONE ? "smoke" : NULL;
	buf_clear(&r->params);
	rc = request_compose(o, &r->subject.version, q, &r->params, e);
	if (rc == 0)
		rc = request_add_limits(&r->params, r->instance.body_max, r->instance.output_max);
	return rc;
}

static void
exchange(struct smoke_run *r, const struct request *q)
{
	struct http_answer_head head;
	const char *body;
	size_t n;

	call_set_request(&r->call, &r->params, &r->body, q->method == HTTP_HEAD);
	call_run(&r->call);
	if (r->call.cause == CAUSE_NONE && r->call.exchange.is_over && !r->call.exchange.is_stream) {
		r->call.cause = exchange_answer(&r->call.exchange, &head, &body, &n);
		r->status = r->call.cause == CAUSE_NONE ? head.status : 0;
	}
	call_finish(&r->call);
}

/* "500", or why there was no answer. */
static void
describe(const struct smoke_run *r, char *text, size_t size)
{
	const struct instance_end *end = &r->instance.end;
	const char *cause = r->call.cause != CAUSE_NONE ? cause_word(r->call.cause)
	                    : end->cause[0] != '\0'     ? end->cause
	                                                : cause_word(CAUSE_CRASH);

	if (r->status != 0)
		snprintf(text, size, "%d", r->status);
	else
		snprintf(text, size, "no answer (%s%s%s)", cause, end->how[0] != '\0' ? ", " : "", end->how);
}

/* What it wrote, as one line. */
static void
read_written(const struct smoke_run *r, char line[WRITTEN_MAX + 1])
{
	size_t n = buf_used(&r->written);

	if (n > 0)
		memcpy(line, buf_head(&r->written), n);
	while (n > 0 && line[n - 1] == '\n')
		n--;
	for (size_t i = 0; i < n; i++)
		if (line[i] == '\n' || line[i] == '\0')
			line[i] = ' ';
	line[n] = '\0';
}

static int
fail(const struct smoke_run *r, const char *what)
{
	char written[WRITTEN_MAX + 1], pool[32] = "";

	read_written(r, written);
	if (r->pool != 0)
		snprintf(pool, sizeof pool, "pool %d: ", (int)r->pool);
	return tool_fail_as(EX_DATAERR, "%s is not active: %ssmoke '%s %s=%d': %s%s%s", r->subject.label,
	                    pool, r->smoke.method, r->smoke.target, r->smoke.status, what,
	                    written[0] != '\0' ? "; it wrote: " : "", written);
}

static int
ask(struct smoke_run *r)
{
	const struct instance_how how = { .pool = r->pool };
	struct request q = { .auth = r->subject.policy.auth };
	char what[256];
	struct err e;
	int rc;

	r->status = 0;
	buf_clear(&r->written);
	rc = instance_start(r->tool, &r->subject, &how, &r->instance, &e);
	call_init(&r->call, &r->instance, &r->sink);
	if (rc == 0)
		rc = compose(r, &q, &e);
	if (rc == 0)
		exchange(r, &q);
	describe(r, what, sizeof what);
	if (rc == -ENOTCONN && r->pool != 0)
		rc = 0;
	else if (rc < 0)
		rc = fail(r, e.text);
	else
		rc = r->status == r->smoke.status ? 0 : fail(r, what);
	instance_done(&r->instance);
	call_done(&r->call);
	return rc;
}

static int
ask_all(struct smoke_run *r)
{
	const struct function_policy *p = &r->subject.version.policy;
	struct err e;
	int rc = 0;

	for (size_t at = 0; at < p->smokes_size && rc == 0; at += strlen(p->smokes + at) + 1)
		rc = smoke_parse(p->smokes + at, &r->smoke, &e) < 0 ? tool_fail(&e) : ask(r);
	return rc;
}

/* ---- all of it ---- */

static int
ask_pools(struct smoke_run *r)
{
	struct pools pools = { 0 };
	struct err e;
	int rc = pools_connect(r->tool, &pools, &e) < 0 ? tool_fail(&e) : 0;
	size_t n = pools.n;

	/* The pids are what is needed of them. */
	pools_done(&pools);
	if (rc == 0 && n == 0)
		return ask_all(r);
	for (size_t i = 0; i < n && rc == 0; i++) {
		r->pool = pools.pids[i];
		rc = ask_all(r);
	}
	return rc;
}

int
smoke_run(struct tool *t, const struct registry_version *v)
{
	AUTO_FREE struct smoke_run *r = NULL;
	int rc;

	if (v->policy.smokes_size == 0)
		return 0;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	r->tool = t;
	r->sink = (struct call_sink){ { r, take_stream, drop_body, take_written }, take_written, has_status };
	subject_take(t, v, &r->subject);
	buf_init(&r->params, REQUEST_PARAMS_MAX);
	buf_init(&r->body, 1);
	buf_init(&r->written, WRITTEN_MAX);
	rc = ask_pools(r);
	buf_done(&r->params);
	buf_done(&r->body);
	buf_done(&r->written);
	subject_done(&r->subject);
	return rc;
}
