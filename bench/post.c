/* post.c - a client of POST /api/run that keeps its connection. */
#include "bench/post.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

enum { TEXT_MAX = 16 << 10 };

int
post_open(uint16_t port, struct err *e)
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

static int
request_write(int fd, const char *language, const char *source)
{
	json_t *document = json_pack("{s:s, s:s}", "lang", language, "code", source);
	AUTO_FREE char *body = json_dumps(document, JSON_COMPACT);
	char text[TEXT_MAX];
	int n;

	json_decref(document);
	if (!body)
		return -ENOMEM;
	n = snprintf(text, sizeof text,
	             "POST /api/run HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
	             "Content-Length: %zu\r\n\r\n%s",
	             strlen(body), body);
	return n < (int)sizeof text ? fd_write_all(fd, text, (size_t)n) : -E2BIG;
}

/* How long an answer is whose head is here; 0: its head is not here yet. */
static size_t
answer_size(const char *text)
{
	static const char field[] = "\r\nContent-Length: ";
	const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, field);

	if (!end || !length || length > end)
		return 0;
	return (size_t)(end + 4 - text) + strtoul(length + sizeof field - 1, NULL, 10);
}

int
post_run(int fd, const char *language, const char *source, struct err *e)
{
	char text[TEXT_MAX] = "";
	size_t n = 0, size = 0;
	int rc = request_write(fd, language, source);

	if (rc < 0)
		return err_set(e, rc, "request");
	do {
		ssize_t more = read(fd, text + n, sizeof text - 1 - n);

		if (more <= 0)
			return err_set(e, more < 0 ? errno : EPIPE, "answer");
		n += (size_t)more;
		text[n] = '\0';
		size = answer_size(text);
	} while (size == 0 || n < size);
	return strstr(text, "{\"status\":\"accepted\"") ? 0 : err_set(e, -EBADMSG, "answer: %.200s", text);
}
