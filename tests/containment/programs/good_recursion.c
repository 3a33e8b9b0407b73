/* good_recursion.c - 20000 calls deep, about 4 MiB of stack. */
#include "attempt.h"

static long
good_recursion_down(long n)
{
	volatile char frame[128];

	frame[0] = (char)n;
	return n == 0 ? 0 : 1 + good_recursion_down(n - 1) + (frame[0] - (char)n);
}

int
main(void)
{
	long depth = good_recursion_down(20000);

	return depth == 20000 ? works("%ld", depth) : broken("%ld", depth);
}
