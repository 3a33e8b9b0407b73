/* diagnostics.c - what a compiler said, made fit to be shown. */
#include "deploy-tool/diagnostics.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/macros.h"
#include "base/utf8.h"

/* What may stand before the source's name in a place that is a location, and how much of that stays. */
static const struct {
	const char *text;
	size_t kept;
} prefixes[] = {
#define KEPT(text) text, sizeof text - 1
	{ "", 0 },
	{ "./", 0 },
	{ "././", 0 },
	{ "/work/", 0 },
	{ KEPT("In file included from ") },
	{ KEPT("                 from ") },
	{ KEPT("/usr/bin/ld: ") },
	{ "In file included from ./", 22 },
	{ "                 from ./", 22 },
	{ "/usr/bin/ld: ./", 13 },
#undef KEPT
};

static const struct {
	const char *word, *color;
} colors[] = {
	{ ": error: ", "\033[1;31m" },
	{ ": fatal error: ", "\033[1;31m" },
	{ ": warning: ", "\033[1;35m" },
	{ ": note: ", "\033[1;36m" },
};

static uint32_t
decode(const char *p, size_t length)
{
	static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (unsigned char)p[0] & masks[length];

	for (size_t i = 1; i < length; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3f);
	return code;
}

/* C0, DEL, C1, and the characters that change the direction of text. */
static bool
is_showable(uint32_t code)
{
	return code == '\t' || (code >= 0x20 && code < 0x7f) ||
	       (code >= 0xa0 && code != 0x061c && code != 0x200e && code != 0x200f &&
	        (code < 0x2028 || code > 0x202e) && (code < 0x2066 || code > 0x2069) && code != 0xfeff);
}

int
diagnostics_escape(struct buf *to, const char *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t length = utf8_sequence(p + i, n - i);
		bool ok = length > 0 && is_showable(decode(p + i, length));
		int rc = ok ? buf_append(to, p + i, length) : buf_printf(to, "\\x%02x", (unsigned char)p[i]);

		if (rc < 0)
			return rc;
		i += ok ? length : 1;
	}
	return 0;
}

static bool
has_prefix(const char *p, size_t n, const char *prefix)
{
	size_t length = strlen(prefix);

	return n >= length && memcmp(p, prefix, length) == 0;
}

/* Length of "[prefix]NAME" at the start of a line when ':' follows, with the length of the prefix that stays;
 * 0 when the line begins with something else. */
static size_t
match_name(const char *line, size_t n, const char *name, size_t *kept)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t before = strlen(prefixes[i].text);

		if (!has_prefix(line, n, prefixes[i].text) || !has_prefix(line + before, n - before, name) ||
		    n <= before + length || line[before + length] != ':')
			continue;
		*kept = prefixes[i].kept;
		return before + length;
	}
	return 0;
}

/* The same for the one of the names that is there. */
static size_t
find_name(const char *line, size_t n, const struct diagnostics_names *names, size_t *kept,
          const char **author)
{
	for (size_t i = 0; i < names->n; i++) {
		size_t length = match_name(line, n, names->rows[i].box, kept);

		*author = names->rows[i].author;
		if (length > 0)
			return length;
	}
	return 0;
}

/* The first of the words in the line, which the compiler puts before any text of the source. */
static int
append_colored(struct buf *to, const char *p, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(colors); i++) {
		size_t length = strlen(colors[i].word);
		const char *at = memmem(p, n, colors[i].word, length);
		size_t before = at != NULL ? (size_t)(at - p) + 2 : 0;

		if (at == NULL)
			continue;
		if (diagnostics_escape(to, p, before) < 0 ||
		    buf_printf(to, "%s%.*s\033[0m ", colors[i].color, (int)length - 3, colors[i].word + 2) <
		        0)
			return -ENOSPC;
		return diagnostics_escape(to, at + length, n - before - (length - 2));
	}
	return diagnostics_escape(to, p, n);
}

/* Where the linker names a second place in its line: "; /tmp/ccXXXXXX.o:./NAME:".  Length of what goes, and
 * how much is before it; 0: there is none. */
static size_t
find_second(const char *line, size_t n, const struct diagnostics_names *names, size_t *before,
            const char **author)
{
	static const char object[] = "; /tmp/cc", end[] = ".o:";
	enum { RANDOM = 6 };
	const char *at = memmem(line, n, object, sizeof object - 1);
	size_t kept = 0, length, name = sizeof object - 1 + RANDOM + sizeof end - 1;

	*before = at != NULL ? (size_t)(at - line) : 0;
	if (at == NULL || n - *before < name ||
	    memcmp(at + name - (sizeof end - 1), end, sizeof end - 1) != 0)
		return 0;
	length = find_name(at + name, n - *before - name, names, &kept, author);
	*before += 2;
	return length > 0 && kept == 0 ? name - 2 + length : 0;
}

static int
append_rest(struct buf *to, const char *p, size_t n, bool is_colored)
{
	return (is_colored ? append_colored : diagnostics_escape)(to, p, n);
}

/* Before the place, the author's name for it, behind it. */
static int
append_named(struct buf *to, const char *p, size_t kept, const char *author)
{
	return diagnostics_escape(to, p, kept) < 0 ? -ENOSPC : diagnostics_escape(to, author, strlen(author));
}

static int
append_line(struct buf *to, const char *line, size_t n, const struct diagnostics_names *names,
            bool is_colored)
{
	const char *author = NULL;
	size_t kept = 0, replaced = find_name(line, n, names, &kept, &author);

	if (replaced > 0 && append_named(to, line, kept, author) < 0)
		return -ENOSPC;
	line += replaced;
	n -= replaced;
	replaced = find_second(line, n, names, &kept, &author);
	if (replaced > 0 && append_named(to, line, kept, author) < 0)
		return -ENOSPC;
	if (replaced > 0)
		replaced += kept;
	if (append_rest(to, line + replaced, n - replaced, is_colored) < 0)
		return -ENOSPC;
	return buf_append(to, "\n", 1);
}

int
diagnostics_format(struct buf *to, const char *text, size_t n, const struct diagnostics_names *names,
                   bool is_colored)
{
	while (n > 0) {
		const char *newline = memchr(text, '\n', n);
		size_t length = newline != NULL ? (size_t)(newline - text) : n;

		if (append_line(to, text, length, names, is_colored) < 0)
			return -ENOSPC;
		length += newline != NULL;
		text += length;
		n -= length;
	}
	return 0;
}
