/* variables.c - what a test has captured, and "{{name}}" in its texts. */
#include "deploy-tool/variables.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
variables_done(struct variables *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->of[i].value);
	v->n = 0;
}

static struct variable *
find(const struct variables *v, struct text name)
{
	for (size_t i = 0; i < v->n; i++)
		if (text_is(name, v->of[i].name))
			return (struct variable *)(uintptr_t)&v->of[i];
	return NULL;
}

int
variables_set(struct variables *v, struct text name, struct text value, struct err *e)
{
	struct variable *to = find(v, name);
	char *copy;

	if ((to == NULL && v->n == VARIABLES_MAX) || value.n > VARIABLE_VALUE_MAX)
		return err_set(e, -E2BIG, "more than %d captures, or one of over %d bytes", VARIABLES_MAX,
		               VARIABLE_VALUE_MAX);
	copy = malloc(value.n + 1);
	if (copy == NULL)
		return err_set(e, ENOMEM, "capture");
	if (value.n > 0)
		memcpy(copy, value.p, value.n);
	copy[value.n] = '\0';
	if (to == NULL) {
		to = &v->of[v->n++];
		snprintf(to->name, sizeof to->name, "%.*s", (int)name.n, name.p);
	} else {
		free(to->value);
	}
	to->value = copy;
	to->size = value.n;
	return 0;
}

/* Extended regular expressions: a backslash before what could mean something. */
static int
append_quoted(struct buf *to, const char *p, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		if (strchr("\\^$.[]|()*+?{}", p[i]) != NULL && p[i] != '\0')
			rc = buf_append(to, "\\", 1);
		if (rc == 0)
			rc = buf_append(to, &p[i], 1);
	}
	return rc;
}

/* The name between the braces at the start of the text; 0: there is none. */
static size_t
name_size(struct text t)
{
	size_t n = 2;

	if (t.n < 5 || t.p[0] != '{' || t.p[1] != '{' || isdigit((unsigned char)t.p[2]))
		return 0;
	while (n < t.n && (isalnum((unsigned char)t.p[n]) || t.p[n] == '_'))
		n++;
	return n > 2 && n + 1 < t.n && t.p[n] == '}' && t.p[n + 1] == '}' ? n - 2 : 0;
}

static int
append_variable(const struct variables *v, struct text name, enum variables_use use, struct buf *to,
                struct err *e)
{
	const struct variable *of = find(v, name);
	int rc;

	if (of == NULL)
		return err_set(e, -ENOENT, "{{%.*s}} has not been captured", (int)(name.n < 64 ? name.n : 64),
		               name.p);
	rc = use == VARIABLES_IN_PATTERN ? append_quoted(to, of->value, of->size)
	                                 : buf_append(to, of->value, of->size);
	return rc < 0 ? err_set(e, rc, "the text is too long") : 0;
}

int
variables_expand(const struct variables *v, struct text text, enum variables_use use, struct buf *to,
                 struct err *e)
{
	while (text.n > 0) {
		const char *brace = memchr(text.p, '{', text.n);
		size_t plain = brace != NULL ? (size_t)(brace - text.p) : text.n, taken = plain, n;
		int rc = buf_append(to, text.p, plain);

		n = brace != NULL ? name_size((struct text){ brace, text.n - plain }) : 0;
		if (rc == 0 && n > 0) {
			rc = append_variable(v, (struct text){ brace + 2, n }, use, to, e);
			if (rc < 0)
				return rc;
			taken += n + 4;
		} else if (rc == 0 && brace != NULL) {
			rc = buf_append(to, "{", 1);
			taken++;
		}
		if (rc < 0)
			return err_set(e, rc, "the text is too long");
		text.p += taken;
		text.n -= taken;
	}
	return 0;
}
