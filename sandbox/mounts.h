/* mounts.h - inside of the library: detached mounts. */
#pragma once
#include <stdint.h>

#include "base/err.h"

struct tmpfs {
	uint64_t size;   /* bytes; never 0, which would mean no limit */
	uint64_t inodes; /* never 0 */
	const char *mode;
	uint64_t attributes; /* MOUNT_ATTR_* */
};

/* A new tmpfs, attached nowhere; a descriptor or -errno. */
int mount_tmpfs(const struct tmpfs *t, struct err *e);

/* Gives the one that is at path the size and the inodes of t. */
int mount_tmpfs_resize(const struct tmpfs *t, const char *path, struct err *e);

/* A copy of what this descriptor (O_PATH is enough) names, with everything mounted below it, attached
 * nowhere. The attributes are added to all of it. */
int mount_copy(int fd, uint64_t attributes, struct err *e);

/* Adds attributes to the mount, recursively or to this one. */
int mount_restrict(int mount, uint64_t attributes, bool is_recursive, struct err *e);

/* Attaches a detached mount at the path below folder, or at folder itself when path is "". */
int mount_attach(int mount, int folder, const char *path, struct err *e);

/* Opens a folder ("tmp") of a shared folder: a plain one of the same mount. */
int mount_point_open(int folder, const char *name, struct err *e);
