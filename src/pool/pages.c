/* pages.c - which page is made when, and who gets it.
 *
 * A page is made anew at most twice a second, whoever asks how often: routers stand between, but what they
 * are by now is not certain. */
#include "pool/pages.h"

#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "pool/control_server.h"
#include "pool/routers.h"

enum { PAGE_FRESH_MS = 500, HTTP_OK = 200, HTTP_UNAVAILABLE = 503 };

void
pages_init(struct master *m)
{
	for (size_t i = 0; i < PAGES; i++)
		m->pages[i].fd = -1;
}

void
pages_close(struct master *m)
{
	for (size_t i = 0; i < PAGES; i++)
		fd_close(&m->pages[i].fd);
}

size_t
pages_boards(const struct master *m, const struct scoreboard *boards[ROUTERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_routers; i++)
		if (m->routers[i].board)
			boards[n++] = m->routers[i].board;
	return n;
}

/* All of it numbers; of a generation there is no sum. */
void
pages_counters(const struct master *m, struct router_counters *sum)
{
	struct router_counters one;
	uint64_t *to = (uint64_t *)sum, *from = (uint64_t *)&one;

	*sum = (struct router_counters){ 0 };
	for (size_t i = 0; i < m->n_routers; i++) {
		router_counters(&m->routers[i], &one);
		for (size_t j = 0; j < sizeof one / sizeof *to; j++)
			to[j] += from[j];
	}
	sum->generation = m->published;
}

bool
page_ready(const struct master *m, struct buf *text)
{
	const struct {
		const char *name;
		bool is_good;
	} rows[] = {
		{ "master", m->phase == PHASE_SERVING },
		{ "spawner", m->spawner_channel.watch.fd >= 0 },
		{ "registry", !m->watcher.is_failing },
		{ "snapshot", m->snapshot >= 0 && !m->is_publish_failing },
		{ "routers", routers_are_serving(m) },
	};
	bool is_ready = true;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		buf_printf(text, "%s: %s\n", rows[i].name, rows[i].is_good ? "ok" : "not ready");
		is_ready &= rows[i].is_good;
	}
	return is_ready;
}

/* The status of HTTP for it. */
static uint32_t
write_page(const struct master *m, enum page page, struct buf *text)
{
	struct err e;
	int rc = 0;

	switch (page) {
	case PAGE_READYZ:
		return page_ready(m, text) ? HTTP_OK : HTTP_UNAVAILABLE;
	case PAGE_STATUS:
	case PAGE_STATUS_JSON:
	case PAGE_STATUS_FULL:
	case PAGE_STATUS_FULL_JSON:
		page_status(m, page == PAGE_STATUS_FULL || page == PAGE_STATUS_FULL_JSON,
		            page == PAGE_STATUS_JSON || page == PAGE_STATUS_FULL_JSON, text);
		break;
	default:
		rc = page_metrics(m, page == PAGE_OPENMETRICS, text, &e);
	}
	if (rc == 0)
		return HTTP_OK;
	log_line(LOG_ERR, "metrics: %s", e.text);
	buf_clear(text);
	buf_printf(text, "there are no metrics now\n");
	return HTTP_UNAVAILABLE;
}

static void
make(struct master *m, enum page page)
{
	struct page_sent *kept = &m->pages[page];
	struct buf text;
	struct err e;

	fd_close(&kept->fd);
	buf_init(&text, PAGE_TEXT_MAX);
	kept->made = (struct page_made){ .page = page, .status = write_page(m, page, &text) };
	kept->made.size = (uint32_t)buf_used(&text);
	kept->made_us = clock_now_us();
	if (buf_used(&text) > 0)
		kept->fd = fd_sealed_memory("page", buf_head(&text), buf_used(&text), &e);
	buf_done(&text);
}

/* Without memory for it the router's own patience ends the question. */
static void
tell(const struct page_sent *kept, struct router *router)
{
	if (kept->fd >= 0 && router->stage != ROUTER_DOWN)
		channel_send(&router->channel, MSG_PAGE, &kept->made, sizeof kept->made, &kept->fd, 1);
}

static bool
is_full(uint32_t page)
{
	return page == PAGE_STATUS_FULL || page == PAGE_STATUS_FULL_JSON;
}

void
pages_ask(struct master *m, struct router *router, uint32_t page)
{
	struct page_sent *kept = &m->pages[page < PAGES ? page : 0];

	if (page <= PAGE_HEALTHZ || page >= PAGES)
		return;
	if (kept->fd < 0 || clock_now_us() - kept->made_us > PAGE_FRESH_MS * 1000) {
		if (is_full(page)) {
			kept->waiting |= 1U << router->index;
			control_ask_counters(m);
			return;
		}
		make(m, (enum page)page);
	}
	tell(kept, router);
}

void
pages_counters_came(struct master *m)
{
	for (size_t i = 0; i < PAGES; i++) {
		struct page_sent *kept = &m->pages[i];

		if (kept->waiting == 0)
			continue;
		make(m, (enum page)i);
		for (size_t j = 0; j < m->n_routers; j++)
			if (kept->waiting & 1U << j)
				tell(kept, &m->routers[j]);
		kept->waiting = 0;
	}
}
