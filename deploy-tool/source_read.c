/* source_read.c - the files that are named, each through one descriptor. */
#include "deploy-tool/source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* O_NONBLOCK: a FIFO must not hold us before fstat() says what it is. */
static int
open_wished(const struct source_wish *wish, const char *path, struct err *e)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW,
		.resolve =
		    wish->is_confined ? RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS : 0,
	};
	int fd = (int)syscall(SYS_openat2, wish->folder, path, &how, sizeof how);

	if (fd < 0 && errno == ELOOP)
		return err_set(e, -EINVAL, "%.160s: a symbolic link", path);
	if (fd < 0 && errno == EXDEV)
		return err_set(e, -EINVAL, "%.160s: leads out of the manifest's folder", path);
	if (fd < 0 && errno == ENXIO) /* a socket */
		return err_set(e, -EINVAL, "%.160s: not a plain file", path);
	return fd >= 0 ? fd : err_set(e, errno, "%.160s", path);
}

/* ---- names of several files: below the folder that is common to all ---- */

/* The path without empty components and without ".". */
static int
clean_path(const char *path, char clean[SOURCE_PATH_SIZE], struct err *e)
{
	size_t at = 0;

	if (strlen(path) >= SOURCE_PATH_SIZE)
		return err_set(e, ENAMETOOLONG, "%.80s...", path);
	if (path[0] == '/')
		clean[at++] = '/';
	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n > 0 && !(n == 1 && path[0] == '.')) {
			if (at > 0 && clean[at - 1] != '/')
				clean[at++] = '/';
			memcpy(clean + at, path, n);
			at += n;
		}
		path += n + (path[n] == '/');
	}
	clean[at] = '\0';
	return 0;
}

/* How much of both is the same folders. */
static size_t
common_folder(const char *a, const char *b, size_t n)
{
	size_t end = 0;

	for (size_t i = 0; i < n && a[i] == b[i] && a[i] != '\0'; i++)
		if (a[i] == '/')
			end = i + 1;
	return end;
}

static bool
has_parent(const char *path)
{
	for (; path != NULL; path = strchr(path, '/')) {
		path += path[0] == '/';
		if (strncmp(path, "..", 2) == 0 && (path[2] == '/' || path[2] == '\0'))
			return true;
	}
	return false;
}

struct names {
	size_t n, common; /* bytes of every path before its name */
	char (*paths)[SOURCE_PATH_SIZE];
};

static int
find_names(const struct source_wish *wish, struct names *names, struct err *e)
{
	names->n = wish->n;
	names->paths = calloc(wish->n, sizeof *names->paths);
	if (names->paths == NULL)
		return err_set(e, ENOMEM, "sources");
	for (size_t i = 0; i < wish->n; i++) {
		int rc = clean_path(wish->paths[i], names->paths[i], e);

		if (rc < 0)
			return rc;
		names->common = i == 0 ? common_folder(names->paths[0], names->paths[0], SOURCE_PATH_SIZE)
		                       : common_folder(names->paths[0], names->paths[i], names->common);
	}
	for (size_t i = 0; i < wish->n; i++) {
		const char *name = names->paths[i] + names->common;

		if (name[0] == '/' || has_parent(name))
			return err_set(e, -EINVAL,
			               "%.120s: not by its path below one folder with the others; name files "
			               "below one folder, or the folder",
			               wish->paths[i]);
	}
	return 0;
}

/* ---- all of it ---- */

/* What the author calls it. */
static int
show_path(const struct source_wish *wish, const char *path, char shown[SOURCE_PATH_SIZE], struct err *e)
{
	int n = snprintf(shown, SOURCE_PATH_SIZE, "%s%s", wish->shown != NULL ? wish->shown : "", path);

	return n < SOURCE_PATH_SIZE ? 0 : err_set(e, ENAMETOOLONG, "%.80s...", path);
}

static int
add_file(struct source *s, const struct source_wish *wish, size_t i, const char *name, struct err *e)
{
	const char *path = wish->paths[i];
	char shown[SOURCE_PATH_SIZE];
	AUTO_FD fd = open_wished(wish, path, e);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "%.160s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EINVAL, "%.160s: a folder beside other sources; name it alone", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%.160s: not a plain file", path);
	if (show_path(wish, path, shown, e) < 0)
		return -e->code;
	return source_add(s, fd, name, shown, e);
}

/* The first that is compiled names the function. */
static int
name_by_file(struct source *s, const struct source_wish *wish, struct err *e)
{
	for (size_t i = 0; i < wish->n; i++) {
		const struct source_language *l = source_language(wish->paths[i]);
		const char *slash = strrchr(wish->paths[i], '/');
		const char *base = slash != NULL ? slash + 1 : wish->paths[i];

		if (l == NULL || l->language == NULL)
			continue;
		if (show_path(wish, wish->paths[i], s->path, e) < 0)
			return -e->code;
		return source_name(s, base, strlen(base) - strlen(l->suffix), wish->function, e);
	}
	return err_set(e, -EINVAL, "%.160s: not a C or C++ file (.c, .cc, .cpp or .cxx)", wish->paths[0]);
}

static int
read_files(struct source *s, const struct source_wish *wish, struct err *e)
{
	struct names names = { 0 };
	int rc = name_by_file(s, wish, e);

	if (rc == 0)
		rc = find_names(wish, &names, e);
	for (size_t i = 0; rc == 0 && i < wish->n; i++)
		rc = add_file(s, wish, i, names.paths[i] + names.common, e);
	free_pointer(&names.paths);
	return rc;
}

/* What "." and "x/.." are called is the kernel's to say. */
static int
name_by_folder(struct source *s, int fd, const char *function, struct err *e)
{
	char link[64], path[SOURCE_PATH_SIZE];
	const char *base;
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return err_set(e, errno, "%.160s", s->path);
	path[n] = '\0';
	base = strrchr(path, '/');
	base = base != NULL ? base + 1 : path;
	return source_name(s, base, strlen(base), function, e);
}

static int
read_folder(struct source *s, int fd, const struct source_wish *wish, struct err *e)
{
	int rc = show_path(wish, wish->paths[0], s->path, e);

	if (rc < 0)
		return rc;
	for (size_t n = strlen(s->path); n > 1 && s->path[n - 1] == '/'; n--)
		s->path[n - 1] = '\0';
	s->is_folder = true;
	rc = name_by_folder(s, fd, wish->function, e);
	return rc < 0 ? rc : source_walk(s, fd, e);
}

static int
read_standard_input(struct source *s, const struct source_wish *wish, struct err *e)
{
	char name[NAME_MAX_SIZE + 4];
	int rc;

	if (wish->function == NULL)
		return err_set(e, -EINVAL, "C on standard input has no name; give one with --function NAME");
	rc = source_name(s, wish->function, strlen(wish->function), wish->function, e);
	if (rc < 0)
		return rc;
	snprintf(s->path, sizeof s->path, "-");
	snprintf(name, sizeof name, "%s.c", s->function);
	return source_add(s, STDIN_FILENO, name, name, e);
}

static int
read_one(struct source *s, const struct source_wish *wish, struct err *e)
{
	const char *path = wish->paths[0], *slash = strrchr(path, '/');
	AUTO_FD fd = -1;
	struct stat st;
	int rc;

	if (strcmp(path, "-") == 0 && !wish->is_confined)
		return read_standard_input(s, wish, e);
	fd = open_wished(wish, path, e);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "%.160s", path);
	if (S_ISDIR(st.st_mode))
		return read_folder(s, fd, wish, e);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%.160s: not a plain file", path);
	rc = name_by_file(s, wish, e);
	return rc < 0 ? rc : source_add(s, fd, slash != NULL ? slash + 1 : path, s->path, e);
}

enum { GIVEN_FD_MAX = 1 << 20 };

/* Its descriptor; *name is what stands behind. */
static int
given_fd(const char *given, const char **name, struct err *e)
{
	size_t n = strspn(given, "0123456789");
	long fd = n > 0 && n < 8 ? strtol(given, NULL, 10) : -1;

	*name = given + n + 1;
	if (fd < 0 || fd > GIVEN_FD_MAX || given[n] != ':' || !source_is_name(*name) || strchr(*name, '/'))
		return err_set(e, -EINVAL, "'%.80s' is not N:NAME, a descriptor and the name of a file",
		               given);
	return (int)fd;
}

static int
read_given(struct source *s, const struct source_wish *wish, struct err *e)
{
	const char *names[SOURCE_FILES_MAX];
	struct source_wish named = *wish;
	int fds[SOURCE_FILES_MAX], rc = 0;

	if (wish->n > 0)
		return err_set(e, -EINVAL, "%.160s: either files or descriptors", wish->paths[0]);
	if (wish->n_given > SOURCE_FILES_MAX)
		return err_set(e, -E2BIG, "more than %d files", SOURCE_FILES_MAX);
	for (size_t i = 0; rc >= 0 && i < wish->n_given; i++)
		rc = fds[i] = given_fd(wish->given[i], &names[i], e);
	if (rc < 0)
		return rc;
	named.n = wish->n_given;
	named.paths = names;
	rc = name_by_file(s, &named, e);
	for (size_t i = 0; rc == 0 && i < named.n; i++)
		rc = source_add(s, fds[i], names[i], names[i], e);
	return rc;
}

int
source_read(struct source *s, const struct source_wish *wish, struct err *e)
{
	if (wish->n_given > 0)
		return read_given(s, wish, e);
	if (wish->n == 0)
		return err_set(e, -EINVAL, "no source");
	return wish->n == 1 ? read_one(s, wish, e) : read_files(s, wish, e);
}
