/* start.h - the master's start, step by step. */
#pragma once
#include "pool/master.h"

/* Both return EX_OK or, with one line on standard error, the exit status; EX_OK in another phase than
 * PHASE_SERVING when it was asked to stop meanwhile. */
int start_pool(struct master *m);

/* What can be known without serving: the configuration, which is printed if asked for, and the registry. */
int start_test(struct master *m);
