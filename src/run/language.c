/* language.c - languages.d: one table of keys, read by libinih. */
#include "run/language.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/options.h"
#include "base/words.h"

enum { PATH_SIZE = 1024, COMPILE_MEMORY = 512 << 20 };

enum kind { KIND_TEXT, KIND_WORDS, KIND_COMMAND, KIND_SIZE };

static const struct key {
	const char *name;
	enum kind kind;
	size_t offset, size;
} keys[] = {
#define KEY(key, kind, field)                                                                                \
	{                                                                                                    \
		key, kind, offsetof(struct run_language, field), sizeof((struct run_language *)0)->field     \
	}
	KEY("name", KIND_TEXT, name),
	KEY("aliases", KIND_WORDS, aliases),
	KEY("source", KIND_TEXT, source),
	KEY("compile", KIND_COMMAND, compile),
	KEY("run", KIND_COMMAND, run),
	KEY("version", KIND_COMMAND, version),
	KEY("options", KIND_WORDS, options),
	KEY("system", KIND_WORDS, system),
	KEY("environment", KIND_WORDS, environment),
	KEY("address_space", KIND_SIZE, address_space),
	KEY("compile_memory", KIND_SIZE, compile_memory),
#undef KEY
};

struct reading {
	struct run_language *language;
	struct err first; /* of the first line that is wrong */
};

static const struct key *
find_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int
set_text(const struct key *key, char *to, const char *value, struct err *e)
{
	size_t n = strlen(value);

	if (n >= key->size)
		return err_set(e, -EINVAL, "%s: longer than %zu bytes", key->name, key->size - 1);
	if (key->kind == KIND_COMMAND && n > 0 && value[0] != '/')
		return err_set(e, -EINVAL, "%s: '%.64s' does not begin with an absolute path", key->name,
		               value);
	if (strstr(value, "  ") || strpbrk(value, "\t"))
		return err_set(e, -EINVAL, "%s: words have one space between them", key->name);
	memcpy(to, value, n + 1);
	return 0;
}

static int
set_key(struct run_language *l, const char *name, const char *value, struct err *e)
{
	const struct key *key = find_key(name);
	void *to;

	if (!key)
		return err_set(e, -EINVAL, "unknown key '%.64s'", name);
	to = (char *)l + key->offset;
	if (key->kind != KIND_SIZE)
		return set_text(key, to, value, e);
	if (option_parse_size(value, to) < 0)
		return err_set(e, -EINVAL, "%s: '%.64s' is not a size such as 512M", name, value);
	return 0;
}

/* libinih's convention: 1 is good, 0 an error in this line. */
static int
on_line(void *context, const char *section, const char *name, const char *value)
{
	struct reading *r = context;
	struct err e = { 0 };
	int rc = section[0] != '\0' ? err_set(&e, -EINVAL, "there are no sections here")
	                            : set_key(r->language, name, value, &e);

	if (rc < 0 && r->first.code == 0)
		r->first = e;
	return rc == 0;
}

static int
check(const struct run_language *l, struct err *e)
{
	static const char *const needed[] = { "name", "source", "run" };

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (*((const char *)l + find_key(needed[i])->offset) == '\0')
			return err_set(e, -EINVAL, "%s: it is missing", needed[i]);
	if (strchr(l->source, '/') || l->source[0] == '.' || !strrchr(l->source, '.'))
		return err_set(e, -EINVAL, "source: '%s' is not a file's name with an ending", l->source);
	return 0;
}

static int
read_one(struct run_language *l, const char *path, struct err *e)
{
	struct reading r = { .language = l };
	FILE *file = fopen(path, "re");
	int line;

	if (!file)
		return err_set(e, errno, "language %s", path);
	*l = (struct run_language){ .compile_memory = COMPILE_MEMORY };
	line = ini_parse_file(file, on_line, &r);
	fclose(file);
	if (line != 0)
		return err_set(e, -EINVAL, "%s:%d: %s", path, line < 0 ? 0 : line,
		               r.first.code ? r.first.text : "not a line of the form KEY = VALUE");
	return check(l, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

static int
add(struct run_languages *l, const char *path, struct err *e)
{
	struct run_language *new = &l->rows[l->n];
	int rc;

	if (l->n == RUN_LANGUAGES_MAX)
		return err_set(e, -E2BIG, "more than %d languages", RUN_LANGUAGES_MAX);
	rc = read_one(new, path, e);
	if (rc < 0)
		return rc;
	if (run_languages_find(l, new->name))
		return err_set(e, -EINVAL, "%s: name: there is a language '%s' already", path, new->name);
	l->n++;
	return 0;
}

static int
is_conf(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static int
compare(const void *a, const void *b)
{
	return strcasecmp(((const struct run_language *)a)->name, ((const struct run_language *)b)->name);
}

int
run_languages_read(struct run_languages *l, const char *folder, struct err *e)
{
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_conf, alphasort), rc = 0;

	if (n < 0)
		return err_set(e, errno, "languages %s", folder);
	l->n = 0;
	for (int i = 0; i < n; i++) {
		char path[PATH_SIZE];

		if (rc == 0 &&
		    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) >= (int)sizeof path)
			rc = err_set(e, ENAMETOOLONG, "languages %s", folder);
		if (rc == 0)
			rc = add(l, path, e);
		free(entries[i]);
	}
	free(entries);
	qsort(l->rows, l->n, sizeof *l->rows, compare);
	return rc;
}

static bool
is_alias(const struct run_language *l, const char *name)
{
	const char *at = l->aliases, *word;
	size_t n;

	while ((word = words_next(&at, &n)))
		if (strlen(name) == n && strncasecmp(word, name, n) == 0)
			return true;
	return false;
}

const struct run_language *
run_languages_find(const struct run_languages *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcasecmp(l->rows[i].name, name) == 0 || is_alias(&l->rows[i], name))
			return &l->rows[i];
	return NULL;
}

const struct run_language *
run_languages_of_file(const struct run_languages *l, const char *name)
{
	const char *end = strrchr(name, '.');

	for (size_t i = 0; end && i < l->n; i++)
		if (strcmp(strrchr(l->rows[i].source, '.'), end) == 0)
			return &l->rows[i];
	return NULL;
}

static bool
is_there(const char *command)
{
	char path[RUN_COMMAND_SIZE];

	snprintf(path, sizeof path, "%.*s", (int)strcspn(command, " "), command);
	return access(path, X_OK) == 0;
}

bool
run_language_is_available(const struct run_language *l)
{
	return is_there(l->compile[0] ? l->compile : l->run);
}

bool
run_language_allows(const struct run_language *l, const char *option)
{
	const char *at = l->options, *word;
	size_t n;

	while ((word = words_next(&at, &n))) {
		bool is_open = word[n - 1] == '*';

		if (is_open ? strncmp(word, option, n - 1) == 0
		            : strlen(option) == n && strncmp(word, option, n) == 0)
			return true;
	}
	return false;
}
