/* keys.c - one key of a configuration: its text checked by its kind, and written again. */
#include "config/keys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/words.h"

static int
set_number(const struct key *key, uint64_t *to, const char *text, struct err *e)
{
	uint64_t value = 0;
	char *end;
	int rc = 0;

	switch (key->kind) {
	case KEY_DURATION:
		rc = option_parse_duration(text, &value);
		break;
	case KEY_SIZE:
		rc = option_parse_size(text, &value);
		break;
	case KEY_OCTAL:
		value = strtoul(text, &end, 8);
		rc = end == text || *end ? -EINVAL : 0;
		break;
	default:
		rc = option_parse_number(text, &value);
	}
	if (rc < 0 || value < key->minimum || value > key->maximum)
		return err_set(e, -EINVAL, "%s: '%.64s' is not a value from %" PRIu64 " to %" PRIu64,
		               key->name, text, key->minimum, key->maximum);
	*to = value;
	return 0;
}

static int
set_choice(const struct key *key, uint64_t *to, const char *text, struct err *e)
{
	char words[160] = "";

	for (size_t i = 0; key->choices[i]; i++) {
		size_t n = strlen(words);

		if (strcmp(key->choices[i], text) == 0) {
			*to = i;
			return 0;
		}
		snprintf(words + n, sizeof words - n, "%s%s", i > 0 ? " or " : "", key->choices[i]);
	}
	return err_set(e, -EINVAL, "%s: '%.64s' is not %s", key->name, text, words);
}

static int
add_paths(char *list, const struct key *key, const char *text, struct err *e)
{
	const char *path;
	size_t n;

	while ((path = words_next(&text, &n))) {
		if (path[0] != '/')
			return err_set(e, -EINVAL, "%s: '%.*s' is not an absolute path", key->name,
			               (int)(n < 64 ? n : 64), path);
		if (words_add(list, key->size, path, n) < 0)
			return err_set(e, -EINVAL, "%s: longer than %zu bytes", key->name, key->size - 1);
	}
	return 0;
}

/* The word, or its socket behind it: "syslog:/PATH". */
static bool
is_system_log(const char *text, const char *word)
{
	size_t n = strlen(word);

	return strncmp(text, word, n) == 0 && (text[n] == '\0' || (text[n] == ':' && text[n + 1] == '/'));
}

int
key_set(void *object, const struct key *key, const char *text, struct err *e)
{
	char *field = (char *)object + key->offset;

	if (key->kind == KEY_LOG && text[0] && text[0] != '/' && !is_system_log(text, "syslog") &&
	    !is_system_log(text, "journal"))
		return err_set(e, -EINVAL, "%s: '%.64s' is not an absolute path, syslog or journal",
		               key->name, text);
	if (key->kind == KEY_PATH && text[0] && text[0] != '/')
		return err_set(e, -EINVAL, "%s: '%.64s' is not an absolute path", key->name, text);
	if (key->kind == KEY_PATHS)
		return add_paths(field, key, text, e);
	if (key->kind == KEY_CHOICE)
		return set_choice(key, (uint64_t *)(void *)field, text, e);
	if (key->kind != KEY_TEXT && key->kind != KEY_PATH && key->kind != KEY_LOG)
		return set_number(key, (uint64_t *)(void *)field, text, e);
	if (strlen(text) >= key->size)
		return err_set(e, -EINVAL, "%s: longer than %zu bytes", key->name, key->size - 1);
	snprintf(field, key->size, "%s", text);
	return 0;
}

static void
print_paths(const struct key *key, const char *list, int fd)
{
	const char *path;
	size_t n;

	while ((path = words_next(&list, &n)))
		dprintf(fd, "%s = %.*s\n", key->name, (int)n, path);
}

void
key_print(const void *object, const struct key *key, int fd)
{
	const char *field = (const char *)object + key->offset;
	char text[OPTION_TEXT_SIZE];
	uint64_t value;

	if (key->kind == KEY_PATHS) {
		print_paths(key, field, fd);
		return;
	}
	if (key->kind == KEY_TEXT || key->kind == KEY_PATH || key->kind == KEY_LOG) {
		dprintf(fd, "%s = %s\n", key->name, field);
		return;
	}
	memcpy(&value, field, sizeof value);
	if (key->kind == KEY_CHOICE)
		snprintf(text, sizeof text, "%s", key->choices[value]);
	else if (key->kind == KEY_OCTAL)
		snprintf(text, sizeof text, "%04" PRIo64, value);
	else if (key->kind == KEY_DURATION)
		option_format_duration(value, text);
	else if (key->kind == KEY_SIZE)
		option_format_size(value, text);
	else
		snprintf(text, sizeof text, "%" PRIu64, value);
	dprintf(fd, "%s = %s\n", key->name, text);
}
