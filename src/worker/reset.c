/* reset.c - what a handler may leave behind and the next request must not find: timers, signals, descriptors,
 * working folder, mask of new files, files in /tmp.  But for those in /tmp, what was there when the worker
 * became ready stays. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/scratch.h"
#include "worker/watch.h"
#include "worker/worker.h"

enum { GAPS_MAX = 64, FILES_UNKNOWN = 1024 };

static struct {
	struct scratch tmp;
	sigset_t mask;
	mode_t umask;
	size_t n_timers; /* of timer_create */
	bool is_in_tmp;  /* the working folder is /tmp */
	struct sigaction handlers[NSIG];
	size_t n_gaps;
	struct {
		unsigned first, last;
	} gaps[GAPS_MAX]; /* numbers of descriptors that were free */
} start;

static bool
is_open(unsigned fd)
{
	return fcntl((int)fd, F_GETFD) >= 0;
}

static unsigned
files_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > FILES_UNKNOWN)
		return FILES_UNKNOWN;
	return (unsigned)limit.rlim_cur;
}

/* The last gap has no end.  With very many gaps the last ones are joined over what is open there. */
static void
remember_gaps(void)
{
	unsigned n = files_limit();
	bool was_open = true;

	start.n_gaps = 0;
	for (unsigned fd = 0; fd < n; fd++) {
		bool is_free = !is_open(fd);

		if (is_free && was_open && start.n_gaps < GAPS_MAX)
			start.gaps[start.n_gaps++].first = fd;
		if (is_free && start.n_gaps > 0)
			start.gaps[start.n_gaps - 1].last = fd;
		was_open = !is_free;
	}
	if (start.n_gaps > 0 && start.gaps[start.n_gaps - 1].last == n - 1)
		start.gaps[start.n_gaps - 1].last = ~0U;
}

int
reset_init(uint64_t tmp_inodes, struct err *e)
{
	AUTO_FD tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = tmp < 0 ? -errno : scratch_init(&start.tmp, tmp, tmp_inodes);

	return rc < 0 ? err_set(e, -rc, "empty /tmp") : 0;
}

/* And as it was. */
static bool
is_tmp(const char *path)
{
	struct stat now;

	return stat(path, &now) == 0 && now.st_ino == start.tmp.empty.st_ino &&
	       now.st_dev == start.tmp.empty.st_dev && scratch_is_clean(&start.tmp, &now);
}

void
reset_remember(void)
{
	start.umask = umask(0);
	umask(start.umask);
	sigprocmask(SIG_SETMASK, NULL, &start.mask);
	for (int number = 1; number < NSIG; number++)
		sigaction(number, NULL, &start.handlers[number]);
	start.n_timers = watch_n_timers();
	remember_gaps();
	start.is_in_tmp = is_tmp(".");
	watch_take();
}

static void
stop_timers(void)
{
	static const int timers[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
	const struct itimerval off = { 0 };

	for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
		setitimer((__itimer_which_t)timers[i], &off, NULL);
}

static void
put_handlers_back(void)
{
	for (int number = 1; number < NSIG; number++)
		sigaction(number, &start.handlers[number], NULL);
}

/* A signal that waits behind a mask would meet the default handler as soon as the mask is gone. */
static void
discard_pending(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t pending;

	sigpending(&pending);
	for (int number = 1; number < NSIG; number++)
		if (sigismember(&pending, number) == 1) {
			sigaction(number, &ignore, NULL);
			sigaction(number, &start.handlers[number], NULL);
		}
}

static void
put_mask_back(void)
{
	discard_pending();
	sigprocmask(SIG_SETMASK, &start.mask, NULL);
}

/* Timers first: none may fire into what is put back after it. */
static void
put_back(unsigned touched)
{
	if (touched & TOUCHED_TIMERS)
		stop_timers();
	if (touched & TOUCHED_POSIX_TIMERS)
		watch_delete_timers(start.n_timers);
	if (touched & TOUCHED_HANDLERS)
		put_handlers_back();
	if (touched & TOUCHED_MASK)
		put_mask_back();
	if (touched & TOUCHED_UMASK)
		umask(start.umask);
	watch_take(); /* what was done here is not the function's */
}

/* A handler may have forbidden itself to open it. */
static int
empty_tmp(void)
{
	AUTO_FD tmp = -1;

	if (chmod("/tmp", start.tmp.empty.st_mode & 07777) < 0)
		return -errno;
	tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return tmp < 0 ? -errno : scratch_empty(&start.tmp, tmp);
}

/* One system call for the descriptors and one for /tmp: cheaper than to know what there is.  The folder where
 * one is takes half as long to look at as /tmp by its name; should it be another one, or one that may not be
 * entered, /tmp is emptied. */
void
reset(void)
{
	unsigned touched = watch_take();
	bool is_here = start.is_in_tmp && !(touched & TOUCHED_FOLDER);

	if (touched)
		put_back(touched);
	for (size_t i = 0; i < start.n_gaps; i++)
		close_range(start.gaps[i].first, start.gaps[i].last, 0);
	/* A worker that cannot be cleaned is replaced.  Into /tmp last: it may not be entered as it was left.
	 */
	if ((!is_tmp(is_here ? "." : "/tmp") && empty_tmp() < 0) ||
	    (touched & TOUCHED_FOLDER && chdir("/tmp") < 0))
		_exit(1);
	if (touched & TOUCHED_FOLDER)
		watch_take();
}
