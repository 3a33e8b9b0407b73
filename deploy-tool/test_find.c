/* test_find.c - which functions a path means to `cfn-deploy test`, and which files test them. */
#include "deploy-tool/test_find.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "deploy-tool/source.h"

static const char suffix[] = ".http";

/* A folder's names in order, those that are wanted. */
struct listing {
	struct dirent **entries;
	int n;
};

static void
free_listing(struct listing *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->entries[i]);
	free(l->entries);
}
#define AUTO_LISTING __attribute__((cleanup(free_listing))) struct listing

static int
is_source(const struct dirent *d)
{
	const struct source_language *language = source_language(d->d_name);

	return d->d_name[0] != '.' && language != NULL && language->language != NULL;
}

static int
is_test(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > sizeof suffix - 1 &&
	       strcmp(d->d_name + n - (sizeof suffix - 1), suffix) == 0;
}

static int
is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int
list(const char *folder, int (*is_wanted)(const struct dirent *), struct listing *l, struct err *e)
{
	l->n = scandir(folder, &l->entries, is_wanted, alphasort);
	if (l->n >= 0)
		return 0;
	l->n = 0;
	l->entries = NULL;
	return err_set(e, errno, "%.200s", folder);
}

static int
add_file(struct test_function *f, const char *folder, const char *name, struct err *e)
{
	char **more = reallocarray(f->files, f->n_files + 1, sizeof *more);

	if (more == NULL)
		return err_set(e, ENOMEM, "tests");
	f->files = more;
	if (f->n_files == TEST_FILES_MAX)
		return err_set(e, -E2BIG, "%.200s: more than %d tests", folder, TEST_FILES_MAX);
	folder += strncmp(folder, "./", 2) == 0 ? 2 : 0;
	if (asprintf(&f->files[f->n_files], "%s/%s", folder, name) < 0)
		return err_set(e, ENOMEM, "tests");
	f->n_files++;
	return 0;
}

/* "hello.http" and "hello-more.http" are of hello, when it is not alone. */
static bool
is_of(const char *test, const char *name)
{
	size_t n = strlen(name);

	return name[0] == '\0' ||
	       (strncmp(test, name, n) == 0 && (strcmp(test + n, suffix) == 0 || test[n] == '-'));
}

static int
add_folder(struct test_function *f, const char *folder, const char *name, struct err *e)
{
	AUTO_LISTING tests = { 0 };
	int rc = list(folder, is_test, &tests, e);

	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	for (int i = 0; rc == 0 && i < tests.n; i++)
		if (is_of(tests.entries[i]->d_name, name))
			rc = add_file(f, folder, tests.entries[i]->d_name, e);
	return rc;
}

/* name: "" for all that are there. */
static int
find_tests(struct test_function *f, const char *folder, const char *name, struct err *e)
{
	char tests[TEST_PATH_SIZE + 8], own[TEST_PATH_SIZE + 300];
	int rc;

	snprintf(tests, sizeof tests, "%s/tests", folder);
	snprintf(own, sizeof own, "%s/%s", tests, name);
	rc = add_folder(f, tests, name, e);
	return rc == 0 && name[0] != '\0' ? add_folder(f, own, "", e) : rc;
}

static struct test_function *
add_function(struct test_functions *found, const char *source, struct err *e)
{
	struct test_function *f = &found->of[found->n];

	if (found->n == TEST_FUNCTIONS_MAX) {
		err_set(e, -E2BIG, "%.200s: more than %d functions", source, TEST_FUNCTIONS_MAX);
		return NULL;
	}
	if (snprintf(f->source, sizeof f->source, "%s", source) >= (int)sizeof f->source) {
		err_set(e, -ENAMETOOLONG, "%.200s", source);
		return NULL;
	}
	found->n++;
	return f;
}

static bool
has_tests(const char *folder)
{
	char tests[TEST_PATH_SIZE + 308];
	struct stat st;

	snprintf(tests, sizeof tests, "%s/tests", folder);
	return stat(tests, &st) == 0 && S_ISDIR(st.st_mode);
}

static int
find_folder(const char *folder, struct test_functions *found, struct err *e)
{
	struct test_function *f = add_function(found, folder, e);

	return f == NULL ? -e->code : find_tests(f, folder, "", e);
}

static int
find_folders(const char *folder, struct test_functions *found, struct err *e)
{
	AUTO_LISTING inner = { 0 };
	int rc = list(folder, is_visible, &inner, e);

	for (int i = 0; rc == 0 && i < inner.n; i++) {
		char path[TEST_PATH_SIZE + 300];

		snprintf(path, sizeof path, "%s/%s", folder, inner.entries[i]->d_name);
		if (has_tests(path))
			rc = find_folder(path, found, e);
	}
	return rc;
}

static int
find_file(const char *folder, const char *base, const char *path, struct test_functions *found, struct err *e)
{
	struct test_function *f = add_function(found, path, e);
	const char *dot = strrchr(base, '.');
	AUTO_LISTING sources = { 0 };
	char name[256];
	int rc = f == NULL ? -e->code : list(folder, is_source, &sources, e);

	snprintf(name, sizeof name, "%.*s", dot != NULL ? (int)(dot - base) : (int)strlen(base), base);
	return rc == 0 ? find_tests(f, folder, sources.n == 1 ? "" : name, e) : rc;
}

static int
find(const char *path, bool is_folder, struct test_functions *found, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char folder[TEST_PATH_SIZE];

	snprintf(folder, sizeof folder, "%s", path);
	if (is_folder) {
		while (strlen(folder) > 1 && folder[strlen(folder) - 1] == '/')
			folder[strlen(folder) - 1] = '\0';
		return has_tests(folder) ? find_folder(folder, found, e) : find_folders(folder, found, e);
	}
	if (slash == NULL)
		return find_file(".", path, path, found, e);
	folder[slash == path ? 1 : slash - path] = '\0';
	return find_file(folder, slash + 1, path, found, e);
}

int
test_find(const char *path, struct test_functions *found, struct err *e)
{
	struct stat st;
	size_t n = 0;
	int rc;

	found->n = 0;
	if (strlen(path) >= TEST_PATH_SIZE)
		return err_set(e, -ENAMETOOLONG, "%.200s", path);
	if (stat(path, &st) < 0)
		return err_set(e, errno, "%.200s", path);
	rc = find(path, S_ISDIR(st.st_mode), found, e);
	for (size_t i = 0; i < found->n; i++)
		n += found->of[i].n_files;
	return rc == 0 && n == 0
	           ? err_set(e, -ENOENT, "%.200s: there are no exchanges (tests/*.http) beside it", path)
	           : rc;
}

void
test_find_done(struct test_functions *found)
{
	for (size_t i = 0; i < found->n; i++) {
		for (size_t k = 0; k < found->of[i].n_files; k++)
			free(found->of[i].files[k]);
		free(found->of[i].files);
	}
	found->n = 0;
}
