/* watch.c - the C library's functions that change what the next request would find.
 *
 * The program exports these names (watch.list), so that what a function calls is this and then the library's
 * own.  Without it every request would pay for seven system calls that put back what nearly no handler
 * changes.  It is no protection: a function that goes around it has itself to blame, and nobody else. */
#include "worker/watch.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static atomic_uint touched;

static struct {
	pthread_mutex_t lock;
	size_t n;
	timer_t ids[WATCH_TIMERS_MAX];
} timers = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The library's own function behind ours. */
#define NEXT(name)                                                                                           \
	static __typeof__(&name) next;                                                                       \
	if (!next)                                                                                           \
	next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

unsigned
watch_take(void)
{
	return atomic_load_explicit(&touched, memory_order_relaxed) ? atomic_exchange(&touched, 0) : 0;
}

static void
touch(unsigned what)
{
	atomic_fetch_or(&touched, what);
}

unsigned
alarm(unsigned seconds)
{
	NEXT(alarm);
	touch(TOUCHED_TIMERS);
	return next(seconds);
}

int
setitimer(__itimer_which_t which, const struct itimerval *new, struct itimerval *old)
{
	NEXT(setitimer);
	touch(TOUCHED_TIMERS);
	return next(which, new, old);
}

int
sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	NEXT(sigprocmask);
	touch(TOUCHED_MASK);
	return next(how, set, old);
}

int
pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	NEXT(pthread_sigmask);
	touch(TOUCHED_MASK);
	return next(how, set, old);
}

int
sigaction(int number, const struct sigaction *new, struct sigaction *old)
{
	NEXT(sigaction);
	touch(TOUCHED_HANDLERS);
	return next(number, new, old);
}

sighandler_t
signal(int number, sighandler_t handler)
{
	NEXT(signal);
	touch(TOUCHED_HANDLERS);
	return next(number, handler);
}

int
chdir(const char *path)
{
	NEXT(chdir);
	touch(TOUCHED_FOLDER);
	return next(path);
}

int
fchdir(int fd)
{
	NEXT(fchdir);
	touch(TOUCHED_FOLDER);
	return next(fd);
}

mode_t
umask(mode_t mask)
{
	NEXT(umask);
	touch(TOUCHED_UMASK);
	return next(mask);
}

int
timer_create(clockid_t clock, struct sigevent *event, timer_t *id)
{
	NEXT(timer_create);
	int rc = -1;

	pthread_mutex_lock(&timers.lock);
	if (timers.n == WATCH_TIMERS_MAX)
		errno = EAGAIN;
	else
		rc = next(clock, event, id);
	if (rc == 0)
		timers.ids[timers.n++] = *id;
	pthread_mutex_unlock(&timers.lock);
	touch(TOUCHED_POSIX_TIMERS);
	return rc;
}

int
timer_delete(timer_t id)
{
	NEXT(timer_delete);
	int rc;

	pthread_mutex_lock(&timers.lock);
	for (size_t i = 0; i < timers.n; i++)
		if (timers.ids[i] == id) {
			memmove(&timers.ids[i], &timers.ids[i + 1], (timers.n - i - 1) * sizeof id);
			timers.n--;
			break;
		}
	rc = next(id);
	pthread_mutex_unlock(&timers.lock);
	return rc;
}

size_t
watch_n_timers(void)
{
	return timers.n;
}

void
watch_delete_timers(size_t n)
{
	while (timers.n > n)
		timer_delete(timers.ids[timers.n - 1]);
}
