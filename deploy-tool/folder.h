/* folder.h - a place of shared folders that lives as long as one invocation or one test. */
#pragma once
#include "base/err.h"

enum { FOLDER_PATH_SIZE = 256 };

struct folder {
	char path[FOLDER_PATH_SIZE]; /* absolute; empty: there is none */
};

/* A new one, empty, below TMPDIR or /tmp. */
int folder_make(struct folder *f, struct err *e);

/* Removes it with all that functions have left in it, when none of them runs any more. */
int folder_remove(struct folder *f, struct err *e);
