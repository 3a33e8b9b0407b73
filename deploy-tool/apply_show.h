/* apply_show.h - the plan of `cfn-deploy apply`, the question, and what came of it. */
#pragma once
#include "deploy-tool/manifest.h"
#include "deploy-tool/plan.h"

enum { APPLY_ROWS_MAX = MANIFEST_FUNCTIONS_MAX + 256 };

struct apply_plan {
	size_t n;
	struct plan_row rows[APPLY_ROWS_MAX];
	uint32_t versions[APPLY_ROWS_MAX]; /* 0: there is none */
};

/* A route of a that b has, too; NULL: none. */
const char *apply_collision(const struct routes *a, const struct routes *b);

/* The plan alone.  An exit status. */
int apply_show_plan(const struct tool *t, const struct apply_plan *p);

/* Shows the plan, on standard error with --json, and asks on a terminal.  Without one nobody can be asked: it
 * goes on, unless something is to be removed.  is_certain: not asked.  0 or an exit status, already reported.
 */
int apply_confirm(const struct tool *t, const struct apply_plan *p, bool is_certain);

int apply_show_result(const struct tool *t, const struct apply_plan *p, size_t n_pools);
