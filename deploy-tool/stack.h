/* stack.h - what a worker says of its crash, in its last line (CRASH_LINE_START of ipc/start.h).  Hostile:
 * the function may have written it.  Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/start.h"

enum { STACK_FILE_SIZE = 48 };

struct stack_frame {
	char file[STACK_FILE_SIZE]; /* empty: an address of no file */
	uint64_t at;                /* offset in it, or the address */
};

struct stack {
	char what[48]; /* "SEGV at 0x8" */
	size_t n;
	struct stack_frame frames[CRASH_FRAMES_MAX + 1];
};

/* False for a line of another form; one that was cut off is taken as far as it goes. */
bool stack_read(const char *line, size_t n, struct stack *s);

/* Whether the frame is in the function's own code. */
bool stack_is_own(const struct stack_frame *f);
