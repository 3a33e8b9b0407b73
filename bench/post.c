/* post.c - a client of POST /api/run that keeps its connection. */
#include "bench/post.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "bench/http.h"

enum { TEXT_MAX = 16 << 10 };

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
		size = http_answer_size(text);
	} while (size == 0 || n < size);
	return strstr(text, "{\"status\":\"accepted\"") ? 0 : err_set(e, -EBADMSG, "answer: %.200s", text);
}
