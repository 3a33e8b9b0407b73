/* executor.h - runs cfn-deploy for the front: fixed arguments, a new environment, descriptors for all that is
 * a client's. */
#pragma once
#include "base/err.h"

struct executor_rules {
	const char *config, *registry, *key; /* "" is not given */
	unsigned concurrent;
};

/* Serves until the front or life (a descriptor that ends with the master) is gone; then nothing that it began
 * is left.  0 or -errno. */
int executor_run(const struct executor_rules *rules, int front, int life, struct err *e);
