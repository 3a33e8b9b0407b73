/* fs_hardlink_secret.c - leaves a second name of a file of the system where its result is fetched. */
#include "attempt.h"

#include <unistd.h>

int
main(void)
{
	static const char *const paths[] = { "/etc/shadow", "/etc/passwd", "/usr/bin/env" };

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (link(paths[i], "out") == 0)
			return escaped("%s", paths[i]);
	return contained("%s", attempt_error());
}
