/* reply.c - what a client is answered. */
#include "manage/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/macros.h"
#include "base/utf8.h"
#include "http/http.h"

enum { DIAGNOSTICS_MAX = 200, ERROR_SIZE = 2048, FIELDS_SIZE = 256, LOCKED = 79 };

#define TEXT_TYPE "text/plain; charset=utf-8"

/* How cfn-deploy's exit statuses are said in HTTP; the last row is of all others. */
static const struct {
	int exit_status, status;
} statuses[] = {
	{ EX_OK, 200 },        { EX_USAGE, 400 }, { EX_DATAERR, 422 },  { EX_NOINPUT, 404 },
	{ EX_NOPERM, 403 },    { LOCKED, 423 },   { EX_TEMPFAIL, 503 }, { EX_UNAVAILABLE, 503 },
	{ EX_CANTCREAT, 409 }, { -1, 500 },
};

static int
status_of(const struct job_done *done)
{
	size_t i = 0;

	if (done->end == JOB_LATE)
		return 504;
	if (done->end != JOB_EXITED)
		return 500;
	while (i + 1 < ARRAY_SIZE(statuses) && statuses[i].exit_status != (int)done->status)
		i++;
	return statuses[i].status;
}

static void
answer(struct lane *l, int status, const char *more, const char *type, const char *body, size_t n)
{
	char fields[FIELDS_SIZE];

	snprintf(fields, sizeof fields, "Cache-Control: no-store\r\n%s%s",
	         status == 503 && !more ? "Retry-After: 2\r\n" : "", more ? more : "");
	lane_answer(l, status, fields, type, body, n);
}

/* Compilers print what a source says, whatever bytes those are. */
static json_t *
json_text(const char *p, size_t n)
{
	char *clean = malloc(n + 1);
	json_t *text;

	if (!clean)
		return NULL;
	memcpy(clean, p, n);
	for (size_t i = 0; i < n;) {
		size_t length = utf8_sequence(clean + i, n - i);

		if (length == 0)
			clean[i] = '?';
		i += length > 0 ? length : 1;
	}
	text = json_stringn(clean, n);
	free(clean);
	return text;
}

/* RFC 9457. */
static void
answer_problem(struct lane *l, int status, const char *more, const char *detail, json_t *diagnostics)
{
	json_t *document = json_pack("{s:s, s:s, s:i, s:o, s:o*}", "type", "about:blank", "title",
	                             http_status_text(status), "status", status, "detail",
	                             json_text(detail, strlen(detail)), "diagnostics", diagnostics);
	char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;

	json_decref(document);
	if (text)
		answer(l, status, more, "application/problem+json", text, strlen(text));
	else
		answer(l, 500, NULL, TEXT_TYPE, "", 0);
	free(text);
}

void
reply_refusal(struct lane *l, bool wants_json, int status, const char *detail, const char *fields)
{
	char text[ERROR_SIZE];
	int n = snprintf(text, sizeof text, "%s\n", detail);

	if (wants_json)
		answer_problem(l, status, fields, detail, NULL);
	else
		answer(l, status, fields, TEXT_TYPE, text,
		       n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

/* ---- the compiler's words ---- */

/* A number and the colon behind it. */
static const char *
pass_number(const char *p, const char *end, json_int_t *value)
{
	const char *start = p;

	for (*value = 0; p < end && *p >= '0' && *p <= '9' && p - start < 9; p++)
		*value = *value * 10 + (*p - '0');
	return p > start && p < end && *p == ':' ? p + 1 : NULL;
}

static const char *
pass_kind(const char *p, const char *end, const char **kind)
{
	static const char *const kinds[] = { "error", "fatal error", "warning", "note" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i]);

		*kind = kinds[i];
		if ((size_t)(end - p) > n + 3 && p[0] == ' ' && memcmp(p + 1, kinds[i], n) == 0 &&
		    memcmp(p + 1 + n, ": ", 2) == 0)
			return p + n + 3;
	}
	return NULL;
}

static json_t *
read_line(const char *line, size_t n)
{
	const char *end = line + n, *colon = memchr(line, ':', n), *p = colon ? colon + 1 : NULL;
	json_int_t row = 0, column = 0;
	const char *kind = NULL;

	p = p ? pass_number(p, end, &row) : NULL;
	p = p ? pass_number(p, end, &column) : NULL;
	p = p ? pass_kind(p, end, &kind) : NULL;
	if (!p)
		return NULL;
	return json_pack("{s:o, s:I, s:I, s:s, s:o}", "file", json_text(line, (size_t)(colon - line)), "line",
	                 row, "column", column, "severity", kind, "message", json_text(p, (size_t)(end - p)));
}

json_t *
reply_diagnostics(const char *errors, size_t n)
{
	json_t *list = json_array();

	while (list && n > 0 && json_array_size(list) < DIAGNOSTICS_MAX) {
		const char *newline = memchr(errors, '\n', n);
		size_t length = newline ? (size_t)(newline - errors) : n;
		json_t *one = read_line(errors, length);

		if (one)
			json_array_append_new(list, one);
		length += newline != NULL;
		errors += length;
		n -= length;
	}
	return list;
}

/* The last line of cfn-deploy's own. */
static void
find_error(const char *errors, size_t n, char text[ERROR_SIZE])
{
	static const char own[] = "cfn-deploy: ";
	const char *end = errors + n;

	snprintf(text, ERROR_SIZE, "it failed");
	while (errors < end) {
		const char *newline = memchr(errors, '\n', (size_t)(end - errors));
		const char *stop = newline ? newline : end;
		size_t length = (size_t)(stop - errors), skip = sizeof own - 1;

		if (length > skip && memcmp(errors, own, skip) == 0)
			snprintf(text, ERROR_SIZE, "%.*s",
			         (int)(length - skip < ERROR_SIZE ? length - skip : ERROR_SIZE - 1),
			         errors + skip);
		errors = stop + (newline != NULL);
	}
}

void
reply_done(struct lane *l, bool wants_json, const struct job_done *done, const char *output,
           const char *errors)
{
	int status = status_of(done);
	char error[ERROR_SIZE];

	if (status == 200)
		answer(l, 200, NULL, wants_json ? "application/json" : TEXT_TYPE, output, done->n_output);
	else if (done->end != JOB_EXITED)
		reply_refusal(l, wants_json, status,
		              done->end == JOB_LATE ? "it took too long and was ended"
		                                    : "it could not be done; the pool's error log says why",
		              NULL);
	else if (!wants_json)
		answer(l, status, NULL, TEXT_TYPE, errors, done->n_errors);
	else {
		find_error(errors, done->n_errors, error);
		answer_problem(l, status, NULL, error, reply_diagnostics(errors, done->n_errors));
	}
}
