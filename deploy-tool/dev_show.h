/* dev_show.h - what `cfn-deploy dev` prints: requests and what functions log, out of the pool's lines, and
 * its own. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/macros.h"

enum { SHOW_LINE_MAX = 64 * 1024, SHOW_LAST_MAX = 4096 };

struct show {
	bool is_json, is_colored;
	const char *server;       /* the web server's name */
	struct buf pool, web;     /* lines that have not ended */
	char last[SHOW_LAST_MAX]; /* what pool and web server said of themselves last, for a start that fails
	                           */
};

void dev_show_init(struct show *s, bool is_json);
void dev_show_done(struct show *s);

/* Reads lines from the pool's, the web server's output; the descriptors do not block. */
void dev_show_pool(struct show *s, int fd);
void dev_show_web(struct show *s, int fd);

/* Text that is not ours, and a line of ours; with JSON an object with "event" and "text". */
void dev_show_words(const struct show *s, const char *event, const char *words, size_t n);
void dev_show_line(const struct show *s, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A request that was answered with a page of diagnostics. */
void dev_show_refused(const struct show *s, const char *method, const char *uri);

/* What pool and web server said of themselves last, on standard error. */
void dev_show_last(const struct show *s);
