/* import.c - `cfn-deploy import`: the versions of a file that `export` made, by whomever. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "deploy-tool/arrival.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/whole_file.h"

enum { VERSIONS_MAX = 100000 };
static const uint64_t file_max = UINT64_C(8) << 30;

struct import_arguments {
	bool activate, dry_run;
};

#define AT(field) offsetof(struct import_arguments, field)

const struct argument_row import_options[] = {
	{ "activate", 0, ARGUMENT_FLAG, AT(activate), NULL,
	  "make active what was active there, all of it or nothing" },
	{ "dry-run", 'n', ARGUMENT_FLAG, AT(dry_run), NULL, "check it all, show the plan, leave it at that" },
};
const size_t import_n_options = ARRAY_SIZE(import_options);

struct import {
	struct tool *tool;
	struct import_arguments own;
	struct argument_list rest; /* the file, then names */
	struct whole_file file;    /* a copy: nobody changes it meanwhile, nothing lies beside it */
	struct registry *from;
	size_t n, size, n_new;
	struct arrival *rows;
	struct registry_arrival *arrivals; /* of the same versions, in the same order */
	struct arrivals_plan plan;
};

/* ---- the file ---- */

/* What SQLite would make files for beside it, or take files from, is no export. */
static int
check_header(const struct import *m, struct err *e)
{
	static const char magic[16] = "SQLite format 3";
	char head[20] = "";

	if (pread(m->file.fd, head, sizeof head, 0) != sizeof head ||
	    memcmp(head, magic, sizeof magic) != 0 || head[18] != 1 || head[19] != 1)
		return err_set(e, -EINVAL, "it was not made by 'cfn-deploy export'");
	return 0;
}

static int
open_file(struct import *m, struct err *e)
{
	char fault[200] = "";
	int rc = whole_file_take(&m->file, m->rest.items[0], file_max, e);

	if (rc < 0)
		return rc; /* it names the file */
	rc = check_header(m, e);
	if (rc == 0)
		rc = registry_open(m->file.temporary, REGISTRY_READ, &m->from, e);
	if (rc == 0)
		rc = registry_check_tables(m->from, e);
	if (rc == 0)
		rc = registry_integrity(m->from, fault, sizeof fault, e);
	if (rc == 0 && fault[0] != '\0')
		rc = err_set(e, -EBADMSG, "it is damaged: %s", fault);
	return rc < 0 ? err_wrap(e, "%.200s", m->rest.items[0]) : 0;
}

/* ---- which ---- */

static bool
is_meant(const struct import *m, const char *function)
{
	for (size_t i = 1; i < m->rest.n; i++)
		if (strcmp(m->rest.items[i], function) == 0)
			return true;
	return m->rest.n == 1;
}

static int
grow(struct import *m, struct err *e)
{
	size_t size = m->size > 0 ? 2 * m->size : 64;
	struct arrival *rows = reallocarray(m->rows, size, sizeof *rows);
	struct registry_arrival *arrivals = NULL;

	if (rows != NULL) {
		m->rows = rows;
		arrivals = reallocarray(m->arrivals, size, sizeof *arrivals);
	}
	if (arrivals == NULL)
		return err_set(e, ENOMEM, "import");
	m->arrivals = arrivals;
	m->size = size;
	return 0;
}

struct listing {
	struct import *import;
	struct registry_version *v;
	struct err *e;
};

static int
take_id(void *context, int64_t id)
{
	struct listing *l = context;
	struct import *m = l->import;
	int rc = registry_version_by_id(m->from, id, l->v, l->e);

	if (rc < 0 || !is_meant(m, l->v->function))
		return rc;
	if (m->n == VERSIONS_MAX)
		return err_set(l->e, -E2BIG, "more than %d versions", VERSIONS_MAX);
	if (m->n == m->size && grow(m, l->e) < 0)
		return -ENOMEM;
	m->arrivals[m->n] = (struct registry_arrival){ .there = id };
	m->rows[m->n] = (struct arrival){ .number_there = l->v->number,
		                          .is_chosen = m->own.activate && l->v->is_active,
		                          .activation = l->v->activation };
	snprintf(m->rows[m->n++].function, NAME_MAX_SIZE, "%s", l->v->function);
	return 0;
}

static bool
is_in_file(const struct import *m, const char *function)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->rows[i].function, function) == 0)
			return true;
	return false;
}

static int
list_versions(struct import *m, struct err *e)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	struct listing l = { m, v, e };
	int rc = v != NULL ? registry_each_id(m->from, take_id, &l, e) : err_set(e, ENOMEM, "import");

	for (size_t i = 1; i < m->rest.n && rc == 0; i++)
		if (!is_in_file(m, m->rest.items[i]))
			rc = err_set(e, -ENOENT, "there is no function '%.80s' in it", m->rest.items[i]);
	return rc < 0 ? err_wrap(e, "%.200s", m->rest.items[0]) : 0;
}

/* ---- doing it ---- */

static int
add(struct import *m, bool is_trial)
{
	size_t failed = 0;
	struct err e;
	int rc = registry_import(m->tool->registry, m->from, m->arrivals, m->n, is_trial, &failed, &e);

	if (rc < 0 && m->n > 0)
		err_wrap(&e, "nothing is changed: %s", m->rows[failed].function);
	if (rc < 0)
		return tool_fail(&e);
	m->n_new = 0;
	for (size_t i = 0; i < m->n; i++) {
		m->rows[i].id = m->arrivals[i].id;
		m->rows[i].is_new = m->arrivals[i].is_new;
		m->n_new += m->arrivals[i].is_new;
	}
	return 0;
}

static int
check_all(struct import *m)
{
	int rc = 0;

	for (size_t i = 0; i < m->n && rc == 0; i++)
		if (m->rows[i].is_new || m->rows[i].is_chosen)
			rc = arrival_check(m->tool, m->from, m->arrivals[i].there, &m->rows[i]);
	return rc;
}

static int
import(struct import *m)
{
	struct err e;
	int rc = open_file(m, &e);

	if (rc == 0)
		rc = list_versions(m, &e);
	if (rc < 0)
		return tool_fail(&e);
	rc = tool_open_registry(m->tool, REGISTRY_WRITE);
	if (rc == 0)
		rc = add(m, true);
	if (rc == 0)
		rc = check_all(m);
	if (rc != 0)
		return rc;
	m->plan = (struct arrivals_plan){ m->tool, m->rest.items[0], m->n, m->n_new, m->rows };
	if (m->own.dry_run)
		return arrivals_show(&m->plan, false, 0);
	rc = m->n_new > 0 ? add(m, false) : 0;
	return rc != 0 ? rc : arrivals_activate(&m->plan);
}

static void
import_done(struct import *m)
{
	registry_close(m->from);
	whole_file_done(&m->file);
	free_pointer(&m->rows);
	free_pointer(&m->arrivals);
}

int
run_import(struct tool *t, const char *const *arguments)
{
	__attribute__((cleanup(import_done))) struct import m = { .tool = t, .file.fd = -1 };
	const struct argument_table table = { import_options, import_n_options, &m.own };
	int rc = tool_arguments(t, &(struct tool_syntax){ &table, 1, 1, ARGUMENTS_MAX }, arguments, &m.rest);

	if (rc == 0 && !t->wants_help)
		rc = tool_configure(t, true);
	return rc != 0 || t->wants_help ? rc : import(&m);
}
