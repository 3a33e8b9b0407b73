/* logs.c - the three log files. */
#include "pool/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "config/function_log.h"

const char *
logs_path(const struct config *c, enum log_file file)
{
	const char *const paths[LOG_FILES] = {
		[LOG_FILE_ACCESS] = c->access_log,
		[LOG_FILE_FUNCTION] = function_log_is_each(c) ? "" : c->function_log,
		[LOG_FILE_ERROR] = c->error_log,
	};

	return paths[file];
}

static const struct {
	const char *word, *path;
	enum log_target target;
} systems[] = {
	{ "syslog", _PATH_LOG, LOG_TO_SYSLOG },
	{ "journal", "/run/systemd/journal/socket", LOG_TO_JOURNAL },
};

static enum log_target
target_of(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++)
		if (strncmp(path, systems[i].word, strlen(systems[i].word)) == 0)
			return systems[i].target;
	return LOG_TO_FILE;
}

static const char *
socket_of(const char *path)
{
	const char *own = strchr(path, ':');

	for (size_t i = 0; !own && i < ARRAY_SIZE(systems); i++)
		if (systems[i].target == target_of(path))
			return systems[i].path;
	return own ? own + 1 : path;
}

/* systemd.exec(5): device and inode of the stream that the journal reads. */
static bool
is_journal_stream(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &st) == 0 &&
	       st.st_dev == device && st.st_ino == inode;
}

static int
connect_system(int fd, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof a.sun_path, "%s", socket_of(path));
	return connect(fd, (const struct sockaddr *)&a, sizeof a) < 0 ? -errno : 0;
}

/* A system's log that is not there now is waited for: logs must not keep a pool from serving. */
static int
open_system(const char *path, struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_set(e, errno, "socket for %s", path);
	(void)connect_system(fd, path);
	return fd;
}

static void
reconnect(int fd, const char *path)
{
	if (target_of(path) != LOG_TO_FILE)
		(void)connect_system(fd, path);
}

void
logs_reconnect(const struct logs *l, const struct config *c)
{
	for (int i = 0; i < LOG_FILES; i++)
		reconnect(l->fds[i], logs_path(c, (enum log_file)i));
	reconnect(l->slow, c->slowlog);
}

static int
open_one(const char *path, struct err *e)
{
	int fd;

	if (target_of(path) != LOG_TO_FILE)
		return open_system(path, e);
	if (path[0])
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC, 0640);
	else
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0 && !path[0])
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC); /* started without standard error */
	return fd < 0 ? err_set(e, errno, "open log '%s'", path) : fd;
}

static void
close_all(struct logs *l)
{
	for (int i = 0; i < LOG_FILES; i++)
		fd_close(&l->fds[i]);
	fd_close(&l->slow);
}

static void
name_all(struct logs *l, const struct config *c)
{
	struct log_kinds *k = &l->kinds;

	*k = (struct log_kinds){ .access = target_of(c->access_log),
		                 .function = target_of(c->function_log),
		                 .error = target_of(c->error_log),
		                 .is_each = function_log_is_each(c),
		                 .facility = log_syslog_facility(c->syslog_facility) };
	snprintf(k->ident, sizeof k->ident, "%s", c->syslog_ident);
	if (!c->error_log[0] && is_journal_stream(l->fds[LOG_FILE_ERROR]))
		k->error = LOG_TO_STREAM;
	l->name = (struct log_name){ (enum log_target)k->error, k->facility, k->ident };
	l->slow_name = (struct log_name){ target_of(c->slowlog), k->facility, k->ident };
}

int
logs_open(struct logs *l, const struct config *c, struct err *e)
{
	struct logs opened = { .fds = { -1, -1, -1 }, .slow = -1 };

	for (int i = 0; i < LOG_FILES; i++) {
		opened.fds[i] = open_one(logs_path(c, (enum log_file)i), e);
		if (opened.fds[i] < 0) {
			close_all(&opened);
			return -e->code;
		}
	}
	opened.slow = open_one(c->slowlog, e);
	if (opened.slow < 0) {
		close_all(&opened);
		return -e->code;
	}
	close_all(l);
	*l = opened;
	name_all(l, c);
	return 0;
}

/* Whoever may write the folder could lay anything there. */
int
logs_open_function(const struct config *c, const char *name, struct err *e)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	char path[FUNCTION_LOG_PATH_SIZE];
	struct stat st;
	int fd, rc = function_log_path(c, name, path, e);

	if (rc < 0)
		return rc;
	fd = open(path, flags, 0640);
	if (fd < 0)
		return err_set(e, errno, "open log '%s'", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(e, -EINVAL, "log '%s' is not a file", path);
	}
	return fd;
}
