/* folder.c - a place of shared folders that lives as long as one invocation or one test. */
#include "deploy-tool/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/scratch.h"

/* Entries that are met before we give up: a disk's worth. */
enum { INODES_MAX = 10 * 1000 * 1000 };

int
folder_make(struct folder *f, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	int n =
	    snprintf(f->path, sizeof f->path, "%s/cfn-XXXXXX", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp");

	if (n >= (int)sizeof f->path)
		f->path[0] = '\0';
	if (n >= (int)sizeof f->path)
		return err_set(e, -ENAMETOOLONG, "TMPDIR");
	if (mkdtemp(f->path) != NULL)
		return 0;
	err_set(e, errno, "make the folder %s", f->path);
	f->path[0] = '\0';
	return -e->code;
}

int
folder_remove(struct folder *f, struct err *e)
{
	const struct scratch all = { .empty = { .st_mode = 0700 }, .n_inodes = INODES_MAX };
	AUTO_FD fd = -1;
	int rc;

	if (f->path[0] == '\0')
		return 0;
	fd = open(f->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	rc = fd < 0 ? -errno : scratch_empty(&all, fd);
	if (rc == 0 && rmdir(f->path) < 0)
		rc = -errno;
	if (rc < 0)
		return err_set(e, -rc, "remove the folder %s", f->path);
	f->path[0] = '\0';
	return 0;
}
