/* zygote.c - a function that is hostile before its first request, where every request has a process of its
 * own: it makes processes, takes requests itself, or floods whom it can reach.  Its environment's KIND says
 * which. */
#define _GNU_SOURCE
#include <cfn.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The lease's channel, and the way to init. */
enum { REQUESTS = 3, LINK = 4, MANY = 100 };

CFN_EXPORT cfn_handler zygote;

/* As many as may be, for ever. */
static void *
forks(void *unused)
{
	(void)unused;
	for (int i = 0; i < MANY; i++)
		if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL) == 0)
			for (;;)
				pause();
	return NULL;
}

/* Whoever says the first byte would be the request's process. */
static void *
answers(void *unused)
{
	char control[CMSG_SPACE(sizeof(int))], bytes[64];
	struct iovec part = { bytes, sizeof bytes };
	int fd;

	(void)unused;
	for (;;) {
		struct msghdr m = { .msg_iov = &part,
			            .msg_iovlen = 1,
			            .msg_control = control,
			            .msg_controllen = sizeof control };

		if (recvmsg(REQUESTS, &m, 0) <= 0 || !CMSG_FIRSTHDR(&m))
			continue;
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
		if (write(fd, "", 1) < 0)
			return NULL;
	}
}

static void *
floods_router(void *unused)
{
	(void)unused;
	for (;;)
		if (write(REQUESTS, "flood", 5) < 0)
			usleep(1000);
}

static void *
floods_init(void *unused)
{
	(void)unused;
	for (;;)
		if (write(LINK, "abcd", 4) < 0)
			usleep(1000);
}

static const struct {
	const char *name;
	void *(*run)(void *);
	int is_thread;
} kinds[] = {
	{ "forks", forks, 0 },
	{ "answers", answers, 1 },
	{ "floods_router", floods_router, 1 },
	{ "floods_init", floods_init, 1 },
};

int
cfn_init(void)
{
	const char *kind = cfn_env("KIND");
	pthread_t thread;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kinds[i].name, kind ? kind : "") != 0)
			continue;
		if (kinds[i].is_thread)
			return pthread_create(&thread, NULL, kinds[i].run, NULL) == 0 ? 0 : -1;
		kinds[i].run(NULL);
	}
	return 0;
}

int
zygote(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "served\n");
}
