/* smoke.h - requests that a version must answer before it is activated. */
#pragma once
#include "config/policy.h"

struct smoke {
	char method[16];
	char target[SMOKE_SIZE]; /* path, maybe with a query */
	int status;
};

/* "METHOD /path=STATUS".  -EINVAL. */
int smoke_parse(const char *text, struct smoke *smoke, struct err *e);

/* Appends one to the policy's.  -EINVAL, -E2BIG beyond SMOKES_MAX. */
int policy_add_smoke(struct function_policy *p, const char *text, struct err *e);
