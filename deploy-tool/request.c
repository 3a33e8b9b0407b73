/* request.c - the request that `cfn-deploy invoke` makes, as a web server and a router would. */
#include "deploy-tool/request.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/fd.h"
#include "base/macros.h"
#include "deploy-tool/routes.h"
#include "fcgi/fcgi.h"
#include "http/http.h"

enum { FIELD_NAME_MAX = 128, ID_BYTES = 16, NUMBER_SIZE = 24, ROUTES_TEXT_SIZE = 160 };

/* What is put together on the way. */
struct draft {
	const struct registry_version *version;
	struct buf *params;
	char raw[HTTP_PATH_MAX], path[HTTP_PATH_MAX]; /* as it was given, without the query; normalised */
	struct buf query;
};

static int
append_pair(struct buf *params, const char *name, const char *value, size_t n)
{
	struct fcgi_pair pair = { name, value, strlen(name), n };
	char *to = buf_reserve(params, fcgi_pair_size(pair.name_length, n));

	if (to == NULL)
		return -E2BIG;
	buf_commit(params, fcgi_pair_write((unsigned char *)to, &pair));
	return 0;
}

static int
append_number(struct buf *params, const char *name, uint64_t value)
{
	char text[NUMBER_SIZE];

	snprintf(text, sizeof text, "%" PRIu64, value);
	return append_pair(params, name, text, strlen(text));
}

static int
add_bytes(struct draft *d, const char *name, const char *value, size_t n)
{
	return append_pair(d->params, name, value, n);
}

static int
add(struct draft *d, const char *name, const char *value)
{
	return add_bytes(d, name, value, strlen(value));
}

/* ---- the URL ---- */

/* Bytes that no web server would let through as they are: a shell's user writes them without thinking. */
static int
add_query(struct buf *query, const char *text)
{
	int rc = buf_used(query) > 0 ? buf_append(query, "&", 1) : 0;

	for (; rc == 0 && *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		rc = c > ' ' && c < 0x7f && c != '#' ? buf_append(query, text, 1)
		                                     : buf_printf(query, "%%%02X", c);
	}
	return rc;
}

/* The first route that has no parameter; NULL: none. */
static const char *
plain_route(const struct registry_version *v)
{
	for (size_t i = 0; i < v->n_routes; i++)
		if (strpbrk(v->routes[i].pattern, ":*") == NULL)
			return v->routes[i].pattern;
	return NULL;
}

static int
read_path(struct draft *d, const char *given, struct err *e)
{
	const char *path = given != NULL ? given : plain_route(d->version);
	char decoded[HTTP_PATH_MAX], routes[ROUTES_TEXT_SIZE];
	size_t n = path != NULL ? strcspn(path, "?") : 0;
	int rc;

	routes_format(d->version->routes, d->version->n_routes, routes, sizeof routes);
	if (path == NULL)
		return err_set(e, -EINVAL, "every route has a parameter; say --path PATH for one of: %s",
		               routes);
	if (n >= sizeof d->raw)
		return err_set(e, -EINVAL, "--path is over %zu bytes", sizeof d->raw - 1);
	snprintf(d->raw, sizeof d->raw, "%.*s", (int)n, path);
	rc = http_percent_decode(d->raw, n, decoded);
	if (rc >= 0)
		rc = http_path_normalise(decoded, (size_t)rc, d->path);
	if (rc < 0)
		return err_set(e, -EINVAL, "--path '%.80s' is no path of a URL", path);
	if (path[n] == '?' && add_query(&d->query, path + n + 1) < 0)
		return err_set(e, -E2BIG, "the query is too long");
	return 0;
}

static int
read_queries(struct draft *d, const struct argument_list *queries, struct err *e)
{
	for (size_t i = 0; i < queries->n; i++)
		if (add_query(&d->query, queries->items[i]) < 0)
			return err_set(e, -E2BIG, "the query is too long");
	return 0;
}

/* ---- the route ---- */

static int
map_routes(const struct registry_version *v, struct snapshot **map, struct err *e)
{
	struct snapshot_function function = { .version_id = 1, .is_enabled = 1 };
	AUTO_FREE struct snapshot_route *routes = calloc(v->n_routes + 1, sizeof *routes);
	AUTO_FD fd = -1;

	if (routes == NULL)
		return err_set(e, ENOMEM, "routes");
	snprintf(function.name, sizeof function.name, "%s", v->function);
	for (size_t i = 0; i < v->n_routes; i++)
		routes[i] = (struct snapshot_route){ .pattern = v->routes[i].pattern,
			                             .methods = v->routes[i].methods,
			                             .index = v->routes[i].index };
	fd = snapshot_build(1, &function, 1, routes, v->n_routes, e);
	return fd < 0 ? fd : snapshot_map(fd, map, e);
}

static int
add_route(struct draft *d, const struct route_match *m)
{
	char name[sizeof "CFN_PARAM_" + ROUTE_PATTERN_MAX];
	int rc = append_number(d->params, "CFN_ROUTE", m->index);

	for (size_t i = 0; i < m->n_params && rc == 0; i++) {
		snprintf(name, sizeof name, "CFN_PARAM_%s", m->params[i].name);
		rc = add_bytes(d, name, m->params[i].value, m->params[i].value_length);
	}
	return rc;
}

static int
refuse_route(const struct draft *d, const struct route_match *m, const char *method, struct request *q,
             struct err *e)
{
	char routes[ROUTES_TEXT_SIZE];

	routes_format(d->version->routes, d->version->n_routes, routes, sizeof routes);
	q->cause = m->methods == 0 ? CAUSE_NO_ROUTE : CAUSE_METHOD_NOT_ALLOWED;
	if (m->methods == 0)
		return err_set(e, -EINVAL, "%s v%u has no route for '%.80s'; it has: %s",
		               d->version->function, d->version->number, d->path, routes);
	return err_set(e, -EINVAL, "%s v%u takes no %.16s for '%.80s'; it has: %s", d->version->function,
	               d->version->number, method, d->path, routes);
}

static int
match_route(struct draft *d, struct request *q, const char *word, struct err *e)
{
	struct snapshot *map = NULL;
	struct route_match m;
	int rc = map_routes(d->version, &map, e);

	if (rc < 0)
		return rc;
	snapshot_match(map, d->path, q->method, &m);
	if (m.function == NULL)
		rc = refuse_route(d, &m, word, q, e);
	else if (add_route(d, &m) < 0)
		rc = err_set(e, -E2BIG, "the params are too long");
	snapshot_unmap(map);
	return rc;
}

/* ---- header fields ---- */

/* Fields that mean something else than what a function would be told. */
static const struct {
	const char *name, *why;
} refused[] = {
	{ "Content-Length", "it is counted" },
	{ "Transfer-Encoding", "a function gets whole bodies" },
	{ "Proxy", "no web server should pass it on" },
};

static int
check_field(const char *field, size_t n_name, const char *value, struct err *e)
{
	if (n_name == 0 || n_name > FIELD_NAME_MAX || field[n_name] != ':' || !http_is_token(field, n_name) ||
	    !http_is_field_value(value, strlen(value)))
		return err_set(e, -EINVAL, "--header '%.80s' is not 'Name: value'", field);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (strlen(refused[i].name) == n_name && strncasecmp(field, refused[i].name, n_name) == 0)
			return err_set(e, -EINVAL, "--header %s: %s", refused[i].name, refused[i].why);
	return 0;
}

static bool
is_field(const char *field, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(field, name, n) == 0 && field[n] == ':';
}

/* RFC 3875 section 4.1.18. */
static int
add_field(struct draft *d, const char *field, struct err *e)
{
	size_t n = strcspn(field, ":");
	const char *value = field[n] == ':' ? field + n + 1 + strspn(field + n + 1, " \t") : "";
	bool is_type = is_field(field, "Content-Type");
	char name[sizeof "HTTP_" + FIELD_NAME_MAX];
	size_t at = is_type ? 0 : strlen("HTTP_");

	if (check_field(field, n, value, e) < 0)
		return -e->code;
	strcpy(name, "HTTP_");
	for (size_t i = 0; i < n; i++)
		name[at + i] = field[i] == '-' ? '_' : (char)toupper((unsigned char)field[i]);
	name[at + n] = '\0';
	return add(d, name, value) < 0 ? err_set(e, -E2BIG, "the header fields are too long") : 0;
}

static bool
has_field(const struct argument_list *fields, const char *name)
{
	for (size_t i = 0; i < fields->n; i++)
		if (is_field(fields->items[i], name))
			return true;
	return false;
}

/* What curl says when it is told nothing. */
static const struct {
	const char *name, *field;
	bool is_of_body;
} standard_fields[] = {
	{ "Accept", "Accept: */*", false },
	{ "Host", "Host: localhost", false },
	{ "User-Agent", "User-Agent: cfn-deploy", false },
	{ "Content-Type", "Content-Type: application/x-www-form-urlencoded", true },
};

/* The name that a gate would have found; it would not have let anybody else in. */
static int
add_user(struct draft *d, const char *user, uint64_t auth, struct err *e)
{
	if (auth == AUTH_NONE && user == NULL)
		return 0;
	if (auth == AUTH_NONE)
		return err_set(e, -EINVAL, "--user: the function asks nobody who he is (deploy --auth)");
	if (user == NULL)
		return err_set(e, -EINVAL,
		               "the function takes clients with a token alone (auth %s); say who calls with "
		               "--user NAME",
		               policy_auth_word(auth));
	if (policy_check_name(user, e) < 0)
		return err_wrap(e, "--user");
	return add(d, "CFN_USER", user) < 0 ? err_set(e, -E2BIG, "--user") : 0;
}

static int
add_fields(struct draft *d, const struct argument_list *fields, const struct request *q, struct err *e)
{
	int rc = 0;

	if (fields->n > REQUEST_FIELDS_MAX)
		return err_set(e, -EINVAL, "more than %d header fields", REQUEST_FIELDS_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(standard_fields) && rc == 0; i++)
		if (!has_field(fields, standard_fields[i].name) &&
		    (q->has_body || !standard_fields[i].is_of_body))
			rc = add_field(d, standard_fields[i].field, e);
	/* With a gate the token is not for the function. */
	for (size_t i = 0; i < fields->n && rc == 0; i++)
		if (q->auth == AUTH_NONE || !is_field(fields->items[i], "Authorization"))
			rc = add_field(d, fields->items[i], e);
	return rc;
}

/* ---- all of it ---- */

static int
add_id(struct draft *d)
{
	unsigned char bytes[ID_BYTES];
	char text[2 * ID_BYTES + 1];

	random_bytes(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return add(d, "CFN_REQUEST_ID", text);
}

static int
add_rest(struct draft *d, const struct request *q, const char *method, struct err *e)
{
	const char *query = buf_used(&d->query) > 0 ? buf_head(&d->query) : "";
	int n_query = (int)buf_used(&d->query);
	char uri[HTTP_PATH_MAX + REQUEST_PARAMS_MAX / 2];
	const struct {
		const char *name, *value;
	} rows[] = {
		{ "GATEWAY_INTERFACE", "CGI/1.1" },
		{ "SERVER_SOFTWARE", "cfn-deploy" },
		{ "SERVER_PROTOCOL", "HTTP/1.1" },
		{ "SERVER_NAME", "localhost" },
		{ "SERVER_PORT", "80" },
		{ "REQUEST_SCHEME", "http" },
		{ "REMOTE_ADDR", "127.0.0.1" },
		{ "REQUEST_METHOD", method },
		{ "REQUEST_URI", uri },
		{ "SCRIPT_NAME", d->path },
		{ "CFN_PATH", d->path },
	};
	int rc = add_bytes(d, "QUERY_STRING", query, (size_t)n_query);

	snprintf(uri, sizeof uri, "%s%s%.*s", d->raw, n_query > 0 ? "?" : "", n_query, query);
	for (size_t i = 0; i < ARRAY_SIZE(rows) && rc == 0; i++)
		rc = add(d, rows[i].name, rows[i].value);
	if (rc == 0)
		rc = add_id(d);
	if (rc == 0)
		rc = q->has_body ? append_number(d->params, "CONTENT_LENGTH", q->n_body)
		                 : add(d, "CONTENT_LENGTH", "");
	return rc < 0 ? err_set(e, -E2BIG, "the request's params are over %d bytes", REQUEST_PARAMS_MAX) : 0;
}

static int
compose(struct draft *d, const struct request_options *o, struct request *q, struct err *e)
{
	const char *method = o->method != NULL ? o->method : q->has_body ? "POST" : "GET";

	q->method = http_method_parse(method, strlen(method));
	if (q->method == 0)
		return err_set(e, -EINVAL,
		               "--method '%.16s' is none of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
		               method);
	if (read_path(d, o->path, e) < 0 || read_queries(d, &o->queries, e) < 0 ||
	    match_route(d, q, method, e) < 0 || add_fields(d, &o->fields, q, e) < 0 ||
	    add_user(d, o->user, q->auth, e) < 0)
		return -e->code;
	return add_rest(d, q, method, e);
}

int
request_compose(const struct request_options *o, const struct registry_version *v, struct request *q,
                struct buf *params, struct err *e)
{
	AUTO_FREE struct draft *d = calloc(1, sizeof *d);
	int rc;

	if (d == NULL)
		return err_set(e, ENOMEM, "request");
	d->version = v;
	d->params = params;
	buf_init(&d->query, REQUEST_PARAMS_MAX / 2 - 1);
	rc = compose(d, o, q, e);
	buf_done(&d->query);
	return rc;
}

int
request_add_limits(struct buf *params, uint64_t body_max, uint64_t output_max)
{
	int rc = append_number(params, "CFN_BODY_MAX", body_max);

	return rc < 0 ? rc : append_number(params, "CFN_OUTPUT_MAX", output_max);
}
