/* sandbox_attempts.h - tests of sandboxes: acts tried inside of one. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum attempt_world {
	WORLD_EMPTY,     /* no shared folder */
	WORLD_FOLDER,    /* a writable one */
	WORLD_READ_ONLY, /* a read-only one */
};

enum attempt_phase {
	PHASE_SERVE,
	PHASE_LOAD, /* where constructors run */
};

/* Both happen to be errnos beyond any. */
enum { ENDED_BY_SIGNAL = 10000 };

struct attempt_case {
	const char *name;
	int (*attempt)(void); /* 0 or the errno that it met */
	int want;             /* that, or ENDED_BY_SIGNAL + signal */
	const char *reported; /* the call that the listener must have named; NULL: none */
	enum attempt_world world;
	enum attempt_phase phase;
};

extern const struct attempt_case attempt_cases[];
extern const size_t attempt_n_cases;

enum {
	ATTEMPT_TMP = 256 * 1024,
	ATTEMPT_FILE = 192 * 1024,

	ATTEMPT_INODES = 32,
	ATTEMPT_FILES = 24,
	ATTEMPT_THREADS = 4,
	ATTEMPT_MEMORY = 32 << 20
};
