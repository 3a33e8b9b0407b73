/* logs.c - the three log files. */
#include "pool/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

const char *
logs_path(const struct config *c, enum log_file file)
{
	const char *const paths[LOG_FILES] = {
		[LOG_FILE_ACCESS] = c->access_log,
		[LOG_FILE_FUNCTION] = c->function_log,
		[LOG_FILE_ERROR] = c->error_log,
	};

	return paths[file];
}

static int
open_one(const char *path, struct err *e)
{
	int fd;

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

int
logs_open(struct logs *l, const struct config *c, struct err *e)
{
	struct logs opened = { { -1, -1, -1 }, -1 };

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
	return 0;
}
