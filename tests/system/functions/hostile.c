/* hostile.c - functions that do what functions must not: one handler an act, each deployed with --entry.
 * What comes of each stands in hostile.bats. */
#define _GNU_SOURCE
#include <cfn.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DESCRIPTORS = 64, TRIES = 200 };

#define ACT(name)                                                                                            \
	int name(cfn_request *q, cfn_response *r);                                                           \
	int name(cfn_request *q, cfn_response *r)

static int
good(cfn_response *r)
{
	return cfn_send(r, 200, "text/plain", "still here\n");
}

/* ?go asks for the act; without it the function behaves, which shows that the next request works. */
#define UNLESS_ASKED(q, r)                                                                                   \
	if (!cfn_query((q), "go"))                                                                           \
	return good(r)

ACT(exits)
{
	UNLESS_ASKED(q, r);
	exit(3);
}

ACT(exits_well)
{
	UNLESS_ASKED(q, r);
	_exit(0);
}

ACT(aborts)
{
	UNLESS_ASKED(q, r);
	abort();
}

ACT(segfaults)
{
	UNLESS_ASKED(q, r);
	raise(SIGSEGV);
	return 0;
}

static int
recurse(volatile char *above)
{
	volatile char here[4096];

	here[0] = above[0];
	return recurse(here) + here[0];
}

ACT(recurses)
{
	volatile char first[1] = { 1 };

	UNLESS_ASKED(q, r);
	return recurse(first);
}

ACT(loops)
{
	UNLESS_ASKED(q, r);
	for (volatile int i = 0;; i++)
		;
}

ACT(sleeps)
{
	UNLESS_ASKED(q, r);
	for (;;)
		pause();
}

ACT(stops)
{
	UNLESS_ASKED(q, r);
	raise(SIGSTOP);
	for (;;)
		pause();
}

ACT(ignores)
{
	UNLESS_ASKED(q, r);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_IGN);
	for (;;)
		pause();
}

ACT(closes)
{
	UNLESS_ASKED(q, r);
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		close(fd);
	return good(r);
}

static void
write_junk(void)
{
	static const char junk[] =
	    "\xff\x00junk that is no record of anything, and long enough to be noticed";

	for (int fd = 3; fd < DESCRIPTORS; fd++)
		if (write(fd, junk, sizeof junk) < 0)
			continue;
}

ACT(junk_before)
{
	UNLESS_ASKED(q, r);
	write_junk();
	return good(r);
}

static void *
junk_later(void *context)
{
	(void)context;
	usleep(50000);
	write_junk();
	return NULL;
}

ACT(junk_after)
{
	pthread_t thread;

	UNLESS_ASKED(q, r);
	pthread_create(&thread, NULL, junk_later, NULL);
	return good(r);
}

/* A FastCGI record of its own making: STDOUT of request 1 without any header block, then END_REQUEST. */
ACT(forges)
{
	static const unsigned char records[] = { 1,   6,   0,   1,   0,    8, 0, 0, 'n', 'o', ' ',
		                                 'h', 'e', 'a', 'd', '\n', 1, 3, 0, 1,   0,   8,
		                                 0,   0,   0,   0,   0,    0, 0, 0, 0,   0 };

	UNLESS_ASKED(q, r);
	for (int fd = 3; fd < DESCRIPTORS; fd++)
		if (write(fd, records, sizeof records) < 0)
			continue;
	return good(r);
}

ACT(prints)
{
	UNLESS_ASKED(q, r);
	printf("Status: 201 Created\r\n\r\nforged before\n");
	fflush(stdout);
	good(r);
	printf("forged after\n");
	fflush(stdout);
	return 0;
}

ACT(misstates)
{
	UNLESS_ASKED(q, r);
	return 12345;
}

ACT(fails)
{
	UNLESS_ASKED(q, r);
	return -1;
}

ACT(allocates)
{
	UNLESS_ASKED(q, r);
	for (;;) {
		char *p = malloc(1 << 20);

		if (!p)
			abort();
		memset(p, 1, 1 << 20);
	}
}

ACT(forks)
{
	int refused = 0;

	UNLESS_ASKED(q, r);
	for (int i = 0; i < TRIES; i++)
		refused += fork() < 0;
	return cfn_send(r, 200, "text/plain", "refused %d\n", refused);
}

ACT(execs)
{
	char *argv[] = { (char[]){ "/bin/sh" }, NULL };

	UNLESS_ASKED(q, r);
	for (int i = 0; i < TRIES; i++)
		execv(argv[0], argv);
	return good(r);
}

/* One of each: refused, and the function lives. */
ACT(tries)
{
	char *argv[] = { (char[]){ "/bin/sh" }, NULL };
	pid_t pid = fork();
	int rc = execv(argv[0], argv), sock = socket(AF_INET, SOCK_STREAM, 0), why = errno;

	(void)q;
	return cfn_send(r, 200, "text/plain", "fork %d exec %d socket %d %s\n", pid < 0, rc < 0, sock < 0,
	                strerrorname_np(why));
}

static void *
burn(void *context)
{
	(void)context;
	for (volatile int i = 0;; i++)
		;
	return NULL;
}

ACT(burns_idle)
{
	pthread_t thread;

	UNLESS_ASKED(q, r);
	pthread_create(&thread, NULL, burn, NULL);
	return good(r);
}

ACT(stream_dies)
{
	UNLESS_ASKED(q, r);
	cfn_stream(r, 200, "text/plain");
	cfn_printf(r, "a beginning\n");
	cfn_flush(r);
	/* Before the stream was let out nothing of it had left, and the client would get a whole 500. */
	cfn_wait(q, 1000);
	abort();
}

ACT(floods)
{
	static const char line[] = "flood flood flood flood flood flood flood flood\n";

	UNLESS_ASKED(q, r);
	for (int i = 0; i < 100000; i++)
		if (write(2, line, sizeof line - 1) < 0)
			break;
	return good(r);
}

ACT(alarms)
{
	UNLESS_ASKED(q, r);
	alarm(1);
	return good(r);
}
