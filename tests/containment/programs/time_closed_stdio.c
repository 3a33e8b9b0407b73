/* time_closed_stdio.c - closes the streams, as if it had ended, and stays. */
#include "attempt.h"

#include <unistd.h>

int
main(void)
{
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	for (int i = 0; i < 60; i++)
		sleep(1);
	return escaped("stayed for a minute");
}
