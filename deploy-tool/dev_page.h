/* dev_page.h - what a browser gets from `cfn-deploy dev` while a function does not compile.  Pure. */
#pragma once
#include "base/buf.h"

/* Where such a page asks whether something has changed; dev answers there itself. */
#define DEV_STATE_PATH "/.cfn-dev/state"

/* The header field of every answer while something is broken. */
#define DEV_FIELD "X-Cfn-Dev: broken\r\n"

enum { DEV_PAGE_WORDS_MAX = 64 * 1024 }; /* bytes of diagnostics in it: what is beyond is left out */

/* Appends a whole CGI answer: status 500, the words as text in HTML, and a script that loads the page again
 * once DEV_STATE_PATH says another number than this.  0, -ENOSPC, -ENOMEM. */
int dev_page_write(struct buf *to, unsigned number, const char *words, size_t n);

/* Appends the CGI answer of DEV_STATE_PATH. */
int dev_page_write_state(struct buf *to, unsigned number);
