/* proc_visible.c - asks for every process number whether there is one. */
#include "attempt.h"

#include <signal.h>
#include <unistd.h>

enum { PROC_VISIBLE_MAX = 1 << 16 };

int
main(void)
{
	char seen[64] = "";
	size_t used = 0;
	int strangers = 0;

	for (pid_t pid = 1; pid < PROC_VISIBLE_MAX; pid++) {
		if (kill(pid, 0) < 0 && errno == ESRCH)
			continue;
		strangers += pid != 1 && pid != getpid() && pid != getppid();
		if (used < sizeof seen - 8)
			used += (size_t)snprintf(seen + used, sizeof seen - used, "%s%d", used ? "," : "",
			                         (int)pid);
	}
	return strangers > 0 ? escaped("%s", seen) : contained("%s", seen);
}
