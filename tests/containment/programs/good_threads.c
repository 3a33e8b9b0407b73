/* good_threads.c - four threads, a mutex and a condition. */
#include "attempt.h"

#include <pthread.h>

static pthread_mutex_t good_threads_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t good_threads_changed = PTHREAD_COND_INITIALIZER;
static long good_threads_sum, good_threads_done;

static void *
good_threads_work(void *number)
{
	for (int i = 0; i < 10000; i++) {
		pthread_mutex_lock(&good_threads_lock);
		good_threads_sum += (long)number;
		pthread_mutex_unlock(&good_threads_lock);
	}
	pthread_mutex_lock(&good_threads_lock);
	good_threads_done++;
	pthread_cond_signal(&good_threads_changed);
	pthread_mutex_unlock(&good_threads_lock);
	return NULL;
}

int
main(void)
{
	pthread_t threads[4];

	for (long i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, good_threads_work, (void *)(i + 1)) != 0)
			return broken("pthread_create");
	pthread_mutex_lock(&good_threads_lock);
	while (good_threads_done < 4)
		pthread_cond_wait(&good_threads_changed, &good_threads_lock);
	pthread_mutex_unlock(&good_threads_lock);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return good_threads_sum == 100000 ? works("%ld", good_threads_sum) : broken("%ld", good_threads_sum);
}
