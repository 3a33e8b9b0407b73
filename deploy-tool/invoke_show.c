/* invoke_show.c - what `cfn-deploy invoke` prints. */
#include "deploy-tool/invoke_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/utf8.h"
#include "deploy-tool/advice.h"
#include "deploy-tool/diagnostics.h"
#include "deploy-tool/report.h"

void
show_init(struct show *s, bool is_json, bool has_head, size_t body_max)
{
	*s = (struct show){ .is_json = is_json, .has_head = has_head, .is_terminal = isatty(STDOUT_FILENO) };
	s->log.show = s->output.show = s;
	buf_init(&s->log.line, SHOW_LINE_MAX);
	buf_init(&s->output.line, SHOW_LINE_MAX);
	buf_init(&s->body, body_max);
	buf_init(&s->kept, 2 * SHOW_OUTPUT_MAX);
	s->lines = json_array();
	s->head = json_array();
}

void
show_done(struct show *s)
{
	buf_done(&s->log.line);
	buf_done(&s->output.line);
	buf_done(&s->body);
	buf_done(&s->kept);
	json_decref(s->lines);
	json_decref(s->head);
}

/* ---- the answer ---- */

static void
put_text(FILE *to, const char *p, size_t n)
{
	struct buf text;

	buf_init(&text, 4 * n);
	if (n > 0 && diagnostics_escape(&text, p, n) == 0)
		fwrite(buf_head(&text), 1, buf_used(&text), to);
	buf_done(&text);
}

/* To a terminal a function says nothing but text. */
static void
put_body(const struct show *s, const char *p, size_t n)
{
	if (!s->is_terminal) {
		fwrite(p, 1, n, stdout);
		return;
	}
	while (n > 0) {
		const char *newline = memchr(p, '\n', n);
		size_t length = newline != NULL ? (size_t)(newline - p) : n;

		if (length > 0)
			put_text(stdout, p, length);
		if (newline != NULL)
			putchar('\n');
		length += newline != NULL;
		p += length;
		n -= length;
	}
}

void
show_head(struct show *s, const struct http_answer_head *head)
{
	s->status = head->status;
	for (size_t i = 0; s->is_json && i < head->n_fields; i++)
		json_array_append_new(s->head,
		                      json_pack("[s%, s%]", head->fields[i].name, head->fields[i].name_length,
		                                head->fields[i].value, head->fields[i].value_length));
	if (s->is_json || !s->has_head)
		return;
	printf("Status: %d %s\n", head->status, http_status_text(head->status));
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];

		printf("%.*s: ", (int)f->name_length, f->name);
		put_body(s, f->value, f->value_length);
		putchar('\n');
	}
	putchar('\n');
}

void
show_body(struct show *s, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (!s->is_json) {
		put_body(s, p, n);
		fflush(stdout);
		return;
	}
	if (!s->is_body_cut && buf_append(&s->body, p, n) < 0)
		s->is_body_cut = true;
}

/* ---- what it writes beside ---- */

static void
line_put(struct show_lines *l)
{
	struct show *s = l->show;
	size_t n = buf_used(&l->line);

	if (n > 0 && stack_read(buf_head(&l->line), n, &s->stack)) {
		s->has_stack = true;
		return;
	}
	if (s->is_cut)
		return;
	if (s->n_shown + n > SHOW_OUTPUT_MAX) {
		s->is_cut = true;
		if (!s->is_json)
			fprintf(stderr, "cfn-deploy: the rest of the output of this request is not shown\n");
		return;
	}
	s->n_shown += n;
	if (s->keeps_lines) {
		buf_append(&s->kept, buf_head(&l->line), n);
		buf_append(&s->kept, "\n", 1);
		return;
	}
	if (s->is_json) {
		struct buf text;

		buf_init(&text, 4 * SHOW_LINE_MAX);
		if (diagnostics_escape(&text, buf_head(&l->line), n) == 0)
			json_array_append_new(s->lines,
			                      json_stringn(n > 0 ? buf_head(&text) : "", buf_used(&text)));
		buf_done(&text);
		return;
	}
	fflush(stdout);
	put_text(stderr, buf_head(&l->line), n);
	fputc('\n', stderr);
}

void
show_text(struct show_lines *l, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n' && buf_append(&l->line, &p[i], 1) == 0)
			continue;
		line_put(l);
		buf_clear(&l->line);
		if (p[i] != '\n')
			buf_append(&l->line, &p[i], 1);
	}
}

void
show_text_end(struct show_lines *l)
{
	if (buf_used(&l->line) > 0)
		line_put(l);
	buf_clear(&l->line);
}

void
show_lines(struct show *s, const struct buf *lines)
{
	s->keeps_lines = false;
	s->n_shown = 0;
	show_text(&s->output, buf_head(lines), buf_used(lines));
	show_text_end(&s->output);
}

/* ---- refused calls ---- */

static const char *
error_name(int32_t error)
{
	const char *name = strerrorname_np(error);

	return name != NULL ? name : "?";
}

static void
print_table(const struct instance_end *end)
{
	enum { COLUMN_TIMES = 6, COLUMN_GOT = 7 };
	int width = (int)strlen("system call");

	for (size_t i = 0; i < end->n_kinds; i++)
		if ((int)strlen(end->kinds[i].name) > width)
			width = (int)strlen(end->kinds[i].name);
	fprintf(stderr, "%-*s  %*s  %-*s  %s\n", width, "system call", COLUMN_TIMES, "times", COLUMN_GOT,
	        "got", "what to do");
	for (size_t i = 0; i < end->n_kinds; i++) {
		const struct refused_call *c = &end->kinds[i];
		const char *advice = advice_for(c->name);

		fprintf(stderr, "%-*s  %*u  %-*s%s%s\n", width, c->name, COLUMN_TIMES, c->n,
		        advice[0] != '\0' ? COLUMN_GOT : 0, error_name(c->error),
		        advice[0] != '\0' ? "  " : "", advice);
	}
}

static uint64_t
count_told(const struct instance_end *end)
{
	uint64_t n = 0;

	for (size_t i = 0; i < end->n_kinds; i++)
		n += end->kinds[i].n;
	return n;
}

void
show_refused(const struct instance_end *end, bool is_explained)
{
	uint64_t told = count_told(end);

	fflush(stdout);
	if (is_explained && end->n_refused == 0)
		fprintf(stderr, "cfn-deploy: no system call was refused\n");
	else if (is_explained)
		print_table(end);
	for (size_t i = 0; !is_explained && i < end->n_kinds; i++)
		fprintf(stderr, "cfn-deploy: system call refused: %s, %u time%s\n", end->kinds[i].name,
		        end->kinds[i].n, end->kinds[i].n == 1 ? "" : "s");
	if (end->n_refused > told)
		fprintf(stderr, "cfn-deploy: refused calls of further kinds: %" PRIu64 "\n",
		        end->n_refused - told);
}

/* ---- what happened ---- */

static void
print_summary(const struct show *s, const struct show_result *r)
{
	const struct instance *in = r->instance;
	const struct instance_end *end = &in->end;

	fprintf(stderr, "cfn-deploy: %s: ", r->subject->label);
	if (r->cause[0] == '\0')
		fprintf(stderr, "%d", s->status);
	else
		fprintf(stderr, "%s%s%s%s%s%s", r->cause, r->how[0] != '\0' ? " (" : "", r->how,
		        r->how[0] != '\0' ? ")" : "", end->reason[0] != '\0' ? ": " : "", end->reason);
	fprintf(stderr, ", %.1f ms", (double)r->wall_us / 1000);
	if (in->has_end)
		fprintf(stderr, ", cpu %.1f ms, memory %.1f MiB", (double)end->cpu_us / 1000,
		        (double)end->memory_kb / 1024);
	fprintf(stderr, "%s%s\n", in->is_local && !r->subject->is_file ? ", without a pool" : "",
	        in->lacks_folder ? "; it did not see its shared folder" : "");
}

static void
print_frames(const struct show *s, const struct buf *frames)
{
	const char *p = buf_head(frames);
	size_t n = buf_used(frames);

	fprintf(stderr, "cfn-deploy: it says that it crashed (%s) here:\n", s->stack.what);
	while (n > 0) {
		const char *newline = memchr(p, '\n', n);
		size_t length = newline != NULL ? (size_t)(newline - p) + 1 : n;

		fprintf(stderr, "  %.*s", (int)length, p);
		p += length;
		n -= length;
	}
}

static json_t *
refused_json(const struct instance_end *end)
{
	json_t *list = json_array();

	for (size_t i = 0; i < end->n_kinds; i++)
		json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:s}", "call", end->kinds[i].name,
		                                      "times", (json_int_t)end->kinds[i].n, "error",
		                                      error_name(end->kinds[i].error), "advice",
		                                      advice_for(end->kinds[i].name)));
	return list;
}

/* Text as text, anything else in base64. */
static void
add_body(json_t *object, const struct buf *body)
{
	size_t n = buf_used(body);
	AUTO_FREE char *coded = NULL;

	if (n == 0 || (utf8_is_valid(buf_head(body), n) && memchr(buf_head(body), '\0', n) == NULL)) {
		json_object_set_new(object, "body", json_stringn(n > 0 ? buf_head(body) : "", n));
		return;
	}
	coded = malloc(BASE64_SIZE(n));
	if (coded == NULL)
		return;
	json_object_set_new(object, "body_base64",
	                    json_stringn(coded, base64_encode(BASE64_PLAIN, buf_head(body), n, coded)));
}

static int
print_object(struct show *s, const struct show_result *r)
{
	const struct instance *in = r->instance;
	const struct instance_end *end = &in->end;
	json_t *object =
	    json_pack("{s:s, s:I, s:b, s:I, s:s, s:s, s:s, s:O, s:b, s:O, s:b, s:I}", "function",
	              r->subject->version.function, "version", (json_int_t)r->subject->version.number,
	              "local", in->is_local, "status", (json_int_t)s->status, "cause", r->cause, "how",
	              r->how, "reason", end->reason, "headers", s->head, "body_cut", s->is_body_cut, "output",
	              s->lines, "output_cut", s->is_cut, "wall_us", (json_int_t)r->wall_us);

	if (object == NULL)
		return tool_print_json(NULL);
	if (r->subject->is_file)
		json_object_set_new(object, "version", json_null());
	add_body(object, &s->body);
	json_object_set_new(object, "cpu_us", json_integer((json_int_t)end->cpu_us));
	json_object_set_new(object, "memory_kb", json_integer((json_int_t)end->memory_kb));
	json_object_set_new(object, "explained", json_boolean(r->is_explained));
	json_object_set_new(object, "refused", refused_json(end));
	if (r->frames != NULL) {
		json_object_set_new(object, "crashed", json_string(s->stack.what));
		json_object_set_new(object, "stack", report_lines(r->frames));
	}
	json_object_set_new(object, "n_refused", json_integer((json_int_t)end->n_refused));
	return tool_print_json(object);
}

int
show_result(struct show *s, const struct show_result *r)
{
	int rc;

	show_text_end(&s->log);
	show_text_end(&s->output);
	if (s->is_json)
		return print_object(s, r);
	rc = tool_flush();
	show_refused(&r->instance->end, r->is_explained);
	if (r->frames != NULL)
		print_frames(s, r->frames);
	print_summary(s, r);
	return rc;
}
