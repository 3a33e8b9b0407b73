/* languages.c - the folder of languages, and what is found in it. */
#include "run/language.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/words.h"

/* Of a failure: "FILE", "FILE:LINE". */
static int
wrap_place(struct err *e, const char *folder, const char *name, int line)
{
	char number[16] = "";

	if (line > 0)
		snprintf(number, sizeof number, ":%d", line);
	return err_wrap(e, "%s/%s%s", folder, name, number);
}

static int
read_text(int folder, const char *name, char **text, size_t *n, struct err *e)
{
	AUTO_FD fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? err_set(e, errno, "open") : fd_read_file(fd, RUN_LANGUAGE_FILE_MAX, text, n, e);
}

/* Both run the same: then nothing could tell them apart. */
static bool
is_same_tool(const struct run_language *a, const struct run_language *b)
{
	return strcmp(a->compile, b->compile) == 0 && strcmp(a->run, b->run) == 0 &&
	       strcmp(a->root, b->root) == 0;
}

/* A name or alias of the new one that is another language's. */
static int
check_name(const struct run_language *old, const struct run_language *new, const char *name, struct err *e)
{
	if (!run_language_is_named(old, name) || strcasecmp(old->name, new->name) == 0)
		return 0;
	return err_set(e, -EINVAL, "'%s' is %s of %s already", name, old->name, old->file);
}

static int
check_pair(const struct run_language *old, const struct run_language *new, struct err *e)
{
	const char *at = new->aliases, *word;
	char alias[sizeof new->aliases];
	size_t n;
	int rc = check_name(old, new, new->name, e);

	while (rc == 0 && (word = words_next(&at, &n))) {
		snprintf(alias, sizeof alias, "%.*s", (int)n, word);
		rc = check_name(old, new, alias, e);
	}
	if (rc == 0 && strcasecmp(old->name, new->name) == 0 && is_same_tool(old, new))
		rc = err_set(e, -EINVAL, "name: there is a language '%s' with these commands in %s already",
		             new->name, old->file);
	return rc;
}

static int
add(struct run_languages *l, int folder, const char *name, int *line, struct err *e)
{
	struct run_language *new = &l->rows[l->n];
	AUTO_FREE char *text = NULL;
	size_t n;
	int rc;

	*line = 0;
	if (l->n == RUN_LANGUAGES_MAX)
		return err_set(e, -E2BIG, "more than %d languages", RUN_LANGUAGES_MAX);
	rc = read_text(folder, name, &text, &n, e);
	if (rc == 0)
		rc = run_language_parse(new, text, n, line, e);
	if (rc == 0 && snprintf(new->file, sizeof new->file, "%s", name) >= (int)sizeof new->file)
		rc = err_set(e, -EINVAL, "a name of more than %zu bytes", sizeof new->file - 1);
	for (size_t i = 0; rc == 0 && i < l->n; i++)
		rc = check_pair(&l->rows[i], new, e);
	if (rc == 0)
		l->n++;
	return rc;
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
	const struct run_language *one = a, *other = b;
	int order = strcasecmp(one->name, other->name);

	return order != 0 ? order : strcmp(one->file, other->file);
}

int
run_languages_read(struct run_languages *l, const char *folder, struct err *e)
{
	AUTO_FD fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entries = NULL;
	int n = fd < 0 ? -1 : scandirat(fd, ".", &entries, is_conf, alphasort), rc = 0, line;

	if (n < 0)
		return err_set(e, errno, "languages %s", folder);
	l->n = 0;
	for (int i = 0; i < n; i++) {
		if (rc == 0 && (rc = add(l, fd, entries[i]->d_name, &line, e)) < 0)
			wrap_place(e, folder, entries[i]->d_name, line);
		free(entries[i]);
	}
	free(entries);
	qsort(l->rows, l->n, sizeof *l->rows, compare);
	return rc;
}

bool
run_language_is_named(const struct run_language *l, const char *name)
{
	const char *at = l->aliases, *word;
	size_t n;

	if (strcasecmp(l->name, name) == 0)
		return true;
	while ((word = words_next(&at, &n)))
		if (strlen(name) == n && strncasecmp(word, name, n) == 0)
			return true;
	return false;
}

const struct run_language *
run_languages_find(const struct run_languages *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (run_language_is_named(&l->rows[i], name))
			return &l->rows[i];
	return NULL;
}

void
run_languages_list(const struct run_languages *l, char *text, size_t size)
{
	size_t at = 0;

	snprintf(text, size, "none");
	for (size_t i = 0; i < l->n && at < size; i++) {
		bool is_again = i > 0 && strcmp(l->rows[i].name, l->rows[i - 1].name) == 0;
		int n = is_again
		            ? 0
		            : snprintf(text + at, size - at, "%s%s", at > 0 ? ", " : "", l->rows[i].name);

		at += n > 0 ? (size_t)n : 0;
	}
}

bool
run_language_has_ending(const struct run_language *l, const char *name)
{
	const char *own = strrchr(name, '.'), *at = l->endings, *word;
	size_t n;

	if (!own || strcmp(own, strrchr(l->source, '.')) == 0)
		return own != NULL;
	while ((word = words_next(&at, &n)))
		if (strlen(own) == n && memcmp(word, own, n) == 0)
			return true;
	return false;
}

const struct run_language *
run_languages_of_file(const struct run_languages *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (run_language_has_ending(&l->rows[i], name))
			return &l->rows[i];
	return NULL;
}

/* The first word: a file below the root that may be executed; what a compiler makes is not asked for. */
static bool
is_there(int root, const char *words, char path[RUN_LANGUAGE_PATH_SIZE])
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	AUTO_FD fd = -1;

	snprintf(path, RUN_LANGUAGE_PATH_SIZE, "%.*s", (int)strcspn(words, " "), words);
	if (!*path || strncmp(path, "/" RUN_PROGRAM "/", sizeof "/" RUN_PROGRAM) == 0)
		return true;
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	return fd >= 0 && faccessat(fd, "", X_OK, AT_EMPTY_PATH) == 0;
}

static bool
are_there(int root, const char *needs, char path[RUN_LANGUAGE_PATH_SIZE])
{
	const char *word;
	size_t n;

	while ((word = words_next(&needs, &n)))
		if (!is_there(root, word, path))
			return false;
	return true;
}

bool
run_language_is_available(const struct run_language *l, char missing[RUN_LANGUAGE_PATH_SIZE])
{
	char path[RUN_LANGUAGE_PATH_SIZE];
	AUTO_FD root = open(l->root[0] ? l->root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool is_good = root >= 0;

	snprintf(path, sizeof path, "%s", l->root);
	is_good = is_good && is_there(root, l->compile, path) && is_there(root, l->run, path) &&
	          are_there(root, l->needs, path);
	if (!is_good && missing)
		memcpy(missing, path, sizeof path);
	return is_good;
}

const char *
run_command_next(const char **at, size_t *n)
{
	const char *word = *at + strspn(*at, " "), *end = NULL;

	if (*word == '\'' && (end = strchr(word + 1, '\''))) {
		*n = (size_t)(end - word) - 1;
		*at = end + 1;
		return word + 1;
	}
	return words_next(at, n);
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
