/* stack.c - what a worker says of its crash, in its last line. */
#include "deploy-tool/stack.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

enum { WORD_MAX = 128 };

static bool
is_plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)p[i]) && strchr("._-+ ", p[i]) == NULL)
			return false;
	return n > 0;
}

/* "0x1a2b", all of it. */
static bool
read_hex(const char *p, uint64_t *value)
{
	char *end;

	if (strncmp(p, "0x", 2) != 0 || !isxdigit((unsigned char)p[2]))
		return false;
	errno = 0;
	*value = strtoull(p + 2, &end, 16);
	return errno == 0 && *end == '\0';
}

/* "fn.so+0x12" or "0x7f12". */
static bool
read_frame(const char *p, size_t n, struct stack_frame *f)
{
	char word[WORD_MAX], *plus;

	if (n == 0 || n >= sizeof word || memchr(p, '\0', n) != NULL)
		return false;
	memcpy(word, p, n);
	word[n] = '\0';
	f->file[0] = '\0';
	if (read_hex(word, &f->at))
		return true;
	plus = strrchr(word, '+');
	if (plus == NULL || !is_plain(word, (size_t)(plus - word)) || (size_t)(plus - word) >= sizeof f->file)
		return false;
	memcpy(f->file, word, (size_t)(plus - word));
	f->file[plus - word] = '\0';
	return read_hex(plus + 1, &f->at);
}

/* What is behind a frame that is none is not looked at. */
static void
read_frames(struct stack *s, const char *p, size_t n)
{
	while (n > 0 && p[0] == ' ' && s->n < ARRAY_SIZE(s->frames)) {
		const char *end = memchr(p + 1, ' ', n - 1);
		size_t length = end != NULL ? (size_t)(end - p) : n;

		if (!read_frame(p + 1, length - 1, &s->frames[s->n]))
			return;
		s->n++;
		p += length;
		n -= length;
	}
}

bool
stack_read(const char *line, size_t n, struct stack *s)
{
	static const char start[] = CRASH_LINE_START;
	size_t skip = sizeof start - 1, what;
	const char *colon;

	if (n < skip || memcmp(line, start, skip) != 0)
		return false;
	colon = memchr(line + skip, ':', n - skip);
	what = colon != NULL ? (size_t)(colon - line) - skip : 0;
	if (what >= sizeof s->what || !is_plain(line + skip, what))
		return false;
	*s = (struct stack){ .n = 0 };
	memcpy(s->what, line + skip, what);
	read_frames(s, colon + 1, n - skip - what - 1);
	return true;
}

bool
stack_is_own(const struct stack_frame *f)
{
	return strcmp(f->file, "fn.so") == 0;
}
