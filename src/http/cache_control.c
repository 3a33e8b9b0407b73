/* cache_control.c - the field Cache-Control: RFC 9111 section 5.2. */
#include <string.h>
#include <strings.h>

#include "base/macros.h"
#include "http/http.h"

struct text {
	const char *p, *end;
};

static void
skip_blanks(struct text *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t'))
		t->p++;
}

static bool
is_token_byte(char c)
{
	return http_is_token(&c, 1);
}

static struct text
token_take(struct text *t)
{
	struct text token = { t->p, t->p };

	while (t->p < t->end && is_token_byte(*t->p))
		t->p++;
	token.end = t->p;
	return token;
}

/* Behind its first quote; what is between the quotes.  False when it does not end. */
static bool
quoted_take(struct text *t, struct text *value)
{
	value->p = t->p;
	for (; t->p < t->end && *t->p != '"'; t->p++)
		if (*t->p == '\\' && ++t->p == t->end)
			return false;
	value->end = t->p;
	return t->p < t->end && *t->p++ == '"';
}

/* Section 4.2.1 recommends to take a time that is none for one that has passed; 2^31 is for ever (1.2.2). */
static int64_t
seconds_read(const struct text *value)
{
	int64_t n = 0;

	if (value->p == value->end)
		return 0;
	for (const char *p = value->p; p < value->end; p++) {
		if (*p < '0' || *p > '9')
			return 0;
		n = n * 10 + (*p - '0');
		if (n > HTTP_AGE_MAX)
			n = HTTP_AGE_MAX;
	}
	return n;
}

/* Of two values the shorter counts. */
static void
age_note(int64_t *age, const struct text *value)
{
	int64_t seconds = seconds_read(value);

	if (*age < 0 || seconds < *age)
		*age = seconds;
}

static bool
is_name(const struct text *name, const char *word)
{
	size_t n = (size_t)(name->end - name->p);

	return n == strlen(word) && strncasecmp(name->p, word, n) == 0;
}

static void
directive_note(struct http_cache_control *c, const struct text *name, const struct text *value)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = { { "no-store", &c->no_store },
		      { "no-cache", &c->no_cache },
		      { "private", &c->is_private } };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (is_name(name, flags[i].word))
			*flags[i].flag = true;
	if (is_name(name, "max-age"))
		age_note(&c->max_age, value);
	if (is_name(name, "s-maxage"))
		age_note(&c->s_maxage, value);
}

static bool
directive_take(struct text *t, struct http_cache_control *c)
{
	struct text name = token_take(t), value = { t->p, t->p };

	if (name.p == name.end)
		return false;
	if (t->p < t->end && *t->p == '=') {
		t->p++;
		if (t->p < t->end && *t->p == '"') {
			t->p++;
			if (!quoted_take(t, &value))
				return false;
		} else {
			value = token_take(t);
		}
	}
	directive_note(c, &name, &value);
	return true;
}

void
http_cache_control_init(struct http_cache_control *c)
{
	*c = (struct http_cache_control){ .max_age = -1, .s_maxage = -1 };
}

void
http_cache_control_read(struct http_cache_control *c, const char *p, size_t n)
{
	struct text t = { p, p + n };

	while (skip_blanks(&t), t.p < t.end) {
		if (*t.p == ',') {
			t.p++;
			continue;
		}
		if (!directive_take(&t, c) || (skip_blanks(&t), t.p < t.end && *t.p != ',')) {
			c->no_store = true;
			return;
		}
	}
}
