/* folder.c - shared folders: made whole or not at all, and opened without following anything. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "spawn/spawn.h"

bool
folder_is_name(const char *name, size_t size)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t n = strnlen(name, size);

	if (n == 0 || n == size || !strchr(first, name[0]))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

int
folder_check_path(const char *path, struct err *e)
{
	char part[4096];
	size_t n = 0;

	do {
		n += strcspn(path + n + 1, "/") + 1;
		if (snprintf(part, sizeof part, "%.*s", (int)n, path) >= (int)sizeof part)
			return err_set(e, ENAMETOOLONG, "shared folder");
		if (access(part, X_OK) < 0)
			return err_set(e, -errno,
			               "shared folder '%s': '%s' cannot be passed by the pool's uid (%s): "
			               "place registry or shared_dir elsewhere",
			               path, part, strerrordesc_np(errno));
	} while (path[n] != '\0');
	return 0;
}

static int
open_folder(int dir, const char *name)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV };

	return (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
}

/* Under a name that no folder can have, renamed when it is complete: a crash leaves no half of one. */
static int
make_folder(const struct spawn *s, const char *name, uid_t owner, struct err *e)
{
	char making[NAME_MAX_SIZE + 8];
	AUTO_FD fd = -1;

	snprintf(making, sizeof making, ".new.%s", name);
	if (mkdirat(s->shared, making, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make shared folder '%s'", name);
	fd = open_folder(s->shared, making);
	if (fd < 0 || (mkdirat(fd, "tmp", 0700) < 0 && errno != EEXIST) || fchown(fd, owner, owner) < 0)
		return err_set(e, errno, "make shared folder '%s'", name);
	/* Another pool on this registry may have been first. */
	if (renameat(s->shared, making, s->shared, name) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		return err_set(e, errno, "make shared folder '%s'", name);
	return 0;
}

static int
check_owner(int fd, const char *name, uid_t owner, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "shared folder '%s'", name);
	if (st.st_uid != owner)
		return err_set(e, -EPERM,
		               "shared folder '%s' belongs to another uid (%u, not %u of the pool)", name,
		               st.st_uid, owner);
	return 0;
}

int
folder_provide(const struct spawn *s, const char *name, uint32_t slot, struct err *e)
{
	AUTO_FD fd = open_folder(s->shared, name);

	return fd < 0 && errno == ENOENT ? make_folder(s, name, slot_id(s, slot), e) : 0;
}

int
folder_provide_run(const struct spawn *s, const char *name, struct err *e)
{
	AUTO_FD fd = open_folder(s->shared, name);

	if (fd < 0 || (mkdirat(fd, "run", 0700) < 0 && errno != EEXIST))
		return err_set(e, errno, "shared folder '%s': make 'run'", name);
	return 0;
}

int
folder_open(const struct spawn *s, const char *name, uint32_t slot, bool is_read_only, struct err *e)
{
	AUTO_FD fd = open_folder(s->shared, name);
	int rc;

	if (fd < 0)
		return err_set(e, errno, "open shared folder '%s'", name);
	rc = check_owner(fd, name, slot_id(s, slot), e);
	return rc < 0 ? rc : sandbox_folder_open(s->shared, name, is_read_only, e);
}
