/* fs_symlink_collect.c - leaves a link to a secret where its result is fetched, and follows it. */
#include "attempt.h"

#include <fcntl.h>
#include <unistd.h>

int
main(void)
{
	if (symlink("/etc/passwd", "out") < 0)
		return contained("symlink %s", attempt_error());
	if (open("out", O_RDONLY | O_CLOEXEC) >= 0)
		return escaped("it leads there");
	return contained("%s", attempt_error());
}
