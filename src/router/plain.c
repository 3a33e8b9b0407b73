/* plain.c - the listening address of metrics: HTTP/1.1 for who speaks no FastCGI, one request a connection.
 *
 * Of what a client sends the request line is read, and which format it accepts; nothing of it leaves this
 * process. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "router/pages.h"

enum {
	PLAIN_WAIT_MS = 5000, /* for a whole request, and for a client to take something of the answer */
	PLAIN_EVENTS = EPOLLIN | EPOLLRDHUP,
};

static const char words[] = "text/plain; charset=utf-8";

static void
plain_close(struct router *r, struct plain *p)
{
	pages_forget(r, &p->page);
	loop_forget(r, &p->source);
	buf_done(&p->out);
	r->n_plain--;
}

static void
plain_write(struct router *r, struct plain *p)
{
	while (buf_used(&p->out) > 0) {
		ssize_t n = write(p->source.fd, buf_head(&p->out), buf_used(&p->out));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			loop_watch(r, &p->source, EPOLLOUT);
			return;
		}
		if (n < 0)
			break;
		p->since_us = r->now_us;
		buf_consume(&p->out, (size_t)n);
	}
	plain_close(r, p);
}

static void
plain_send(struct router *r, struct plain *p, const char *reason, const struct page_text *text)
{
	buf_printf(&p->out,
	           "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
	           "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
	           text->status, reason, text->type, text->n);
	if (!p->is_head && text->n > 0 && buf_append(&p->out, text->p, text->n) < 0) {
		plain_close(r, p);
		return;
	}
	p->is_answered = true;
	p->since_us = r->now_us;
	plain_write(r, p);
}

static void
plain_refuse(struct router *r, struct plain *p, int status, const char *reason)
{
	struct page_text text = { .status = status, .type = words, .p = reason, .n = strlen(reason) };

	plain_send(r, p, reason, &text);
}

static void
serve(struct router *r, struct page_wait *w, const struct page_text *text)
{
	struct plain *p = CONTAINER_OF(w, struct plain, page);

	plain_send(r, p, text->status == 200 ? "OK" : "Service Unavailable", text);
}

/* ---- the request ---- */

/* Prometheus says which it would rather have; whoever says nothing gets what any scraper reads. */
static enum page
metrics_page(const char *head)
{
	return strcasestr(head, "application/openmetrics-text") ? PAGE_OPENMETRICS : PAGE_PROMETHEUS;
}

static bool
find_page(struct span path, struct span query, const char *head, enum page *page)
{
	static const struct {
		const char *path;
		enum page page;
	} rows[] = { { "/metrics", PAGE_PROMETHEUS },
		     { "/status", PAGE_STATUS },
		     { "/healthz", PAGE_HEALTHZ },
		     { "/readyz", PAGE_READYZ },
		     { "/ping", PAGE_PING } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (path.n != strlen(rows[i].path) || memcmp(path.p, rows[i].path, path.n) != 0)
			continue;
		*page = rows[i].page;
		if (*page == PAGE_PROMETHEUS)
			*page = metrics_page(head);
		if (*page == PAGE_STATUS)
			*page = pages_status(query);
		return true;
	}
	return false;
}

/* "GET /path?query HTTP/1.1": the words of it, or false. */
static bool
line_read(const char *head, struct span *method, struct span *path, struct span *query)
{
	size_t n = strcspn(head, "\r\n"), n_target;
	const char *end = head + n, *target, *question;

	method->p = head;
	method->n = strcspn(head, " \r\n");
	target = head + method->n + 1;
	if (method->n == 0 || target >= end || *target != '/')
		return false;
	n_target = strcspn(target, " \r\n");
	if ((size_t)(end - target) != n_target + 9 || memcmp(target + n_target, " HTTP/1.", 8) != 0)
		return false;
	question = memchr(target, '?', n_target);
	path->p = target;
	path->n = question ? (size_t)(question - target) : n_target;
	query->p = question ? question + 1 : "";
	query->n = question ? n_target - path->n - 1 : 0;
	return true;
}

static bool
span_is(struct span s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

/* The head is complete and ends with NUL. */
static void
plain_ask(struct router *r, struct plain *p)
{
	struct span method, path, query;

	loop_watch(r, &p->source, EPOLLET);
	if (!line_read(p->head, &method, &path, &query)) {
		plain_refuse(r, p, 400, "Bad Request");
		return;
	}
	p->is_head = span_is(method, "HEAD");
	if (!p->is_head && !span_is(method, "GET")) {
		plain_refuse(r, p, 405, "Method Not Allowed");
		return;
	}
	if (!find_page(path, query, p->head, &p->page.page)) {
		plain_refuse(r, p, 404, "Not Found");
		return;
	}
	p->page.serve = serve;
	p->is_asking = true;
	pages_ask(r, &p->page);
}

static void
plain_read(struct router *r, struct plain *p)
{
	ssize_t n = read(p->source.fd, p->head + p->n_head, sizeof p->head - 1 - p->n_head);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		plain_close(r, p);
		return;
	}
	p->n_head += (size_t)n;
	p->head[p->n_head] = '\0';
	if (strlen(p->head) != p->n_head)
		plain_refuse(r, p, 400, "Bad Request");
	else if (strstr(p->head, "\r\n\r\n"))
		plain_ask(r, p);
	else if (p->n_head == sizeof p->head - 1)
		plain_refuse(r, p, 431, "Request Header Fields Too Large");
}

static void
plain_ready(struct router *r, struct source *s, uint32_t events)
{
	struct plain *p = CONTAINER_OF(s, struct plain, source);

	if (events & (EPOLLERR | EPOLLHUP))
		plain_close(r, p);
	else if (p->is_answered)
		plain_write(r, p);
	else if (!p->is_asking)
		plain_read(r, p);
}

/* ---- connections ---- */

/* A free row, or that of the client that has kept us waiting for longest. */
static struct plain *
plain_row(struct router *r)
{
	struct plain *oldest = &r->plains[0];

	for (size_t i = 0; i < PLAINS_MAX; i++) {
		if (r->plains[i].source.fd < 0)
			return &r->plains[i];
		if (r->plains[i].since_us < oldest->since_us)
			oldest = &r->plains[i];
	}
	plain_close(r, oldest);
	return oldest;
}

static void
listener_ready(struct router *r, struct source *s, uint32_t events)
{
	struct plain *p;
	int fd;

	(void)events;
	fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	p = plain_row(r);
	*p = (struct plain){ .source = { .fd = fd, .ready = plain_ready }, .since_us = r->now_us };
	buf_init(&p->out, PAGE_TEXT_MAX + sizeof p->head);
	r->n_plain++;
	if (loop_watch(r, &p->source, PLAIN_EVENTS) < 0)
		plain_close(r, p);
}

void
plain_check(struct router *r)
{
	for (size_t i = 0; r->n_plain > 0 && i < PLAINS_MAX; i++)
		if (r->plains[i].source.fd >= 0 && r->now_us - r->plains[i].since_us > PLAIN_WAIT_MS * 1000)
			plain_close(r, &r->plains[i]);
}

int
plain_open(struct router *r, int listener, struct err *e)
{
	int rc;

	for (size_t i = 0; i < PLAINS_MAX; i++)
		r->plains[i].source.fd = -1;
	r->plain_listener = (struct source){ .fd = listener, .ready = listener_ready };
	rc = listener < 0 ? 0 : loop_watch(r, &r->plain_listener, EPOLLIN | EPOLLEXCLUSIVE);
	return rc < 0 ? err_set(e, -rc, "watch the listening socket of metrics") : 0;
}

void
plain_done(struct router *r)
{
	for (size_t i = 0; i < PLAINS_MAX; i++)
		if (r->plains[i].source.fd >= 0)
			plain_close(r, &r->plains[i]);
	loop_forget(r, &r->plain_listener);
}
