/* dev_page.c - what a browser gets from `cfn-deploy dev` while a function does not compile. */
#include "deploy-tool/dev_page.h"

#include <stdbool.h>
#include <string.h>

static const struct {
	char character;
	const char *entity;
} entities[] = {
	{ '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" },
};

static const char head[] =
    "Status: 500 Internal Server Error\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n" DEV_FIELD "\r\n"
    "<!doctype html><html lang=en><meta charset=utf-8><title>It does not compile</title>\n"
    "<style>body{margin:2em;font:16px sans-serif;color:#eee;background:#1d1f21}h1{color:#ff6b6b}"
    "pre{font:14px/1.45 monospace;white-space:pre-wrap;border-left:4px solid #ff6b6b;padding-left:1em}"
    "</style>\n<h1>It does not compile</h1>\n<pre>";

/* Without scripts it is loaded again by itself, which is good for a GET alone. */
static const char tail[] =
    "</pre>\n<p>The last version that did goes on serving everything that is no page. This one looks again "
    "as "
    "soon as you save.</p>\n"
    "<noscript><meta http-equiv=refresh content=2></noscript>\n"
    "<script>setInterval(()=>fetch('" DEV_STATE_PATH "',{cache:'no-store'}).then(r=>r.text())"
    ".then(t=>{if(+t!=%u)location.reload()}).catch(()=>{}),500)</script>\n";

static const char *
entity_of(char c)
{
	for (size_t i = 0; i < ARRAY_SIZE(entities); i++)
		if (entities[i].character == c)
			return entities[i].entity;
	return NULL;
}

static int
put_escaped(struct buf *to, const char *text, size_t n)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		const char *entity = entity_of(text[i]);

		rc = entity != NULL ? buf_append(to, entity, strlen(entity)) : buf_append(to, text + i, 1);
	}
	return rc;
}

int
dev_page_write(struct buf *to, unsigned number, const char *words, size_t n)
{
	bool is_cut = n > DEV_PAGE_WORDS_MAX;
	int rc = buf_append(to, head, sizeof head - 1);

	if (rc == 0)
		rc = put_escaped(to, words, is_cut ? DEV_PAGE_WORDS_MAX : n);
	if (rc == 0 && is_cut)
		rc = buf_printf(to, "\n[...]");
	return rc == 0 ? buf_printf(to, tail, number) : rc;
}

int
dev_page_write_state(struct buf *to, unsigned number)
{
	return buf_printf(to, "Content-Type: text/plain\r\nCache-Control: no-store\r\n\r\n%u\n", number);
}
