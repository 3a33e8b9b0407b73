/* libraries.c - the operator's list of libraries that functions may be linked with. */
#include "config/libraries.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/words.h"
#include "ipc/grants.h"

enum { LIST_SHOWN = 128 };

static const struct library standard[] = {
	{ "crypto", "libcrypto.so.3", "libssl-dev" },
	{ "jansson", "libjansson.so.4", "libjansson-dev" },
	{ "m", "libm.so.6", "libc6-dev" },
	{ "sqlite3", "libsqlite3.so.0", "libsqlite3-dev" },
	{ "z", "libz.so.1", "zlib1g-dev" },
};

void
libraries_init(struct libraries *l)
{
	*l = (struct libraries){ .n = ARRAY_SIZE(standard) };
	memcpy(l->rows, standard, sizeof standard);
}

const struct library *
libraries_find(const struct libraries *l, const char *name, size_t n)
{
	for (size_t i = 0; i < l->n; i++)
		if (strlen(l->rows[i].name) == n && memcmp(l->rows[i].name, name, n) == 0)
			return &l->rows[i];
	return NULL;
}

static int
parse_value(struct library *row, const char *value, struct err *e)
{
	size_t n, n_package;
	const char *at = value, *file = words_next(&at, &n), *package = words_next(&at, &n_package);

	if (!file || !grant_is_library(file, n))
		return err_set(e, -EINVAL,
		               "%s: '%.64s' does not begin with the file name of a shared library "
		               "such as libjansson.so.4",
		               row->name, value);
	if (words_next(&at, &(size_t){ 0 }) || n_package >= sizeof row->package)
		return err_set(e, -EINVAL, "%s: '%.64s' is not FILE or FILE PACKAGE", row->name, value);
	snprintf(row->file, sizeof row->file, "%.*s", (int)n, file);
	snprintf(row->package, sizeof row->package, "%.*s", (int)n_package, package ? package : "");
	return 0;
}

static int
set_row(struct libraries *l, const struct library *row, struct err *e)
{
	size_t i = 0;

	while (i < l->n && strcmp(l->rows[i].name, row->name) != 0)
		i++;
	if (i == LIBRARIES_MAX)
		return err_set(e, -E2BIG, "more than %d libraries", LIBRARIES_MAX);
	l->rows[i] = *row;
	l->n += i == l->n;
	return 0;
}

static void
remove_row(struct libraries *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->rows[i].name, name) == 0) {
			memmove(&l->rows[i], &l->rows[i + 1], (l->n - i - 1) * sizeof l->rows[0]);
			l->n--;
			return;
		}
}

int
libraries_set(struct libraries *l, const char *name, const char *value, struct err *e)
{
	size_t n = strlen(name);
	struct library row = { 0 };
	int rc;

	if (n == 0 || n >= sizeof row.name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_+-") != n ||
	    strcmp(name, GRANT_NONE) == 0)
		return err_set(e, -EINVAL, "'%.64s' is not 1 to %zu of a-z, 0-9, '_', '+' and '-'", name,
		               sizeof row.name - 1);
	if (value[0] == '\0') {
		remove_row(l, name);
		return 0;
	}
	memcpy(row.name, name, n + 1);
	rc = parse_value(&row, value, e);
	return rc < 0 ? rc : set_row(l, &row, e);
}

static int
not_on_list(const struct libraries *l, const char *name, int n, struct err *e)
{
	char list[LIST_SHOWN] = "";
	size_t used = 0;

	for (size_t i = 0; i < l->n && used < sizeof list; i++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "",
		                         l->rows[i].name);
	return err_set(e, -EPERM,
	               "library '%.*s' is not on this server's list, which is: %s ([link] in cfn.conf)", n,
	               name, list);
}

int
libraries_resolve(const struct libraries *l, const char *names, char files[LIBRARIES_TEXT_SIZE],
                  struct err *e)
{
	char text[LIBRARIES_TEXT_SIZE];
	const char *name;
	size_t n, used = 0;

	text[0] = '\0';
	while ((name = words_next(&names, &n))) {
		const struct library *row = libraries_find(l, name, n);

		if (!row)
			return not_on_list(l, name, (int)n, e);
		used +=
		    (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? " " : "", row->file);
		if (used >= sizeof text)
			return err_set(e, -E2BIG, "libraries: more than %d", LINKS_MAX);
	}
	memcpy(files, text, used + 1);
	return 0;
}
