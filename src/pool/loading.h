/* loading.h - what is active in the registry, as what functions are to be. */
#pragma once
#include "pool/master.h"

/* Reads what has changed since it was read last, or all where that cannot be told or is_all: sets what each
 * function wants, and m->mark.  On failure everything stays as it was. */
int loading_run(struct master *m, bool is_all, struct err *e);
