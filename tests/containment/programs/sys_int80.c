/* sys_int80.c - a call by the numbers of another architecture, which mean other calls. */
#include "attempt.h"

#include <signal.h>

int
main(void)
{
#if defined(__x86_64__)
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20L) : "memory");
	return rc > 0 ? escaped("process %ld", rc) : contained("%ld", rc);
#else
	raise(SIGSYS);
	return broken("there is no such way here");
#endif
}
