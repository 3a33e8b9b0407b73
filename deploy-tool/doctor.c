/* doctor.c - cfn-deploy doctor: which layers of the sandbox work here, why not, and what to do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/groups.h"
#include "base/log.h"
#include "base/macros.h"
#include "deploy-tool/apparmor.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/layers.h"
#include "deploy-tool/report.h"
#include "deploy-tool/web_hints.h"

enum { WARNING_SIZE = 256, KERNEL_MAJOR = 6, KERNEL_MINOR = 1 };

struct doctor {
	bool wants_apparmor;
};

const struct argument_row doctor_options[] = {
	{ "apparmor", 0, ARGUMENT_FLAG, offsetof(struct doctor, wants_apparmor), NULL,
	  "print the AppArmor profile that Ubuntu 23.10 and later want" },
};
const size_t doctor_n_options = ARRAY_SIZE(doctor_options);

struct finding {
	struct layer_result results[LAYERS_MAX];
	const struct layer *first;  /* the first that fails and is needed; NULL: none */
	const struct layer *second; /* the first that fails and is not; NULL: none */
	enum isolation level, required;
	char memory[CGROUP_TEXT_SIZE]; /* what keeps it within its limits */
	bool lacks_cgroup;             /* and the configuration requires one */
	struct web_hints web;
};

static const char *const levels[] = {
	[ISOLATION_NONE] = "none",
	[ISOLATION_STRONG] = "strong",
	[ISOLATION_FULL] = "full",
};

static bool
starts(const struct finding *f)
{
	return f->level >= f->required && !f->lacks_cgroup;
}

/* Why it does not start. */
static const struct layer *
first_to_fail(const struct finding *f)
{
	if (starts(f))
		return NULL;
	if (f->level < f->required)
		return f->first ? f->first : f->second;
	return layer_find_cgroup();
}

static const struct layer_result *
result_of(const struct finding *f, const struct layer *layer)
{
	return &f->results[layer - layers];
}

/* ---- warnings ---- */

/* Each says whether it has something to say. */
static bool
warn_of_level(const struct finding *f, char text[WARNING_SIZE])
{
	if (f->level != ISOLATION_STRONG)
		return false;
	snprintf(text, WARNING_SIZE, "the isolation is strong, not full: %s is missing",
	         f->second ? f->second->name : "a layer");
	return true;
}

static bool
warn_of_groups(const struct finding *f, char text[WARNING_SIZE])
{
	char groups[GROUPS_RISKY_SIZE];

	(void)f;
	groups_list_risky(groups);
	if (groups[0] == '\0' || geteuid() == 0)
		return false;
	snprintf(text, WARNING_SIZE,
	         "this user is in the groups %s, and so are its sandboxes: use an account without them",
	         groups);
	return true;
}

static bool
warn_of_kernel(const struct finding *f, char text[WARNING_SIZE])
{
	struct utsname name;
	long major, minor;
	char *dot;

	(void)f;
	if (uname(&name) < 0)
		return false;
	major = strtol(name.release, &dot, 10);
	if (*dot != '.')
		return false;
	minor = strtol(dot + 1, NULL, 10);
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		return false;
	snprintf(text, WARNING_SIZE, "Linux %.64s is older than %d.%d, on which nothing was tested",
	         name.release, KERNEL_MAJOR, KERNEL_MINOR);
	return true;
}

static bool
warn_of_tiocsti(const struct finding *f, char text[WARNING_SIZE])
{
	FILE *file = fopen("/proc/sys/dev/tty/legacy_tiocsti", "re");
	int value = file ? fgetc(file) : EOF;

	(void)f;
	if (file)
		fclose(file);
	if (value != '1')
		return false;
	snprintf(text, WARNING_SIZE,
	         "programs may type into their terminal here: as root, sysctl -w dev.tty.legacy_tiocsti=0");
	return true;
}

static bool (*const warnings[])(const struct finding *, char[WARNING_SIZE]) = {
	warn_of_level,
	warn_of_groups,
	warn_of_kernel,
	warn_of_tiocsti,
};

/* ---- for people ---- */

static const char *const state_words[] = {
	[LAYER_WORKS] = "yes",
	[LAYER_FAILS] = "no",
	[LAYER_UNTRIED] = "-",
};

static void
print_table(const struct finding *f)
{
	static const char *const headings[] = { "LAYER", "WORKS", "HOW, OR WHY NOT", "WHAT TO DO" };
	struct columns table;

	columns_init(&table, headings, ARRAY_SIZE(headings));
	for (size_t i = 0; i < n_layers; i++) {
		const struct layer_result *r = &f->results[i];
		const char *cells[] = { layers[i].name, state_words[r->state],
			                r->state == LAYER_WORKS ? r->detail : r->why.text,
			                layer_advise(&layers[i], r) };

		columns_add(&table, cells);
	}
	columns_print(&table);
	columns_done(&table);
}

static void
print_blame(const char *what, const struct finding *f, const struct layer *layer)
{
	if (layer)
		printf("%s: %s: %s\n%*s%s\n", what, layer->name, result_of(f, layer)->why.text,
		       (int)strlen(what) + 2, "", layer_advise(layer, result_of(f, layer)));
}

static int
print_text(const struct finding *f)
{
	char text[WARNING_SIZE];

	print_table(f);
	printf("\nlevel: %s; require_isolation = %s: a pool %s here\n", levels[f->level], levels[f->required],
	       starts(f) ? "starts" : "does not start");
	print_blame("first to fail", f, first_to_fail(f));
	printf("memory: %s\n", f->memory);
	web_hints_print(&f->web);
	for (size_t i = 0; i < ARRAY_SIZE(warnings); i++)
		if (warnings[i](f, text))
			printf("warning: %s\n", text);
	return tool_flush();
}

/* ---- for programs ---- */

static json_t *
pack_layer(const struct layer *layer, const struct layer_result *r)
{
	bool works = r->state == LAYER_WORKS;

	return json_pack("{s:s, s:o, s:b, s:s, s:s, s:s}", "layer", layer->name, "works",
	                 r->state == LAYER_UNTRIED ? json_null() : json_boolean(works), "required",
	                 layer->is_required, "detail", works ? r->detail : "", "why",
	                 works ? "" : r->why.text, "advice", layer_advise(layer, r));
}

static int
print_json(const struct finding *f)
{
	const struct layer *first = first_to_fail(f);
	json_t *rows = json_array(), *lines = json_array();
	char text[WARNING_SIZE];

	for (size_t i = 0; i < n_layers; i++)
		json_array_append_new(rows, pack_layer(&layers[i], &f->results[i]));
	for (size_t i = 0; i < ARRAY_SIZE(warnings); i++)
		if (warnings[i](f, text))
			json_array_append_new(lines, json_string(text));
	return tool_print_json(json_pack("{s:s, s:s, s:b, s:s?, s:s, s:o, s:o, s:o}", "level",
	                                 levels[f->level], "require_isolation", levels[f->required], "starts",
	                                 starts(f), "first_to_fail", first ? first->name : NULL, "memory",
	                                 f->memory, "layers", rows, "web_servers", web_hints_pack(&f->web),
	                                 "warnings", lines));
}

/* ---- the command ---- */

static const struct layer *
find_failed(const struct finding *f, bool is_required)
{
	for (size_t i = 0; i < n_layers; i++)
		if (layers[i].is_required == is_required && f->results[i].state == LAYER_FAILS)
			return &layers[i];
	return NULL;
}

/* Errors name paths of the configuration, which may hold anything. */
static void
make_printable(char *text, size_t size)
{
	char given[CGROUP_TEXT_SIZE];

	snprintf(given, sizeof given, "%s", text);
	log_escape(text, size, given, strlen(given));
}

static bool
is_cgroup_required(const struct config *c)
{
	return strcmp(c->cgroup, "require") == 0 ||
	       (c->run.is_enabled && c->run.cgroup == RUN_CGROUP_REQUIRE);
}

/* The one that was opened here, unless the spawner found that it cannot use it. */
static void
examine_memory(struct tool *t, struct finding *f)
{
	for (size_t i = 0; i < n_layers; i++)
		if (f->results[i].no_cgroup[0])
			cgroup_close(&t->cgroup, f->results[i].no_cgroup);
	cgroup_describe(&t->cgroup, f->memory);
	make_printable(f->memory, sizeof f->memory);
	f->lacks_cgroup = is_cgroup_required(&t->config) && !cgroup_is_open(&t->cgroup);
}

static void
examine(struct tool *t, struct finding *f)
{
	const struct config *c = &t->config;
	const struct spawner_options options = {
		.libexec_dir = c->libexec_dir,
		.uid_range = (uid_t)c->uid_range_start,
		.n_uids = (unsigned)c->uid_range_size,
		.cgroup = &t->cgroup,
	};

	tool_open_cgroup(t);
	layers_try(layers, n_layers, &options, f->results);
	for (size_t i = 0; i < n_layers; i++) {
		make_printable(f->results[i].why.text, sizeof f->results[i].why.text);
		make_printable(f->results[i].detail, sizeof f->results[i].detail);
		if (f->results[i].level > f->level)
			f->level = f->results[i].level;
	}
	f->required = strcmp(c->require_isolation, "full") == 0 ? ISOLATION_FULL : ISOLATION_STRONG;
	f->first = find_failed(f, true);
	f->second = find_failed(f, false);
	examine_memory(t, f);
}

int
run_doctor(struct tool *t, const char *const *arguments)
{
	static struct finding f;
	struct doctor options = { false };
	const struct argument_table table = { doctor_options, doctor_n_options, &options };
	const struct tool_syntax syntax = { .tables = &table, .n_tables = 1 };
	struct argument_list rest;
	struct err e;
	int rc = tool_arguments(t, &syntax, arguments, &rest);

	if (rc != 0 || t->wants_help)
		return rc;
	rc = tool_configure(t, false);
	if (rc != 0)
		return rc;
	if (options.wants_apparmor)
		return apparmor_print(&t->config, &e) < 0 ? tool_fail(&e) : tool_flush();
	examine(t, &f);
	web_hints_find(t, &f.web);
	rc = t->json ? print_json(&f) : print_text(&f);
	if (rc != 0)
		return rc;
	return starts(&f) ? 0 : EX_UNAVAILABLE;
}
