/* group.c - a folder in which another one makes leaves: made, emptied. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cgroup/cgroup.h"
#include "cgroup/files.h"

int
cgroup_group_open(int folder, const char *name, struct cgroup_leaf *group, struct err *e)
{
	AUTO_FD fd = -1;
	int rc;

	group->fd = -1;
	if (folder < 0)
		return 0;
	if (mkdirat(folder, name, 0700) < 0)
		return err_set(e, errno, "cgroup: make a group");
	rc = fd = files_open(folder, name);
	if (rc >= 0)
		rc = files_write(fd, "cgroup.subtree_control", CGROUP_CONTROLLERS);
	if (rc < 0) {
		unlinkat(folder, name, AT_REMOVEDIR);
		return err_set(e, -rc, "cgroup: open a group");
	}
	snprintf(group->name, sizeof group->name, "%s", name);
	group->fd = fd;
	fd = -1;
	return 0;
}

/* What is still held by the kernel stays; a further look finds it. */
void
files_remove_folders(int folder)
{
	int copy = files_open(folder, ".");
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;

	if (!dir) {
		fd_close(&copy);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			unlinkat(folder, entry->d_name, AT_REMOVEDIR);
	closedir(dir);
}

void
cgroup_group_clear(int folder)
{
	files_remove_folders(folder);
}
