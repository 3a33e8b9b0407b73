/* whole_file.c - a file that is written: there with all that belongs into it, or not at all. */
#include "deploy-tool/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { CHUNK = 64 << 10 };

static bool
is_stream(const char *path)
{
	return strcmp(path, "-") == 0;
}

/* What is replaced must be a file: a device would be gone, and a registry would have another's rights. */
static int
check_place(const char *path, const char *registry, struct err *e)
{
	struct stat place, other;

	if (lstat(path, &place) < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "%.200s", path);
	if (!S_ISREG(place.st_mode))
		return err_set(e, -EISDIR, "%.200s is there and is not a file", path);
	if (stat(registry, &other) == 0 && other.st_dev == place.st_dev && other.st_ino == place.st_ino)
		return err_set(e, -EEXIST, "%.200s is the registry itself", path);
	return 0;
}

/* In a folder of its own: SQLite believes any file "-journal" beside a database, and where others may write
 * they could leave one. */
static int
make_temporary(struct whole_file *w, const char *base, struct err *e)
{
	int n = snprintf(w->folder, sizeof w->folder, "%s.XXXXXX", base);

	if ((size_t)n >= sizeof w->folder) {
		w->folder[0] = '\0';
		return err_set(e, ENAMETOOLONG, "%.100s", base);
	}
	if (!mkdtemp(w->folder)) {
		n = err_set(e, errno, "%.200s", base);
		w->folder[0] = '\0';
		return n;
	}
	snprintf(w->temporary, sizeof w->temporary, "%s/file", w->folder);
	w->fd = open(w->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return w->fd < 0 ? err_set(e, errno, "%.200s", w->temporary) : 0;
}

static void
remove_folder(struct whole_file *w)
{
	if (w->folder[0] != '\0')
		rmdir(w->folder);
	w->folder[0] = '\0';
}

static int
make_hidden(struct whole_file *w, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	char base[CONFIG_PATH_MAX];

	snprintf(base, sizeof base, "%s/cfn-deploy", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");
	return make_temporary(w, base, e);
}

int
whole_file_begin(struct whole_file *w, const char *path, const char *registry, struct err *e)
{
	int rc;

	*w = (struct whole_file){ .fd = -1 };
	if (strlen(path) >= sizeof w->path)
		return err_set(e, ENAMETOOLONG, "%.100s", path);
	snprintf(w->path, sizeof w->path, "%s", path);
	if (is_stream(path))
		return make_hidden(w, e);
	rc = check_place(path, registry, e);
	return rc < 0 ? rc : make_temporary(w, path, e);
}

/* At most max bytes; *n of them. */
static int
copy(int from, int to, uint64_t max, uint64_t *n, struct err *e)
{
	AUTO_FREE char *chunk = malloc(CHUNK);

	if (chunk == NULL)
		return err_set(e, ENOMEM, "copy");
	for (*n = 0;;) {
		ssize_t got = read(from, chunk, CHUNK);
		int rc;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? err_set(e, errno, "read") : 0;
		*n += (uint64_t)got;
		if (*n > max)
			return err_set(e, -EFBIG, "more than %llu bytes", (unsigned long long)max);
		rc = fd_write_all(to, chunk, (size_t)got);
		if (rc < 0)
			return err_set(e, -rc, "write");
	}
}

/* A name is on the disk when its folder is. */
static int
sync_folder(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char folder[CONFIG_PATH_MAX];
	AUTO_FD fd = -1;

	snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
	         slash != NULL ? path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? err_set(e, errno, "%.200s", folder) : 0;
}

static int
place(struct whole_file *w, struct err *e)
{
	if (fsync(w->fd) < 0)
		return err_set(e, errno, "%.200s", w->temporary);
	if (rename(w->temporary, w->path) < 0)
		return err_set(e, errno, "%.200s", w->path);
	w->temporary[0] = '\0';
	remove_folder(w);
	return sync_folder(w->path, e);
}

int
whole_file_end(struct whole_file *w, struct err *e)
{
	struct stat st;

	if (fstat(w->fd, &st) < 0)
		return err_set(e, errno, "%.200s", w->temporary);
	w->size = (uint64_t)st.st_size;
	if (!is_stream(w->path))
		return place(w, e);
	if (copy(w->fd, STDOUT_FILENO, UINT64_MAX, &w->size, e) < 0)
		return err_wrap(e, "standard output");
	return 0;
}

void
whole_file_done(struct whole_file *w)
{
	fd_close(&w->fd);
	if (w->temporary[0] != '\0')
		unlink(w->temporary);
	w->temporary[0] = '\0';
	remove_folder(w);
}

int
whole_file_take(struct whole_file *w, const char *path, uint64_t max, struct err *e)
{
	AUTO_FD file = -1;
	int rc;

	*w = (struct whole_file){ .fd = -1 };
	file = is_stream(path) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
	                       : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file < 0)
		return err_set(e, errno, "%.200s", path);
	rc = make_hidden(w, e);
	if (rc == 0)
		rc = copy(file, w->fd, max, &w->size, e);
	return rc < 0 ? err_wrap(e, "%.200s", path) : 0;
}
