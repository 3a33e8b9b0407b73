/* web_servers.c - the web servers that cfn-deploy knows, and their configurations. */
#include "deploy-tool/web_servers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "deploy-tool/web_servers.inc"

static const char begin_mark[] = "# ---- from here ----", end_mark[] = "# ---- to here ----";

static const struct web_server servers[] = {
	{ .name = "nginx",
	  .package = "nginx",
	  .program = "nginx",
	  .users = { "www-data", "nginx" },
	  .example = nginx_example,
	  .port = 8080,
	  .least = { 1, 11, 0 }, /* $request_id */
	  .version_option = "-v",
	  .version = "nginx/" },
	{ .name = "lighttpd",
	  .package = "lighttpd",
	  .program = "lighttpd",
	  .users = { "www-data", "lighttpd" },
	  .example = lighttpd_example,
	  .port = 8081,
	  .least = { 1, 4, 50 }, /* header fields of 64 KiB */
	  .version_option = "-v",
	  .version = "lighttpd/" },
	{ .name = "apache",
	  .package = "apache2",
	  .program = "apache2",
	  .users = { "www-data", "apache" },
	  .example = apache_example,
	  .port = 8083,
	  .least = { 2, 4, 54 }, /* bodies of unknown length are buffered */
	  .version_option = "-v",
	  .version = "Apache/",
	  .modules = { "proxy", "proxy_fcgi", "headers", "env" } },
	{ .name = "caddy",
	  .package = "caddy",
	  .program = "caddy",
	  .users = { "caddy" },
	  .example = caddy_example,
	  .port = 8084,
	  .least = { 2, 5, 0 },
	  .version_option = "version",
	  .version = "" },
	{ .name = "haproxy",
	  .package = "haproxy",
	  .program = "haproxy",
	  .users = { "haproxy" },
	  .example = haproxy_example,
	  .port = 8085,
	  .least = { 2, 4, 0 }, /* uuid() in a parameter */
	  .version_option = "-v",
	  .version = "version " },
};

static const char *const program_folders[] = { "/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin" };

const struct web_server *
web_server_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		if (strcmp(servers[i].name, name) == 0)
			return &servers[i];
	return NULL;
}

const struct web_server *
web_server_at(size_t i)
{
	return i < ARRAY_SIZE(servers) ? &servers[i] : NULL;
}

void
web_server_list(char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(servers) && used < size; i++)
		used +=
		    (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", servers[i].name);
}

bool
web_server_program(const struct web_server *s, char *path, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(program_folders); i++) {
		snprintf(path, size, "%s/%s", program_folders[i], s->program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* ---- its text ---- */

struct values {
	const struct web_word *words;
	size_t n;
};

static const char *
value_of(const struct values *v, const char *name, size_t n)
{
	for (size_t i = 0; i < v->n; i++)
		if (strlen(v->words[i].name) == n && memcmp(v->words[i].name, name, n) == 0)
			return v->words[i].value;
	return NULL;
}

static const struct web_change *
change_at(const struct web_change *changes, const struct values *v, const char *text)
{
	for (; changes->from != NULL; changes++)
		if (strncmp(text, changes->from, strlen(changes->from)) == 0 &&
		    (changes->when == NULL || value_of(v, changes->when, strlen(changes->when)) != NULL))
			return changes;
	return NULL;
}

/* A brace that no word follows is one of the configuration's own. */
static int
put_changed(struct buf *to, const char *text, const struct values *v)
{
	int rc = 0;

	while (rc == 0 && *text != '\0') {
		const char *end = *text == '{' ? strchr(text, '}') : NULL;
		const char *value = end != NULL ? value_of(v, text + 1, (size_t)(end - text - 1)) : NULL;

		rc = value != NULL ? buf_append(to, value, strlen(value)) : buf_append(to, text, 1);
		text = value != NULL ? end + 1 : text + 1;
	}
	return rc;
}

struct part {
	const char *start, *end;
	size_t indent; /* bytes that each of its lines is moved to the left */
	const char *marks[2];
};

static const char *
line_of(const char *text, const char *p)
{
	while (p > text && p[-1] != '\n')
		p--;
	return p;
}

/* The lines between the marks, or all of them. */
static void
part_find(const char *text, bool is_whole, struct part *part)
{
	const char *begin = strstr(text, begin_mark), *end = strstr(text, end_mark);

	*part = (struct part){ text, text + strlen(text), 0, { line_of(text, begin), line_of(text, end) } };
	if (is_whole)
		return;
	part->indent = (size_t)(begin - part->marks[0]);
	part->start = strchr(begin, '\n') + 1;
	part->end = part->marks[1];
}

/* How much of the line's beginning is left out: its indentation, or a mark altogether. */
static size_t
left_out(const struct part *part, const char *line)
{
	size_t blanks = strspn(line, " \t");

	if (line == part->marks[0] || line == part->marks[1])
		return (size_t)(strchr(line, '\n') + 1 - line);
	return blanks < part->indent ? blanks : part->indent;
}

int
web_server_write(struct buf *to, const struct web_server *s, const struct web_change *changes,
                 const struct web_word *words, size_t n_words, bool is_whole)
{
	const struct values v = { words, n_words };
	struct part part;
	const char *at;
	int rc = 0;

	part_find(s->example, is_whole, &part);
	for (at = part.start; rc == 0 && at < part.end;) {
		const struct web_change *change;

		if (at == part.start || at[-1] == '\n')
			at += left_out(&part, at);
		if (at >= part.end)
			break;
		change = change_at(changes, &v, at);
		rc = change != NULL ? put_changed(to, change->to, &v) : buf_append(to, at, 1);
		at += change != NULL ? strlen(change->from) : 1;
	}
	return rc;
}
