/* progress.h - what a deploy is at, for who looks at a terminal. */
#pragma once
#include "deploy-tool/tool.h"

struct progress {
	bool is_shown;
	const char *function, *name;
	uint64_t begun_us;
};

/* On standard error when that is a terminal; else nothing.  The line stays open: whatever is said next takes
 * its place, be it how long it took or why it failed. */
void progress_begin(struct progress *p, const struct tool *t, const char *function, const char *name);
void progress_end(const struct progress *p);
