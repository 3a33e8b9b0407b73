/* proc_threads.c - threads until there are no more. */
#include "attempt.h"

#include <pthread.h>
#include <unistd.h>

enum { PROC_THREADS_MAX = 300 };

static void *
proc_threads_wait(void *nothing)
{
	pause();
	return nothing;
}

int
main(void)
{
	pthread_t thread;

	for (int n = 1; n < PROC_THREADS_MAX; n++) {
		errno = pthread_create(&thread, NULL, proc_threads_wait, NULL);
		if (errno != 0)
			return contained("%s at %d", attempt_error(), n);
	}
	return escaped("%d threads", PROC_THREADS_MAX);
}
