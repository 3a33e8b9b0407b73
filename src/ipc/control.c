/* control.c - the control sockets of the pools: where they are, and JSON over them. */
#include "ipc/control.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/options.h"
#include "ipc/message.h"

enum { CONTROL_QUESTION = 1, CONTROL_ANSWER = 2, CONTROL_BACKLOG = 16, CONNECT_TIMEOUT_S = 2 };

static const struct message_rule question_rule = { CONTROL_QUESTION, 2, CONTROL_MAX, 0, 1 };
static const struct message_rule answer_rule = { CONTROL_ANSWER, 2, CONTROL_MAX, 0, 0 };
/* Of several answers to one question. */
static const struct message_rule next_rule = { CONTROL_ANSWER, 2, CONTROL_MAX, 0, CONTROL_FDS_MAX };

/* <registry>.run of the file itself, so that a pool and cfn-deploy meet whatever links they came by. */
static int
folder_path(const char *registry, char path[CONTROL_PATH_SIZE], struct err *e)
{
	AUTO_FREE char *real = realpath(registry, NULL);

	if (!real)
		return err_set(e, errno, "registry '%s'", registry);
	if (snprintf(path, CONTROL_PATH_SIZE, "%s.run", real) >= CONTROL_PATH_SIZE - 32)
		return err_set(e, ENAMETOOLONG, "registry '%s'", registry);
	return 0;
}

/* The group may ask where the group may write the registry; others never. */
static mode_t
folder_mode(const struct stat *registry)
{
	return registry->st_mode & S_IWGRP ? 02770 : 0700;
}

/* Gives our own folder the registry's group and mode.  A group that cannot be given gets nothing. */
static int
folder_settle(int folder, const struct stat *registry, mode_t *mode, struct err *e)
{
	struct stat st;

	if (fstat(folder, &st) < 0)
		return err_set(e, errno, "stat");
	if (st.st_mode & S_IWOTH)
		return err_set(e, -EPERM, "may be written by everybody");
	*mode = folder_mode(registry);
	if (st.st_uid != geteuid())
		return st.st_uid == 0 || st.st_uid == registry->st_uid
		           ? 0
		           : err_set(e, -EPERM, "belongs to another user");
	if (st.st_gid != registry->st_gid && fchown(folder, (uid_t)-1, registry->st_gid) < 0)
		*mode = 0700;
	if (fchmod(folder, *mode) < 0)
		return err_set(e, errno, "chmod");
	return 0;
}

static int
folder_make(const char *path, const char *registry, mode_t *mode, struct err *e)
{
	AUTO_FD folder = -1;
	struct stat st;
	int made;

	if (stat(registry, &st) < 0)
		return err_set(e, errno, "registry '%s'", registry);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make folder '%s'", path);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return err_set(e, errno, "open folder '%s'", path);
	if (folder_settle(folder, &st, mode, e) < 0)
		return err_wrap(e, "folder '%s'", path);
	made = folder;
	folder = -1;
	return made;
}

/* Reached through the folder's descriptor: sun_path holds 108 bytes only, and no link is followed. */
static void
socket_address(int folder, const char *name, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%.32s", folder, name);
}

/* The name is there from the moment on that somebody listens: one that nobody listens at is a dead pool's,
 * which whoever asks next removes. */
static int
socket_bind(int folder, const char *name, mode_t folder_bits, struct err *e)
{
	AUTO_FD sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	char early[40];
	mode_t saved;
	int rc, bound;

	if (sock < 0)
		return err_set(e, errno, "socket");
	snprintf(early, sizeof early, "%s.new", name);
	socket_address(folder, early, &address);
	unlinkat(folder, early, 0); /* left by a dead process with our number */
	saved = umask(folder_bits & S_IWGRP ? 0117 : 0177);
	rc = bind(sock, (struct sockaddr *)&address, sizeof address);
	umask(saved);
	if (rc < 0)
		return err_set(e, errno, "bind");
	if (listen(sock, CONTROL_BACKLOG) < 0)
		return err_set(e, errno, "listen");
	if (renameat(folder, early, folder, name) < 0)
		return err_set(e, errno, "rename");
	bound = sock;
	sock = -1;
	return bound;
}

int
control_listen(const char *registry, char path[CONTROL_PATH_SIZE], struct err *e)
{
	char folder_name[CONTROL_PATH_SIZE], name[32];
	AUTO_FD folder = -1;
	mode_t mode = 0700;
	int sock;

	if (folder_path(registry, folder_name, e) < 0)
		return err_wrap(e, "control socket");
	folder = folder_make(folder_name, registry, &mode, e);
	if (folder < 0)
		return err_wrap(e, "control socket");
	snprintf(name, sizeof name, "%d.sock", (int)getpid());
	sock = socket_bind(folder, name, mode, e);
	if (sock < 0)
		return err_wrap(e, "control socket in '%s'", folder_name);
	snprintf(path, CONTROL_PATH_SIZE, "%.*s/%s", CONTROL_PATH_SIZE - 33, folder_name, name);
	return sock;
}

static int
take_json(struct message *m, const struct message_rule *rule, json_t **value, struct err *e)
{
	json_error_t problem;

	if (!message_check(rule, 1, m, e))
		return -e->code;
	*value = json_loadb((const char *)m->body, m->length, JSON_REJECT_DUPLICATES, &problem);
	if (json_is_object(*value))
		return 0;
	json_decref(*value);
	*value = NULL;
	return err_set(e, -EBADMSG, "not a JSON object");
}

int
control_receive(int sock, json_t **question, int *fd, struct err *e)
{
	struct message m;
	int rc = message_receive(sock, &m, e);

	if (rc <= 0)
		return rc;
	rc = take_json(&m, &question_rule, question, e);
	if (rc == 0)
		*fd = message_take_fd(&m, 0);
	message_done(&m);
	return rc < 0 ? rc : 1;
}

static int
send_json(int sock, uint32_t type, const json_t *value, const int *fds, size_t n_fds, struct err *e)
{
	char text[CONTROL_MAX];
	size_t n = json_dumpb(value, text, sizeof text, JSON_COMPACT);

	if (n == 0 || n > sizeof text)
		return err_set(e, EMSGSIZE, "control message of %zu bytes", n);
	return message_send(sock, type, text, n, fds, n_fds, e);
}

int
control_send(int sock, json_t *answer, const int *fds, size_t n_fds, struct err *e)
{
	return send_json(sock, CONTROL_ANSWER, answer, fds, n_fds, e);
}

/* "123.sock" → 123, else 0. */
static pid_t
pool_of_name(const char *name)
{
	const char *dot = strchr(name, '.');
	char digits[16];
	uint64_t pid;

	if (!dot || strcmp(dot, ".sock") != 0 || dot - name >= (ptrdiff_t)sizeof digits)
		return 0;
	memcpy(digits, name, (size_t)(dot - name));
	digits[dot - name] = '\0';
	if (option_parse_number(digits, &pid) < 0 || pid > INT_MAX)
		return 0;
	return (pid_t)pid;
}

/* A descriptor; -ECONNREFUSED or -ENOENT: nobody listens there any more. */
static int
connect_one(int folder, const char *name, struct err *e)
{
	AUTO_FD sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = CONNECT_TIMEOUT_S };
	struct sockaddr_un address;
	int connected;

	if (sock < 0)
		return err_set(e, errno, "socket");
	/* A full backlog blocks connect; the send timeout bounds it. */
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	socket_address(folder, name, &address);
	if (connect(sock, (struct sockaddr *)&address, sizeof address) < 0)
		return err_set(e, errno, "ask pool '%s'", name);
	connected = sock;
	sock = -1;
	return connected;
}

/* Whoever may write the registry's folder can leave a socket there: only the registry's owner, root and the
 * caller run pools that are asked, and given a descriptor. */
static bool
is_trusted(int sock, const struct stat *registry, const struct stat *folder)
{
	uid_t owner = registry->st_uid == 0 ? folder->st_uid : registry->st_uid;
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid() || peer.uid == owner;
}

static void
close_all(int *socks, int n)
{
	for (int i = 0; i < n; i++)
		fd_close(&socks[i]);
}

static int
connect_all(DIR *folder, const struct stat *registry, int *socks, pid_t *pids, struct err *e)
{
	struct dirent *entry;
	struct stat st;
	int n = 0;

	if (fstat(dirfd(folder), &st) < 0)
		return err_set(e, errno, "folder of the pools");
	while ((entry = readdir(folder))) {
		pid_t pid = pool_of_name(entry->d_name);
		int sock;

		if (pid == 0)
			continue;
		sock = connect_one(dirfd(folder), entry->d_name, e);
		if (sock == -ECONNREFUSED)
			unlinkat(dirfd(folder), entry->d_name, 0);
		if (sock == -ECONNREFUSED || sock == -ENOENT)
			continue;
		if (sock < 0 || n == CONTROL_POOLS_MAX) {
			if (sock >= 0)
				err_set(e, -E2BIG, "more than %d pools", CONTROL_POOLS_MAX);
			fd_close(&sock);
			close_all(socks, n);
			return -e->code;
		}
		if (!is_trusted(sock, registry, &st)) {
			fd_close(&sock);
			continue;
		}
		socks[n] = sock;
		pids[n++] = pid;
	}
	return n;
}

int
control_connect(const char *registry, int socks[CONTROL_POOLS_MAX], pid_t pids[CONTROL_POOLS_MAX],
                struct err *e)
{
	char path[CONTROL_PATH_SIZE];
	struct stat st;
	DIR *folder;
	int n;

	if (folder_path(registry, path, e) < 0)
		return -e->code;
	if (stat(registry, &st) < 0)
		return err_set(e, errno, "registry '%s'", registry);
	folder = opendir(path);
	if (!folder && errno == ENOENT)
		return 0;
	if (!folder)
		return err_set(e, errno, "open folder '%s'", path);
	n = connect_all(folder, &st, socks, pids, e);
	closedir(folder);
	return n;
}

/* 0 when the answer is there. */
static int
wait_readable(int sock, int timeout_ms, struct err *e)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	uint64_t end = clock_now_us() + (uint64_t)timeout_ms * 1000;

	for (;;) {
		uint64_t now = clock_now_us();
		int left = now < end ? (int)((end - now + 999) / 1000) : 0;
		int n = poll(&p, 1, left);

		if (n > 0)
			return 0;
		if (n == 0)
			return err_set(e, -ETIMEDOUT, "the pool did not answer within %d ms", timeout_ms);
		if (errno != EINTR)
			return err_set(e, errno, "poll");
	}
}

/* The answer in *m, checked by the rule; what it carries is the caller's to take or to close. */
static int
receive_answer(int sock, int timeout_ms, const struct message_rule *rule, struct message *m, json_t **answer,
               struct err *e)
{
	int rc = wait_readable(sock, timeout_ms, e);

	if (rc < 0)
		return rc;
	rc = message_receive(sock, m, e);
	if (rc == 0)
		return err_set(e, -ECONNRESET, "the pool closed the control socket");
	if (rc < 0)
		return rc;
	rc = take_json(m, rule, answer, e);
	if (rc < 0)
		message_done(m);
	return rc;
}

int
control_ask(int sock, json_t *question, int fd, int timeout_ms, json_t **answer, struct err *e)
{
	struct message m;
	int rc = send_json(sock, CONTROL_QUESTION, question, &fd, fd >= 0 ? 1 : 0, e);

	if (rc == 0)
		rc = receive_answer(sock, timeout_ms, &answer_rule, &m, answer, e);
	if (rc == 0)
		message_done(&m);
	return rc;
}

int
control_question(int sock, json_t *question, int fd, struct err *e)
{
	return send_json(sock, CONTROL_QUESTION, question, &fd, fd >= 0 ? 1 : 0, e);
}

int
control_next(int sock, int timeout_ms, json_t **answer, int fds[CONTROL_FDS_MAX], struct err *e)
{
	struct message m;
	int rc = receive_answer(sock, timeout_ms, &next_rule, &m, answer, e);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < CONTROL_FDS_MAX; i++)
		fds[i] = message_take_fd(&m, i);
	message_done(&m);
	return 0;
}

void
control_end(int sock)
{
	shutdown(sock, SHUT_WR);
}
