/* sig_parent.c - may it signal who started it? */
#include "attempt.h"

#include <signal.h>
#include <unistd.h>

int
main(void)
{
	if (kill(getppid(), 0) == 0 && getppid() > 1)
		return escaped("process %d", (int)getppid());
	return contained("parent %d", (int)getppid());
}
