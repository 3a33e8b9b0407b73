/* request_json.c - text → JSON, with bounds that jansson does not have. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "run/request_parts.h"

/* A look at the text before it is parsed: how deep it is and of how many values.  It need not be JSON. */
struct look {
	const char *p, *end, *line_start;
	int line;
	size_t depth, n_values;
	bool is_in_string;
};

/* In characters, as jansson counts. */
static int
column_of(const struct look *l)
{
	int column = 1;

	for (const char *p = l->line_start; p < l->p; p++)
		column += (*p & 0xc0) != 0x80;
	return column;
}

static void
look_at_string(struct look *l)
{
	if (*l->p == '\\' && l->p + 1 < l->end)
		l->p++;
	else if (*l->p == '"')
		l->is_in_string = false;
}

static void
look_at(struct look *l)
{
	switch (*l->p) {
	case '"':
		l->is_in_string = true;
		break;
	case '[':
	case '{':
		l->depth++;
		l->n_values++;
		break;
	case ']':
	case '}':
		l->depth -= l->depth > 0;
		break;
	case ',':
	case ':':
		l->n_values++;
		break;
	case '\n':
		l->line++;
		l->line_start = l->p + 1;
		break;
	default:
		break;
	}
}

static int
fail_at(struct request *r, int status, const struct look *l, const char *detail)
{
	r->problem->line = l->line;
	r->problem->column = column_of(l);
	return request_fail(r, status, "%s", detail);
}

static int
check_bounds(struct request *r, const char *text, size_t n)
{
	struct look l = { .p = text, .end = text + n, .line_start = text, .line = 1 };

	for (; l.p < l.end; l.p++) {
		if (l.is_in_string) {
			look_at_string(&l);
			continue;
		}
		look_at(&l);
		if (l.depth > RUN_REQUEST_DEPTH)
			return fail_at(r, 400, &l, "objects and arrays are nested too deeply");
		if (l.n_values > RUN_REQUEST_VALUES)
			return fail_at(r, 413, &l, "too many values");
	}
	return 0;
}

static int
fail_json(struct request *r, const json_error_t *where)
{
	char text[JSON_ERROR_TEXT_LENGTH];

	if (json_error_code(where) == json_error_out_of_memory)
		return request_fail(r, 500, "no memory");
	utf8_copy(text, sizeof text, where->text);
	r->problem->line = where->line;
	r->problem->column = where->column;
	return request_fail(r, 400, "not JSON: %s", text);
}

json_t *
request_parse_json(struct request *r, const char *text, size_t n)
{
	json_error_t where;
	json_t *root;

	if (n > RUN_REQUEST_MAX) {
		request_fail(r, 413, "the request is larger than %d bytes", RUN_REQUEST_MAX);
		return NULL;
	}
	if (check_bounds(r, text, n) < 0)
		return NULL;
	root = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &where);
	if (!root)
		fail_json(r, &where);
	return root;
}
