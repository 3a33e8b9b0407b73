/* confine.h - the two-function face of the sandbox for a process that confines itself. */
#pragma once
#include "base/err.h"

/* The router's sandbox, entered for good after its descriptors were handed over: an empty root, no
 * capability, Landlock, and a seccomp filter that allows serving accepted connections and nothing else. */
int confine_router(struct err *e);
