/* supervisor.c - the process title, and systemd's messages. */
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

void
supervisor_notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	AUTO_FD sock = -1;

	if (n < 2 || n >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, n);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || sendto(sock, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
	                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return;
}
