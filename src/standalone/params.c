/* params.c - a request as the CGI environment that a worker would get. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "standalone/standalone.h"

int
params_add(struct params *p, struct err *e, const char *format, ...)
{
	va_list args;
	int n;

	if (p->n == PARAMS_MAX)
		return err_set(e, -E2BIG, "more than %d params", PARAMS_MAX);
	va_start(args, format);
	n = vasprintf(&p->items[p->n], format, args);
	va_end(args);
	if (n < 0) {
		p->items[p->n] = NULL;
		return err_set(e, ENOMEM, "request");
	}
	p->n++;
	return 0;
}

void
params_done(struct params *p)
{
	while (p->n > 0)
		free(p->items[--p->n]);
	*p = (struct params){ 0 };
}

static int
set_path(struct params *p, const char *decoded, size_t n, struct err *e)
{
	if (http_path_normalise(decoded, n, p->path) < 0)
		return err_set(e, -EINVAL, "'%.80s' is no path of a URL", decoded);
	return params_add(p, e, "CFN_PATH=%s", p->path);
}

/* ---- of a line ---- */

bool
params_takes_body(const char *line)
{
	size_t n = strcspn(line, " ");

	return (http_method_parse(line, n) & (HTTP_POST | HTTP_PUT | HTTP_PATCH)) != 0;
}

static bool
is_field(const char *field, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(field, name, n) == 0 && field[n] == ':';
}

static bool
has_field(const struct fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->n; i++)
		if (is_field(fields->items[i], name))
			return true;
	return false;
}

/* RFC 3875 section 4.1.18. */
static int
add_field(struct params *p, const char *field, struct err *e)
{
	size_t n = strcspn(field, ":");
	const char *value = field[n] == ':' ? field + n + 1 + strspn(field + n + 1, " \t") : "";
	char *name;

	if (n == 0 || field[n] != ':' || !http_is_token(field, n) ||
	    !http_is_field_value(value, strlen(value)) || is_field(field, "Content-Length"))
		return err_set(e, -EINVAL, "--header '%.80s' is not 'Name: value', or is counted", field);
	if (params_add(p, e, "%s%.*s=%s", is_field(field, "Content-Type") ? "" : "HTTP_", (int)n, field,
	               value) < 0)
		return -e->code;
	for (name = p->items[p->n - 1]; *name != '='; name++)
		*name = *name == '-' ? '_' : (char)toupper((unsigned char)*name);
	return 0;
}

/* What curl says when it is told nothing. */
static const struct {
	const char *name, *field;
	bool is_of_body;
} standard_fields[] = {
	{ "Accept", "Accept: */*", false },
	{ "Host", "Host: localhost", false },
	{ "User-Agent", "User-Agent: cfn-standalone", false },
	{ "Content-Type", "Content-Type: application/x-www-form-urlencoded", true },
};

static int
add_fields(struct params *p, const struct fields *fields, bool has_body, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(standard_fields) && rc == 0; i++)
		if (!has_field(fields, standard_fields[i].name) &&
		    (has_body || !standard_fields[i].is_of_body))
			rc = add_field(p, standard_fields[i].field, e);
	for (size_t i = 0; i < fields->n && rc == 0; i++)
		rc = add_field(p, fields->items[i], e);
	return rc;
}

static int
add_target(struct params *p, const char *target, struct err *e)
{
	size_t n = strcspn(target, "?");
	char decoded[HTTP_PATH_MAX];
	int length = n < sizeof decoded ? http_percent_decode(target, n, decoded) : -EINVAL;

	if (length < 0)
		return err_set(e, -EINVAL, "'%.80s' is no path of a URL", target);
	if (set_path(p, decoded, (size_t)length, e) < 0 || params_add(p, e, "SCRIPT_NAME=%s", p->path) < 0 ||
	    params_add(p, e, "REQUEST_URI=%s", target) < 0)
		return -e->code;
	return params_add(p, e, "QUERY_STRING=%s", target[n] == '?' ? target + n + 1 : "");
}

static int
add_rest(struct params *p, const char *line, size_t n_method, long long n_body, struct err *e)
{
	static const char *const rows[] = {
		"GATEWAY_INTERFACE=CGI/1.1",
		"SERVER_SOFTWARE=cfn-standalone",
		"SERVER_PROTOCOL=HTTP/1.1",
		"SERVER_NAME=localhost",
		"SERVER_PORT=80",
		"REQUEST_SCHEME=http",
		"REMOTE_ADDR=127.0.0.1",
		"CFN_REQUEST_ID=standalone",
	};
	int rc = params_add(p, e, "REQUEST_METHOD=%.*s", (int)n_method, line);

	for (size_t i = 0; i < ARRAY_SIZE(rows) && rc == 0; i++)
		rc = params_add(p, e, "%s", rows[i]);
	return rc == 0 && n_body >= 0 ? params_add(p, e, "CONTENT_LENGTH=%lld", n_body) : rc;
}

int
params_of_line(struct params *p, const char *line, const struct fields *fields, long long n_body,
               struct err *e)
{
	size_t n_method = strcspn(line, " ");
	const char *target = line + n_method + strspn(line + n_method, " ");

	*p = (struct params){ .method = http_method_parse(line, n_method) };
	if (p->method == 0)
		return err_set(e, -EINVAL, "'%.80s' is not 'METHOD /path'", line);
	if (add_target(p, target, e) < 0 || add_rest(p, line, n_method, n_body, e) < 0)
		return -e->code;
	return add_fields(p, fields, n_body >= 0, e);
}

/* ---- of a web server ---- */

/* RFC 3875 section 4.1, and what web servers add.  CFN_* is a router's to say. */
static bool
is_of_cgi(const char *variable)
{
	static const char *const prefixes[] = { "HTTP_",    "REQUEST_",   "SERVER_",  "REMOTE_",
		                                "CONTENT_", "QUERY_",     "GATEWAY_", "AUTH_",
		                                "SCRIPT_",  "PATH_INFO=", "HTTPS=" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

int
params_of_cgi(struct params *p, char **environment, struct err *e)
{
	const char *method = getenv("REQUEST_METHOD"), *path = getenv("PATH_INFO");

	*p = (struct params){ .method =
		                  http_method_parse(method ? method : "", strlen(method ? method : "")) };
	if (p->method == 0)
		return err_set(e, -EINVAL, "REQUEST_METHOD is no method");
	if (!path || !*path)
		path = getenv("SCRIPT_NAME");
	if (!path || !*path)
		path = "/";
	if (set_path(p, path, strlen(path), e) < 0 || params_add(p, e, "CFN_REQUEST_ID=cgi") < 0)
		return -e->code;
	for (; *environment; environment++)
		if (is_of_cgi(*environment) && params_add(p, e, "%s", *environment) < 0)
			return -e->code;
	return 0;
}
