/* key_file.c - small texts of the state folder that are the pool's alone. */
#include "pool/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static int
check_secrecy(int fd, const char *name, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "%s", name);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_set(e, -EPERM, "%s: not a plain file of one name", name);
	if (st.st_uid != geteuid())
		return err_set(e, -EPERM, "%s: belongs to uid %u, not to %u", name, st.st_uid, geteuid());
	if (st.st_mode & 077)
		return err_set(e, -EPERM, "%s: others may use it (mode %04o); set it to 0600", name,
		               st.st_mode & 07777);
	return 0;
}

int
key_file_read(int folder, const char *name, char text[KEY_FILE_SIZE], struct err *e)
{
	/* Non-blocking: a FIFO in its place must not hold us. */
	AUTO_FD fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return err_set(e, errno, "%s", name);
	if (check_secrecy(fd, name, e) < 0)
		return -e->code;
	n = fd_read_all(fd, text, KEY_FILE_SIZE - 1);
	if (n < 0)
		return err_set(e, (int)-n, "%s", name);
	text[n] = '\0';
	return 0;
}

int
key_file_write(int folder, const char *name, const char *text, struct err *e)
{
	char fresh[64];
	AUTO_FD fd = -1;
	int rc;

	snprintf(fresh, sizeof fresh, "%s.new", name);
	/* Left by whoever was killed here; nobody else is here now. */
	unlinkat(folder, fresh, 0);
	fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, errno, "write %s", name);
	rc = fd_write_all(fd, text, strlen(text));
	if (rc < 0)
		return err_set(e, -rc, "write %s", name);
	if (fsync(fd) < 0 || renameat(folder, fresh, folder, name) < 0 || fsync(folder) < 0)
		return err_set(e, errno, "write %s", name);
	return 0;
}

int
key_file_lock(const char *state_dir, struct err *e)
{
	AUTO_FD folder = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int locked;

	if (folder < 0 || flock(folder, LOCK_EX) < 0)
		return err_set(e, errno, "state folder '%s'", state_dir);
	/* Where others could put a file of their own, they could make everybody's sessions. */
	if (fd_check_own_folder(folder, e) < 0)
		return err_wrap(e, "state folder '%s'", state_dir);
	locked = folder;
	folder = -1;
	return locked;
}
