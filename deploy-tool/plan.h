/* plan.h - what deploying a function would change, told before anything is compiled. */
#pragma once
#include "deploy-tool/deployment.h"

enum plan_act { PLAN_KEEP, PLAN_CREATE, PLAN_CHANGE, PLAN_REMOVE };

enum { PLAN_TEXT_SIZE = 256 };

struct plan_row {
	enum plan_act act;
	const char *function;
	char what[PLAN_TEXT_SIZE]; /* of a change: "source, memory"; cut where it ends */
};

/* "create", "change", "unchanged", "remove" */
const char *plan_word(enum plan_act act);

/* Compares what was settled with the version before.  0 or an exit status, already reported. */
int plan_make(struct deployment *d, struct plan_row *row);
