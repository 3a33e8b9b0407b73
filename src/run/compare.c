/* compare.c - a program's output against the expected one, piece by piece. */
#include "run/compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"

#define TOLERANCE_USUAL 1e-6

enum { NUMBER_SIZE = 512 /* longer ones are compared as text */ };

struct piece {
	const char *p;
	size_t n;
};

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct piece
trim_end(struct piece t)
{
	while (t.n > 0 && is_space(t.p[t.n - 1]))
		t.n--;
	return t;
}

/* What is before the next newline, without the space at its end; *rest moves behind it. */
static struct piece
next_line(struct piece *rest)
{
	const char *newline = memchr(rest->p, '\n', rest->n);
	struct piece line = { rest->p, newline ? (size_t)(newline - rest->p) : rest->n };
	size_t taken = line.n + (newline ? 1 : 0);

	*rest = (struct piece){ rest->p + taken, rest->n - taken };
	return trim_end(line);
}

static struct piece
next_token(struct piece *rest)
{
	struct piece token;

	while (rest->n > 0 && is_space(*rest->p))
		*rest = (struct piece){ rest->p + 1, rest->n - 1 };
	token = (struct piece){ rest->p, 0 };
	while (rest->n > 0 && !is_space(*rest->p)) {
		*rest = (struct piece){ rest->p + 1, rest->n - 1 };
		token.n++;
	}
	return token;
}

static bool
is_same(struct piece a, struct piece b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* The decimal form of a number, or a word for what is none: strtod(3) would take hexadecimal ones, too. */
static bool
is_decimal(const char *text)
{
	static const char *const words[] = { "nan", "inf", "infinity" };
	const char *p = text + (*text == '-' || *text == '+');

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(p, words[i]) == 0)
			return true;
	return p[strspn(p, "0123456789.eE+-")] == '\0';
}

/* False for what is no number, and for one that a double cannot hold: both are equal to their own text alone.
 */
static bool
read_number(struct piece token, double *number)
{
	char text[NUMBER_SIZE], *end;

	if (token.n == 0 || token.n >= sizeof text || memchr(token.p, '\0', token.n))
		return false;
	memcpy(text, token.p, token.n);
	text[token.n] = '\0';
	if (!is_decimal(text))
		return false;
	errno = 0;
	*number = strtod(text, &end);
	return *end == '\0' && end != text && !(errno == ERANGE && isinf(*number));
}

static bool
is_near(double expected, double said, double tolerance)
{
	double apart = fabs(expected - said);

	if (isnan(expected) || isnan(said))
		return isnan(expected) && isnan(said);
	if (isinf(expected) || isinf(said))
		return isinf(expected) && isinf(said) && signbit(expected) == signbit(said);
	return apart <= tolerance || apart <= tolerance * fabs(expected);
}

static bool
is_same_number(struct piece expected, struct piece said, double tolerance)
{
	double a, b;

	if (is_same(expected, said))
		return true;
	return read_number(expected, &a) && read_number(said, &b) && is_near(a, b, tolerance);
}

static const struct way {
	const char *word;
	struct piece (*next)(struct piece *rest); /* NULL: the whole is one piece */
	bool has_numbers;
} ways[RUN_COMPARES] = {
	[RUN_COMPARE_EXACT] = { "exact", NULL, false },
	[RUN_COMPARE_LINES] = { "lines", next_line, false },
	[RUN_COMPARE_TOKENS] = { "tokens", next_token, false },
	[RUN_COMPARE_FLOAT] = { "float", next_token, true },
};

bool
run_compare_equal(enum run_compare how, double tolerance, const char *expected, size_t n_expected,
                  const char *said, size_t n_said)
{
	struct piece a = { expected, n_expected }, b = { said, n_said };
	const struct way *way = &ways[how];

	if (!way->next)
		return is_same(a, b);
	a = trim_end(a);
	b = trim_end(b);
	while (a.n > 0 && b.n > 0) {
		struct piece x = way->next(&a), y = way->next(&b);

		if (way->has_numbers ? !is_same_number(x, y, tolerance) : !is_same(x, y))
			return false;
	}
	return a.n == 0 && b.n == 0;
}

static int
read_tolerance(const char *text, double *tolerance)
{
	double number;

	if (*text == '\0') {
		*tolerance = TOLERANCE_USUAL;
		return 0;
	}
	if (*text != ':' || !read_number((struct piece){ text + 1, strlen(text + 1) }, &number))
		return -EINVAL;
	if (!(number >= 0 && number <= 1))
		return -EINVAL;
	*tolerance = number;
	return 0;
}

int
run_compare_parse(const char *text, enum run_compare *how, double *tolerance)
{
	size_t n = strcspn(text, ":");

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		if (strlen(ways[i].word) != n || strncmp(text, ways[i].word, n) != 0)
			continue;
		if (text[n] && !ways[i].has_numbers)
			return -EINVAL;
		if (ways[i].has_numbers && read_tolerance(text + n, tolerance) < 0)
			return -EINVAL;
		*how = (enum run_compare)i;
		return 0;
	}
	return -EINVAL;
}

const char *
run_compare_word(enum run_compare how)
{
	return ways[how].word;
}
