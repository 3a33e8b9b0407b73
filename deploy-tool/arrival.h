/* arrival.h - versions of another registry: whether they may be loaded here, and making them active. */
#pragma once
#include "deploy-tool/tool.h"

struct arrival {
	char function[NAME_MAX_SIZE];
	uint32_t number_there;
	int64_t id;                            /* here */
	bool is_new;                           /* it was not here */
	bool is_chosen;                        /* to be active */
	struct registry_activation activation; /* as it was signed there; number 0: it was not */
};

struct arrivals_plan {
	struct tool *tool;
	const char *file;
	size_t n, n_new;
	struct arrival *rows;
};

/* Looks at the artifact as at one that was compiled here: in a box, and when it is to be active also by a
 * trial load and against what this server allows.  0 or an exit status, already reported. */
int arrival_check(struct tool *t, struct registry *from, int64_t id, const struct arrival *a);

/* Signs, asks the pools, and makes all that are chosen active in one transaction; then shows what came of it.
 * An exit status. */
int arrivals_activate(const struct arrivals_plan *p);

int arrivals_show(const struct arrivals_plan *p, bool is_done, size_t n_pools);
