/* test_run.c - one file of exchanges against one function, in a worker and a shared folder of its own. */
#include "deploy-tool/test_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "deploy-tool/call.h"
#include "deploy-tool/diagnostics.h"
#include "deploy-tool/symbols.h"
#include "deploy-tool/test_beside.h"
#include "deploy-tool/test_request.h"
#include "deploy-tool/testcheck.h"

enum { LOG_MAX = 64 * 1024 };

struct run {
	const struct test_plan *plan;
	struct call_sink sink;
	struct instance instance;
	bool is_running;
	struct cookies cookies;
	struct session_relay session;
	struct variables variables;

	/* Of one exchange. */
	const struct test_step *step;
	struct test_request request;
	struct call call;
	bool has_call;
	struct http_answer_head head;
	bool has_head;
	struct buf file;            /* what is expected from a file */
	struct buf stream, problem; /* what came */
	size_t n_looked;            /* bytes of the stream that patterns were tried on */
	bool has_all;               /* of the stream: nobody waits for more */
	struct buf says, log;
	unsigned n_wrong;
};

static void
say(struct run *r, unsigned line, const char *what)
{
	r->n_wrong++;
	buf_printf(&r->says, "line %u: %s\n", line, what);
}

/* ---- the function's bytes ---- */

static void
take_text(struct run *r, const char *p, size_t n)
{
	while (n > 0) {
		const char *newline = memchr(p, '\n', n);
		size_t length = newline != NULL ? (size_t)(newline - p) : n;

		/* Beyond its bound it is lost, and nobody minds. */
		if (length > 0)
			diagnostics_escape(&r->log, p, length);
		if (newline != NULL)
			buf_append(&r->log, "\n", 1);
		p += length + (newline != NULL);
		n -= length + (newline != NULL);
	}
}

static void
take_output(void *context, const char *p, size_t n)
{
	take_text(context, p, n);
}

static void
take_log(void *context, const char *p, size_t n)
{
	take_text(context, p, n);
}

/* Its texts stay where they are in the exchange. */
static void
take_stream(void *context, const struct http_answer_head *head)
{
	struct run *r = context;

	r->head = *head;
	r->has_head = true;
}

static void
take_body(void *context, const char *p, size_t n)
{
	struct run *r = context;

	if (buf_append(&r->stream, p, n) < 0)
		r->has_all = true;
}

static void
look(struct run *r)
{
	struct buf unheard = { 0 };
	const struct testcheck c = { .step = r->step,
		                     .head = &r->head,
		                     .body = { buf_head(&r->stream), buf_used(&r->stream) },
		                     .variables = &r->variables,
		                     .says = &unheard };

	r->n_looked = buf_used(&r->stream);
	r->has_all |= testcheck_has_patterns(&c);
}

/* A stream without end is over when it has said what is expected, or after the time that any other answer
 * has. */
static bool
is_unwanted(const void *context)
{
	struct run *r = (struct run *)(uintptr_t)context;
	uint64_t wall_us = r->instance.wall_ms * 1000;

	if (r->has_head && buf_used(&r->stream) > r->n_looked)
		look(r);
	return r->has_all || (r->has_head && clock_now_us() - r->call.begun_us > wall_us);
}

/* ---- the worker ---- */

static void
end_worker(struct run *r)
{
	if (r->is_running) {
		call_finish(&r->call);
		instance_done(&r->instance);
	}
	r->is_running = false;
}

static int
start_worker(struct run *r)
{
	const struct instance_how how = { 0 };
	struct err e;
	int rc;

	if (r->is_running)
		return 0;
	rc = instance_start(r->plan->tool, r->plan->subject, &how, &r->instance, &e);
	r->is_running = rc == 0;
	if (rc == 0)
		return 0;
	say(r, r->step->line, e.text);
	if (rc == -ENOEXEC && r->instance.output >= 0) {
		fd_set_blocking(r->instance.output, 0);
		call_init(&r->call, &r->instance, &r->sink);
		call_read_last_output(&r->call);
		call_done(&r->call);
	}
	instance_done(&r->instance);
	return rc;
}

/* ---- the answer ---- */

static bool
prefers_json(const struct test_step *s)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (test_field_is(&s->fields[i], "Accept"))
			return http_prefers_json(s->fields[i].value.p, s->fields[i].value.n);
	return false;
}

/* As the router says it. */
static void
answer_problem(struct run *r, enum cause cause)
{
	char methods[HTTP_METHODS_TEXT_SIZE];
	struct http_problem p = { .cause = cause,
		                  .request_id = "test",
		                  .is_head = text_is(r->step->method, "HEAD"),
		                  .is_json = prefers_json(r->step) };
	const struct registry_version *v = &r->plan->subject->version;
	unsigned bits = 0;

	for (size_t i = 0; i < v->n_routes; i++)
		bits |= v->routes[i].methods;
	http_methods_format(bits, methods);
	if (cause == CAUSE_METHOD_NOT_ALLOWED)
		p.allow = methods;
	buf_clear(&r->problem);
	r->has_head = http_problem_write(&r->problem, &p) == 0 &&
	              http_answer_head_read(buf_head(&r->problem), buf_used(&r->problem), &r->head) == 1;
}

/* What no client should meet is wrong, whatever a test expects. */
static bool
is_failure(enum cause cause)
{
	return cause == CAUSE_CRASH || cause == CAUSE_BAD_RESPONSE || cause == CAUSE_SYSCALL_DENIED;
}

static enum cause
cause_of(const char *word)
{
	for (int i = CAUSE_NONE + 1; i < CAUSE_COUNT; i++)
		if (strcmp(word, cause_word((enum cause)i)) == 0)
			return (enum cause)i;
	return CAUSE_CRASH;
}

/* Its last line may say where it crashed. */
static void
find_frames(struct run *r)
{
	const char *text = buf_head(&r->log), *line;
	size_t n = buf_used(&r->log);
	struct stack s;
	struct err e;

	n -= n > 0 && text[n - 1] == '\n';
	line = n > 0 ? memrchr(text, '\n', n) : NULL;
	line = line != NULL ? line + 1 : text;
	if (n == 0 || !stack_read(line, n - (size_t)(line - text), &s))
		return;
	r->log.end = r->log.start + (size_t)(line - text);
	buf_printf(&r->log, "it says that it crashed (%s) here:\n", s.what);
	if (symbols_format(r->plan->tool, r->plan->subject, &s, &r->log, &e) < 0)
		buf_printf(&r->log, "%s\n", e.text);
}

/* Why the worker gave no whole answer; it has ended by then. */
static void
settle_failure(struct run *r)
{
	const struct instance_end *end = &r->instance.end;
	enum cause cause = r->call.cause != CAUSE_NONE ? r->call.cause : cause_of(end->cause);

	if (r->call.cause != CAUSE_NONE || r->call.is_closed) {
		if (cause == CAUSE_CRASH)
			find_frames(r);
		buf_printf(&r->log, "%s%s%s%s%s%s\n", cause_word(cause), end->how[0] != '\0' ? " (" : "",
		           end->how, end->how[0] != '\0' ? ")" : "", end->reason[0] != '\0' ? ": " : "",
		           end->reason);
		if (is_failure(cause))
			say(r, r->step->line, cause_sentence(cause));
		/* Of a stream the client has the beginning. */
		if (!r->call.exchange.is_stream)
			answer_problem(r, cause);
	}
}

static void
take_answer(struct run *r, struct text *body)
{
	const char *p;
	size_t n;

	if (!r->call.exchange.is_stream) {
		r->call.cause = exchange_answer(&r->call.exchange, &r->head, &p, &n);
		r->has_head = r->call.cause == CAUSE_NONE;
		*body = (struct text){ p, r->has_head ? n : 0 };
	}
}

/* A worker whose answer is whole serves the next request too; in fresh mode each has its own. */
static void
ask(struct run *r, const struct request *q, struct text *body)
{
	const struct subject *s = r->plan->subject;
	struct instance *in = &r->instance;

	call_init(&r->call, in, &r->sink);
	r->has_call = true;
	r->call.exchange.session = &r->session;
	if (request_add_limits(&r->request.params, in->body_max, in->output_max) < 0 ||
	    session_relay_request(&r->session, s->version.function, &s->policy, &r->request.params) < 0) {
		say(r, r->step->line, "the request's params are too long");
		return;
	}
	call_set_request(&r->call, &r->request.params, &r->request.body, q->method == HTTP_HEAD);
	instance_begin_request(in);
	call_run(&r->call);
	if (r->call.cause == CAUSE_NONE && r->call.exchange.is_over)
		take_answer(r, body);
	if (r->call.cause == CAUSE_NONE && r->call.exchange.is_over) {
		call_read_output(&r->call);
		if (s->policy.mode == MODE_FRESH)
			end_worker(r);
		return;
	}
	end_worker(r);
	settle_failure(r);
}

static void
keep_cookies(struct run *r)
{
	char path[TEST_TARGET_MAX];

	test_request_path(&r->request, path);
	for (size_t i = 0; i < r->head.n_fields; i++) {
		const struct http_field *f = &r->head.fields[i];

		if (http_field_is(f, "Set-Cookie"))
			cookies_set(&r->cookies, f->value, f->value_length, path, time(NULL));
	}
}

static void
check(struct run *r, struct text body)
{
	struct testcheck c = {
		.step = r->step, .head = &r->head, .body = body, .variables = &r->variables, .says = &r->says
	};
	const struct test_body *expected = &r->step->answer;
	struct err e;

	if (!r->has_head)
		return;
	if (expected->is_file &&
	    test_beside_read(r->plan->path, expected->text, TEST_FILE_MAX, &r->file, &e) < 0) {
		say(r, expected->line, e.text);
		return;
	}
	c.file = (struct text){ buf_head(&r->file), buf_used(&r->file) };
	testcheck_run(&c);
	r->n_wrong += c.n_wrong;
	keep_cookies(r);
}

static void
exchange_with(struct run *r)
{
	struct text body = { 0 };
	struct request q;
	unsigned line;
	struct err e;

	if (test_request_make(&r->request, &q, &line, &e) < 0) {
		say(r, line, e.text);
		return;
	}
	if (q.cause != CAUSE_NONE) {
		answer_problem(r, q.cause);
	} else if (buf_used(&r->request.body) > r->plan->subject->policy.body_max) {
		answer_problem(r, CAUSE_BODY_TOO_LARGE);
	} else {
		if (start_worker(r) < 0)
			return;
		ask(r, &q, &body);
	}
	if (buf_used(&r->stream) > 0)
		body = (struct text){ buf_head(&r->stream), buf_used(&r->stream) };
	else if (buf_used(&r->problem) > 0 && r->has_head)
		body = (struct text){ buf_head(&r->problem) + r->head.size,
			              buf_used(&r->problem) - r->head.size };
	check(r, body);
}

/* ---- one after the other ---- */

static void
begin_step(struct run *r, const struct test_step *s)
{
	struct buf *const buffers[] = { &r->file, &r->stream, &r->log, &r->says, &r->problem };

	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++)
		buf_clear(buffers[i]);
	test_request_clear(&r->request);
	if (r->has_call)
		call_done(&r->call);
	r->step = r->request.step = s;
	r->has_call = r->has_head = r->has_all = false;
	r->n_looked = 0;
	r->n_wrong = 0;
}

/* What sanitizers say has offsets where the source's lines should be. */
static void
translate(struct run *r)
{
	struct buf lines;
	struct err e;

	if (r->n_wrong == 0 || !r->plan->subject->artifact.build.has_sanitizers)
		return;
	buf_init(&lines, 2 * LOG_MAX);
	if (symbols_translate(r->plan->tool, r->plan->subject, &r->log, &lines, &e) < 0)
		buf_printf(&lines, "%s\n", e.text);
	buf_done(&r->log);
	r->log = lines;
	r->log.max = LOG_MAX;
}

static void
end_step(struct run *r)
{
	const struct test_outcome outcome = {
		.path = r->plan->path,
		.step = r->step,
		.is_right = r->n_wrong == 0,
		.status = r->has_head ? r->head.status : 0,
		.wall_us = r->has_call ? r->call.done_us - r->call.begun_us : 0,
		.says = &r->says,
		.log = &r->log,
	};

	translate(r);
	r->plan->tell(r->plan->context, &outcome);
}

static void
init_buffers(struct run *r)
{
	const struct {
		struct buf *b;
		size_t max;
	} sizes[] = {
		{ &r->file, TEST_FILE_MAX },
		{ &r->stream, (size_t)r->plan->subject->policy.output_max },
		{ &r->problem, HTTP_HEADER_BLOCK_MAX },
		{ &r->says, TESTCHECK_SAYS_MAX },
		{ &r->log, LOG_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		buf_init(sizes[i].b, sizes[i].max);
	test_request_init(&r->request);
}

static void
done_run(struct run **r)
{
	struct buf *const buffers[] = { &(*r)->file, &(*r)->stream, &(*r)->log, &(*r)->says, &(*r)->problem };

	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++)
		buf_done(buffers[i]);
	test_request_done(&(*r)->request);
	if ((*r)->has_call)
		call_done(&(*r)->call);
	variables_done(&(*r)->variables);
	session_relay_close(&(*r)->session);
	free(*r);
}

/* cfn_fini has run then. */
static int
end_file(struct run *r)
{
	const struct instance_end *end = &r->instance.end;
	bool was_running = r->is_running;

	end_worker(r);
	if (!was_running || end->cause[0] == '\0')
		return 0;
	return tool_fail_as(EX_DATAERR,
	                    "%s: the function did not end well behind the last exchange: %s (%s)%s%s",
	                    r->plan->path, end->cause, end->how, end->reason[0] != '\0' ? ": " : "",
	                    end->reason);
}

int
test_run(const struct test_plan *plan)
{
	__attribute__((cleanup(done_run))) struct run *r = calloc(1, sizeof *r);
	struct err e;

	if (r == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	r->plan = plan;
	r->request.path = plan->path;
	r->request.subject = plan->subject;
	r->request.variables = &r->variables;
	r->request.cookies = &r->cookies;
	r->sink = (struct call_sink){ { r, take_stream, take_body, take_log }, take_output, is_unwanted };
	init_buffers(r);
	if (session_relay_open(&r->session, &e) < 0 || subject_renew_folder(plan->subject, &e) < 0)
		return tool_fail(&e);
	for (size_t i = 0; i < plan->file->n_steps; i++) {
		begin_step(r, &plan->file->steps[i]);
		exchange_with(r);
		end_step(r);
	}
	return end_file(r);
}
