/* listener.c - the socket that web servers connect to: handed over, or made. */
#include "pool/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/options.h"

enum { SYSTEMD_FIRST_FD = 3 };

static bool
is_listening(int fd)
{
	int on = 0, type = 0;
	socklen_t size = sizeof on;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) < 0 || !on)
		return false;
	size = sizeof type;
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* An address, for people and to compare by. */
static void
describe_address(const struct sockaddr *a, socklen_t size, char text[LISTENER_TEXT_SIZE])
{
	char host[64], port[8];

	snprintf(text, LISTENER_TEXT_SIZE, "a socket that was handed over");
	if (a->sa_family == AF_UNIX)
		snprintf(text, LISTENER_TEXT_SIZE, "unix:%.108s",
		         ((const struct sockaddr_un *)(const void *)a)->sun_path);
	else if (getnameinfo(a, size, host, sizeof host, port, sizeof port,
	                     NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(text, LISTENER_TEXT_SIZE, a->sa_family == AF_INET6 ? "tcp:[%s]:%s" : "tcp:%s:%s",
		         host, port);
}

static void
describe(struct listener *l)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof address;

	if (getsockname(l->fd, (struct sockaddr *)&address, &size) < 0)
		address.ss_family = AF_UNSPEC;
	l->is_tcp = address.ss_family == AF_INET || address.ss_family == AF_INET6;
	describe_address((const struct sockaddr *)&address, size, l->text);
}

/* Of "name:connection:connection" all but the first, when they are n and called so; else 0. */
static int
count_kept(uint64_t n)
{
	const char *names = getenv("LISTEN_FDNAMES"), *name = names ? strchr(names, ':') : NULL;
	const size_t length = strlen(LISTENER_KEPT_NAME);
	int n_kept = 0;

	for (; name; name = strchr(name + 1, ':'), n_kept++)
		if (n_kept == LISTENER_KEPT_MAX || strncmp(name + 1, LISTENER_KEPT_NAME, length) != 0 ||
		    (name[1 + length] != ':' && name[1 + length] != '\0'))
			return 0;
	return (uint64_t)n_kept + 1 == n ? n_kept : 0;
}

/* sd_listen_fds(3): exactly one socket, for exactly this process, and what we have asked to be kept. */
static int
systemd_socket(struct listener *l, struct err *e)
{
	const char *pid_text = getenv("LISTEN_PID"), *n_text = getenv("LISTEN_FDS");
	uint64_t pid = 0, n = 0;

	if (!pid_text || !n_text || option_parse_number(pid_text, &pid) < 0 || pid != (uint64_t)getpid())
		return -ENOENT;
	if (option_parse_number(n_text, &n) == 0)
		l->n_kept = count_kept(n);
	if (n != (uint64_t)l->n_kept + 1)
		return err_set(e, -EINVAL, "LISTEN_FDS is '%.16s': exactly one socket is served", n_text);
	if (!is_listening(SYSTEMD_FIRST_FD))
		return err_set(e, -EINVAL, "descriptor 3 of LISTEN_FDS is not a listening stream socket");
	for (int i = 0; i < l->n_kept; i++)
		fd_set_cloexec(LISTENER_KEPT_FD + i, 1);
	return SYSTEMD_FIRST_FD;
}

static int
lookup_id(const char *name, bool is_group, unsigned *id, struct err *e)
{
	const struct passwd *user = is_group ? NULL : getpwnam(name);
	const struct group *group = is_group ? getgrnam(name) : NULL;
	uint64_t number;

	if (user)
		*id = user->pw_uid;
	else if (group)
		*id = group->gr_gid;
	else if (option_parse_number(name, &number) == 0 && number < UINT32_MAX)
		*id = (unsigned)number;
	else
		return err_set(e, -EINVAL, "%s '%.64s' is not known",
		               is_group ? "listen.group" : "listen.owner", name);
	return 0;
}

static int
set_owner(const struct listener_options *o, const char *path, struct err *e)
{
	unsigned uid = (unsigned)-1, gid = (unsigned)-1;
	int rc = 0;

	if (o->owner[0])
		rc = lookup_id(o->owner, false, &uid, e);
	if (rc == 0 && o->group[0])
		rc = lookup_id(o->group, true, &gid, e);
	if (rc < 0)
		return rc;
	if ((o->owner[0] || o->group[0]) && lchown(path, uid, gid) < 0)
		return err_set(e, errno, "give '%s' to %s:%s", path, o->owner, o->group);
	return 0;
}

/* 0 when the way is free: nothing there, or a socket that nobody listens on. */
static int
remove_stale(const struct sockaddr_un *address, struct err *e)
{
	const char *path = address->sun_path;
	AUTO_FD probe = -1;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "listen on '%s'", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, -EEXIST, "listen on '%s': something else than a socket is there", path);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return err_set(e, errno, "socket");
	/* EAGAIN is a live one with a full backlog. */
	if (connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN)
		return err_set(e, -EADDRINUSE, "listen on '%s': another program is listening there", path);
	if (errno != ECONNREFUSED)
		return err_set(e, errno, "listen on '%s'", path);
	return unlink(path) < 0 && errno != ENOENT ? err_set(e, errno, "remove stale '%s'", path) : 0;
}

/* The name is seen by others only with its final mode. */
static int
bind_unix(const struct listener_options *o, int fd, const struct sockaddr_un *address, struct err *e)
{
	mode_t saved = umask(0777 & ~o->mode);
	int rc = bind(fd, (const struct sockaddr *)address, sizeof *address);
	int error = errno;

	umask(saved);
	if (rc < 0)
		return error == ENOENT
		           ? err_set(e, -ENOTDIR, "listen on '%s': its folder is not there; make it",
		                     address->sun_path)
		           : err_set(e, error, "listen on '%s'", address->sun_path);
	rc = set_owner(o, address->sun_path, e);
	if (rc == 0 && listen(fd, o->backlog) < 0)
		rc = err_set(e, errno, "listen on '%s'", address->sun_path);
	if (rc < 0)
		unlink(address->sun_path);
	return rc;
}

/* Two pools that start at once must not both find the socket stale and remove each other's. */
static int
lock_folder(const char *path)
{
	char copy[108];
	int fd;

	snprintf(copy, sizeof copy, "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		flock(fd, LOCK_EX);
	return fd;
}

static int
open_unix(const struct listener_options *o, const char *path, struct listener *l, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD fd = -1, lock = -1;

	if (path[0] == '\0' || strlen(path) >= sizeof address.sun_path)
		return err_set(e, -EINVAL, "listen: the path of a unix socket has 1 to %zu bytes",
		               sizeof address.sun_path - 1);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, errno, "socket");
	lock = lock_folder(path);
	if (remove_stale(&address, e) < 0 || bind_unix(o, fd, &address, e) < 0)
		return -e->code;
	snprintf(l->path, sizeof l->path, "%s", path);
	l->fd = fd;
	fd = -1;
	return 0;
}

/* "HOST:PORT" or "[HOST]:PORT" */
static int
split_address(const char *text, char host[256], char port[8], struct err *e)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	uint64_t number;

	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (n == 0 || n >= 256 || option_parse_number(colon + 1, &number) < 0 || number > 65535)
		return err_set(e, -EINVAL, "listen: 'tcp:%.64s' is not tcp:HOST:PORT", text);
	memcpy(host, text, n);
	host[n] = '\0';
	snprintf(port, 8, "%u", (unsigned)number);
	return 0;
}

static int
listen_tcp(const struct addrinfo *a, const char *text, int backlog, struct err *e)
{
	AUTO_FD fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1, listening;

	if (fd < 0)
		return err_set(e, errno, "socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, backlog) < 0)
		return err_set(e, errno, "listen on 'tcp:%s'", text);
	listening = fd;
	fd = -1;
	return listening;
}

static int
look_up(const char *text, struct addrinfo **found, struct err *e)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	char host[256], port[8];
	int rc = split_address(text, host, port, e);

	if (rc < 0)
		return rc;
	rc = getaddrinfo(host, port, &hints, found);
	return rc == 0 ? 0 : err_set(e, -EINVAL, "listen on 'tcp:%s': %s", text, gai_strerror(rc));
}

static int
open_tcp(const struct listener_options *o, const char *text, struct listener *l, struct err *e)
{
	struct addrinfo *found;
	int rc = look_up(text, &found, e);

	if (rc < 0)
		return rc;
	l->fd = listen_tcp(found, text, o->backlog, e);
	freeaddrinfo(found);
	return l->fd < 0 ? l->fd : 0;
}

static int
open_address(const struct listener_options *o, struct listener *l, struct err *e)
{
	if (strncmp(o->address, "unix:", 5) == 0)
		return open_unix(o, o->address + 5, l, e);
	if (strncmp(o->address, "tcp:", 4) == 0)
		return open_tcp(o, o->address + 4, l, e);
	if (o->address[0])
		return err_set(e, -EINVAL, "listen: '%.64s' is not unix:PATH or tcp:HOST:PORT", o->address);
	return err_set(e, -ENOENT,
	               "no socket to listen on: give --listen unix:PATH or tcp:HOST:PORT, or start it by "
	               "spawn-fcgi, the web server or systemd");
}

static int
settle(struct listener *l)
{
	describe(l);
	fd_set_cloexec(l->fd, 1);
	return fd_set_blocking(l->fd, 0);
}

int
listener_open_address(const struct listener_options *options, struct listener *l, struct err *e)
{
	int rc;

	*l = (struct listener){ .fd = -1 };
	rc = open_address(options, l, e);
	return rc == 0 ? settle(l) : rc;
}

int
listener_open(const struct listener_options *options, struct listener *l, struct err *e)
{
	int rc = 0;

	*l = (struct listener){ .fd = -1 };
	if (is_listening(0)) {
		l->fd = fcntl(0, F_DUPFD_CLOEXEC, 3);
		if (l->fd < 0)
			return err_set(e, errno, "descriptor 0");
	} else {
		l->fd = systemd_socket(l, e);
		if (l->fd < 0 && l->fd != -ENOENT)
			return l->fd;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (l->fd < 0)
		rc = open_address(options, l, e);
	return rc == 0 ? settle(l) : rc;
}

bool
listener_is_at(const char *text, const char *address)
{
	char numeric[LISTENER_TEXT_SIZE];
	struct addrinfo *found;
	struct err e;

	if (strncmp(address, "tcp:", 4) != 0 || look_up(address + 4, &found, &e) < 0)
		return strcmp(text, address) == 0;
	describe_address(found->ai_addr, found->ai_addrlen, numeric);
	freeaddrinfo(found);
	return strcmp(text, numeric) == 0;
}

int
listener_adopt(int fd, bool is_made, struct listener *l, struct err *e)
{
	if (!is_listening(fd))
		return err_set(e, -EINVAL,
		               "the descriptor that was taken over is no listening stream socket");
	*l = (struct listener){ .fd = fd };
	describe(l);
	if (is_made && strncmp(l->text, "unix:/", 6) == 0)
		snprintf(l->path, sizeof l->path, "%.107s", l->text + 5);
	fd_set_cloexec(fd, 1);
	return fd_set_blocking(fd, 0);
}

void
listener_close(struct listener *l)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD probe = -1;
	struct stat st;

	fd_close(&l->fd);
	if (!l->path[0])
		return;
	/* A successor may have taken the name over: only a dead socket is ours to remove, and who connects to
	 * a file is refused just as by one. */
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memcpy(address.sun_path, l->path, sizeof address.sun_path);
	if (probe >= 0 && lstat(l->path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    connect(probe, (struct sockaddr *)&address, sizeof address) < 0 && errno == ECONNREFUSED)
		unlink(l->path);
	l->path[0] = '\0';
}
