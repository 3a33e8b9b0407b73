/* form.c - the fields of a request's body. */
#include "manage/form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fd.h"

static int
malformed(struct err *e, const char *what)
{
	return err_set(e, -EBADMSG, "the form is malformed: %s", what);
}

static struct form_part *
part_add(struct form *f, struct err *e)
{
	if (f->n == FORM_PARTS_MAX) {
		err_set(e, -E2BIG, "more than %d fields", FORM_PARTS_MAX);
		return NULL;
	}
	f->parts[f->n] = (struct form_part){ .is_file = false };
	return &f->parts[f->n++];
}

/* ---- multipart ---- */

static bool
is_boundary(const char *p, size_t n)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'()+_,-./:=? ";

	for (size_t i = 0; i < n; i++)
		if (p[i] == '\0' || !strchr(letters, p[i]))
			return false;
	return n > 0 && n <= FORM_BOUNDARY_MAX && p[n - 1] != ' ';
}

/* The value of the type's parameter, with or without quotes; NULL: there is none. */
static const char *
named_boundary(const char *type, size_t *n)
{
	const char *at = strcasestr(type, "boundary=");

	if (!at)
		return NULL;
	at += strlen("boundary=");
	if (*at == '"') {
		*n = strcspn(++at, "\"");
		return at;
	}
	*n = strcspn(at, "; \t");
	return at;
}

/* "--BOUNDARY" as the first line has it. */
static int
find_delimiter(const char *type, const char *body, size_t n, size_t *length, struct err *e)
{
	const char *end = memmem(body, n < FORM_BOUNDARY_MAX + 4 ? n : FORM_BOUNDARY_MAX + 4, "\r\n", 2);
	size_t n_named = 0;
	const char *named = named_boundary(type, &n_named);

	if (!end || end - body < 3 || memcmp(body, "--", 2) != 0)
		return malformed(e, "it does not begin with a boundary");
	*length = (size_t)(end - body);
	if (!is_boundary(body + 2, *length - 2))
		return malformed(e, "the boundary");
	if (named && (n_named != *length - 2 || memcmp(named, body + 2, n_named) != 0))
		return malformed(e, "its boundary is not the one of Content-Type");
	return 0;
}

/* A quoted value of a Content-Disposition: letters that mean themselves. */
static int
copy_parameter(const char *line, const char *name, char *to, size_t size, bool *is_there)
{
	char wanted[24];
	const char *at;
	size_t n;

	snprintf(wanted, sizeof wanted, "; %s=\"", name);
	at = strstr(line, wanted);
	*is_there = at != NULL;
	if (!at)
		return 0;
	at += strlen(wanted);
	n = strcspn(at, "\"\\");
	if (at[n] != '"' || n >= size || strstr(at, wanted))
		return -EBADMSG;
	memcpy(to, at, n);
	to[n] = '\0';
	return 0;
}

static bool
is_file_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return n > 0 && name[n] == '\0' && name[0] != '.' && name[0] != '-';
}

static bool
is_field_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.");

	return n > 0 && name[n] == '\0';
}

/* One line of a part's head, without its end.  What is no disposition says nothing here. */
static int
read_line(struct form_part *part, const char *line, struct err *e)
{
	static const char field[] = "Content-Disposition:", kind[] = "form-data";
	bool is_named;

	if (strncasecmp(line, field, sizeof field - 1) != 0)
		return 0;
	line += sizeof field - 1;
	line += strspn(line, " \t");
	if (part->name[0] || strncasecmp(line, kind, sizeof kind - 1) != 0)
		return malformed(e, "Content-Disposition");
	if (copy_parameter(line, "name", part->name, sizeof part->name, &is_named) < 0 || !is_named ||
	    !is_field_name(part->name))
		return malformed(e, "the name of a field");
	if (copy_parameter(line, "filename", part->file_name, sizeof part->file_name, &part->is_file) < 0 ||
	    (part->is_file && !is_file_name(part->file_name)))
		return err_set(e, -EBADMSG,
		               "a file's name is 1 to %d of a-z, A-Z, 0-9, '_', '-' and '.', not in front",
		               FORM_FILE_NAME_SIZE - 1);
	return 0;
}

/* The part's fields; *p moves behind the empty line. */
static int
read_head(struct form_part *part, const char **p, const char *end, struct err *e)
{
	char line[FORM_HEAD_MAX];
	const char *first = *p;

	for (;;) {
		const char *stop = memmem(*p, (size_t)(end - *p), "\r\n", 2);
		size_t n = stop ? (size_t)(stop - *p) : 0;

		if (!stop || (size_t)(stop - first) >= sizeof line || memchr(*p, '\0', n))
			return malformed(e, "the head of a part");
		memcpy(line, *p, n);
		line[n] = '\0';
		*p = stop + 2;
		if (n == 0)
			return part->name[0] ? 0 : malformed(e, "a part without a name");
		if (read_line(part, line, e) < 0)
			return -e->code;
	}
}

/* Behind a delimiter: 1 when there is another part, 0 at the end. */
static int
pass_delimiter(const char **p, const char *end, struct err *e)
{
	if (end - *p >= 2 && memcmp(*p, "--", 2) == 0)
		return 0;
	if (end - *p < 2 || memcmp(*p, "\r\n", 2) != 0)
		return malformed(e, "a boundary that goes on");
	*p += 2;
	return 1;
}

static int
read_multipart(struct form *f, const char *type, const char *body, size_t n, struct err *e)
{
	char delimiter[FORM_BOUNDARY_MAX + 8] = "\r\n";
	const char *p, *end = body + n, *stop;
	size_t length = 0;
	int rc = find_delimiter(type, body, n, &length, e);

	if (rc < 0)
		return rc;
	memcpy(delimiter + 2, body, length);
	p = body + length;
	while ((rc = pass_delimiter(&p, end, e)) > 0) {
		struct form_part *part = part_add(f, e);

		if (!part || read_head(part, &p, end, e) < 0)
			return -e->code;
		stop = memmem(p, (size_t)(end - p), delimiter, length + 2);
		if (!stop)
			return malformed(e, "the last boundary is missing");
		part->data = p;
		part->n = (size_t)(stop - p);
		p = stop + length + 2;
	}
	return rc;
}

/* ---- name=value&name=value ---- */

static int
digit(char c)
{
	const char *all = "0123456789abcdef", *at = c ? strchr(all, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

	return at ? (int)(at - all) : -1;
}

/* Bytes written; -1: malformed. */
static long
decode(const char *p, size_t n, char *to)
{
	char *at = to;

	for (size_t i = 0; i < n; i++) {
		int high = p[i] == '%' && i + 2 < n ? digit(p[i + 1]) : -1;
		int low = high >= 0 ? digit(p[i + 2]) : -1;

		if (p[i] == '%' && low < 0)
			return -1;
		if (p[i] == '%') {
			*at++ = (char)(high << 4 | low);
			i += 2;
		} else {
			*at++ = p[i] == '+' ? ' ' : p[i];
		}
	}
	return at - to;
}

static int
read_pair(struct form *f, const char *p, size_t n, char **to, struct err *e)
{
	const char *equals = memchr(p, '=', n);
	size_t n_name = equals ? (size_t)(equals - p) : n;
	struct form_part *part = part_add(f, e);
	long length;

	if (!part)
		return -e->code;
	if (n_name >= sizeof part->name)
		return malformed(e, "the name of a field");
	memcpy(part->name, p, n_name);
	if (!is_field_name(part->name))
		return malformed(e, "the name of a field");
	part->data = *to;
	length = equals ? decode(equals + 1, n - n_name - 1, *to) : 0;
	if (length < 0)
		return malformed(e, "a value");
	part->n = (size_t)length;
	*to += length;
	return 0;
}

static int
read_pairs(struct form *f, const char *p, size_t n, struct err *e)
{
	char *to = f->decoded = malloc(n + 1);
	int rc = to ? 0 : err_set(e, ENOMEM, "form");

	while (rc == 0 && n > 0) {
		const char *ampersand = memchr(p, '&', n);
		size_t length = ampersand ? (size_t)(ampersand - p) : n;

		rc = length > 0 ? read_pair(f, p, length, &to, e) : 0;
		length += ampersand != NULL;
		p += length;
		n -= length;
	}
	return rc;
}

static bool
is_type(const char *type, const char *wanted)
{
	size_t n = strlen(wanted);

	return strncasecmp(type, wanted, n) == 0 && (type[n] == '\0' || strchr("; \t", type[n]));
}

int
form_read(struct form *f, const char *type, const char *body, size_t n, struct err *e)
{
	f->n = 0;
	f->decoded = NULL;
	if (n == 0)
		return 0;
	if (is_type(type, "multipart/form-data"))
		return read_multipart(f, type, body, n, e);
	if (is_type(type, "application/x-www-form-urlencoded"))
		return read_pairs(f, body, n, e);
	return err_set(e, -EINVAL, "the body is no form: multipart/form-data is");
}

int
form_read_query(struct form *f, const char *query, struct err *e)
{
	f->n = 0;
	f->decoded = NULL;
	return read_pairs(f, query, strlen(query), e);
}

void
form_done(struct form *f)
{
	free_pointer(&f->decoded);
	f->n = 0;
}
