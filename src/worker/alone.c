/* alone.c - fresh mode: can a request's process be kept from making threads and processes by RLIMIT_NPROC?
 * Then it needs no seccomp program of its own, which costs as much as half of its fork. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "worker/worker.h"

/* What an artifact has in its bytes that makes threads, or could: the C library's calls and those that make
 * one inside of it, calls by number, C++'s.  Names end with their NUL. */
#define NAME(text)                                                                                           \
	{                                                                                                    \
		text, sizeof text                                                                            \
	}
static const struct {
	const char *text;
	size_t n;
} makers[] = {
	NAME("pthread_create"), NAME("thrd_create"), NAME("timer_create"), NAME("aio_read"),
	NAME("aio_read64"),     NAME("aio_write"),   NAME("aio_write64"),  NAME("aio_fsync"),
	NAME("aio_fsync64"),    NAME("lio_listio"),  NAME("lio_listio64"), NAME("mq_notify"),
	NAME("getaddrinfo_a"),  NAME("clone"),       NAME("syscall"),      { "St6thread", 9 },
};

/* Too many are taken for one at worst.  One that hides it has no threads. */
static bool
names_maker(const char *bytes, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (memmem(bytes, n, makers[i].text, makers[i].n))
			return true;
	return false;
}

int
alone_judge(int artifact, const char *linked, bool *is_alone, struct err *e)
{
	struct stat st;
	char *bytes;

	*is_alone = false;
	/* What its libraries do is not known. */
	if (linked[0] != '\0')
		return 0;
	if (fstat(artifact, &st) < 0)
		return err_set(e, errno, "artifact");
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, artifact, 0);
	if (bytes == MAP_FAILED)
		return err_set(e, errno, "artifact");
	*is_alone = !names_maker(bytes, (size_t)st.st_size);
	munmap(bytes, (size_t)st.st_size);
	return 0;
}

/* The kernel's word for the limit: with two processes, init and this one, and room for two there is none
 * more. The host's root would not be bound by it. */
bool
alone_is_bound(void)
{
	struct rlimit two, before;
	pid_t pid;
	int failed;

	if (getrlimit(RLIMIT_NPROC, &before) < 0)
		return false;
	two = (struct rlimit){ .rlim_cur = 2, .rlim_max = before.rlim_max };
	if (setrlimit(RLIMIT_NPROC, &two) < 0)
		return false;
	pid = fork_sibling();
	failed = errno;
	if (pid == 0)
		_exit(0);
	return setrlimit(RLIMIT_NPROC, &before) == 0 && pid < 0 && failed == EAGAIN;
}
