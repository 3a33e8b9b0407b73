/* ask.c - asks for a path on many connections for a while, and says what that took by the status of the
 * answers, which wrk does not: a function that says 202 for its slow requests has figures for the others.
 *
 * Usage: ask PORT PATH CONNECTIONS MILLISECONDS [FIELD]
 * FIELD is a line of the head more.  Output: a line "STATUS COUNT P50 P90 P99 P99.9" (microseconds) for each;
 * a status of 0 is a connection that failed. */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/macros.h"
#include "bench/http.h"

enum { CONNECTIONS_MAX = 256, TEXT_MAX = 8 << 10, STATUS_MAX = 600 };

struct times {
	uint32_t *us;
	size_t n, room;
};

struct connection {
	uint64_t since_us;
	size_t n;
	char text[TEXT_MAX];
};

struct load {
	char request[TEXT_MAX];
	uint16_t port;
	size_t n;
	struct pollfd polled[CONNECTIONS_MAX];
	struct connection connections[CONNECTIONS_MAX];
	struct times times[STATUS_MAX];
};

static void
note(struct load *l, unsigned status, uint64_t us)
{
	struct times *t = &l->times[status < STATUS_MAX ? status : 0];

	if (t->n == t->room) {
		t->room = t->room ? 2 * t->room : 1024;
		t->us = realloc(t->us, t->room * sizeof *t->us);
		if (!t->us)
			err(1, "memory");
	}
	t->us[t->n++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void
connection_open(struct load *l, size_t i)
{
	struct err e = { 0 };

	l->polled[i] = (struct pollfd){ .fd = http_open(l->port, &e), .events = POLLIN };
	if (l->polled[i].fd < 0)
		errx(1, "%s", e.text);
}

static void
ask(struct load *l, size_t i)
{
	l->connections[i].n = 0;
	l->connections[i].since_us = clock_now_us();
	/* A failure shows when the answer is read. */
	(void)fd_write_all(l->polled[i].fd, l->request, strlen(l->request));
}

/* The status of an answer that is whole, 0 for one that never will be; -1: more is to come. */
static int
answer_read(struct connection *c, int fd)
{
	ssize_t n = read(fd, c->text + c->n, sizeof c->text - 1 - c->n);
	size_t size;

	if (n <= 0)
		return 0;
	c->n += (size_t)n;
	c->text[c->n] = '\0';
	size = http_answer_size(c->text);
	if (size == 0 || c->n < size)
		return c->n + 1 < sizeof c->text ? -1 : 0;
	return c->n > sizeof "HTTP/1.1 " ? atoi(c->text + sizeof "HTTP/1.1 " - 1) : 0;
}

static void
go_on(struct load *l, size_t i)
{
	struct connection *c = &l->connections[i];
	int status = answer_read(c, l->polled[i].fd);

	if (status < 0)
		return;
	note(l, (unsigned)status, clock_now_us() - c->since_us);
	if (status == 0) {
		fd_close(&l->polled[i].fd);
		connection_open(l, i);
	}
	ask(l, i);
}

static void
run(struct load *l, unsigned ms)
{
	uint64_t end_us = clock_now_us() + ms * UINT64_C(1000);

	for (size_t i = 0; i < l->n; i++) {
		connection_open(l, i);
		ask(l, i);
	}
	while (clock_now_us() < end_us) {
		if (poll(l->polled, l->n, 10) <= 0)
			continue;
		for (size_t i = 0; i < l->n; i++)
			if (l->polled[i].revents)
				go_on(l, i);
	}
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
say(unsigned status, struct times *t)
{
	static const unsigned per_mille[] = { 500, 900, 990, 999 };

	qsort(t->us, t->n, sizeof *t->us, compare);
	printf("%u %zu", status, t->n);
	for (size_t i = 0; i < ARRAY_SIZE(per_mille); i++)
		printf(" %u", t->us[t->n * per_mille[i] / 1000]);
	printf("\n");
}

int
main(int argc, char **argv)
{
	static struct load l;

	if (argc < 5 || argc > 6)
		errx(2, "usage: ask PORT PATH CONNECTIONS MILLISECONDS [FIELD]");
	l.port = (uint16_t)atoi(argv[1]);
	l.n = (size_t)atoi(argv[3]);
	if (l.n < 1 || l.n > CONNECTIONS_MAX)
		errx(2, "1 to %d connections", CONNECTIONS_MAX);
	snprintf(l.request, sizeof l.request, "GET %s HTTP/1.1\r\nHost: bench\r\n%s%s\r\n", argv[2],
	         argc > 5 ? argv[5] : "", argc > 5 ? "\r\n" : "");
	run(&l, (unsigned)atoi(argv[4]));
	for (unsigned i = 0; i < STATUS_MAX; i++)
		if (l.times[i].n > 0)
			say(i, &l.times[i]);
	return 0;
}
