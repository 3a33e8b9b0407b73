/* fd_bomb.c - descriptors until there are no more, and a higher limit. */
#include "attempt.h"

#include <sys/resource.h>
#include <unistd.h>

enum { FD_BOMB_MAX = 4096 };

int
main(void)
{
	struct rlimit more = { FD_BOMB_MAX, FD_BOMB_MAX };
	int n = 0;

	while (n < FD_BOMB_MAX && dup(0) >= 0)
		n++;
	if (n == FD_BOMB_MAX || setrlimit(RLIMIT_NOFILE, &more) == 0)
		return escaped("%d", n);
	return contained("%s", attempt_error());
}
