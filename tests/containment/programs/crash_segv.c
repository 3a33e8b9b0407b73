/* crash_segv.c - writes where nothing is. */
#include "attempt.h"

int
main(void)
{
	volatile int *volatile nowhere = (volatile int *)8;

	*nowhere = 1;
	return escaped("address 8 is writable");
}
