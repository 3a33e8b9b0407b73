/* subject_manifest.c - what the nearest cfn.ini says of a file or folder that is invoked or tested. */
#include "deploy-tool/subject_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "deploy-tool/source.h"

/* Of the folder that is tested.  A section in `tests` has the source "..", which leads out of its folder:
 * what stands there is for tests alone, apply refuses it. */
static const char *const places[] = { "/tests", "", "/.." };

enum { PLACE_SIZE = SOURCE_PATH_SIZE + 8 };

static void
add_list(struct argument_list *given, const struct argument_list *declared)
{
	if (given->n == 0)
		*given = *declared;
}

/* A variable that is set twice has its last value: those given come last. */
static int
add_env(struct argument_list *given, const struct argument_list *declared)
{
	if (given->n + declared->n > ARGUMENTS_MAX)
		return tool_fail_as(EX_USAGE, "more than %d variables", ARGUMENTS_MAX);
	memmove(given->items + declared->n, given->items, given->n * sizeof given->items[0]);
	memcpy(given->items, declared->items, declared->n * sizeof given->items[0]);
	given->n += declared->n;
	return 0;
}

static void
add_text(const char **given, const char *declared)
{
	if (*given == NULL)
		*given = declared;
}

/* Not its grants: a test has the sockets that its command line names. */
static int
add_function(const struct manifest_function *f, struct subject_options *o)
{
	const struct deploy_options *declared = &f->options;

	add_text(&o->function, f->name);
	add_text(&o->entry, declared->entry);
	add_text(&o->shared, declared->shared);
	add_text(&o->link, declared->link);
	add_list(&o->routes, &declared->routes);
	add_list(&o->methods, &declared->methods);
	for (size_t i = 0; i < LIMITS_MAX; i++)
		add_text(&o->limits.values[i], f->limits.values[i]);
	return add_env(&o->env, &declared->env);
}

static const struct manifest_function *
find_function(const struct manifest *m, int folder, const struct stat *wanted)
{
	for (size_t i = 0; i < m->n; i++) {
		struct stat st;

		if (fstatat(folder, m->functions[i]->sources.items[0], &st, 0) == 0 &&
		    st.st_dev == wanted->st_dev && st.st_ino == wanted->st_ino)
			return m->functions[i];
	}
	return NULL;
}

/* *found stays NULL when there is none. */
static int
look(const char *place, const struct stat *wanted, struct manifest *m, const struct manifest_function **found)
{
	char path[PLACE_SIZE + 8];
	AUTO_FD folder = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	AUTO_FD file = -1;
	size_t n = 0;
	struct err e;

	if (folder < 0)
		return 0;
	snprintf(path, sizeof path, "%s/cfn.ini", place);
	file = openat(folder, "cfn.ini", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file < 0 && errno == ENOENT)
		return 0;
	if (file < 0)
		return tool_fail_as(errno == EACCES ? EX_NOPERM : EX_NOINPUT, "%.200s: %m", path);
	if (fd_read_file(file, MANIFEST_SIZE_MAX, &text, &n, &e) < 0)
		return tool_fail_as(EX_DATAERR, "%.160s: %s", path, e.text);
	manifest_done(m);
	if (manifest_read(m, path, text, n, &e) < 0)
		return tool_fail_as(EX_DATAERR, "%s", e.text);
	*found = find_function(m, folder, wanted);
	return 0;
}

int
subject_manifest_add(const char *path, struct subject_options *o, struct manifest *m)
{
	const char *slash = strrchr(path, '/');
	const struct manifest_function *f = NULL;
	int n = (int)strlen(path), rc = 0;
	struct stat wanted;

	/* Whatever is wrong with the path is said when it is read. */
	if (n >= SOURCE_PATH_SIZE || stat(path, &wanted) < 0)
		return 0;
	if (!S_ISDIR(wanted.st_mode))
		n = slash != NULL ? (int)(slash - path) : 0;
	for (size_t i = 0; i < ARRAY_SIZE(places) && f == NULL && rc == 0; i++) {
		char place[PLACE_SIZE];

		/* "/x.c" lies in "/", "x.c" in ".". */
		snprintf(place, sizeof place, "%.*s%s", n > 0 || slash != NULL ? n : 1,
		         n > 0 || slash != NULL ? path : ".", places[i]);
		rc = look(place[0] != '\0' ? place : "/", &wanted, m, &f);
	}
	return rc == 0 && f != NULL ? add_function(f, o) : rc;
}
