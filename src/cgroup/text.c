/* text.c - what the kernel writes about cgroups and mounts, parsed: nothing is taken for granted. */
#include "cgroup/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"

/* A byte of a mountinfo field: itself, or \ooo for blanks, newlines and backslashes.  -1: malformed. */
static int
escaped_byte(const char **p)
{
	int byte = 0;

	if (**p != '\\')
		return (unsigned char)*(*p)++;
	++*p;
	for (int i = 0; i < 3; i++, ++*p) {
		if (**p < '0' || **p > '7')
			return -1;
		byte = byte * 8 + (**p - '0');
	}
	return byte > 0 && byte < 256 ? byte : -1;
}

/* The rest behind the field, NULL when it is malformed, too long or the last one. */
static const char *
field_read(const char *p, char *to, size_t size)
{
	size_t n = 0;
	int byte;

	while (*p != ' ') {
		if (*p == '\0' || *p == '\n' || n + 1 == size)
			return NULL;
		byte = escaped_byte(&p);
		if (byte < 0)
			return NULL;
		to[n++] = (char)byte;
	}
	to[n] = '\0';
	return n > 0 ? p + 1 : NULL;
}

static const char *
field_skip(const char *p)
{
	p = strchr(p, ' ');
	return p ? p + 1 : NULL;
}

bool
text_read_mount(const char *line, struct cgroup_mount *m)
{
	enum { BEFORE_ROOT = 3 }; /* id, parent, device */
	const char *p = line;

	for (int i = 0; i < BEFORE_ROOT && p; i++)
		p = field_skip(p);
	p = p ? field_read(p, m->root, sizeof m->root) : NULL;
	p = p ? field_read(p, m->point, sizeof m->point) : NULL;
	/* Options, then any number of optional fields, then a dash. */
	p = p ? strstr(p, " - ") : NULL;
	return p && strncmp(p, " - cgroup2 ", 11) == 0 && m->root[0] == '/' && m->point[0] == '/';
}

/* A cgroup that is outside of the own namespace begins with "/..". */
static bool
has_dots(const char *path)
{
	for (const char *p = path; (p = strstr(p, "/..")); p += 3)
		if (p[3] == '/' || p[3] == '\0')
			return true;
	return false;
}

bool
text_read_own(const char *text, char path[TEXT_PATH_SIZE])
{
	static const char deleted[] = " (deleted)";
	const char *own = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	size_t n;

	own = own ? strchr(own, '/') : NULL;
	n = own ? strcspn(own, "\n") : 0;
	if (!own || own[n] != '\n' || n >= TEXT_PATH_SIZE || own[-1] != ':' || own[-2] != ':')
		return false;
	memcpy(path, own, n);
	path[n] = '\0';
	if (n >= sizeof deleted && strcmp(path + n - (sizeof deleted - 1), deleted) == 0)
		return false;
	return !has_dots(path);
}

const char *
text_path_below(const char *root, const char *path)
{
	size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(path, root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	path += n;
	path += strspn(path, "/");
	return *path ? path : ".";
}

bool
text_has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; *(p += strspn(p, " \n")); p += strcspn(p, " \n"))
		if (strncmp(p, word, n) == 0 && strchr(" \n", p[n]))
			return true;
	return false;
}

bool
text_read_field(const char *text, const char *key, uint64_t *value)
{
	size_t n = strlen(key), length;
	char number[24];

	for (const char *line = text; *line; line += length + (line[length] == '\n')) {
		length = strcspn(line, "\n");
		if (length <= n || strncmp(line, key, n) != 0 || line[n] != ' ')
			continue;
		if (length - n - 1 >= sizeof number)
			return false;
		memcpy(number, line + n + 1, length - n - 1);
		number[length - n - 1] = '\0';
		return option_parse_number(number, value) == 0;
	}
	return false;
}

bool
text_is_subtree(const char *name)
{
	size_t n = strlen(TEXT_SUBTREE_PREFIX);

	return strncmp(name, TEXT_SUBTREE_PREFIX, n) == 0 && strlen(name + n) == TEXT_SUBTREE_DIGITS &&
	       strspn(name + n, "0123456789abcdef") == TEXT_SUBTREE_DIGITS;
}

bool
text_is_alone(const char *text, long pid)
{
	char own[24];

	snprintf(own, sizeof own, "%ld\n", pid);
	return strcmp(text, own) == 0;
}
