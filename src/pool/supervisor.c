/* supervisor.c - the process title, systemd's messages, the system's log. */
#include "pool/supervisor.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

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

static void
send_datagram(const char *path, const char *text, size_t length)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	size_t n = strlen(path);

	if (n < 2 || n >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, n);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	if (sock < 0 || sendto(sock, text, length, MSG_NOSIGNAL, (struct sockaddr *)&address,
	                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return;
}

void
supervisor_notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (path)
		send_datagram(path, text, strlen(text));
}

/* Not syslog(3), which waits for a logger that hangs. */
void
supervisor_syslog(int priority, const char *text)
{
	char line[2048];
	int n = snprintf(line, sizeof line, "<%d>cfn-pool[%d]: %s", priority, (int)getpid(), text);

	if (n > 0)
		send_datagram("/dev/log", line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}
