/* pages.h - what the pool says of itself, asked for over FastCGI or plain HTTP. */
#pragma once
#include "router/router.h"

extern const enum page page_of_path[PAGE_PATHS];

void pages_open(struct router *r);
void pages_done(struct router *r);

/* Which page a path is; false: none. */
bool pages_find(const struct router *r, struct span query, const char *path, enum page *page);
enum page pages_status(struct span query); /* the status page in what the query asks for */

/* Serves w, at once or when the master has said the page; w->page and w->serve are the caller's. */
void pages_ask(struct router *r, struct page_wait *w);
void pages_forget(struct router *r, struct page_wait *w);
void pages_answer(struct router *r, struct request *q); /* one over FastCGI */

/* plain.c: the metrics' own listening address. */
int plain_open(struct router *r, int listener, struct err *e); /* -1: there is none */
void plain_done(struct router *r);
void plain_check(struct router *r);

void pages_take(struct router *r, const struct page_made *made, int fd); /* the master's; fd stays open */
void pages_check(struct router *r);                                      /* on a tick */
