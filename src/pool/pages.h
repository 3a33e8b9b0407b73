/* pages.h - what the pool says of itself to web servers and to Prometheus: made here, carried by the routers.
 */
#pragma once
#include <jansson.h>

#include "pool/master.h"

void pages_init(struct master *m);
void pages_close(struct master *m);

/* A router asks; it is answered when the page is made. */
void pages_ask(struct master *m, struct router *router, uint32_t page);

/* The boards say what workers do now, or the routers are too slow with it. */
void pages_counters_came(struct master *m);

/* Lines of what is in order and what is not.  True when all is. */
bool page_ready(const struct master *m, struct buf *text);

/* page_status.c: php-fpm's keys where the meaning is the same. */
void page_status(const struct master *m, bool is_full, bool is_json, struct buf *text);

/* metrics.c */
int page_metrics(const struct master *m, bool is_openmetrics, struct buf *text, struct err *e);

/* What all routers have counted together, and the boards that there are. */
void pages_counters(const struct master *m, struct router_counters *sum);
size_t pages_boards(const struct master *m, const struct scoreboard *boards[ROUTERS_MAX]);
