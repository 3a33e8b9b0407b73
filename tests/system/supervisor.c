/* supervisor.c - what systemd is to a pool, for tests: holds its listening socket, writes down what it says,
 * keeps the descriptors that it gives, and starts it again with them.
 *
 * Usage: supervisor FOLDER COMMAND [ARGUMENT]...
 *   FOLDER/x.sock   the socket;  FOLDER/said  a line for each message;  FOLDER/supervised  the pid of the
 * command HUP: QUIT to the command, and when it has ended another one.  TERM: the same, and no other one. */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEPT_MAX = 256, FIRST_FD = 3 };

static struct {
	const char *folder;
	char **command;
	int listener, notify, signals;
	int kept[KEPT_MAX], n_kept;
	pid_t pid; /* 0: it has ended */
	bool is_last;
} s;

static int
socket_at(const char *name, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), on = 1;

	snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", s.folder, name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || chmod(a.sun_path, 0777) < 0)
		err(1, "%s", a.sun_path);
	if (type == SOCK_STREAM ? listen(fd, 511) < 0
	                        : setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
		err(1, "%s", a.sun_path);
	return fd;
}

static void
set(const char *name, long value)
{
	char text[24];

	snprintf(text, sizeof text, "%ld", value);
	setenv(name, text, 1);
}

/* Descriptors beyond those that it is to have are closed at exec. */
static void
run(void)
{
	static char names[16 + KEPT_MAX * 12], path[128];
	int moved[KEPT_MAX + 1];
	sigset_t none;

	moved[0] = fcntl(s.listener, F_DUPFD_CLOEXEC, FIRST_FD + KEPT_MAX + 1);
	strcpy(names, "x");
	for (int i = 0; i < s.n_kept; i++) {
		moved[i + 1] = fcntl(s.kept[i], F_DUPFD_CLOEXEC, FIRST_FD + KEPT_MAX + 1);
		strcat(names, ":connection");
	}
	for (int i = 0; i <= s.n_kept; i++)
		dup2(moved[i], FIRST_FD + i);
	snprintf(path, sizeof path, "%s/notify", s.folder);
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	setenv("FDSTORE", "256", 1);
	set("LISTEN_PID", getpid());
	set("LISTEN_FDS", s.n_kept + 1);
	set("WATCHDOG_PID", getpid());
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(s.command[0], s.command);
	err(127, "%s", s.command[0]);
}

static void
say(const char *name, const char *text, const char *mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", s.folder, name);
	f = fopen(path, mode);
	if (!f || fprintf(f, "%s\n", text) < 0 || fclose(f) != 0)
		err(1, "%s", path);
}

static void
start(void)
{
	char text[24];

	s.pid = fork();
	if (s.pid < 0)
		err(1, "fork");
	if (s.pid == 0)
		run();
	snprintf(text, sizeof text, "%d", (int)s.pid);
	say("supervised", text, "w");
}

static void
forget_kept(void)
{
	while (s.n_kept > 0)
		close(s.kept[--s.n_kept]);
}

static void
hear(void)
{
	char text[1024] = "";
	_Alignas(struct cmsghdr) char control[256];
	struct iovec part = { text, sizeof text - 1 };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};

	if (recvmsg(s.notify, &m, MSG_CMSG_CLOEXEC) < 0)
		err(1, "notify");
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_type == SCM_RIGHTS && s.n_kept < KEPT_MAX)
			memcpy(&s.kept[s.n_kept++], CMSG_DATA(c), sizeof(int));
	if (strncmp(text, "FDSTOREREMOVE=1", 15) == 0)
		forget_kept();
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	say("said", text, "a");
}

static void
serve_signals(void)
{
	struct signalfd_siginfo info;

	if (read(s.signals, &info, sizeof info) != (ssize_t)sizeof info)
		err(1, "signalfd");
	s.is_last = s.is_last || info.ssi_signo == SIGTERM;
	if (info.ssi_signo != SIGCHLD)
		kill(s.pid, SIGQUIT);
	else if (waitpid(s.pid, NULL, WNOHANG) == s.pid)
		s.pid = 0;
}

int
main(int argc, char **argv)
{
	sigset_t set_of;

	if (argc < 3)
		errx(2, "usage: supervisor FOLDER COMMAND...");
	s.folder = argv[1];
	s.command = argv + 2;
	s.listener = socket_at("x.sock", SOCK_STREAM);
	s.notify = socket_at("notify", SOCK_DGRAM);
	sigemptyset(&set_of);
	sigaddset(&set_of, SIGCHLD);
	sigaddset(&set_of, SIGHUP);
	sigaddset(&set_of, SIGTERM);
	sigprocmask(SIG_BLOCK, &set_of, NULL);
	s.signals = signalfd(-1, &set_of, SFD_CLOEXEC);
	start();
	for (;;) {
		struct pollfd p[] = { { .fd = s.notify, .events = POLLIN },
			              { .fd = s.signals, .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			err(1, "poll");
		if (p[0].revents)
			hear();
		else if (p[1].revents)
			serve_signals();
		if (s.pid == 0 && s.is_last)
			return 0;
		/* What it has said before its end is heard first: it may have given descriptors. */
		if (s.pid == 0 && poll(p, 1, 0) == 0)
			start();
	}
}
