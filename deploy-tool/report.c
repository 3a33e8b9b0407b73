/* report.c - versions and outcomes for people and as JSON. */
#include "deploy-tool/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/words.h"
#include "deploy-tool/pools.h"
#include "deploy-tool/routes.h"
#include "http/http.h"

const char *
report_state(const struct registry_version *v)
{
	if (!v->is_active)
		return "inactive";
	return v->is_enabled ? "active" : "disabled";
}

void
report_time(int64_t seconds, char text[REPORT_TIME_SIZE])
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL || strftime(text, REPORT_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, REPORT_TIME_SIZE, "%" PRId64, seconds);
}

static json_t *
routes_json(const struct registry_version *v)
{
	char methods[HTTP_METHODS_TEXT_SIZE];
	json_t *list = json_array();

	for (size_t i = 0; i < v->n_routes; i++) {
		http_methods_format(v->routes[i].methods, methods);
		json_array_append_new(list, json_pack("{s:s, s:s}", "methods", methods, "path",
		                                      v->routes[i].pattern));
	}
	return list;
}

void
report_limit(const struct function_policy *p, const struct policy_row *row, char text[OPTION_TEXT_SIZE])
{
	uint64_t value;

	memcpy(&value, (const char *)p + row->offset, sizeof value);
	/* A number that no machine has stands for none. */
	if (row->offset == offsetof(struct function_policy, cpu_share) && value == CPU_SHARE_ANY)
		snprintf(text, OPTION_TEXT_SIZE, "any");
	else
		policy_format(row, value, text);
}

static json_t *
limits_json(const struct function_policy *p)
{
	json_t *limits = json_object();

	for (size_t i = 0; i < policy_n_version_rows; i++) {
		char text[OPTION_TEXT_SIZE];

		report_limit(p, &policy_rows[i], text);
		json_object_set_new(limits, policy_rows[i].name, json_string(text));
	}
	return limits;
}

/* Names alone: a value may be a secret. */
static json_t *
environment_json(const struct function_policy *p)
{
	json_t *names = json_array();

	for (size_t at = 0; at < p->env_size; at += strlen(p->env + at) + 1)
		json_array_append_new(names, json_stringn(p->env + at, strcspn(p->env + at, "=")));
	return names;
}

static json_t *
smokes_json(const struct function_policy *p)
{
	json_t *list = json_array();

	for (size_t at = 0; at < p->smokes_size; at += strlen(p->smokes + at) + 1)
		json_array_append_new(list, json_string(p->smokes + at));
	return list;
}

static void
add_digests(json_t *object, const struct registry_version *v)
{
	const struct {
		const char *name;
		const struct digest *digest;
	} rows[] = { { "source", &v->source }, { "artifact", &v->artifact }, { "debug", &v->debug } };
	char text[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		digest_format(rows[i].digest, text);
		json_object_set_new(object, rows[i].name, json_string(text));
	}
}

static json_t *
words_json(const char *words)
{
	json_t *list = json_array();
	const char *word;
	size_t n;

	while ((word = words_next(&words, &n)))
		json_array_append_new(list, json_stringn(word, n));
	return list;
}

json_t *
report_version(const struct registry_version *v, bool is_whole)
{
	char when[REPORT_TIME_SIZE];
	json_t *object;

	report_time(v->created_at, when);
	object = json_pack("{s:s, s:I, s:s, s:b, s:b, s:o, s:s, s:s, s:s}", "function", v->function,
	                   "version", (json_int_t)v->number, "state", report_state(v), "active", v->is_active,
	                   "enabled", v->is_enabled, "routes", routes_json(v), "file", v->source_name,
	                   "author", v->author, "created", when);
	if (object == NULL || !is_whole)
		return object;
	json_object_set_new(object, "entry", json_string(v->entry));
	json_object_set_new(object, "compiler", json_string(v->compiler));
	json_object_set_new(object, "flags", json_string(v->flags));
	json_object_set_new(object, "shared", json_string(v->policy.shared));
	json_object_set_new(object, "shared_read_only", json_boolean(v->policy.shared_read_only));
	json_object_set_new(object, "link", words_json(v->policy.links));
	json_object_set_new(object, "grant", words_json(v->policy.sockets));
	json_object_set_new(object, "cors", words_json(v->policy.origins));
	json_object_set_new(object, "environment", environment_json(&v->policy));
	json_object_set_new(object, "smoke", smokes_json(&v->policy));
	json_object_set_new(object, "limits", limits_json(&v->policy));
	add_digests(object, v);
	return object;
}

int
report_outcome(const struct tool *t, const struct report_outcome *o)
{
	const struct registry_version *v = o->version;
	char routes[1024], pools[64];

	if (t->json)
		return tool_print_json(json_pack("{s:s, s:I, s:b, s:b, s:b, s:o, s:s, s:I}", "function",
		                                 v->function, "version", (json_int_t)v->number, "active",
		                                 o->is_active, "enabled", v->is_enabled, "unchanged",
		                                 o->is_unchanged, "routes", routes_json(v), "registry",
		                                 t->config.registry, "pools", (json_int_t)o->n_pools));
	routes_format(v->routes, v->n_routes, routes, sizeof routes);
	pools_describe(o->n_pools, pools, sizeof pools);
	if (o->is_unchanged)
		printf("%s: unchanged, version %u is active", v->function, v->number);
	else
		printf("%s v%u: %s", v->function, v->number, routes);
	printf(" (registry %s, %s)\n", t->config.registry,
	       v->is_enabled ? pools : "disabled: cfn-deploy enable serves it");
	return tool_flush();
}

json_t *
report_lines(const struct buf *lines)
{
	const char *p = buf_head(lines);
	size_t n = buf_used(lines);
	json_t *list = json_array();

	while (n > 0) {
		const char *newline = memchr(p, '\n', n);
		size_t length = newline != NULL ? (size_t)(newline - p) : n;

		json_array_append_new(list, json_stringn(p, length));
		length += newline != NULL;
		p += length;
		n -= length;
	}
	return list;
}

void
columns_init(struct columns *t, const char *const *headings, size_t n)
{
	*t = (struct columns){ .n_columns = n < COLUMNS_MAX ? n : COLUMNS_MAX };
	columns_add(t, headings);
}

void
columns_add(struct columns *t, const char *const *cells)
{
	if (t->n_rows == t->n_allocated) {
		size_t n = t->n_allocated * 2 + 16;
		void *more = reallocarray(t->cells, n * t->n_columns, sizeof *t->cells);

		if (more == NULL)
			return;
		t->cells = more;
		t->n_allocated = n;
	}
	for (size_t i = 0; i < t->n_columns; i++)
		snprintf(t->cells[t->n_rows * t->n_columns + i], COLUMNS_CELL_SIZE, "%s", cells[i]);
	t->n_rows++;
}

static void
measure(const struct columns *t, int widths[COLUMNS_MAX])
{
	memset(widths, 0, COLUMNS_MAX * sizeof widths[0]);
	for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
		int length = (int)strlen(t->cells[i]);

		if (length > widths[i % t->n_columns])
			widths[i % t->n_columns] = length;
	}
}

bool
columns_fit(const struct columns *t)
{
	struct winsize size = { 0 };
	int widths[COLUMNS_MAX], sum = 2 * ((int)t->n_columns - 1);

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return true;
	measure(t, widths);
	for (size_t i = 0; i < t->n_columns; i++)
		sum += widths[i];
	return sum <= size.ws_col;
}

void
columns_print(const struct columns *t)
{
	int widths[COLUMNS_MAX];

	measure(t, widths);
	for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
		bool is_last = i % t->n_columns == t->n_columns - 1;

		printf("%-*s%s", is_last ? 0 : widths[i % t->n_columns], t->cells[i], is_last ? "\n" : "  ");
	}
}

void
columns_done(struct columns *t)
{
	free_pointer(&t->cells);
}
