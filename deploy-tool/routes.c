/* routes.c - which routes a version gets. */
#include "deploy-tool/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "http/http.h"

enum { LINE_MAX_SIZE = HTTP_METHODS_TEXT_SIZE + ROUTE_PATTERN_MAX };

int
routes_methods(const struct argument_list *methods, unsigned *bits, struct err *e)
{
	unsigned all = 0, some;

	for (size_t i = 0; i < methods->n; i++) {
		if (http_methods_parse(methods->items[i], &some) < 0)
			return err_set(e, -EINVAL,
			               "--method '%.64s' is none of GET, HEAD, POST, PUT, PATCH, DELETE, "
			               "OPTIONS, nor a list of them",
			               methods->items[i]);
		all |= some;
	}
	*bits = all != 0 ? all : HTTP_GET | HTTP_HEAD | HTTP_POST;
	return 0;
}

int
routes_add(struct routes *r, const char *pattern, unsigned methods, uint32_t index, struct err *e)
{
	char shown[ROUTE_PATTERN_MAX];
	int rc;

	if (r->n == REGISTRY_ROUTES_MAX)
		return err_set(e, -E2BIG, "more than %d routes", REGISTRY_ROUTES_MAX);
	if (strlen(pattern) >= ROUTE_PATTERN_MAX)
		return err_set(e, -EINVAL, "a route is over %d bytes", ROUTE_PATTERN_MAX - 1);
	log_escape(shown, sizeof shown, pattern, strlen(pattern));
	rc = route_pattern_check(pattern, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < r->n; i++)
		if ((r->rows[i].methods & methods) != 0 &&
		    route_pattern_collides(r->rows[i].pattern, pattern))
			return err_set(e, -EEXIST, "route '%.100s' is there twice", shown);
	r->rows[r->n].methods = methods;
	r->rows[r->n].index = index;
	memcpy(r->rows[r->n].pattern, pattern, strlen(pattern) + 1);
	r->n++;
	return 0;
}

int
routes_add_option(struct routes *r, const char *text, unsigned methods, struct err *e)
{
	char words[HTTP_METHODS_TEXT_SIZE];
	size_t n = strcspn(text, "/");

	/* "GET,HEAD /x": blanks before the path. */
	if (n == 0 || text[n] == '\0' || strchr(" \t", text[n - 1]) == NULL)
		return routes_add(r, text, methods, 0, e);
	while (n > 0 && strchr(" \t", text[n - 1]) != NULL)
		n--;
	if (n < sizeof words)
		snprintf(words, sizeof words, "%.*s", (int)n, text);
	if (n >= sizeof words || http_methods_parse(words, &methods) < 0)
		return err_set(e, -EINVAL, "route '%.64s': the words before the path are no methods", text);
	return routes_add(r, strchr(text, '/'), methods, 0, e);
}

static int
parse_line(struct routes *r, const char *start, size_t n, uint32_t index, struct err *e)
{
	char line[LINE_MAX_SIZE], shown[64], *path;
	unsigned methods;

	if (n >= sizeof line || memchr(start, '\0', n) != NULL)
		return err_set(e, -EBADMSG, "row %u of CFN_ROUTES is too long or no text", index);
	memcpy(line, start, n);
	line[n] = '\0';
	path = strstr(line, " /");
	log_escape(shown, sizeof shown, line, n);
	if (path == NULL)
		return err_set(e, -EBADMSG, "row %u of CFN_ROUTES, '%s': the path must begin with '/'", index,
		               shown);
	*path++ = '\0';
	if (http_methods_parse(line, &methods) < 0)
		return err_set(e, -EBADMSG, "row %u of CFN_ROUTES, '%s': unknown method", index, shown);
	return routes_add(r, path, methods, index, e) < 0 ? err_wrap(e, "row %u of CFN_ROUTES", index) : 0;
}

int
routes_parse(struct routes *r, const char *text, size_t n, size_t n_rows, struct err *e)
{
	uint32_t index = 0;

	for (; n > 0; index++) {
		const char *newline = memchr(text, '\n', n);
		size_t length = newline != NULL ? (size_t)(newline - text) : 0;
		int rc;

		if (newline == NULL)
			return err_set(e, -EBADMSG, "CFN_ROUTES is cut off");
		rc = parse_line(r, text, length, index, e);
		if (rc < 0)
			return rc;
		text += length + 1;
		n -= length + 1;
	}
	return index == n_rows ? 0
	                       : err_set(e, -EBADMSG, "CFN_ROUTES has another number of rows than it says");
}

void
routes_format(const struct registry_route *rows, size_t n, char *text, size_t size)
{
	char methods[HTTP_METHODS_TEXT_SIZE];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		int length;

		http_methods_format(rows[i].methods, methods);
		length =
		    snprintf(text + at, size - at, "%s%s %s", i > 0 ? "; " : "", methods, rows[i].pattern);
		if (length < 0 || (size_t)length >= size - at) {
			if (size > 4)
				memcpy(text + size - 4, "...", 4);
			return;
		}
		at += (size_t)length;
	}
}
