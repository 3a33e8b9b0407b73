/* pages.c - what the pool says of itself: pages that no function makes.
 *
 * A router knows its own numbers alone, so it asks the master for a page and for nothing of the client's but
 * which one.  Everybody who wants the same page meanwhile gets the same answer, and for a moment those who
 * come later: the master hears of one question a page and half a second, however many ask. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>

#include "base/log.h"
#include "router/answer.h"
#include "router/pages.h"

enum {
	PAGE_KEEP_MS = 500,  /* a page is good for so long */
	PAGE_WAIT_MS = 2000, /* for the master */
};

static const char late[] = "the master does not answer\n";

/* ---- which page ---- */

static const struct {
	const char *word;
	enum page page, full;
} formats[] = {
	{ "json", PAGE_STATUS_JSON, PAGE_STATUS_FULL_JSON },
	{ "openmetrics", PAGE_OPENMETRICS, PAGE_OPENMETRICS },
	{ "prometheus", PAGE_PROMETHEUS, PAGE_PROMETHEUS },
};

static bool
has_word(struct span query, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= query.n; i++)
		if (memcmp(query.p + i, word, n) == 0 && (i == 0 || query.p[i - 1] == '&') &&
		    (i + n == query.n || query.p[i + n] == '&' || query.p[i + n] == '='))
			return true;
	return false;
}

enum page
pages_status(struct span query)
{
	bool is_full = has_word(query, "full");

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (has_word(query, formats[i].word))
			return is_full ? formats[i].full : formats[i].page;
	return is_full ? PAGE_STATUS_FULL : PAGE_STATUS;
}

bool
pages_find(const struct router *r, struct span query, const char *path, enum page *page)
{
	for (size_t i = 0; i < PAGE_PATHS; i++) {
		if (r->start.page_paths[i][0] == '\0' || strcmp(path, r->start.page_paths[i]) != 0)
			continue;
		*page = i == PAGE_PATH_STATUS ? pages_status(query) : page_of_path[i];
		return true;
	}
	return false;
}

const enum page page_of_path[PAGE_PATHS] = {
	[PAGE_PATH_STATUS] = PAGE_STATUS,
	[PAGE_PATH_PING] = PAGE_PING,
	[PAGE_PATH_HEALTHZ] = PAGE_HEALTHZ,
	[PAGE_PATH_READYZ] = PAGE_READYZ,
};

static const char plain[] = "text/plain; charset=utf-8";

static const char *const types[PAGES] = {
	[PAGE_PING] = plain,
	[PAGE_HEALTHZ] = plain,
	[PAGE_READYZ] = plain,
	[PAGE_STATUS] = plain,
	[PAGE_STATUS_FULL] = plain,
	[PAGE_STATUS_JSON] = "application/json",
	[PAGE_STATUS_FULL_JSON] = "application/json",
	[PAGE_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
	[PAGE_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/* ---- who waits ---- */

void
pages_open(struct router *r)
{
	for (size_t i = 0; i < PAGES; i++) {
		TAILQ_INIT(&r->pages[i].waiting);
		buf_init(&r->pages[i].text, PAGE_TEXT_MAX);
	}
	for (size_t i = 0; i < PAGE_PATHS; i++)
		r->has_pages |= r->start.page_paths[i][0] != '\0';
}

void
pages_done(struct router *r)
{
	for (size_t i = 0; i < PAGES; i++)
		buf_done(&r->pages[i].text);
}

void
pages_forget(struct router *r, struct page_wait *w)
{
	if (w->is_waiting)
		TAILQ_REMOVE(&r->pages[w->page].waiting, w, link);
	w->is_waiting = false;
}

static void
serve_waiting(struct router *r, enum page page, const struct page_text *text)
{
	struct page_wait *w;

	while ((w = TAILQ_FIRST(&r->pages[page].waiting))) {
		pages_forget(r, w);
		w->serve(r, w, text);
	}
}

static struct page_text
kept_text(const struct router *r, enum page page)
{
	const struct page_kept *kept = &r->pages[page];

	return (struct page_text){ .status = kept->status,
		                   .type = types[page],
		                   .p = buf_head(&kept->text),
		                   .n = buf_used(&kept->text) };
}

/* What needs nobody else. */
static bool
own_text(const struct router *r, enum page page, struct page_text *text)
{
	static const char ok[] = "ok\n";

	if (page != PAGE_PING && page != PAGE_HEALTHZ)
		return false;
	*text = (struct page_text){ .status = 200, .type = types[page] };
	text->p = page == PAGE_PING ? r->start.ping_response : ok;
	text->n = strlen(text->p);
	return true;
}

void
pages_ask(struct router *r, struct page_wait *w)
{
	struct page_kept *kept = &r->pages[w->page];
	struct page_ref ref = { w->page };
	struct page_text text;

	if (own_text(r, w->page, &text)) {
		w->serve(r, w, &text);
		return;
	}
	if (kept->taken_us > 0 && r->now_us - kept->taken_us < PAGE_KEEP_MS * 1000) {
		text = kept_text(r, w->page);
		w->serve(r, w, &text);
		return;
	}
	TAILQ_INSERT_TAIL(&kept->waiting, w, link);
	w->is_waiting = true;
	if (kept->asked_us > 0)
		return;
	kept->asked_us = r->now_us;
	master_say(r, MSG_ASK_PAGE, &ref, sizeof ref);
}

/* The first who waits has waited for too long; the answer may still come, and is kept for others then. */
void
pages_check(struct router *r)
{
	const struct page_text text = { .status = 503, .type = plain, .p = late, .n = sizeof late - 1 };

	for (size_t i = 0; i < PAGES; i++) {
		if (r->pages[i].asked_us == 0 || r->now_us - r->pages[i].asked_us < PAGE_WAIT_MS * 1000)
			continue;
		r->pages[i].asked_us = 0;
		serve_waiting(r, (enum page)i, &text);
	}
}

static int
take_text(struct page_kept *kept, int fd, size_t n)
{
	void *text = n > 0 && n <= PAGE_TEXT_MAX ? mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	int rc;

	if (text == MAP_FAILED)
		return -EBADMSG;
	buf_done(&kept->text);
	rc = buf_append(&kept->text, text, n);
	munmap(text, n);
	return rc;
}

void
pages_take(struct router *r, const struct page_made *made, int fd)
{
	struct page_kept *kept;
	struct page_text text;

	if (made->page >= PAGES)
		return;
	kept = &r->pages[made->page];
	kept->asked_us = 0;
	kept->status = made->status == 200 ? 200 : 503;
	kept->taken_us = r->now_us;
	if (take_text(kept, fd, made->size) < 0) {
		log_line(LOG_ERR, "a page of the master's cannot be read");
		kept->taken_us = 0;
	}
	text = kept_text(r, (enum page)made->page);
	if (kept->taken_us == 0)
		text.status = 503;
	serve_waiting(r, (enum page)made->page, &text);
}

/* ---- over FastCGI ---- */

static void
answer_page(struct router *r, struct page_wait *w, const struct page_text *page)
{
	struct request *q = CONTAINER_OF(w, struct request, page);
	struct text t = { (char *)r->scratch + FCGI_HEADER_SIZE, 0 };
	unsigned char ends[ENDS_SIZE];

	buf_clear(&q->out);
	if (!q->is_head && page->n > 0 &&
	    segments_add(r, q, (const unsigned char *)page->p, page->n) != CAUSE_NONE) {
		answer_problem(r, q, CAUSE_OVERLOADED, NULL);
		return;
	}
	q->status = page->status;
	q->answered_bytes = q->is_head ? 0 : page->n;
	text_line(&t, "Status: ");
	text_number(&t, (unsigned)page->status);
	text_line(&t, page->status == 200 ? " OK" : " Service Unavailable");
	text_line(&t, "\r\nContent-Type: ");
	text_line(&t, page->type);
	text_line(&t, "\r\nContent-Length: ");
	text_number(&t, page->n);
	text_line(&t, "\r\nCache-Control: no-store\r\nX-Request-Id: ");
	text_line(&t, q->id);
	text_line(&t, "\r\n\r\n");
	segments_close(q, q->front->id);
	record_ends_put(ends, q->front->id);
	record_put(r->scratch, FCGI_STDOUT, q->front->id, t.n);
	if (buffers_append(r, &q->out, ends, sizeof ends) < 0)
		q->front->keeps = false;
	front_send(r, q->front, r->scratch, FCGI_HEADER_SIZE + t.n, &q->out);
	answer_conclude(r, q);
}

void
pages_answer(struct router *r, struct request *q)
{
	q->page.serve = answer_page;
	pages_ask(r, &q->page);
}
