/* request.c - a request at and below the path of management as a job. */
#include "manage/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"

/* ---- which resource ---- */

static const struct {
	const char *method, *below; /* of the function; NULL: the path itself */
	enum job_verb verb;
} resources[] = {
	{ "POST", NULL, JOB_DEPLOY },        { "GET", NULL, JOB_LIST },
	{ "GET", "", JOB_SOURCE },           { "DELETE", "", JOB_REMOVE },
	{ "GET", "/versions", JOB_HISTORY }, { "POST", "/rollback", JOB_ROLLBACK },
	{ "POST", "/enable", JOB_ENABLE },   { "POST", "/disable", JOB_DISABLE },
	{ "POST", "/lock", JOB_LOCK },       { "POST", "/unlock", JOB_UNLOCK },
};

static bool
is_below(const char *resource, const char *below)
{
	return resource && below ? strcmp(resource, below) == 0 : resource == below;
}

static const char *
methods_of(const char *below)
{
	if (!below)
		return "GET, HEAD, POST";
	if (below[0] == '\0')
		return "GET, HEAD, DELETE";
	return strcmp(below, "/versions") == 0 ? "GET, HEAD" : "POST";
}

static int
find_resource(const struct manage_request *q, struct job *j, const char **allow, struct err *e)
{
	const char *method = strcmp(q->method, "HEAD") == 0 ? "GET" : q->method, *below = NULL;
	bool is_there = false;

	if (q->path[0] == '/' && q->path[1] != '\0') {
		size_t n = strcspn(q->path + 1, "/");

		below = q->path + 1 + n;
		if (n >= sizeof j->function) {
			err_set(e, -ENOENT, "there is no such function");
			return 404;
		}
		memcpy(j->function, q->path + 1, n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(resources); i++) {
		if (!is_below(resources[i].below, below))
			continue;
		is_there = true;
		if (strcmp(resources[i].method, method) == 0) {
			j->verb = resources[i].verb;
			return 0;
		}
	}
	err_set(e, -ENOENT,
	        is_there ? "this method is not one of this resource" : "there is no such resource");
	*allow = methods_of(below);
	return is_there ? 405 : 404;
}

/* ---- its fields ---- */

/* A whole line of text, without NUL. */
static int
copy(const struct form_part *part, char *to, size_t size, struct err *e)
{
	if (part->n >= size || memchr(part->data, '\0', part->n))
		return err_set(e, -EINVAL, "field '%s' has more than %zu bytes, or no text", part->name,
		               size - 1);
	if (to[0] != '\0')
		return err_set(e, -EINVAL, "field '%s' is there twice", part->name);
	memcpy(to, part->data, part->n);
	to[part->n] = '\0';
	return 0;
}

static int
take_route(struct job *j, const struct form_part *part, struct err *e)
{
	if (j->n_routes == JOB_ROUTES_MAX)
		return err_set(e, -EINVAL, "more than %d routes", JOB_ROUTES_MAX);
	return copy(part, j->routes[j->n_routes++], JOB_ROUTE_SIZE, e);
}

static int
take_function_name(struct job *j, const struct form_part *part, struct err *e)
{
	int rc = copy(part, j->entry, sizeof j->entry, e);

	return rc < 0 ? rc : copy(part, j->function, sizeof j->function, e);
}

static int
take_entry(struct job *j, const struct form_part *part, struct err *e)
{
	return copy(part, j->entry, sizeof j->entry, e);
}

/* Never another one than the path's: a web server may have let the request through for that. */
static int
take_name(struct job *j, const struct form_part *part, struct err *e)
{
	return copy(part, j->function, sizeof j->function, e);
}

static int
take_method(struct job *j, const struct form_part *part, struct err *e)
{
	return copy(part, j->methods, sizeof j->methods, e);
}

static int
take_reason(struct job *j, const struct form_part *part, struct err *e)
{
	return copy(part, j->reason, sizeof j->reason, e);
}

static int
take_version(struct job *j, const struct form_part *part, struct err *e)
{
	char text[11] = "";
	int rc = copy(part, text, sizeof text, e);
	unsigned long value = rc < 0 ? 0 : strtoul(text, NULL, 10);

	if (rc < 0)
		return rc;
	if (j->version > 0)
		return err_set(e, -EINVAL, "field 'version' is there twice");
	if (text[strspn(text, "0123456789")] != '\0' || value < 1 || value > INT32_MAX)
		return err_set(e, -EINVAL, "version: '%s' is not the number of a version", text);
	j->version = (uint32_t)value;
	return 0;
}

static int
take_replace(struct job *j, const struct form_part *part, struct err *e)
{
	char text[8] = "";
	int rc = copy(part, text, sizeof text, e);

	if (rc == 0 && strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		rc = err_set(e, -EINVAL, "replace_routes: '%s' is not yes or no", text);
	j->replaces_routes = rc == 0 && text[0] == 'y';
	return rc;
}

static const struct {
	const char *name;
	int (*take)(struct job *j, const struct form_part *part, struct err *e);
} fields[] = {
	{ "route", take_route },     { "function_name", take_function_name },
	{ "name", take_name },       { "entry", take_entry },
	{ "method", take_method },   { "reason", take_reason },
	{ "version", take_version }, { "replace_routes", take_replace },
};

static int
take_option(struct job *j, const struct form_part *part, struct err *e)
{
	int row = job_option_find(part->name);

	if (row < 0)
		return err_set(e, -EINVAL, "there is no field '%s'", part->name);
	if (j->n_options == JOB_OPTIONS_MAX)
		return err_set(e, -EINVAL, "more than %d fields", JOB_OPTIONS_MAX);
	j->options[j->n_options].row = (uint32_t)row;
	return copy(part, j->options[j->n_options++].value, JOB_VALUE_SIZE, e);
}

static int
take_file(struct job *j, const struct form_part *part, const struct form_part *files[JOB_FILES_MAX],
          struct err *e)
{
	if (strcmp(part->name, "code") != 0 || !part->is_file)
		return err_set(e, -EINVAL, "a file is sent as -F code=@FILE");
	if (j->n_files == JOB_FILES_MAX)
		return err_set(e, -EINVAL, "more than %d files", JOB_FILES_MAX);
	for (uint32_t i = 0; i < j->n_files; i++)
		if (strcmp(j->files[i].name, part->file_name) == 0)
			return err_set(e, -EINVAL, "there are two files '%s'", part->file_name);
	files[j->n_files] = part;
	j->files[j->n_files].size = (uint32_t)part->n;
	snprintf(j->files[j->n_files++].name, JOB_FILE_NAME_SIZE, "%s", part->file_name);
	return 0;
}

static int
take_part(struct job *j, const struct form_part *part, const struct form_part *files[JOB_FILES_MAX],
          struct err *e)
{
	if (part->is_file || strcmp(part->name, "code") == 0)
		return take_file(j, part, files, e);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strcmp(fields[i].name, part->name) == 0)
			return fields[i].take(j, part, e);
	return take_option(j, part, e);
}

/* What checks a job asks for one; the client's own comes later. */
static int
check(const struct job *j, struct err *e)
{
	struct job filled = *j;

	memcpy(filled.token, TOKEN_PREFIX, sizeof TOKEN_PREFIX);
	memset(filled.token + sizeof TOKEN_PREFIX - 1, '0', 2 * TOKEN_BYTES);
	return job_check(&filled, e);
}

static int
read_form(const struct manage_request *q, struct form *form, struct err *e)
{
	if (q->n_body == 0)
		return form_read_query(form, q->query, e);
	if (q->query[0] != '\0')
		return err_set(e, -EBADMSG, "fields are in the query or in the body, not in both");
	return form_read(form, q->type, q->body, q->n_body, e);
}

int
request_read(const struct manage_request *q, struct form *form, struct job *j,
             const struct form_part *files[JOB_FILES_MAX], const char **allow, struct err *e)
{
	int status, rc;

	memset(j, 0, sizeof *j);
	form->n = 0;
	form->decoded = NULL;
	status = find_resource(q, j, allow, e);
	if (status != 0)
		return status;
	rc = read_form(q, form, e);
	if (rc < 0)
		return rc == -EINVAL ? 415 : 400;
	for (size_t i = 0; rc == 0 && i < form->n; i++)
		rc = take_part(j, &form->parts[i], files, e);
	if (rc == 0)
		rc = check(j, e);
	return rc < 0 ? 400 : 0;
}

int
request_check_site(const char *origin, const char *fetch_site, const char *host, struct err *e)
{
	const char *at = origin ? strstr(origin, "://") : NULL;
	bool is_own = !origin || (at && host && strcasecmp(at + 3, host) == 0);

	if (fetch_site && strcmp(fetch_site, "same-origin") != 0 && strcmp(fetch_site, "none") != 0)
		is_own = false;
	return is_own ? 0 : err_set(e, -EPERM, "a page of another site may not ask for this");
}
