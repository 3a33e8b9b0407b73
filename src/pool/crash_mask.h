/* crash_mask.h - what a function says of its own secrets is not written down. */
#pragma once
#include <stddef.h>

struct master;

enum { CRASHES_MASK_MIN = 6 }; /* bytes of a secret that is masked */

/* Its values as they are now, whole, cut into lines, or with their beginning cut off, become '*' in place.
 * When they cannot be had all of it does: better no line than one. */
void crash_mask(struct master *m, const char *function, char *lines, size_t n);
