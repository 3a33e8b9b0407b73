/* copy.c - a file in or out of a shared folder, or its list, by a process confined as the folder's functions
 * are. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/start.h"
#include "worker/worker.h"

enum { COPY_CHUNK = 64 * 1024, COPY_NAME_SIZE = 256 };

/* A path inside the folder, as the folder of the last part and that part. */
struct target {
	int folder;
	char name[COPY_NAME_SIZE];
};

/* Neither a link nor another mount (the private /tmp) is passed. */
static int
open_folder(const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV };
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = (int)syscall(SYS_openat2, root, path[0] != '\0' ? path : ".", &how, sizeof how);

	fd_close(&root);
	return fd;
}

static int
open_target(const struct start_copy *c, struct target *t, struct err *e)
{
	char folder[COPY_PATH_SIZE];
	const char *slash = strrchr(c->path, '/');
	const char *name = slash ? slash + 1 : c->path;

	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(e, -EINVAL, "'%s' names no file", c->path);
	if (strlen(name) >= sizeof t->name)
		return err_set(e, ENAMETOOLONG, "'%s'", c->path);
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - c->path) : 0, c->path);
	memcpy(t->name, name, strlen(name) + 1);
	t->folder = open_folder(folder);
	if (t->folder < 0 && errno == EXDEV)
		return err_set(e, -EINVAL, "'%s' leads out of the shared folder", c->path);
	return t->folder < 0 ? err_set(e, errno, "open the folder of '%s'", c->path) : 0;
}

static int
copy_bytes(int from, int to, uint64_t max, struct err *e)
{
	static char bytes[COPY_CHUNK];
	uint64_t total = 0;
	ssize_t n;

	while ((n = read(from, bytes, sizeof bytes)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "read");
		total += (uint64_t)n;
		if (total > max)
			return err_set(e, -EFBIG, "larger than %llu bytes", (unsigned long long)max);
		int rc = fd_write_all(to, bytes, (size_t)n);
		if (rc < 0)
			return err_set(e, -rc, "write");
	}
	return 0;
}

/* Whole or not at all, also over a crash: written beside, synchronised, renamed. */
static int
copy_in_as(const struct start_copy *c, const struct target *t, const char *making, struct err *e)
{
	AUTO_FD to = openat(t->folder, making, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (to < 0)
		return err_set(e, errno, "create");
	if (copy_bytes(WORKER_FD_COPY_DATA, to, c->max_size, e) < 0)
		return -e->code;
	if (fsync(to) < 0)
		return err_set(e, errno, "write to the disk");
	if (renameat(t->folder, making, t->folder, t->name) < 0)
		return err_set(e, errno, "rename");
	return fsync(t->folder) < 0 ? err_set(e, errno, "write to the disk") : 0;
}

static int
copy_in(const struct start_copy *c, struct err *e)
{
	struct target t = { .folder = -1 };
	uint64_t number;
	char making[32];
	int rc;

	if (open_target(c, &t, e) < 0)
		return -e->code;
	random_bytes(&number, sizeof number);
	snprintf(making, sizeof making, ".cfn-%016llx", (unsigned long long)number);
	rc = copy_in_as(c, &t, making, e);
	if (rc < 0)
		unlinkat(t.folder, making, 0);
	return rc < 0 ? err_wrap(e, "copy to '%s'", c->path) : 0;
}

static int
copy_out(const struct start_copy *c, struct err *e)
{
	AUTO_FD from = -1;
	struct target t = { .folder = -1 };
	struct stat st;

	if (open_target(c, &t, e) < 0)
		return -e->code;
	/* Not waiting: it may be a pipe that the function made. */
	from = openat(t.folder, t.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from < 0 || fstat(from, &st) < 0)
		return err_set(e, errno, "open '%s'", c->path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "'%s' is not a plain file", c->path);
	if (copy_bytes(from, WORKER_FD_COPY_DATA, c->max_size, e) < 0)
		return err_wrap(e, "copy of '%s'", c->path);
	return 0;
}

static int
list_entry(int folder, const char *name, uint64_t *left, struct err *e)
{
	char safe[4 * COPY_NAME_SIZE + 1], line[sizeof safe + 32];
	struct stat st;
	int n, rc;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* gone meanwhile */
	log_escape(safe, sizeof safe, name, strlen(name));
	n = snprintf(line, sizeof line, "%llu %s%s\n",
	             S_ISREG(st.st_mode) ? (unsigned long long)st.st_size : 0ULL, safe,
	             S_ISDIR(st.st_mode) ? "/" : "");
	if ((uint64_t)n > *left)
		return err_set(e, -EFBIG, "the list is longer than allowed");
	*left -= (uint64_t)n;
	rc = fd_write_all(WORKER_FD_COPY_DATA, line, (size_t)n);
	return rc < 0 ? err_set(e, -rc, "write") : 0;
}

static int
list(const struct start_copy *c, struct err *e)
{
	int fd = open_folder(c->path);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	uint64_t left = c->max_size;
	const struct dirent *entry;
	int rc = 0;

	if (!folder)
		return err_set(e, errno, "open folder '%s'", c->path);
	while (rc == 0 && (entry = readdir(folder))) {
		const char *name = entry->d_name;
		bool is_ours = c->path[0] == '\0' && strcmp(name, "tmp") == 0;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !is_ours)
			rc = list_entry(fd, name, &left, e);
	}
	closedir(folder);
	return rc;
}

int
copy_run(const struct start_copy *c, struct sandbox *s, int init, struct err *e)
{
	static int (*const kinds[])(const struct start_copy *, struct err *) = { copy_out, copy_in, list };
	int rc;

	if (sandbox_enter(s, SANDBOX_PAYLOAD, e) < 0 || await_init(init, e) < 0)
		rc = -e->code;
	else if (c->is_in >= sizeof kinds / sizeof *kinds)
		rc = err_set(e, -EINVAL, "copy: unknown direction");
	else
		rc = kinds[c->is_in](c, e);
	if (rc < 0)
		say_failed(REPORT_FAILED, e);
	return rc == 0 ? COPY_DONE : rc == -ENOENT ? COPY_NO_FILE : COPY_FAILED;
}
