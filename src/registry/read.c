/* read.c - versions, routes and blobs out of the registry, every column checked again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/utf8.h"
#include "http/http.h"
#include "registry/sql.h"

/* The C identifiers that a symbol may be; C++ names arrive mangled and pass as well. */
static bool
is_symbol(const char *text)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");

	return text[n] == '\0' && n < SYMBOL_MAX_SIZE && (n == 0 || strchr(first, text[0]));
}

/* One line of text for people: UTF-8 without control bytes. */
static bool
is_plain_text(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return utf8_is_valid(text, n);
}

int
take_text(sqlite3_stmt *row, int column, char *to, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	size_t n = (size_t)sqlite3_column_bytes(row, column);

	if (!text || n >= size || strlen(text) != n || !is_plain_text(text, n))
		return -EBADMSG;
	memcpy(to, text, n + 1);
	return 0;
}

int
take_bytes(sqlite3_stmt *row, int column, void *to, size_t size)
{
	const void *bytes = sqlite3_column_blob(row, column);

	if (!bytes || (size_t)sqlite3_column_bytes(row, column) != size)
		return -EBADMSG;
	memcpy(to, bytes, size);
	return 0;
}

int
take_digest(sqlite3_stmt *row, int column, struct digest *d)
{
	return take_bytes(row, column, d->bytes, DIGEST_SIZE);
}

static int
take_policy(sqlite3_stmt *row, int column, struct registry_version *v, struct err *e)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	int n = sqlite3_column_bytes(row, column);

	if (!text || n > POLICY_TEXT_MAX || strlen(text) != (size_t)n)
		return err_set(e, -EBADMSG, "policy");
	if (digest_of(text, (size_t)n, &v->policy_text, e) < 0)
		return -e->code;
	return policy_unpack(&v->policy, text, e) < 0 ? -EBADMSG : 0;
}

int
take_number(sqlite3_stmt *row, int column, uint32_t max, uint32_t *value)
{
	int64_t number = sqlite3_column_int64(row, column);

	if (number < 0 || number > max)
		return -EBADMSG;
	*value = (uint32_t)number;
	return 0;
}

/* The columns number, version, is_enabled, key and signature of an activation, from first on; NULLs: none. */
int
take_activation(sqlite3_stmt *row, int first, struct registry_activation *a)
{
	int64_t number = sqlite3_column_int64(row, first);
	uint32_t is_enabled = 0;

	*a = (struct registry_activation){ 0 };
	if (sqlite3_column_type(row, first) == SQLITE_NULL)
		return 0;
	if (number <= 0 || (uint64_t)number > REGISTRY_NUMBER_MAX ||
	    take_number(row, first + 1, UINT32_MAX, &a->version) < 0 ||
	    take_number(row, first + 2, 1, &is_enabled) < 0 ||
	    take_bytes(row, first + 3, a->key.bytes, sizeof a->key.bytes) < 0 ||
	    take_bytes(row, first + 4, a->signature.bytes, sizeof a->signature.bytes) < 0)
		return -EBADMSG;
	a->number = (uint64_t)number;
	a->is_enabled = is_enabled != 0;
	return 0;
}

enum version_column {
	COLUMN_ID,
	COLUMN_FUNCTION_ID,
	COLUMN_NUMBER,
	COLUMN_IS_ACTIVE,
	COLUMN_IS_ENABLED,
	COLUMN_FUNCTION,
	COLUMN_ENTRY,
	COLUMN_ARTIFACT,
	COLUMN_SOURCE,
	COLUMN_DEBUG,
	COLUMN_POLICY,
	COLUMN_COMPILER,
	COLUMN_FLAGS,
	COLUMN_SOURCE_NAME,
	COLUMN_AUTHOR,
	COLUMN_CREATED_AT,
	COLUMN_ACTIVATION, /* and the four behind it */
};

#define VERSION_COLUMNS                                                                                      \
	"SELECT v.id, v.function_id, v.number, v.id IS f.active_version, f.is_enabled, f.name, v.entry,"     \
	" v.artifact, v.source, v.debug, v.policy, v.compiler, v.flags, v.source_name, v.author, "           \
	"v.created_at, "
#define FROM_VERSION " FROM version v JOIN function f ON f.id = v.function_id "

/* By schema: the columns of activations, and where they come from. */
static const char *const selections[] = {
	[1] = VERSION_COLUMNS "NULL, NULL, NULL, NULL, NULL" FROM_VERSION,
	[2] = VERSION_COLUMNS
	"a.number, a.version, a.is_enabled, a.key, a.signature" FROM_VERSION
	"LEFT JOIN activation a ON a.function = f.name AND a.number ="
	" (SELECT max(number) FROM activation WHERE function = f.name AND version = v.number) ",
};

/* A reader changes nothing, so it takes an older registry as it is; a writer brings it up to date under our
 * feet, so this is asked each time. */
int
read_schema(struct registry *r, int64_t *schema, struct err *e)
{
	AUTO_RESET *row = NULL;
	int rc = sql_prepare_kept(&r->base, &row, e, "PRAGMA user_version", "");

	if (rc == 0)
		rc = sql_step(&r->base, row, e);
	if (rc > 0)
		*schema = sqlite3_column_int64(row, 0);
	return rc < 0 ? rc : 0;
}

/* The statement that gives versions with every column of version_column, and this behind it. */
int
select_versions(struct registry *r, const char *rest, char sql[SELECTION_MAX], struct err *e)
{
	int64_t schema = 0;
	int rc = read_schema(r, &schema, e);

	if (rc < 0)
		return rc;
	if (schema < 1)
		return err_set(e, -EINVAL, "registry %s: not a registry", r->base.path);
	snprintf(sql, SELECTION_MAX, "%s%s", selections[schema < 2 ? 1 : 2], rest);
	return 0;
}

static int
take_version(sqlite3_stmt *row, struct registry_version *v, struct err *e)
{
	const struct {
		int column;
		char *to;
		size_t size;
	} texts[] = {
		{ COLUMN_FUNCTION, v->function, sizeof v->function },
		{ COLUMN_ENTRY, v->entry, sizeof v->entry },
		{ COLUMN_COMPILER, v->compiler, sizeof v->compiler },
		{ COLUMN_FLAGS, v->flags, sizeof v->flags },
		{ COLUMN_SOURCE_NAME, v->source_name, sizeof v->source_name },
		{ COLUMN_AUTHOR, v->author, sizeof v->author },
	};

	v->id = sqlite3_column_int64(row, COLUMN_ID);
	v->function_id = sqlite3_column_int64(row, COLUMN_FUNCTION_ID);
	v->is_active = sqlite3_column_int(row, COLUMN_IS_ACTIVE) != 0;
	v->is_enabled = sqlite3_column_int(row, COLUMN_IS_ENABLED) != 0;
	v->created_at = sqlite3_column_int64(row, COLUMN_CREATED_AT);
	v->n_routes = 0;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (take_text(row, texts[i].column, texts[i].to, texts[i].size) < 0)
			return err_set(e, -EBADMSG, "version %lld: column %d", (long long)v->id,
			               texts[i].column);
	if (take_number(row, COLUMN_NUMBER, UINT32_MAX, &v->number) < 0 || v->number == 0 ||
	    take_digest(row, COLUMN_ARTIFACT, &v->artifact) < 0 ||
	    take_digest(row, COLUMN_SOURCE, &v->source) < 0 ||
	    take_digest(row, COLUMN_DEBUG, &v->debug) < 0 || !is_symbol(v->entry) ||
	    take_activation(row, COLUMN_ACTIVATION, &v->activation) < 0)
		return err_set(e, -EBADMSG, "version %lld: a column is out of range", (long long)v->id);
	if (policy_check_name(v->function, e) < 0 || take_policy(row, COLUMN_POLICY, v, e) < 0) {
		err_wrap(e, "version %lld", (long long)v->id);
		return -EBADMSG;
	}
	return 0;
}

static int
take_route(sqlite3_stmt *row, struct registry_route *route, struct err *e)
{
	uint32_t methods;

	if (take_number(row, 0, (HTTP_OPTIONS << 1) - 1, &methods) < 0 || methods == 0 ||
	    take_text(row, 1, route->pattern, sizeof route->pattern) < 0 ||
	    take_number(row, 2, REGISTRY_ROUTES_MAX - 1, &route->index) < 0)
		return err_set(e, -EBADMSG, "a route is out of range");
	route->methods = methods;
	return route_pattern_check(route->pattern, e) < 0 ? -EBADMSG : 0;
}

static int
read_routes(struct registry *r, struct registry_version *v, struct err *e)
{
	AUTO_RESET *row = NULL;
	int rc = sql_prepare_kept(&r->base, &row, e,
	                          "SELECT methods, pattern, row FROM route WHERE version_id = ?"
	                          " ORDER BY position",
	                          "i", v->id);

	while (rc == 0) {
		rc = sql_step(&r->base, row, e);
		if (rc <= 0)
			return rc;
		if (v->n_routes == REGISTRY_ROUTES_MAX)
			return err_set(e, -EBADMSG, "more than %d routes", REGISTRY_ROUTES_MAX);
		rc = take_route(row, &v->routes[v->n_routes++], e);
	}
	return rc;
}

/* One row of a SELECT_VERSION statement into v, with its routes. */
static int
complete_version(struct registry *r, sqlite3_stmt *row, struct registry_version *v, struct err *e)
{
	int rc = take_version(row, v, e);

	if (rc == 0)
		rc = read_routes(r, v, e);
	/* What SQLite says names the file. */
	if (rc == -EBADMSG)
		err_wrap(e, "registry %s", r->base.path);
	return rc;
}

int
version_read(struct registry *r, int64_t id, struct registry_version *v, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	char sql[SELECTION_MAX];
	int rc = select_versions(r, "WHERE v.id = ?", sql, e);

	if (rc == 0)
		rc = sql_prepare(&r->base, &row, e, sql, "i", id);
	if (rc == 0)
		rc = sql_step(&r->base, row, e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, -ENOENT, "registry %s: no version with id %lld", r->base.path,
		               (long long)id);
	return complete_version(r, row, v, e);
}

typedef int version_visitor(void *context, const struct registry_version *);

int
visit_rows(struct registry *r, sqlite3_stmt *row, version_visitor *each, void *context, struct err *e)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	int rc;

	if (!v)
		return err_set(e, ENOMEM, "registry %s", r->base.path);
	while ((rc = sql_step(&r->base, row, e)) > 0) {
		rc = complete_version(r, row, v, e);
		if (rc == 0)
			rc = each(context, v);
		if (rc != 0)
			return rc;
	}
	return rc;
}

/* A read transaction around it, so that the versions and their routes are of one moment. */
static int
visit_versions(struct registry *r, sqlite3_stmt *row, version_visitor *each, void *context, struct err *e)
{
	int rc = sql_begin(&r->base, "BEGIN", e);

	if (rc < 0)
		return rc;
	rc = visit_rows(r, row, each, context, e);
	sqlite3_reset(row);
	sql_rollback(&r->base);
	return rc;
}

int
registry_each_active(struct registry *r, struct registry_mark *mark, version_visitor *each, void *context,
                     struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	char sql[SELECTION_MAX];
	struct registry_mark now;
	int rc = select_versions(r, "WHERE v.id = f.active_version ORDER BY f.name", sql, e);

	if (rc == 0)
		rc = sql_prepare(&r->base, &row, e, sql, "");
	if (rc == 0)
		rc = sql_begin(&r->base, "BEGIN", e);
	if (rc < 0)
		return rc;
	rc = mark_read(r, &now, e);
	if (rc == 0)
		rc = visit_rows(r, row, each, context, e);
	sqlite3_reset(row);
	sql_rollback(&r->base);
	if (rc == 0)
		*mark = now;
	return rc;
}

int
no_function(const struct registry *r, const char *function, struct err *e)
{
	return err_set(e, -ENOENT, "no function '%s' in registry %s", function, r->base.path);
}

int
registry_version_by_id(struct registry *r, int64_t id, struct registry_version *v, struct err *e)
{
	int rc = sql_begin(&r->base, "BEGIN", e);

	if (rc < 0)
		return rc;
	rc = version_read(r, id, v, e);
	sql_rollback(&r->base);
	return rc;
}

int
registry_version_find(struct registry *r, const char *function, uint32_t number, struct registry_version *v,
                      struct err *e)
{
	int64_t id = 0;
	int rc = sql_integer(&r->base, &id, e,
	                     "SELECT v.id FROM version v JOIN function f ON f.id = v.function_id"
	                     " WHERE f.name = ?1 AND (?2 = 0 OR v.number = ?2)"
	                     " ORDER BY v.id IS f.active_version DESC, v.number DESC LIMIT 1",
	                     "ti", function, (int64_t)number);

	if ((rc == -ENOENT && number == 0) || ((rc == 0 || rc == -ENOENT) && !agent_sees(r, function)))
		return no_function(r, function, e);
	if (rc == -ENOENT)
		return err_set(e, -ENOENT, "function '%s' has no version %u", function, number);
	return rc < 0 ? rc : registry_version_by_id(r, id, v, e);
}

struct seen {
	struct registry *r;
	version_visitor *each;
	void *context;
};

static int
visit_seen(void *context, const struct registry_version *v)
{
	struct seen *s = context;

	return agent_sees(s->r, v->function) ? s->each(s->context, v) : 0;
}

int
registry_each_function(struct registry *r, version_visitor *each, void *context, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	struct seen seen = { r, each, context };
	char sql[SELECTION_MAX];
	int rc = select_versions(r,
	                         "WHERE v.id = coalesce(f.active_version,"
	                         " (SELECT max(id) FROM version WHERE function_id = f.id)) ORDER BY f.name",
	                         sql, e);

	if (rc == 0)
		rc = sql_prepare(&r->base, &row, e, sql, "");
	return rc < 0 ? rc : visit_versions(r, row, visit_seen, &seen, e);
}

int
registry_each_version(struct registry *r, const char *function, version_visitor *each, void *context,
                      struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	char sql[SELECTION_MAX];
	int64_t id;
	int rc = sql_integer(&r->base, &id, e, "SELECT id FROM function WHERE name = ?", "t", function);

	if (rc == -ENOENT || (rc == 0 && !agent_sees(r, function)))
		return no_function(r, function, e);
	if (rc == 0)
		rc = select_versions(r, "WHERE f.id = ? ORDER BY v.number DESC", sql, e);
	if (rc == 0)
		rc = sql_prepare(&r->base, &row, e, sql, "i", id);
	return rc < 0 ? rc : visit_versions(r, row, each, context, e);
}

int
registry_blob(struct registry *r, const struct digest *d, char **data, size_t *n, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	struct digest actual;
	const void *bytes;
	char *copy;
	size_t size;
	int rc = sql_prepare(&r->base, &row, e, "SELECT data FROM blob WHERE digest = ?", "d", d);

	if (rc == 0)
		rc = sql_step(&r->base, row, e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, -ENOENT, "registry %s: a blob is missing", r->base.path);
	bytes = sqlite3_column_blob(row, 0);
	if (!bytes)
		bytes = ""; /* what SQLite gives for no bytes */
	size = (size_t)sqlite3_column_bytes(row, 0);
	rc = digest_of(bytes, size, &actual, e);
	if (rc < 0)
		return rc;
	if (memcmp(&actual, d, sizeof actual) != 0)
		return err_set(e, -EBADMSG, "registry %s: a blob does not match its digest", r->base.path);
	copy = malloc(size + 1);
	if (!copy)
		return err_set(e, ENOMEM, "blob");
	memcpy(copy, bytes, size);
	copy[size] = '\0';
	*data = copy;
	*n = size;
	return 0;
}
