/* web_check.h - what keeps a web server of this machine from reaching a pool. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "deploy-tool/web_servers.h"

enum { WEB_CHECKS_MAX = 4, WEB_CHECK_SIZE = 320, WEB_USER_SIZE = 33 };

struct web_checks {
	/* Who it usually runs as; "": nobody of this machine, or it was not asked. */
	char user[WEB_USER_SIZE];
	bool can_connect; /* as far as owner, group and modes of socket and folders say it */
	size_t n;
	char lines[WEB_CHECKS_MAX][WEB_CHECK_SIZE]; /* each says what is wrong and what to do */
};

/* Its program and version; unless is_own, which says that the caller starts it himself with a whole
 * configuration, its modules, and whether its user may connect to the socket (a path; NULL: the pool listens
 * on TCP). */
void web_check(const struct web_server *s, const char *socket, bool is_own, struct web_checks *to);
