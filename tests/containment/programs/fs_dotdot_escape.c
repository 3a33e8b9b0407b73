/* fs_dotdot_escape.c - climbs above the root: by "..", by "/..", and by "/." of "..". */
#include "attempt.h"

#include <fcntl.h>
#include <unistd.h>

int
main(void)
{
	static const char *const paths[] = { "../../../../../../etc/passwd", "/../../etc/passwd",
		                             "./.././../etc/passwd", "etc/passwd" };

	for (int i = 0; i < 64 && chdir("..") == 0; i++)
		;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (open(paths[i], O_RDONLY | O_CLOEXEC) >= 0)
			return escaped("%s", paths[i]);
	return contained("%s", attempt_error());
}
