/* web_hints.h - the web servers of this machine, and whether they reach the pool. */
#pragma once
#include "deploy-tool/tool.h"
#include "deploy-tool/web_check.h"

enum { WEB_HINTS_MAX = 8, WEB_HINT_SIZE = 640 };

struct web_hint {
	const struct web_server *server;
	struct web_checks checks;
};

struct web_hints {
	char listen[CONFIG_TEXT_MAX]; /* "": nobody knows */
	bool is_unix, is_there;       /* the socket */
	size_t n;
	struct web_hint rows[WEB_HINTS_MAX];
};

/* Of those that are installed.  The registry need not be there. */
void web_hints_find(struct tool *t, struct web_hints *h);
void web_hints_print(const struct web_hints *h);
json_t *web_hints_pack(const struct web_hints *h);
