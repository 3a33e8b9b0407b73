/* supervisor.c - the process title, systemd's messages, the system's log. */
#include "pool/supervisor.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum { KEEP_WAIT_MS = 100 };

static struct {
	char *start;
	size_t size;
} title;

/* The strings of argv and, behind them, of environ lie one after the other; ps(1) shows that memory. */
void
title_init(int argc, char **argv)
{
	char *end = argv[0];

	for (int i = 0; i < argc && argv[i] == end; i++)
		end = argv[i] + strlen(argv[i]) + 1;
	for (char **v = environ; *v; v++) {
		char *copy;

		if (*v == end)
			end = *v + strlen(*v) + 1;
		copy = strdup(*v);
		if (!copy)
			return;
		*v = copy;
	}
	for (int i = 1; i < argc; i++) {
		char *copy = strdup(argv[i]);

		if (!copy)
			return;
		argv[i] = copy;
	}
	title.start = argv[0];
	title.size = (size_t)(end - argv[0]);
}

void
title_set(const char *text)
{
	if (title.size == 0)
		return;
	memset(title.start, 0, title.size);
	snprintf(title.start, title.size, "%s", text);
}

/* With a descriptor, or -1: that may take a moment, as nobody could repeat it. */
static void
send_datagram(const char *path, const char *text, size_t length, int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_usec = KEEP_WAIT_MS * 1000 };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec part = { (void *)(uintptr_t)text, length };
	struct msghdr m = { .msg_name = &address, .msg_iov = &part, .msg_iovlen = 1 };
	AUTO_FD sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | (fd < 0 ? SOCK_NONBLOCK : 0), 0);
	size_t n = strlen(path);

	if (n < 2 || n >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, n);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	m.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (fd >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof control;
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
			                               .cmsg_type = SCM_RIGHTS,
			                               .cmsg_len = CMSG_LEN(sizeof fd) };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof fd);
	}
	if (sock >= 0 &&
	    (fd < 0 || setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0))
		(void)!sendmsg(sock, &m, MSG_NOSIGNAL);
}

static void
notify(const char *text, int fd)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (path)
		send_datagram(path, text, strlen(text), fd);
}

void
supervisor_notify(const char *text)
{
	notify(text, -1);
}

bool
supervisor_keeps(void)
{
	const char *most = getenv("FDSTORE");

	return getenv("NOTIFY_SOCKET") && most && strspn(most, "0") < strlen(most);
}

void
supervisor_keep(int fd, const char *name)
{
	char text[64];

	snprintf(text, sizeof text, "FDSTORE=1\nFDNAME=%s", name);
	notify(text, fd);
}

void
supervisor_keep_no_more(const char *name)
{
	char text[64];

	snprintf(text, sizeof text, "FDSTOREREMOVE=1\nFDNAME=%s", name);
	notify(text, -1);
}

void
supervisor_notify_reloading(void)
{
	char text[64];

	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_now_us());
	supervisor_notify(text);
}

/* Not syslog(3), which waits for a logger that hangs. */
void
supervisor_syslog(int priority, const char *text)
{
	char line[2048];
	int n = snprintf(line, sizeof line, "<%d>cfn-pool[%d]: %s", priority, (int)getpid(), text);

	if (n > 0)
		send_datagram("/dev/log", line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1, -1);
}
