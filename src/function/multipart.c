/* multipart.c - multipart/form-data taken apart as it arrives. */
#include "function/multipart.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "function/text.h"
#include "http/http.h"

static const char form_data[] = "form-data", multipart_form_data[] = "multipart/form-data";

/* ---- the parameters of a field: "; name=token; name="quoted"" ---- */

struct parameter {
	const char *name;
	size_t name_length;
	char *value; /* room for the whole field */
};

static const char *
skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* From behind the opening quote to behind the closing one; NULL without it.  Those who escape do so with '"'
 * and
 * '\' alone: any other backslash is one, of a path perhaps. */
static const char *
quoted_copy(const char *from, char *to)
{
	for (; *from && *from != '"'; from++) {
		if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return *from ? from + 1 : NULL;
}

static const char *
token_copy(const char *from, char *to)
{
	size_t n = strcspn(from, "; \t");

	*(char *)mempcpy(to, from, n) = '\0';
	return http_is_token(from, n) ? from + n : NULL;
}

/* Takes one off *rest.  1; 0 at the end; -EBADMSG. */
static int
parameter_next(const char **rest, struct parameter *parameter)
{
	const char *p = skip_blanks(*rest);

	if (!*p)
		return 0;
	if (*p != ';')
		return -EBADMSG;
	parameter->name = skip_blanks(p + 1);
	parameter->name_length = strcspn(parameter->name, "=; \t\"");
	p = parameter->name + parameter->name_length;
	if (!http_is_token(parameter->name, parameter->name_length) || *p != '=')
		return -EBADMSG;
	*rest = p[1] == '"' ? quoted_copy(p + 2, parameter->value) : token_copy(p + 1, parameter->value);
	return *rest ? 1 : -EBADMSG;
}

/* The value of the parameter of that name, NULL when there is none.  0; -EBADMSG when the field is malformed
 * or has it twice. */
static int
parameter_find(const char *field, const char *name, struct arena *a, char **value)
{
	struct parameter p = { .value = arena_take(a, strlen(field) + 1) };
	int rc = p.value ? 1 : -ENOMEM;

	*value = NULL;
	while (rc > 0 && (rc = parameter_next(&field, &p)) > 0) {
		if (strlen(name) != p.name_length || strncasecmp(name, p.name, p.name_length) != 0)
			continue;
		if (*value)
			return -EBADMSG;
		*value = arena_copy(a, p.value, strlen(p.value));
		if (!*value)
			return -ENOMEM;
	}
	return rc;
}

/* What follows the field's first word, when it is this one; else NULL. */
static const char *
field_parameters(const char *field, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(field, word, n) == 0 && strchr(" \t;", field[n]) ? field + n : NULL;
}

/* ---- the delimiter ---- */

/* RFC 2046, section 5.1.1: bchars, and no blank at the end. */
static bool
is_boundary(const char *text)
{
	static const char marks[] = "'()+_,-./:=? ";
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		if (!is_word && !strchr(marks, c))
			return false;
	}
	return n > 0 && n <= PART_BOUNDARY_MAX && text[n - 1] != ' ';
}

bool
multipart_is_type(const char *type)
{
	return type && field_parameters(type, multipart_form_data);
}

int
multipart_open(struct multipart *m, const char *type, struct arena *a,
               ssize_t (*pull)(void *context, void *data, size_t n), void *context)
{
	char *boundary;
	int rc;

	if (!multipart_is_type(type))
		return -EINVAL;
	rc = parameter_find(field_parameters(type, multipart_form_data), "boundary", a, &boundary);
	if (rc < 0)
		return rc;
	if (!boundary || !is_boundary(boundary))
		return -EBADMSG;
	m->pull = pull;
	m->context = context;
	m->stage = MULTIPART_DATA;
	m->error = 0;
	m->n_parts = 0;
	m->clear = m->start = 0;
	m->delimiter_length = (size_t)(stpcpy(stpcpy(m->delimiter, "\r\n--"), boundary) - m->delimiter);
	/* The first delimiter may be the body's first bytes: as if a line had ended before it. */
	memcpy(m->window, "\r\n", 2);
	m->end = 2;
	return 0;
}

/* ---- the window ---- */

static size_t
used(const struct multipart *m)
{
	return m->end - m->start;
}

static int
fail(struct multipart *m, int error)
{
	return m->error = error;
}

/* More bytes behind those that are there; a body that ends here ends too early. */
static int
fill(struct multipart *m)
{
	ssize_t n;

	memmove(m->window, m->window + m->start, used(m));
	m->end -= m->start;
	m->start = 0;
	n = m->pull(m->context, m->window + m->end, sizeof m->window - m->end);
	if (n <= 0)
		return fail(m, n < 0 ? (int)n : -EBADMSG);
	m->end += (size_t)n;
	return 0;
}

static int
need(struct multipart *m, size_t n)
{
	while (used(m) < n)
		if (fill(m) < 0)
			return m->error;
	return 0;
}

/* Finds out how many bytes at start are data; none when the delimiter stood there, which is then passed. */
static int
data_find(struct multipart *m)
{
	while (m->clear == 0) {
		const char *head = m->window + m->start;
		const char *at = memmem(head, used(m), m->delimiter, m->delimiter_length);

		if (at == head) {
			m->start += m->delimiter_length;
			m->stage = MULTIPART_BETWEEN;
			return 0;
		}
		/* A delimiter may have begun in the last bytes. */
		if (at)
			m->clear = (size_t)(at - head);
		else if (used(m) >= m->delimiter_length)
			m->clear = used(m) - m->delimiter_length + 1;
		else if (fill(m) < 0)
			return m->error;
	}
	return 0;
}

ssize_t
multipart_read(struct multipart *m, void *data, size_t n)
{
	if (m->error < 0)
		return m->error;
	if (m->stage != MULTIPART_DATA || n == 0)
		return 0;
	if (data_find(m) < 0)
		return m->error;
	n = n < m->clear ? n : m->clear;
	memcpy(data, m->window + m->start, n);
	m->start += n;
	m->clear -= n;
	return (ssize_t)n;
}

static int
data_skip(struct multipart *m)
{
	while (m->stage == MULTIPART_DATA) {
		if (data_find(m) < 0)
			return m->error;
		m->start += m->clear;
		m->clear = 0;
	}
	return 0;
}

/* Behind a delimiter: "--" ends it all, else blanks and a line's end. */
static int
between_pass(struct multipart *m)
{
	if (need(m, 2) < 0)
		return m->error;
	if (memcmp(m->window + m->start, "--", 2) == 0) {
		m->stage = MULTIPART_END;
		return 0;
	}
	while (m->window[m->start] == ' ' || m->window[m->start] == '\t') {
		m->start++;
		if (need(m, 2) < 0)
			return m->error;
	}
	if (memcmp(m->window + m->start, "\r\n", 2) != 0)
		return fail(m, -EBADMSG);
	m->start += 2;
	m->stage = MULTIPART_HEAD;
	return 0;
}

/* ---- a part's fields ---- */

/* The name that a file may have here: without folders, of the client's system either, and not hidden.  Its
 * characters are left alone but cut at 255 bytes, which a file system takes. */
static const char *
file_name_clean(char *name)
{
	for (char *p = name; *p; p++)
		if (*p == '/' || *p == '\\')
			name = p + 1;
	name += strspn(name, ".");
	if (strlen(name) > PART_FILE_NAME_MAX) {
		size_t n = PART_FILE_NAME_MAX;

		while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
			n--;
		name[n] = '\0';
	}
	return name;
}

static int
disposition_read(const char *value, struct arena *a, struct cfn_part *part)
{
	const char *parameters = field_parameters(value, form_data);
	char *name = NULL, *file_name = NULL;
	int rc = parameters && !part->name ? 0 : -EBADMSG;

	if (rc == 0)
		rc = parameter_find(parameters, "name", a, &name);
	if (rc == 0)
		rc = parameter_find(parameters, "filename", a, &file_name);
	part->name = name;
	part->filename = file_name ? file_name_clean(file_name) : NULL;
	return rc;
}

/* One line without its end. */
static int
field_read(const char *line, struct arena *a, struct cfn_part *part)
{
	size_t n = strcspn(line, ":");
	const char *value = skip_blanks(line + n + (line[n] == ':'));

	if (line[n] != ':' || !http_is_token(line, n) || !text_is_clean(value, strlen(value)))
		return -EBADMSG;
	if (n == strlen("Content-Disposition") && strncasecmp(line, "Content-Disposition", n) == 0)
		return disposition_read(value, a, part);
	if (n == strlen("Content-Type") && strncasecmp(line, "Content-Type", n) == 0)
		part->type = value;
	return 0;
}

/* The block, with its last line's end and a NUL behind. */
static int
fields_read(char *block, struct arena *a, struct cfn_part *part)
{
	int rc = 0;

	for (char *end; rc == 0 && (end = strstr(block, "\r\n")); block = end + 2) {
		*end = '\0';
		rc = field_read(block, a, part);
	}
	return rc == 0 && !part->name ? -EBADMSG : rc;
}

/* The block's length with the empty line behind it. */
static int
head_find(struct multipart *m, size_t *length)
{
	for (;;) {
		const char *head = m->window + m->start;
		const char *end = memmem(head, used(m), "\r\n\r\n", 4);

		if (end) {
			*length = (size_t)(end + 4 - head);
			return *length > PART_HEAD_MAX ? fail(m, -EMSGSIZE) : 0;
		}
		if (used(m) >= PART_HEAD_MAX)
			return fail(m, -EMSGSIZE);
		if (fill(m) < 0)
			return m->error;
	}
}

static int
head_read(struct multipart *m, struct arena *a, struct cfn_part *part)
{
	size_t length = 0;
	char *block;
	int rc;

	if (++m->n_parts > PARTS_MAX)
		return fail(m, -EMSGSIZE);
	if (head_find(m, &length) < 0)
		return m->error;
	block = arena_copy(a, m->window + m->start, length - 2);
	*part = (struct cfn_part){ NULL, NULL, "text/plain" };
	rc = block ? 0 : -ENOMEM;
	if (rc == 0 && memchr(block, '\0', length - 2))
		rc = -EBADMSG;
	if (rc == 0)
		rc = fields_read(block, a, part);
	if (rc < 0)
		return fail(m, rc);
	m->start += length;
	m->stage = MULTIPART_DATA;
	return 1;
}

int
multipart_next(struct multipart *m, struct arena *a, struct cfn_part *part)
{
	if (m->error < 0 || data_skip(m) < 0)
		return m->error;
	if (m->stage == MULTIPART_BETWEEN && between_pass(m) < 0)
		return m->error;
	return m->stage == MULTIPART_HEAD ? head_read(m, a, part) : 0;
}
