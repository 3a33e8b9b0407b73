/* sandbox_base.h - tests of sandboxes: the base namespaces that the spawner would make. */
#pragma once
#include <sys/types.h>

enum { BASE_RANGE = 200000, BASE_SLOT = 1007 };

/* Runs test() as whoever we are, and when that is root once more as an ordinary user; the first result that
 * is not 0. */
int base_as_everybody(int (*test)(void));

/* Runs inside() below fresh user, mount and network namespaces, uid 0 there, and returns what it returns; 99
 * when that cannot be. */
int base_run(int (*inside)(void));

/* The id for sandbox_release there. */
uid_t base_outside_id(void);
