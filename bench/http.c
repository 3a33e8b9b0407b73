/* http.c - what the clients of the benches share: a connection, and where an answer ends. */
#include "bench/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

int
http_open(uint16_t port, struct err *e)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		                        .sin_port = htons(port),
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
	    connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	err_set(e, errno, "port %u", port);
	fd_close(&fd);
	return -e->code;
}

size_t
http_answer_size(const char *text)
{
	static const char field[] = "\r\nContent-Length: ";
	const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, field);

	if (!end || !length || length > end)
		return 0;
	return (size_t)(end + 4 - text) + strtoul(length + sizeof field - 1, NULL, 10);
}
