/* apply_show.c - the plan of `cfn-deploy apply`, the question, and what came of it. */
#include "deploy-tool/apply_show.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *
apply_collision(const struct routes *a, const struct routes *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if ((a->rows[i].methods & b->rows[k].methods) != 0 &&
			    route_pattern_collides(a->rows[i].pattern, b->rows[k].pattern))
				return a->rows[i].pattern;
	return NULL;
}

static size_t
count(const struct apply_plan *p, enum plan_act act)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->rows[i].act == act;
	return n;
}

static void
print_row(FILE *to, const struct plan_row *row, uint32_t version)
{
	static const char signs[] = {
		[PLAN_KEEP] = ' ', [PLAN_CREATE] = '+', [PLAN_CHANGE] = '~', [PLAN_REMOVE] = '-'
	};

	fprintf(to, "%c %-24s %s", signs[row->act], row->function, plan_word(row->act));
	if (row->act == PLAN_CHANGE)
		fprintf(to, ": %s", row->what);
	if (row->act == PLAN_KEEP && version > 0)
		fprintf(to, " (v%u)", version);
	fprintf(to, "\n");
}

static void
print_plan(FILE *to, const struct apply_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		print_row(to, &p->rows[i], p->versions[i]);
	fprintf(to, "plan: %zu to create, %zu to change, %zu to remove, %zu unchanged\n",
	        count(p, PLAN_CREATE), count(p, PLAN_CHANGE), count(p, PLAN_REMOVE), count(p, PLAN_KEEP));
}

static json_t *
rows_json(const struct apply_plan *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->n; i++) {
		const struct plan_row *row = &p->rows[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I}", "function", row->function,
		                                      "act", plan_word(row->act), "what", row->what,
		                                      "version", (json_int_t)p->versions[i]));
	}
	return list;
}

int
apply_show_plan(const struct tool *t, const struct apply_plan *p)
{
	if (t->json)
		return tool_print_json(json_pack("{s:o, s:b, s:s}", "plan", rows_json(p), "applied", 0,
		                                 "registry", t->config.registry));
	print_plan(stdout, p);
	return tool_flush();
}

/* Anything but a plain yes is no. */
static int
ask(void)
{
	char answer[16];

	fprintf(stderr, "apply? [y/N] ");
	if (fgets(answer, sizeof answer, stdin) != NULL &&
	    (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0))
		return 0;
	return tool_fail_as(EX_TEMPFAIL, "nothing is changed");
}

int
apply_confirm(const struct tool *t, const struct apply_plan *p, bool is_certain)
{
	bool is_terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);

	if (!t->json || (is_terminal && !is_certain))
		print_plan(t->json ? stderr : stdout, p);
	fflush(stdout);
	if (is_certain)
		return 0;
	if (is_terminal)
		return ask();
	if (count(p, PLAN_REMOVE) > 0)
		return tool_fail_as(EX_USAGE, "to remove functions without being asked, say --yes");
	return 0;
}

int
apply_show_result(const struct tool *t, const struct apply_plan *p, size_t n_pools)
{
	char pools[64];

	if (t->json)
		return tool_print_json(json_pack("{s:o, s:b, s:s, s:I}", "plan", rows_json(p), "applied", 1,
		                                 "registry", t->config.registry, "pools",
		                                 (json_int_t)n_pools));
	pools_describe(n_pools, pools, sizeof pools);
	printf("%s (registry %s, %s)\n", count(p, PLAN_KEEP) == p->n ? "unchanged" : "applied",
	       t->config.registry, pools);
	return tool_flush();
}
