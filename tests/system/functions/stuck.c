/* stuck.c - a function that takes its time in the ways that slow.bats looks at. */
#include <cfn.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { WORDS = 1024, PAGE = 4096, PIECES = 600 };

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

__attribute__((noinline)) static unsigned
burn(double seconds)
{
	volatile unsigned n = 0;
	double end = now() + seconds;

	while (now() < end)
		for (unsigned i = 0; i < 100000; i++)
			n += i;
	return n;
}

__attribute__((noinline)) static int
doze(double seconds)
{
	struct timespec t = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };

	return nanosleep(&t, NULL) == 0 ? 0 : errno;
}

static int
works(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "works\n");
}

static int
spins(cfn_request *q, cfn_response *r)
{
	cfn_log(q, CFN_INFO, "spinning");
	return cfn_send(r, 200, "text/plain", "%d\n", burn(1) != 7);
}

/* errno of a sleep that nobody may have cut short. */
static int
sleeps(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "slept %d\n", doze(1));
}

static volatile sig_atomic_t n_rings;

static void
ring(int number)
{
	(void)number;
	n_rings = n_rings + 1;
}

/* Whether each signal has come, of so many in a second that one is under way whenever somebody looks. */
static int
rings(cfn_request *q, cfn_response *r)
{
	struct sigaction act = { .sa_handler = ring };
	double end = now() + 1;
	sig_atomic_t n;

	(void)q;
	n_rings = 0;
	sigaction(SIGALRM, &act, NULL);
	for (n = 0; now() < end; n++)
		raise(SIGALRM);
	return cfn_send(r, 200, "text/plain", "%s\n", n_rings == n ? "rings" : "silent");
}

/* A stack full of addresses of its own code, of the stack itself and of nothing. */
static int
forges(cfn_request *q, cfn_response *r)
{
	volatile uintptr_t words[WORDS];

	(void)q;
	for (unsigned i = 0; i < WORDS; i++)
		words[i] = i % 3 == 0   ? (uintptr_t)works + i % 64
		           : i % 3 == 1 ? (uintptr_t)&words[i]
		                        : 0x4141414141414141;
	return cfn_send(r, 200, "text/plain", "%d %d\n", burn(1) != 7, words[1] != 0);
}

/* No stack at all, or one that is none. */
static int
loses(cfn_request *q, cfn_response *r)
{
	double end = now() + 1;

	(void)q;
#if defined(__x86_64__)
	do
		__asm__ volatile("mov %%rsp, %%rbx\n\t"
		                 "mov $64, %%rsp\n\t"
		                 "mov $300000000, %%ecx\n"
		                 "1:\tdec %%ecx\n\t"
		                 "jnz 1b\n\t"
		                 "mov %%rbx, %%rsp" ::
		                     : "rbx", "rcx", "memory");
	while (now() < end);
#else
	burn(end - now());
#endif
	return cfn_send(r, 200, "text/plain", "found\n");
}

/* This artifact, as it is mapped. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

/* In front of its code more mappings than anybody reads, and a file of its name. */
static int
hides(cfn_request *q, cfn_response *r)
{
	char *many = mmap(NULL, PIECES * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/tmp/fn.so", O_RDWR | O_CREAT | O_TRUNC, 0600), n;
	void *named;

	(void)q;
	for (int i = 0; many != MAP_FAILED && i < PIECES; i += 2)
		mprotect(many + (size_t)i * PAGE, PAGE, PROT_NONE);
	ftruncate(fd, PAGE);
	named = mmap((void *)(uintptr_t)(__ehdr_start - PAGE), PAGE, PROT_READ,
	             MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0);
	close(fd);
	n = cfn_send(r, 200, "text/plain", "%s %d\n",
	             many < __ehdr_start && named == __ehdr_start - PAGE ? "hidden" : "seen", burn(1) != 7);
	munmap(many, PIECES * PAGE);
	munmap(named, PAGE);
	return n;
}

CFN_ROUTES({ "GET", "/stuck/works", works }, { "GET", "/stuck/spins", spins },
           { "GET", "/stuck/sleeps", sleeps }, { "GET", "/stuck/rings", rings },
           { "GET", "/stuck/forges", forges }, { "GET", "/stuck/loses", loses },
           { "GET", "/stuck/hides", hides });
