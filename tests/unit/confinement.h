/* confinement.h - how processes are confined, as seen from outside. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

enum { CONFINEMENT_SIZE = 32 * 1024 };

/* The first child of pid; 0: none. */
pid_t confinement_child_of(pid_t pid);

/* Of the first child of top, of its first child and so on: ids, capabilities, filters, limits, mounts, and
 * what only its owner or root may see where this process may.  Without numbers that are others each time.
 * Descriptors are closed at the end of a start, a moment after its last word. */
void confinement_read(pid_t top, bool has_descriptors, char text[CONFINEMENT_SIZE]);
