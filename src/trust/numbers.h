/* numbers.h - the highest activation seen of each function: the file `activations` of the state folder,
 * shared by all pools of a registry.
 *
 * It is what keeps an older signed activation from being put back: whoever may write the registry may not
 * write this.  Lines "NUMBER DIGEST FUNCTION" are only ever added, the highest of a function counts; a
 * missing file is an empty one. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/table.h"

/* How far a number may be above the time in milliseconds, and above the last one. */
#define NUMBERS_AHEAD_MAX (UINT64_C(24) * 3600 * 1000)

struct numbers {
	int folder;         /* the state folder, locked while the file changes; -1: not open */
	struct table rows;  /* by function */
	size_t n_lines;     /* that were read */
	ino_t inode;        /* of the file that was read; 0: none */
	off_t size;         /* how much of it, in whole lines */
	struct buf unsaved; /* noted, not in the file */
};

/* -EBADMSG: the file is damaged (*e names the line); -EPERM: others may write the folder. */
int numbers_open(struct numbers *n, const char *state_dir, struct err *e);
/* To look at alone: the folder may be anybody's. */
int numbers_open_to_read(struct numbers *n, const char *state_dir, struct err *e);
void numbers_close(struct numbers *n);

/* Takes in what other pools have added since.  A file that was taken away, or that is another or shorter one,
 * is read anew. */
int numbers_refresh(struct numbers *n, struct err *e);

/* 0 when an activation of the function may have this number: a higher one than was seen, or the same one
 * again.  -ESTALE; -ERANGE: so high that nothing could follow it. */
int numbers_check(const struct numbers *n, const char *function, uint64_t number, const struct digest *d,
                  struct err *e);

/* True when it is the one that was seen last. */
bool numbers_has(const struct numbers *n, const char *function, uint64_t number, const struct digest *d);

/* True when something of the function was seen, and nothing as high. */
bool numbers_is_older(const struct numbers *n, const char *function, uint64_t number);

/* Remembers one that was verified; numbers_save puts all that were noted on the disk before it returns. */
int numbers_note(struct numbers *n, const char *function, uint64_t number, const struct digest *d,
                 struct err *e);
int numbers_save(struct numbers *n, struct err *e);
