/* web_hints.c - the web servers of this machine, and whether they reach the pool. */
#include "deploy-tool/web_hints.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "deploy-tool/web_listen.h"

/* Without a registry no pool can be asked; that is no fault here. */
static void
find_listen(struct tool *t, struct web_hints *h)
{
	struct err e;

	if (t->config.listen[0] == '\0' &&
	    (config_find_registry(&t->config, t->registry_option, &t->is_private, &e) < 0 ||
	     config_complete(&t->config, &e) < 0))
		t->config.registry[0] = '\0';
	web_listen_find(t, NULL, h->listen, sizeof h->listen);
}

void
web_hints_find(struct tool *t, struct web_hints *h)
{
	const struct web_server *s;
	const char *socket = NULL;
	char program[PATH_MAX];
	struct stat st;

	*h = (struct web_hints){ 0 };
	find_listen(t, h);
	h->is_unix = strncmp(h->listen, "unix:/", 6) == 0;
	h->is_there = h->is_unix && stat(h->listen + 5, &st) == 0;
	if (h->is_there)
		socket = h->listen + 5;
	for (size_t i = 0; (s = web_server_at(i)) != NULL && h->n < WEB_HINTS_MAX; i++) {
		if (!web_server_program(s, program, sizeof program))
			continue;
		h->rows[h->n].server = s;
		web_check(s, socket, false, &h->rows[h->n++].checks);
	}
}

/* A path may hold anything. */
static void
print_line(const char *text)
{
	char clean[2 * WEB_HINT_SIZE];

	log_escape(clean, sizeof clean, text, strlen(text));
	puts(clean);
}

static void
print_server(const struct web_hint *row, const char *listen)
{
	char line[WEB_HINT_SIZE];

	if (row->checks.can_connect)
		snprintf(line, sizeof line,
		         "web server: %s, whose user %s can connect to %.300s: cfn-deploy webserver %s",
		         row->server->name, row->checks.user, listen, row->server->name);
	else
		snprintf(line, sizeof line, "web server: %s: cfn-deploy webserver %s", row->server->name,
		         row->server->name);
	print_line(line);
	for (size_t i = 0; i < row->checks.n; i++) {
		snprintf(line, sizeof line, "warning: %s", row->checks.lines[i]);
		print_line(line);
	}
}

void
web_hints_print(const struct web_hints *h)
{
	char line[WEB_HINT_SIZE];

	if (h->n == 0) {
		web_server_list(line, sizeof line);
		printf("web server: none of %s is here\n", line);
		return;
	}
	for (size_t i = 0; i < h->n; i++)
		print_server(&h->rows[i], h->listen);
	if (!h->is_unix || h->is_there)
		return;
	snprintf(line, sizeof line, "warning: no socket %.300s is to be seen: no pool listens there now",
	         h->listen + 5);
	print_line(line);
}

static json_t *
pack_one(const struct web_hint *row)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < row->checks.n; i++)
		json_array_append_new(lines, json_string(row->checks.lines[i]));
	return json_pack("{s:s, s:s, s:b, s:o}", "server", row->server->name, "user", row->checks.user,
	                 "can_connect", row->checks.can_connect, "warnings", lines);
}

json_t *
web_hints_pack(const struct web_hints *h)
{
	json_t *list = json_array();

	for (size_t i = 0; i < h->n; i++)
		json_array_append_new(list, pack_one(&h->rows[i]));
	return list;
}
