/* time_spin.c - burns a processor. */
#include "attempt.h"

#include <time.h>

int
main(void)
{
	time_t end = time(NULL) + 60;

	while (time(NULL) < end)
		;
	return escaped("burned a minute");
}
