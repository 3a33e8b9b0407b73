/* leaf.c - a function that uses what a worker's cgroup counts, one act a route; for tests/uml/cgroup.bats. */
#define _GNU_SOURCE
#include <cfn.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char block[64 * 1024];

static int
fine(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "fine\n");
}

static int
sleeps(cfn_request *q, cfn_response *r)
{
	(void)q;
	sleep(4);
	return cfn_send(r, 200, "text/plain", "slept\n");
}

/* The kernel's memory for pipes, which no rlimit counts. */
static int
pipes(cfn_request *q, cfn_response *r)
{
	int ends[2], n = 0;

	(void)q;
	for (; pipe2(ends, O_NONBLOCK) == 0; n++)
		while (write(ends[1], block, sizeof block) > 0)
			;
	return cfn_send(r, 200, "text/plain", "%d pipes\n", n);
}

/* As much as may be, of its own and in /tmp, both at once. */
static int
fills(cfn_request *q, cfn_response *r)
{
	int fd = open("full", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	size_t n_own = 0, n_files = 0;
	void **last = NULL, **p;
	ssize_t n;

	(void)q;
	for (; (p = malloc(sizeof block)); last = p) {
		memset(p, 1, sizeof block);
		*p = last;
		n_own += sizeof block;
	}
	while ((n = write(fd, block, sizeof block)) > 0)
		n_files += (size_t)n;
	close(fd);
	for (; last; last = p) {
		p = *last;
		free(last);
	}
	return cfn_send(r, 200, "text/plain", "%zu and %zu KiB\n", n_own >> 10, n_files >> 10);
}

static void *
waits(void *context)
{
	(void)context;
	for (;;)
		pause();
	return NULL;
}

static int
threads(cfn_request *q, cfn_response *r)
{
	pthread_attr_t small;
	pthread_t thread;
	int n = 1;

	(void)q;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, sizeof block);
	while (n < 1000 && pthread_create(&thread, &small, waits, NULL) == 0)
		n++;
	return cfn_send(r, 200, "text/plain", "%d threads\n", n);
}

static const char *
met(const char *path)
{
	return open(path, O_RDONLY) < 0 ? strerrorname_np(errno) : "opened";
}

static int
looks(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "%s %s %s %s\n", met("/sys/fs/cgroup"), met("/sys"),
	                met("/proc/self/cgroup"), met("../../../sys/fs/cgroup/cgroup.procs"));
}

CFN_ROUTES({ "GET", "/fine", fine }, { "GET", "/sleeps", sleeps }, { "GET", "/pipes", pipes },
           { "GET", "/fills", fills }, { "GET", "/threads", threads }, { "GET", "/looks", looks });
