/* request_walk.c - objects and their tables of fields; where we are, and what is wrong there. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/utf8.h"
#include "run/request_parts.h"

static const struct {
	const char *word; /* "it is not ..." */
	json_type type;
} kinds[REQUEST_KINDS] = {
	[REQUEST_TEXT] = { "a string", JSON_STRING },
	[REQUEST_BYTES] = { "a string", JSON_STRING },
	[REQUEST_BOOLEAN] = { "true or false", JSON_TRUE },
	[REQUEST_INTEGER] = { "an integer", JSON_INTEGER },
	[REQUEST_OBJECT] = { "an object", JSON_OBJECT },
	[REQUEST_LIST] = { "an array", JSON_ARRAY },
};

struct request_quote
request_quote(const char *text)
{
	struct request_quote quote;

	utf8_copy(quote.text, sizeof quote.text, text);
	return quote;
}

int
request_fail(struct request *r, int status, const char *fmt, ...)
{
	char detail[RUN_DETAIL_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof detail, fmt, args);
	va_end(args);
	utf8_copy(r->problem->detail, sizeof r->problem->detail, detail);
	utf8_copy(r->problem->field, sizeof r->problem->field, r->path);
	r->problem->status = status;
	return -EINVAL;
}

static size_t
enter(struct request *r, const char *text)
{
	size_t mark = r->n_path;

	utf8_copy(r->path + mark, sizeof r->path - mark, text);
	r->n_path += strlen(r->path + mark);
	return mark;
}

size_t
request_enter(struct request *r, const char *name)
{
	size_t mark = r->n_path;

	if (mark > 0)
		enter(r, ".");
	enter(r, name);
	return mark;
}

size_t
request_enter_element(struct request *r, size_t index)
{
	char text[32];

	snprintf(text, sizeof text, "[%zu]", index);
	return enter(r, text);
}

void
request_leave(struct request *r, size_t mark)
{
	r->n_path = mark;
	r->path[mark] = '\0';
}

int
request_check_kind(struct request *r, const json_t *value, enum request_kind kind)
{
	json_type type = json_is_false(value) ? JSON_TRUE : json_typeof(value);

	if (type != kinds[kind].type)
		return request_fail(r, 422, "it is not %s", kinds[kind].word);
	if (kind == REQUEST_TEXT && strlen(json_string_value(value)) != json_string_length(value))
		return request_fail(r, 422, "it has a NUL character");
	return 0;
}

static const struct request_field *
find_field(const struct request_field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

static int
check_names(struct request *r, json_t *object, const struct request_field *fields, size_t n)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		if (find_field(fields, n, name))
			continue;
		request_enter(r, name);
		return request_fail(r, 422, "there is no such field");
	}
	return 0;
}

/* In place: from here on the string is what it says. */
static int
decode(struct request *r, json_t *value)
{
	size_t n = json_string_length(value);
	AUTO_FREE char *bytes = malloc(n + 1);
	int length;

	if (!bytes)
		return request_fail(r, 500, "no memory");
	length = base64_decode(BASE64_PLAIN, json_string_value(value), n, bytes, n);
	if (length < 0)
		return request_fail(r, 422, "it is not base64 (with its padding, and without line breaks)");
	if (json_string_setn_nocheck(value, bytes, (size_t)length) < 0)
		return request_fail(r, 500, "no memory");
	return 0;
}

static int
take_value(struct request *r, json_t *object, json_t *value, const struct request_field *field, void *target)
{
	const char *encoding =
	    field->encoding ? json_string_value(json_object_get(object, field->encoding)) : NULL;
	int rc = request_check_kind(r, value, field->kind);

	if (rc == 0 && encoding && strcmp(encoding, "base64") == 0)
		rc = decode(r, value);
	return rc == 0 ? field->take(r, value, target) : rc;
}

int
request_take(struct request *r, json_t *object, const struct request_field *fields, size_t n, void *target)
{
	int rc = check_names(r, object, fields, n);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		json_t *value = json_object_get(object, fields[i].name);
		size_t mark = request_enter(r, fields[i].name);

		if (value && !json_is_null(value))
			rc = take_value(r, object, value, &fields[i], target);
		else if (fields[i].is_needed)
			rc = request_fail(r, 422, "it is missing");
		request_leave(r, mark);
	}
	return rc;
}

int
request_take_encoding(struct request *r, json_t *value, void *unused)
{
	const char *word = json_string_value(value);

	(void)unused;
	if (strcmp(word, "utf-8") != 0 && strcmp(word, "base64") != 0)
		return request_fail(r, 422, "it is neither utf-8 nor base64");
	return 0;
}
