/* webserver.c - `cfn-deploy webserver`: the configuration of a web server for the pool of this machine. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/web_check.h"
#include "deploy-tool/web_listen.h"
#include "deploy-tool/web_servers.h"

enum {
	TEXT_MAX = 1 << 20,
	PORT_USUAL = 80,
	MARGIN_S = 60, /* beyond the longest that a function may take */
	KIB = 1024,
	PATTERN_SIZE = 3 * (CONFIG_TEXT_MAX + RUN_PATH_SIZE) + 1,
};

static const char usual_listen[] = "unix:/run/cfn/cfn.sock";

/* ---- what is said in each server's language ---- */

/* The words:
 *   path               of the unix socket that the pool listens on
 *   address host peer  of the TCP port: HOST:PORT, HOST without brackets, PORT
 *   port               where the web server listens
 *   whole              all of a configuration is wanted: it listens on 127.0.0.1 alone
 *   site               the host's name;   sole: the same, where no port was named
 *   prefix             mount_prefix, also when it is empty;   below: the same, unless it is empty
 *   leading managed    patterns of mount_prefix, also with the path of [management]
 *   body body_k body_m the largest body: bytes, KiB, and as nginx says it
 *   seconds            how long to wait for an answer */
static const struct web_change nginx_changes[] = {
	{ "unix:/run/cfn/cfn.sock", "unix:{path}", "path" },
	{ "unix:/run/cfn/cfn.sock", "{address}", "address" },
	{ "127.0.0.1:8080", "127.0.0.1:{port}", "whole" },
	{ "127.0.0.1:8080", "{port}", NULL },
	{ "server_name localhost", "server_name {site}", "site" },
	{ "location / {", "location {prefix}/ {", NULL },
	{ "^/(status|", "^{prefix}/(status|", NULL },
	{ "^/+mgnt(/|", "^{managed}(/|", NULL },
	{ "client_max_body_size 8m", "client_max_body_size {body_m}", NULL },
	{ "read_timeout 120s", "read_timeout {seconds}s", NULL },
	{ NULL, NULL, NULL },
};

static const struct web_change lighttpd_changes[] = {
	{ "\"socket\" => \"/run/cfn/cfn.sock\"", "\"socket\" => \"{path}\"", "path" },
	{ "\"socket\" => \"/run/cfn/cfn.sock\"", "\"host\" => \"{host}\", \"port\" => {peer}", "address" },
	{ "= 8081", "= {port}", NULL },
	{ "max-request-size = 8192", "max-request-size = {body_k}", NULL },
	{ "max-read-idle  = 120", "max-read-idle  = {seconds}", NULL },
	{ "    \"/\" => (", "    \"{prefix}/\" => (", NULL },
	{ "^/+(status|", "^{leading}/+(status|", NULL },
	{ "^/+mgnt(/|", "^{managed}(/|", NULL },
	{ "fastcgi.server = (\n", "$HTTP[\"host\"] == \"{site}\" {\nfastcgi.server = (\n", "site" },
	{ "\n    )\n)\n", "\n    )\n)\n}\n", "site" },
	{ NULL, NULL, NULL },
};

static const struct web_change apache_changes[] = {
	{ "ProxyPass \"/\" \"unix:/run/cfn/cfn.sock|fcgi://cfn/\"",
	  "ProxyPass \"{prefix}/\" \"unix:{path}|fcgi://cfn{prefix}/\"", "path" },
	{ "ProxyPass \"/\" \"unix:/run/cfn/cfn.sock|fcgi://cfn/\"",
	  "ProxyPass \"{prefix}/\" \"fcgi://{address}{prefix}/\"", "address" },
	{ "^/+(status|", "^{leading}/+(status|", NULL },
	{ "^/+mgnt(/|", "^{managed}(/|", NULL },
	{ "127.0.0.1:8083", "127.0.0.1:{port}", NULL },
	{ "*:8083", "*:{port}", NULL },
	{ "    ServerName localhost", "    ServerName {site}", "site" },
	{ "LimitRequestBody 8388608", "LimitRequestBody {body}", NULL },
	{ "timeout=120", "timeout={seconds}", NULL },
	{ NULL, NULL, NULL },
};

static const struct web_change caddy_changes[] = {
	{ ":8084 {\n\tbind 127.0.0.1\n", ":{port} {\n\tbind 127.0.0.1\n", "whole" },
	{ ":8084 {\n\tbind 127.0.0.1\n", "{sole} {\n", "sole" },
	{ ":8084 {\n\tbind 127.0.0.1\n", "http://{site}:{port} {\n", "site" },
	{ ":8084 {\n\tbind 127.0.0.1\n", ":{port} {\n", NULL },
	{ "reverse_proxy ", "reverse_proxy {below}/* ", "below" },
	{ "^/+(status|", "^{leading}/+(status|", NULL },
	{ "^/+mgnt(/|", "^{managed}(/|", NULL },
	{ "> 8388608\n", "> {body}\n", NULL },
	{ "unix//run/cfn/cfn.sock", "unix/{path}", "path" },
	{ "unix//run/cfn/cfn.sock", "{address}", "address" },
	{ "read_timeout 120s", "read_timeout {seconds}s", NULL },
	{ NULL, NULL, NULL },
};

static const struct web_change haproxy_changes[] = {
	{ "unix@/run/cfn/cfn.sock", "unix@{path}", "path" },
	{ "unix@/run/cfn/cfn.sock", "{address}", "address" },
	{ "127.0.0.1:8085", "127.0.0.1:{port}", "whole" },
	{ "127.0.0.1:8085", ":{port}", NULL },
	{ "^/+(status|", "^{leading}/+(status|", NULL },
	{ "^/+mgnt(/|", "^{managed}(/|", NULL },
	{ "default_backend cfn",
	  "use_backend cfn if { path_beg {prefix}/ } { req.hdr(host),field(1,:) -i {site} }", "site" },
	{ "default_backend cfn", "use_backend cfn if { path_beg {below}/ }", "below" },
	{ "timeout server 120s", "timeout server {seconds}s", NULL },
	{ NULL, NULL, NULL },
};

static const struct {
	const char *server;
	const struct web_change *changes;
} languages[] = {
	{ "nginx", nginx_changes }, { "lighttpd", lighttpd_changes }, { "apache", apache_changes },
	{ "caddy", caddy_changes }, { "haproxy", haproxy_changes },
};

static const struct web_change *
changes_of(const struct web_server *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(languages); i++)
		if (strcmp(languages[i].server, s->name) == 0)
			return languages[i].changes;
	return NULL;
}

/* ---- options ---- */

struct webserver_options {
	const char *listen, *name, *port;
	bool is_whole;
};

const struct argument_row webserver_options[] = {
	{ "listen", 0, ARGUMENT_TEXT, offsetof(struct webserver_options, listen), "ADDRESS",
	  "where the pool listens, unix:PATH or tcp:HOST:PORT, when cfn.conf and no pool says it" },
	{ "name", 0, ARGUMENT_TEXT, offsetof(struct webserver_options, name), "HOST",
	  "the host that is served; default: every one" },
	{ "port", 0, ARGUMENT_TEXT, offsetof(struct webserver_options, port), "NUMBER",
	  "the web server's port; default: 80" },
	{ "whole", 0, ARGUMENT_FLAG, offsetof(struct webserver_options, is_whole), NULL,
	  "a complete configuration, on 127.0.0.1, that an ordinary user can start" },
};
const size_t webserver_n_options = ARRAY_SIZE(webserver_options);

/* ---- what is to be said ---- */

struct site {
	const struct web_server *server;
	unsigned port;
	bool has_port;
	const char *name; /* NULL: none */
	char listen[CONFIG_TEXT_MAX];
	uint64_t body, wait_ms; /* of all functions together */
};

/* What needs no quoting in any of the languages; '*' and '{' would be theirs. */
static bool
is_plain(const char *text, const char *more)
{
	static const char usual[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	for (; *text != '\0'; text++)
		if (strchr(usual, *text) == NULL && strchr(more, *text) == NULL)
			return false;
	return true;
}

static int
read_options(const struct webserver_options *o, struct site *site)
{
	uint64_t number = o->is_whole ? site->server->port : PORT_USUAL;

	if (o->port != NULL && (option_parse_number(o->port, &number) < 0 || number < 1 || number > 65535))
		return tool_fail_as(EX_USAGE, "--port needs a number from 1 to 65535");
	if (o->name != NULL && (o->name[0] == '\0' || strlen(o->name) > 253 || !is_plain(o->name, "")))
		return tool_fail_as(EX_USAGE, "--name '%.80s' is no host's name", o->name);
	site->port = (unsigned)number;
	site->has_port = o->port != NULL;
	site->name = o->name;
	return 0;
}

static int
find_listen(const struct tool *t, const struct webserver_options *o, struct site *site)
{
	web_listen_find(t, o->listen, site->listen, sizeof site->listen);
	if (site->listen[0] == '\0')
		snprintf(site->listen, sizeof site->listen, "%s", usual_listen);
	if (strncmp(site->listen, "unix:/", 6) != 0 &&
	    (strncmp(site->listen, "tcp:", 4) != 0 || strrchr(site->listen + 4, ':') == NULL))
		return tool_fail_as(EX_CONFIG, "listen: '%.80s' is neither unix:/PATH nor tcp:HOST:PORT",
		                    site->listen);
	if (!is_plain(site->listen, "/:[]@+,=~%"))
		return tool_fail_as(EX_CONFIG,
		                    "listen: '%.80s' has a character that web servers' "
		                    "configurations give another meaning",
		                    site->listen);
	return 0;
}

static void
raise_to(struct site *site, uint64_t body, uint64_t wait_ms)
{
	if (body > site->body)
		site->body = body;
	if (wait_ms > site->wait_ms)
		site->wait_ms = wait_ms;
}

static void
raise(struct site *site, const struct function_policy *p)
{
	raise_to(site, p->body_max, p->wall_ms);
	raise_to(site, 0, p->stream_idle_ms);
}

struct limits_reader {
	const struct config *config;
	struct site *site;
};

static int
add_function(void *context, const struct registry_version *v)
{
	const struct limits_reader *reader = context;
	struct function_policy p = v->policy;

	config_apply(reader->config, v->function, &p);
	raise(reader->site, &p);
	return 0;
}

/* Of every function that is there, and of the next one with the defaults.  Without a registry that can be
 * read the configuration is all that is known. */
static void
find_limits(struct tool *t, struct site *site)
{
	struct limits_reader reader = { &t->config, site };
	struct function_policy next = t->config.defaults;
	struct registry_mark mark;
	struct err e;
	int rc;

	config_apply(&t->config, "", &next);
	raise(site, &next);
	if (t->config.run.is_enabled)
		raise_to(site, RUN_BODY_MAX, t->config.run.total_ms);
	if (t->config.management.is_enabled)
		raise_to(site, t->config.management.max_body, MANAGE_WALL_MS);
	rc = registry_open(t->config.registry, REGISTRY_READ, &t->registry, &e);
	if (rc == 0)
		rc = registry_each_active(t->registry, &mark, add_function, &reader, &e);
	if (rc < 0)
		tool_fail_as(0, "warning: the limits are those of the configuration alone: %s", e.text);
}

/* ---- words ---- */

struct words {
	char host[CONFIG_TEXT_MAX], address[CONFIG_TEXT_MAX], port[16], body[24], body_k[24], body_m[24],
	    seconds[24], leading[PATTERN_SIZE], managed[PATTERN_SIZE];
	struct web_word all[20];
	size_t n;
};

static void
add_word(struct words *w, const char *name, const char *value)
{
	w->all[w->n++] = (struct web_word){ name, value };
}

/* HOST:PORT, [HOST]:PORT; where it is everywhere, it is here. */
static void
add_address(struct words *w, const char *text)
{
	const char *colon = strrchr(text, ':');
	bool is_bracketed = text[0] == '[' && colon > text + 1;

	snprintf(w->host, sizeof w->host, "%.*s", (int)(colon - text) - 2 * is_bracketed,
	         text + is_bracketed);
	if (strcmp(w->host, "0.0.0.0") == 0 || strcmp(w->host, "::") == 0)
		snprintf(w->host, sizeof w->host, "%s", is_bracketed ? "::1" : "127.0.0.1");
	snprintf(w->address, sizeof w->address, "%s%.200s%s%.8s", is_bracketed ? "[" : "", w->host,
	         is_bracketed ? "]" : "", colon);
	add_word(w, "address", w->address);
	add_word(w, "host", w->host);
	add_word(w, "peer", colon + 1);
}

static void
add_sizes(struct words *w, const struct site *site)
{
	const uint64_t kib = (site->body + KIB - 1) / KIB;

	snprintf(w->body, sizeof w->body, "%" PRIu64, site->body);
	snprintf(w->body_k, sizeof w->body_k, "%" PRIu64, kib);
	if (kib % KIB == 0)
		snprintf(w->body_m, sizeof w->body_m, "%" PRIu64 "m", kib / KIB);
	else
		snprintf(w->body_m, sizeof w->body_m, "%" PRIu64 "k", kib);
	snprintf(w->seconds, sizeof w->seconds, "%" PRIu64, (site->wait_ms + 999) / 1000 + MARGIN_S);
	add_word(w, "body", w->body);
	add_word(w, "body_k", w->body_k);
	add_word(w, "body_m", w->body_m);
	add_word(w, "seconds", w->seconds);
}

/* Of what is_plain(..., "/~") lets through only a dot is more than itself in a pattern. */
static size_t
put_pattern(char *to, const char *path)
{
	char *at = to;

	for (; *path != '\0'; path++) {
		if (*path == '.')
			*at++ = '[';
		*at++ = *path;
		if (*path == '/')
			*at++ = '+';
		else if (*path == '.')
			*at++ = ']';
	}
	*at = '\0';
	return (size_t)(at - to);
}

static void
add_patterns(struct words *w, const char *prefix, const char *managed)
{
	put_pattern(w->leading, prefix);
	put_pattern(w->managed + put_pattern(w->managed, prefix), managed);
	add_word(w, "leading", w->leading);
	add_word(w, "managed", w->managed);
}

static void
make_words(struct words *w, const struct site *site, const struct config *c, bool is_whole)
{
	const char *prefix = c->mount_prefix;

	w->n = 0;
	if (strncmp(site->listen, "unix:", 5) == 0)
		add_word(w, "path", site->listen + 5);
	else
		add_address(w, site->listen + 4);
	snprintf(w->port, sizeof w->port, "%u", site->port);
	add_word(w, "port", w->port);
	add_word(w, "whole", is_whole ? "" : NULL);
	add_word(w, "site", site->name);
	add_word(w, "sole", site->has_port ? NULL : site->name);
	add_word(w, "prefix", prefix);
	add_word(w, "below", prefix[0] != '\0' ? prefix : NULL);
	add_patterns(w, prefix, c->management.path);
	add_sizes(w, site);
}

/* ---- output ---- */

static int
print_all(const struct tool *t, const struct site *site, bool is_whole, const struct buf *text)
{
	const char *socket = strncmp(site->listen, "unix:", 5) == 0 ? site->listen + 5 : NULL;
	struct web_checks checks;
	json_t *warnings = json_array();

	web_check(site->server, socket, is_whole, &checks);
	for (size_t i = 0; i < checks.n; i++) {
		json_array_append_new(warnings, json_string(checks.lines[i]));
		if (!t->json)
			tool_fail_as(0, "warning: %s", checks.lines[i]);
	}
	if (t->json)
		return tool_print_json(json_pack("{s:s, s:s, s:I, s:I, s:s%, s:o}", "server",
		                                 site->server->name, "listen", site->listen, "body_size",
		                                 (json_int_t)site->body, "wait_ms", (json_int_t)site->wait_ms,
		                                 "text", buf_head(text), buf_used(text), "warnings",
		                                 warnings));
	json_decref(warnings);
	fwrite(buf_head(text), 1, buf_used(text), stdout);
	return tool_flush();
}

static int
write_site(const struct tool *t, const struct site *site, bool is_whole)
{
	struct words words;
	struct buf text;
	struct err e;
	int rc;

	buf_init(&text, TEXT_MAX);
	make_words(&words, site, &t->config, is_whole);
	rc = web_server_write(&text, site->server, changes_of(site->server), words.all, words.n, is_whole);
	if (rc < 0) {
		err_set(&e, rc, "the configuration of %s", site->server->name);
		rc = tool_fail(&e);
	} else {
		rc = print_all(t, site, is_whole, &text);
	}
	buf_done(&text);
	return rc;
}

int
run_webserver(struct tool *t, const char *const *arguments)
{
	struct webserver_options o = { 0 };
	const struct argument_table table = { webserver_options, webserver_n_options, &o };
	const struct tool_syntax syntax = { &table, 1, 1, 1 };
	struct argument_list rest;
	struct site site = { 0 };
	char known[128];
	int rc = tool_arguments(t, &syntax, arguments, &rest);

	if (rc != 0 || t->wants_help)
		return rc;
	site.server = web_server_find(rest.items[0]);
	web_server_list(known, sizeof known);
	if (site.server == NULL)
		return tool_fail_as(EX_USAGE, "'%.40s' is none of %s", rest.items[0], known);
	rc = read_options(&o, &site);
	if (rc == 0)
		rc = tool_configure(t, true);
	if (rc == 0)
		rc = find_listen(t, &o, &site);
	if (rc == 0 && !is_plain(t->config.mount_prefix, "/~"))
		rc = tool_fail_as(EX_CONFIG,
		                  "mount_prefix '%.80s' has a character that web servers' "
		                  "configurations give another meaning",
		                  t->config.mount_prefix);
	if (rc != 0)
		return rc;
	find_limits(t, &site);
	return write_site(t, &site, o.is_whole);
}
