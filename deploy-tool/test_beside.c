/* test_beside.c - the files beside a test that it names. */
#include "deploy-tool/test_beside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* A test that somebody else wrote, recorded or sent sees the files of its folder and no others: what it reads
 * goes to a function, or into what is shown. */
static int
open_beside(const char *test_path, const char *name, struct err *e)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	const char *slash = strrchr(test_path, '/');
	AUTO_FREE char *path =
	    slash != NULL ? strndup(test_path, (size_t)(slash - test_path) + 1) : strdup(".");
	AUTO_FD folder = path != NULL ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	int fd = folder >= 0 ? (int)syscall(SYS_openat2, folder, name, &how, sizeof how) : -1;

	if (fd < 0 && folder >= 0 && errno == EXDEV)
		return err_set(e, -EINVAL, "%.160s: leads out of the test's folder", name);
	if (fd < 0 && folder >= 0 && errno == ELOOP)
		return err_set(e, -EINVAL, "%.160s: a symbolic link", name);
	return fd >= 0 ? fd : err_set(e, errno, "%.160s", name);
}

/* Within the folder ".." is as refused as beyond it. */
static bool
climbs(const char *name)
{
	for (const char *p = name; p != NULL; p = strchr(p, '/')) {
		p += strspn(p, "/");
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
			return true;
	}
	return name[0] == '/';
}

int
test_beside_read(const char *test_path, struct text text, size_t max, struct buf *to, struct err *e)
{
	AUTO_FREE char *name = strndup(text.p, text.n);
	AUTO_FREE char *data = NULL;
	AUTO_FD fd = -1;
	size_t size;
	int rc;

	if (name == NULL)
		return err_set(e, -ENOMEM, "%s", test_path);
	if (climbs(name))
		return err_set(e, -EINVAL, "%.160s: leads out of the test's folder", name);
	fd = open_beside(test_path, name, e);
	if (fd < 0)
		return fd;
	rc = fd_read_file(fd, max, &data, &size, e);
	if (rc < 0)
		return rc;
	rc = buf_append(to, data, size);
	return rc < 0 ? err_set(e, rc, "%.160s", name) : 0;
}
