/* invoke.c - `cfn-deploy invoke`: one request to one version of a function or to a file, in a worker of its
 * own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "deploy-tool/call.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/invoke_show.h"
#include "deploy-tool/numbers.h"
#include "deploy-tool/request.h"
#include "deploy-tool/subject.h"
#include "deploy-tool/symbols.h"

enum {
	METHOD_SIZE = 16,
	FRAMES_MAX = 256 * 1024,
	EX_ANSWER = EX_PROTOCOL, /* it answered with 400 or more */
};

struct options {
	struct request_options request;
	const char *line, *data, *version;
	bool include, explain;
};

struct invoke {
	struct tool *tool;
	struct options options;
	struct subject_options file;
	struct argument_list rest;
	struct subject subject;
	struct buf params, body;
	bool has_body, drops_body;
	struct instance instance;
	struct call_sink sink;
	struct call call;
	struct session_relay session; /* a cookie of another invocation is none here */
	struct show show;
	char method[METHOD_SIZE];
	struct buf frames;
};

#define AT(field) offsetof(struct options, field)

const struct argument_row invoke_options[] = {
	{ "request", 0, ARGUMENT_TEXT, AT(line), "REQUEST", "'METHOD PATH', as in 'POST /notes?page=1'" },
	{ "path", 0, ARGUMENT_TEXT, AT(request.path), "PATH", "as in a URL; else its first route" },
	{ "query", 0, ARGUMENT_LIST, AT(request.queries), "TEXT", "behind the path's '?' (repeatable)" },
	{ "method", 0, ARGUMENT_TEXT, AT(request.method), "METHOD", "else GET, with --data POST" },
	{ "header", 0, ARGUMENT_LIST, AT(request.fields), "FIELD", "'Name: value' (repeatable)" },
	{ "user", 0, ARGUMENT_TEXT, AT(request.user), "NAME",
	  "whom the gate let in, for a function with --auth" },
	{ "data", 0, ARGUMENT_TEXT, AT(data), "TEXT|@FILE|-", "the request's body; - or @-: standard input" },
	{ "version", 0, ARGUMENT_TEXT, AT(version), "N", "of a function: this one, active or not" },
	{ "include", 'i', ARGUMENT_FLAG, AT(include), NULL, "print status and header, too" },
	{ "explain", 0, ARGUMENT_FLAG, AT(explain), NULL, "name every system call that is refused" },
};
const size_t invoke_n_options = ARRAY_SIZE(invoke_options);

/* ---- before it runs ---- */

/* --request says both; what stands beside it says it again. */
static int
read_line(struct invoke *v)
{
	struct options *o = &v->options;
	const char *space = o->line != NULL ? strchr(o->line, ' ') : NULL;

	if (o->line == NULL)
		return 0;
	if (o->request.method != NULL || o->request.path != NULL)
		return tool_fail_as(EX_USAGE, "--request says method and path already");
	if (space == NULL || space == o->line || space[1] != '/' || space - o->line >= METHOD_SIZE)
		return tool_fail_as(EX_USAGE, "--request '%.80s' is not 'METHOD /path'", o->line);
	snprintf(v->method, sizeof v->method, "%.*s", (int)(space - o->line), o->line);
	o->request.method = v->method;
	o->request.path = space + 1;
	return 0;
}

/* What a file's handler takes is not said before it is deployed: what it is asked for, too. */
static int
make_subject(struct invoke *v)
{
	struct argument_list *methods = &v->file.methods;

	if (v->options.version != NULL)
		return tool_fail_as(EX_USAGE, "--version: a file has no versions");
	methods->items[methods->n++] = "GET,HEAD,POST";
	if (v->options.request.method != NULL)
		methods->items[methods->n++] = v->options.request.method;
	return subject_make(v->tool, v->rest.items[0], &v->file, &v->subject);
}

static int
find_subject(struct invoke *v)
{
	uint32_t number = 0;

	if (subject_is_file(v->rest.items[0]))
		return make_subject(v);
	if (subject_is_given(&v->file))
		return tool_fail_as(EX_USAGE,
		                    "options of a deploy are for a file; '%.80s' was deployed with its own",
		                    v->rest.items[0]);
	if (v->options.version != NULL && numbers_version(v->options.version, &number) < 0)
		return tool_fail_as(EX_USAGE, "--version '%.20s' is not a version's number",
		                    v->options.version);
	return subject_find(v->tool, v->rest.items[0], number, &v->subject);
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
	const char *data = v->options.data;

	buf_init(&v->body, (size_t)v->subject.policy.body_max);
	v->has_body = data != NULL;
	if (data == NULL)
		return 0;
	if (strcmp(data, "-") == 0 || strcmp(data, "@-") == 0)
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
	struct request q = { .auth = v->subject.policy.auth,
		             .has_body = v->has_body,
		             .n_body = buf_used(&v->body) };
	struct err e;

	buf_init(&v->params, REQUEST_PARAMS_MAX);
	if (request_compose(&v->options.request, &v->subject.version, &q, &v->params, &e) < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	v->drops_body = q.method == HTTP_HEAD;
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
	show_body(&((struct invoke *)context)->show, p, n);
}

static void
take_log(void *context, const char *p, size_t n)
{
	show_text(&((struct invoke *)context)->show.log, p, n);
	show_text_end(&((struct invoke *)context)->show.log);
}

static void
take_output(void *context, const char *p, size_t n)
{
	show_text(&((struct invoke *)context)->show.output, p, n);
}

static bool
is_unwanted(const void *context)
{
	return ferror(stdout) || ((const struct invoke *)context)->show.is_body_cut;
}

/* ---- what came of it ---- */

static void
show_answer(struct invoke *v)
{
	struct http_answer_head head;
	const char *body;
	size_t n;

	if (v->call.exchange.is_stream)
		return;
	v->call.cause = exchange_answer(&v->call.exchange, &head, &body, &n);
	if (v->call.cause != CAUSE_NONE)
		return;
	show_head(&v->show, &head);
	show_body(&v->show, body, n);
}

/* Why there is no answer: our own reason, the spawner's, or that it just went away. */
static void
settle_cause(const struct invoke *v, struct show_result *r)
{
	const struct instance_end *end = &v->instance.end;
	const struct call *c = &v->call;

	r->cause = r->how = "";
	if (c->cause == CAUSE_NONE && (c->exchange.is_over || !c->is_closed))
		return;
	if (c->cause != CAUSE_NONE) {
		r->cause = cause_word(c->cause);
		return;
	}
	r->cause = end->cause[0] != '\0' ? end->cause : cause_word(CAUSE_CRASH);
	r->how = end->how;
}

/* Where it crashed, if it said so; who ended well did not crash, whatever it said. */
static void
find_frames(struct invoke *v, struct show_result *r)
{
	struct err e;

	if (!v->show.has_stack || strcmp(r->cause, cause_word(CAUSE_CRASH)) != 0)
		return;
	buf_init(&v->frames, FRAMES_MAX);
	if (symbols_format(v->tool, &v->subject, &v->show.stack, &v->frames, &e) < 0)
		tool_fail(&e);
	r->frames = &v->frames;
}

static int
report(struct invoke *v)
{
	struct show_result r = { .subject = &v->subject,
		                 .instance = &v->instance,
		                 .wall_us = v->call.done_us - v->call.begun_us,
		                 .is_explained = v->options.explain };
	int rc;

	if (v->call.cause == CAUSE_NONE && v->call.exchange.is_over)
		show_answer(v);
	settle_cause(v, &r);
	find_frames(v, &r);
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
		v->show.keeps_lines = false;
		v->show.is_json = false;
		fd_set_blocking(v->instance.output, 0);
		call_read_last_output(&v->call);
		show_text_end(&v->show.output);
		show_refused(&v->instance.end, v->options.explain);
	}
	return tool_fail_as(status, "%s: %s", v->subject.label, e->text);
}

/* ---- all of it ---- */

static int
start(struct invoke *v)
{
	const struct instance_how how = { .is_explained = v->options.explain };
	struct instance *in = &v->instance;
	struct err e;
	int rc;

	v->sink = (struct call_sink){ { v, take_head, take_body, take_log }, take_output, is_unwanted };
	show_init(&v->show, v->tool->json, v->options.include, v->subject.policy.output_max);
	v->show.keeps_lines = v->subject.artifact.build.has_sanitizers;
	rc = instance_start(v->tool, &v->subject, &how, in, &e);
	call_init(&v->call, in, &v->sink);
	if (rc < 0)
		return report_start(v, &e);
	if (buf_used(&v->body) > in->body_max)
		return tool_fail_as(EX_DATAERR, "the body is over the pool's body_size for %s",
		                    v->subject.version.function);
	if (session_relay_open(&v->session, &e) < 0)
		return tool_fail(&e);
	if (session_relay_request(&v->session, v->subject.version.function, &v->subject.policy, &v->params) <
	        0 ||
	    request_add_limits(&v->params, in->body_max, in->output_max) < 0)
		return tool_fail_as(EX_USAGE, "the request's params are over %d bytes", REQUEST_PARAMS_MAX);
	return 0;
}

/* What sanitizers say has offsets where the source's lines should be. */
static void
translate(struct invoke *v)
{
	struct buf lines;
	struct err e;

	if (!v->show.keeps_lines)
		return;
	buf_init(&lines, FRAMES_MAX);
	if (symbols_translate(v->tool, &v->subject, &v->show.kept, &lines, &e) < 0)
		tool_fail(&e);
	show_lines(&v->show, &lines);
	buf_done(&lines);
}

static int
exchange(struct invoke *v)
{
	call_set_request(&v->call, &v->params, &v->body, v->drops_body);
	v->call.exchange.session = &v->session;
	call_run(&v->call);
	call_finish(&v->call);
	show_text_end(&v->show.output);
	translate(v);
	return report(v);
}

/* In this order; each says by itself what is wrong. */
static int (*const steps[])(struct invoke *) = {
	read_line, find_subject, read_data, compose, start, exchange
};

static void
free_invoke(struct invoke **v)
{
	if (*v == NULL)
		return;
	instance_done(&(*v)->instance);
	call_done(&(*v)->call);
	session_relay_close(&(*v)->session);
	show_done(&(*v)->show);
	buf_done(&(*v)->params);
	buf_done(&(*v)->body);
	buf_done(&(*v)->frames);
	subject_done(&(*v)->subject);
	free(*v);
}

int
run_invoke(struct tool *t, const char *const *arguments)
{
	__attribute__((cleanup(free_invoke))) struct invoke *v = calloc(1, sizeof *v);
	const struct argument_row *file_rows;
	size_t n;
	int rc;

	if (v == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	v->tool = t;
	v->instance.requests = v->instance.output = -1;
	n = subject_options_but_method(&file_rows);
	rc = tool_arguments(t,
	                    &(struct tool_syntax){ (const struct argument_table[]){
						       { invoke_options, invoke_n_options, &v->options },
						       { file_rows, n, &v->file } },
	                                           2, 1, 1 },
	                    arguments, &v->rest);
	for (size_t i = 0; i < ARRAY_SIZE(steps) && rc == 0 && !t->wants_help; i++)
		rc = steps[i](v);
	return rc;
}
