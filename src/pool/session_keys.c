/* session_keys.c - the secrets that sessions are sealed with, in a file of the state folder.
 *
 * A line for each, "EPOCH HEX", the current one first.  Whoever writes it holds the folder's lock; whoever
 * reads it sees the old file or the new one. */
#include "pool/session_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hex.h"
#include "base/options.h"

#define FILE_NAME "session.keys"

enum { FILE_MAX = 512, HEX_SIZE = 2 * SEAL_SECRET_SIZE + 1 };

static int
check_secrecy(int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, FILE_NAME);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_set(e, -EPERM, FILE_NAME ": not a plain file of one name");
	if (st.st_uid != geteuid())
		return err_set(e, -EPERM, FILE_NAME ": belongs to uid %u, not to %u", st.st_uid, geteuid());
	if (st.st_mode & 077)
		return err_set(e, -EPERM, FILE_NAME ": others may use it (mode %04o); set it to 0600",
		               st.st_mode & 07777);
	return 0;
}

static int
read_line(char *line, struct session_secret *s)
{
	char *hex = line, *epoch = strsep(&hex, " ");
	uint64_t number = 0;

	if (!hex || option_parse_number(epoch, &number) < 0 || number == 0 || number > UINT32_MAX ||
	    hex_parse(hex, s->bytes, sizeof s->bytes) < 0)
		return -EBADMSG;
	s->epoch = (uint32_t)number;
	return 0;
}

static int
read_lines(char *text, struct session_keys *k, struct err *e)
{
	size_t n = 0;

	for (char *line; (line = strsep(&text, "\n")) && line[0];)
		if (n == SESSION_SECRETS_MAX || read_line(line, &k->secrets[n++]) < 0)
			return err_set(e, -EBADMSG, FILE_NAME ", line %zu: not 'EPOCH HEX'", n);
	return n > 0 ? 0 : err_set(e, -EBADMSG, FILE_NAME ": empty");
}

static int
read_keys(int folder, struct session_keys *k, struct err *e)
{
	/* Non-blocking: a FIFO in its place must not hold us. */
	AUTO_FD fd = openat(folder, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct session_keys fresh = { 0 };
	char text[FILE_MAX + 1];
	ssize_t n;
	int rc;

	if (fd < 0)
		return err_set(e, errno, FILE_NAME);
	if (check_secrecy(fd, e) < 0)
		return -e->code;
	n = fd_read_all(fd, text, FILE_MAX);
	if (n < 0)
		return err_set(e, (int)-n, FILE_NAME);
	text[n] = '\0';
	rc = read_lines(text, &fresh, e);
	if (rc == 0)
		*k = fresh;
	OPENSSL_cleanse(text, sizeof text);
	OPENSSL_cleanse(&fresh, sizeof fresh);
	return rc;
}

static int
write_text(int folder, const char *text, struct err *e)
{
	AUTO_FD fd = -1;
	int rc;

	/* Left by whoever was killed here; nobody else is here now. */
	unlinkat(folder, FILE_NAME ".new", 0);
	fd = openat(folder, FILE_NAME ".new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, errno, "write " FILE_NAME);
	rc = fd_write_all(fd, text, strlen(text));
	if (rc < 0)
		return err_set(e, -rc, "write " FILE_NAME);
	if (fsync(fd) < 0 || renameat(folder, FILE_NAME ".new", folder, FILE_NAME) < 0 || fsync(folder) < 0)
		return err_set(e, errno, "write " FILE_NAME);
	return 0;
}

static int
write_keys(int folder, const struct session_keys *k, struct err *e)
{
	char text[FILE_MAX], hex[HEX_SIZE];
	int n = 0, rc;

	for (size_t i = 0; i < SESSION_SECRETS_MAX && k->secrets[i].epoch != 0; i++) {
		hex_format(k->secrets[i].bytes, SEAL_SECRET_SIZE, hex);
		n +=
		    snprintf(text + n, sizeof text - (size_t)n, "%" PRIu32 " %s\n", k->secrets[i].epoch, hex);
	}
	rc = write_text(folder, text, e);
	OPENSSL_cleanse(text, sizeof text);
	OPENSSL_cleanse(hex, sizeof hex);
	return rc;
}

/* What is there, or the first. */
static int
read_or_make(int folder, struct session_keys *k, struct err *e)
{
	int rc = read_keys(folder, k, e);

	if (rc != -ENOENT)
		return rc;
	session_keys_make(k);
	return write_keys(folder, k, e);
}

static int
replace(int folder, uint32_t epoch, struct session_keys *k, struct err *e)
{
	struct session_keys next;
	int rc = read_keys(folder, &next, e);

	if (rc == 0 && next.secrets[0].epoch == UINT32_MAX)
		rc = err_set(e, -ERANGE, FILE_NAME ": no epoch is left");
	if (rc == 0 && (epoch == 0 || epoch == next.secrets[0].epoch)) {
		session_keys_rotate(&next);
		rc = write_keys(folder, &next, e);
	}
	if (rc == 0)
		*k = next;
	OPENSSL_cleanse(&next, sizeof next);
	return rc;
}

static int
open_locked(const char *state_dir, struct err *e)
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

int
session_keys_open(const char *state_dir, struct session_keys *k, struct err *e)
{
	AUTO_FD folder = open_locked(state_dir, e);

	return folder < 0 ? folder : read_or_make(folder, k, e);
}

int
session_keys_replace(const char *state_dir, uint32_t epoch, struct session_keys *k, struct err *e)
{
	AUTO_FD folder = open_locked(state_dir, e);

	return folder < 0 ? folder : replace(folder, epoch, k, e);
}
