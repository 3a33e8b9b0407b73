/* progress.c - what a deploy is at, for who looks at a terminal. */
#include "deploy-tool/progress.h"

#include <stdio.h>

#include "base/clock.h"

void
progress_begin(struct progress *p, const struct tool *t, const char *function, const char *name)
{
	*p = (struct progress){ t->is_terminal, function, name, clock_now_us() };
	if (p->is_shown)
		fprintf(stderr, "%s: %s ...\r", function, name);
}

void
progress_end(const struct progress *p)
{
	if (p->is_shown)
		fprintf(stderr, "%s: %-8s %.2f s\n", p->function, p->name,
		        (double)(clock_now_us() - p->begun_us) / 1e6);
}
