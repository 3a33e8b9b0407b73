/* behaves.c - one handler for each thing that a function does in the tests of the spawner; the entry chooses.
 */
#define _GNU_SOURCE
#include <cfn.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

CFN_EXPORT cfn_handler hello, echo, says, ends, holds, leaves_or_finds, writes_file, reads_file, calls_socket,
    logs;

int
hello(cfn_request *q, cfn_response *r)
{
	const char *name = cfn_query(q, "name");

	return cfn_send(r, 200, "text/plain", "Hello, %s!\n", name ? name : "world");
}

int
echo(cfn_request *q, cfn_response *r)
{
	size_t n;
	const void *body = cfn_body(q, &n);

	return body ? cfn_write(r, body, n) : 500;
}

int
says(cfn_request *q, cfn_response *r)
{
	(void)q;
	puts("on stdout");
	fflush(stdout);
	return cfn_send(r, 200, "text/plain", "%d\n", (int)getpid());
}

int
ends(cfn_request *q, cfn_response *r)
{
	const char *how = cfn_query(q, "how");

	if (strcmp(how, "exit") == 0)
		_exit(3);
	if (strcmp(how, "abort") == 0)
		abort();
	signal(SIGSEGV, SIG_DFL); /* a sanitizer may have its own */
	if (strcmp(how, "segv") == 0)
		raise(SIGSEGV);
	if (strcmp(how, "close") == 0)
		for (int fd = 0; fd < 64; fd++)
			close(fd);
	return cfn_send(r, 200, "text/plain", "still here\n");
}

/* "0 1 2 3 " */
int
holds(cfn_request *q, cfn_response *r)
{
	(void)q;
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			cfn_printf(r, "%d ", fd);
	return 200;
}

static void
on_signal(int number)
{
	(void)number;
}

/* Folders in folders, nothing of it that may be read; then /tmp itself. */
static int
leaves_files(void)
{
	enum { DEPTH = 12 };

	if (chdir("/tmp") < 0)
		return -1;
	for (int i = 0; i < DEPTH; i++)
		if (mkdir("cfn-0", 0700) < 0 || close(open("file", O_WRONLY | O_CREAT, 0)) < 0 ||
		    symlink("/", "link") < 0 || link("file", "other") < 0 || chdir("cfn-0") < 0)
			return -1;
	for (int i = 0; i < DEPTH; i++)
		if (chdir("..") < 0 || chmod("cfn-0", 0) < 0)
			return -1;
	return chmod("/tmp", 0);
}

/* What is wrong with /tmp; NULL: nothing. */
static const char *
finds_files(void)
{
	struct stat tmp;
	DIR *folder = opendir("/tmp");
	int n = 0;

	while (folder && readdir(folder))
		n++;
	if (!folder || stat("/tmp", &tmp) < 0)
		return "no /tmp";
	closedir(folder);
	return n != 2 ? "files" : (tmp.st_mode & 07777) != 0700 ? "another mode" : NULL;
}

/* Everything that the next request must not find. */
static int
leaves(cfn_request *q, cfn_response *r)
{
	struct itimerval soon = { .it_value = { .tv_usec = 1 }, .it_interval = { .tv_usec = 1 } };
	timer_t timer;
	sigset_t all;

	(void)q;
	umask(0);
	if (chdir("/") < 0 || open("/tmp", O_RDONLY) < 0 || open("/tmp/left", O_WRONLY | O_CREAT, 0600) < 0)
		return 500;
	signal(SIGALRM, on_signal);
	signal(SIGUSR1, on_signal);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	if (timer_create(CLOCK_MONOTONIC, NULL, &timer) < 0 || leaves_files() < 0)
		return 500;
	return cfn_send(r, 200, "text/plain", "left\n");
}

static int
finds(cfn_request *q, cfn_response *r)
{
	struct itimerval timer;
	struct sigaction action;
	char folder[64];
	sigset_t mask;
	mode_t files = umask(0);
	const char *wrong = finds_files();

	if (wrong)
		return cfn_send(r, 200, "text/plain", "%s\n", wrong);
	getitimer(ITIMER_REAL, &timer);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	cfn_printf(r, "umask %03o, in %s, %s, %s, %s", files, getcwd(folder, sizeof folder),
	           timer.it_interval.tv_usec ? "timer" : "no timer",
	           sigismember(&mask, SIGTERM) ? "blocked" : "not blocked",
	           sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL ? "default: "
	                                                                                  : "handled: ");
	return holds(q, r);
}

/* Its folder without a word to the C library, by which the worker would know. */
static int
leaves_unseen(cfn_response *r)
{
	if (open("/tmp/left", O_WRONLY | O_CREAT, 0600) < 0 || syscall(SYS_chdir, "/") < 0)
		return 500;
	return cfn_send(r, 200, "text/plain", "left\n");
}

int
leaves_or_finds(cfn_request *q, cfn_response *r)
{
	const char *leave = cfn_query(q, "leave");

	if (leave && strcmp(leave, "unseen") == 0)
		return leaves_unseen(r);
	return cfn_query(q, "leave") ? leaves(q, r) : finds(q, r);
}

int
writes_file(cfn_request *q, cfn_response *r)
{
	const char *path = cfn_query(q, "path");
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0)
		return cfn_send(r, 200, "text/plain", "%s\n", strerrorname_np(errno));
	if (write(fd, "written\n", 8) != 8)
		return 500;
	close(fd);
	return cfn_send(r, 200, "text/plain", "ok\n");
}

int
reads_file(cfn_request *q, cfn_response *r)
{
	const char *path = cfn_query(q, "path");
	char text[256];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return cfn_send(r, 200, "text/plain", "%s\n", strerrorname_np(errno));
	n = read(fd, text, sizeof text);
	close(fd);
	return n < 0 ? 500 : cfn_write(r, text, (size_t)n);
}

int
calls_socket(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "%s\n",
	                socket(AF_INET, SOCK_STREAM, 0) < 0 ? strerrorname_np(errno) : "ALLOWED");
}

int
logs(cfn_request *q, cfn_response *r)
{
	cfn_log(q, 4, "a line of the log");
	return cfn_send(r, 200, "text/plain", "logged\n");
}
