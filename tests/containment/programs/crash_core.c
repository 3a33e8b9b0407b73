/* crash_core.c - how large its core file would be: 1, as a core_pattern that is a pipe does not heed 0. */
#include "attempt.h"

#include <sys/resource.h>

int
main(void)
{
	struct rlimit core;

	if (getrlimit(RLIMIT_CORE, &core) < 0)
		return broken("%s", attempt_error());
	return core.rlim_max == 1 ? contained("1") : escaped("%lu", (unsigned long)core.rlim_max);
}
