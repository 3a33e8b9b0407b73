/* class.c - {class}: the class of a job's main file, as javac names it. */
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "run/command.h"

static bool
begins(const char *at, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - at) >= n && memcmp(at, word, n) == 0;
}

/* White space, and comments of both kinds. */
static const char *
skip_space(const char *at, const char *end)
{
	while (at < end) {
		const char *close = begins(at, end, "/*") ? "*/" : "\n";

		if (begins(at, end, "/*") || begins(at, end, "//"))
			at = memmem(at + 2, (size_t)(end - at - 2), close, strlen(close));
		else if (!strchr(" \t\r\n\f", *at) || *at == '\0')
			return at;
		else
			close = " ";
		if (!at)
			return end;
		at += strlen(close);
	}
	return end;
}

static size_t
identifier_length(const char *at, const char *end)
{
	size_t n = 0;

	while (at + n < end && ((unsigned char)at[n] >= 0x80 || (at[n] >= '0' && at[n] <= '9') ||
	                        (at[n] >= 'A' && at[n] <= 'Z') || (at[n] >= 'a' && at[n] <= 'z') ||
	                        at[n] == '_' || at[n] == '$'))
		n++;
	return n;
}

/* "a.b." of `package a.b;`, which is the first that a source says; its length, 0: it says none, or one that
 * does not fit and that no class is in. */
static size_t
package_copy(const struct box_file *file, char *to, size_t size)
{
	static const char word[] = "package", mark[] = "\xef\xbb\xbf";
	const char *at = file->data, *end = at + file->size, *behind;
	size_t used = 0, n;

	if (file->size == 0)
		return 0;
	at = skip_space(begins(at, end, mark) ? at + sizeof mark - 1 : at, end);
	if (!begins(at, end, word))
		return 0;
	at += sizeof word - 1;
	behind = skip_space(at, end);
	if (behind == at)
		return 0;
	for (at = behind; (n = identifier_length(at, end)) > 0; at = skip_space(at + 1, end)) {
		if (used + n + 1 >= size)
			return 0;
		memcpy(to + used, at, n);
		used += n;
		to[used++] = '.';
		at = skip_space(at + n, end);
		if (at == end || *at != '.')
			return used;
	}
	return used;
}

size_t
run_class_name(const struct box_file *file, char name[RUN_CLASS_SIZE])
{
	const char *slash = strrchr(file->path, '/'), *base = slash ? slash + 1 : file->path;
	const char *ending = strrchr(base, '.');
	size_t n = ending ? (size_t)(ending - base) : strlen(base);
	size_t used = package_copy(file, name, RUN_CLASS_SIZE - RUN_FILE_PART_MAX - 1);

	/* A word of a command, and no option of it. */
	if (used == 0 && (*base == '-' || *base == '@'))
		used = (size_t)snprintf(name, RUN_CLASS_SIZE, "./");
	memcpy(name + used, base, n);
	name[used + n] = '\0';
	return used + n;
}
