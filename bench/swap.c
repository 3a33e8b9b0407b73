/* swap.c - how long after the commit of an activation the new version answers.
 *
 * Usage: swap PORT PATH FOLDER
 * Asks again and again until the body is another one, and prints the microseconds since a rollback journal
 * was removed from FOLDER, the registry's, which is when SQLite's last transaction became true. */
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "bench/http.h"

enum { TEXT_MAX = 4 << 10, PATIENCE_MS = 60 * 1000 };

struct swap {
	int sock, folder;
	uint64_t commit_us;
	char request[TEXT_MAX], text[TEXT_MAX], first[TEXT_MAX];
};

/* Whatever has been removed: nothing else is, in that folder. */
static void
folder_read(struct swap *s)
{
	char events[TEXT_MAX] __attribute__((aligned(8)));

	if (read(s->folder, events, sizeof events) > 0)
		s->commit_us = clock_now_us();
}

static void
answer_wait(struct swap *s)
{
	struct pollfd polled[] = { { .fd = s->folder, .events = POLLIN },
		                   { .fd = s->sock, .events = POLLIN } };
	size_t n = 0, size;

	do {
		ssize_t more;

		if (poll(polled, 2, PATIENCE_MS) <= 0)
			errx(1, "no answer");
		if (polled[0].revents)
			folder_read(s);
		if (!polled[1].revents)
			continue;
		more = read(s->sock, s->text + n, sizeof s->text - 1 - n);
		if (more <= 0)
			errx(1, "the connection has ended");
		n += (size_t)more;
		s->text[n] = '\0';
	} while ((size = http_answer_size(s->text)) == 0 || n < size);
}

/* False when it is as the first one was. */
static bool
has_changed(struct swap *s)
{
	const char *body;

	s->text[0] = '\0';
	if (fd_write_all(s->sock, s->request, strlen(s->request)) < 0)
		errx(1, "the connection has ended");
	answer_wait(s);
	if (strncmp(s->text, "HTTP/1.1 200", 12) != 0)
		errx(1, "answer: %.40s", s->text);
	body = strstr(s->text, "\r\n\r\n");
	if (!s->first[0])
		strcpy(s->first, body);
	return strcmp(s->first, body) != 0;
}

int
main(int argc, char **argv)
{
	static struct swap s;
	struct err e = { 0 };
	uint64_t end_us = clock_now_us() + PATIENCE_MS * UINT64_C(1000);

	if (argc != 4)
		errx(2, "usage: swap PORT PATH FOLDER");
	s.folder = inotify_init1(IN_CLOEXEC);
	if (s.folder < 0 || inotify_add_watch(s.folder, argv[3], IN_DELETE) < 0)
		err(1, "%s", argv[3]);
	s.sock = http_open((uint16_t)atoi(argv[1]), &e);
	if (s.sock < 0)
		errx(1, "%s", e.text);
	snprintf(s.request, sizeof s.request, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", argv[2]);
	while (!has_changed(&s))
		if (clock_now_us() > end_us)
			errx(1, "no other answer");
	if (s.commit_us == 0)
		errx(1, "nothing was removed from %s", argv[3]);
	printf("%llu\n", (unsigned long long)(clock_now_us() - s.commit_us));
	return 0;
}
