/* fault_rig.c - parking by ptrace(2), failing by strace(1). */
#include "fault_rig.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

bool
fault_is_possible(void)
{
	return system("strace --version >/dev/null 2>&1") == 0;
}

void
fault_seize(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK) < 0)
		fail_msg("trace %d: %s", (int)pid, strerror(errno));
}

static int
wait_stop(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) < 0)
		assert_int_equal(errno, EINTR);
	return status;
}

/* Signals that come meanwhile are passed on. */
static void
resume(pid_t pid, int status)
{
	bool is_event = status >> 16 != 0;

	assert_true(ptrace(PTRACE_CONT, pid, NULL, is_event ? 0 : WSTOPSIG(status)) == 0);
}

static bool
has_forked(int status)
{
	return status >> 8 == (SIGTRAP | PTRACE_EVENT_FORK << 8) ||
	       status >> 8 == (SIGTRAP | PTRACE_EVENT_VFORK << 8);
}

pid_t
fault_park(pid_t pid, unsigned generation)
{
	for (;;) {
		int status = wait_stop(pid);
		unsigned long child;

		if (!WIFSTOPPED(status))
			return -1;
		if (!has_forked(status)) {
			resume(pid, status);
			continue;
		}
		assert_true(ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child) == 0);
		assert_true(ptrace(PTRACE_DETACH, pid, NULL, 0) == 0);
		pid = (pid_t)child;
		status = wait_stop(pid);
		if (--generation == 0)
			break;
		resume(pid, status);
	}
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_true(ptrace(PTRACE_DETACH, pid, NULL, 0) == 0);
	return pid;
}

static _Noreturn void
run_strace(const struct fault *f, pid_t pid, const struct fault_call *call, const char *error, int words)
{
	char pid_text[16], trace[64], inject[128];

	snprintf(pid_text, sizeof pid_text, "%d", (int)pid);
	snprintf(trace, sizeof trace, "trace=%s", call ? call->name : "all");
	if (call)
		snprintf(inject, sizeof inject, "inject=%s:error=%s:when=%u", call->name, error, call->nth);
	dup2(words, 2);
	execlp("strace", "strace", "-e", trace, "-s", "32", "-o", f->log, "-p", pid_text, call ? "-e" : NULL,
	       inject, NULL);
	_exit(127);
}

/* Its word that it has the process: from then on no call is missed. */
static void
wait_attached(int words)
{
	char text[512];
	size_t n = 0;

	do {
		ssize_t got = read(words, text + n, sizeof text - 1 - n);

		if (got <= 0)
			fail_msg("strace: %.*s", (int)n, text);
		n += (size_t)got;
		text[n] = '\0';
	} while (!strstr(text, "attached"));
}

void
fault_attach(struct fault *f, pid_t pid, const char *folder, const struct fault_call *call, const char *error)
{
	int words[2];

	snprintf(f->log, sizeof f->log, "%s/strace", folder);
	assert_int_equal(pipe2(words, O_CLOEXEC), 0);
	f->strace = fork();
	if (f->strace == 0)
		run_strace(f, pid, call, error, words[1]);
	close(words[1]);
	wait_attached(words[0]);
	close(words[0]);
	kill(pid, SIGCONT);
}

void
fault_detach(struct fault *f)
{
	FILE *log;
	char line[8192];

	kill(f->strace, SIGINT);
	wait_stop(f->strace);
	f->line[0] = '\0';
	log = fopen(f->log, "re");
	assert_non_null(log);
	while (!f->line[0] && fgets(line, sizeof line, log))
		if (strstr(line, "(INJECTED)"))
			snprintf(f->line, sizeof f->line, "%.*s", (int)strcspn(line, "\n"), line);
	fclose(log);
}

static const char *
skip_number(const char *p)
{
	return p + strspn(p, "0123456789");
}

bool
fault_is_same(const char *line, const char *other)
{
	while (*line && !strchr("\"{[)", *line) && strncmp(line, "0x", 2) != 0) {
		const char *number = skip_number(line), *another = skip_number(other);

		if ((number > line) != (another > other))
			return false;
		if (number == line && *line++ != *other++)
			return false;
		if (number > line) {
			line = number;
			other = another;
		}
	}
	return true;
}

static unsigned
count_name(const struct fault_calls *calls, const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; i < calls->n; i++)
		n += strcmp(calls->of[i].name, name) == 0;
	return n;
}

/* "name(arguments) = result"; strace also writes "--- SIGCONT ---" and the like. */
static void
add_call(struct fault_calls *calls, const char *line)
{
	struct fault_call *c = &calls->of[calls->n];
	size_t n = strcspn(line, "(");

	if (line[n] != '(' || line[0] < 'a' || line[0] > 'z')
		return;
	/* It waited in that one when it was let go. */
	if (strstr(line, "<detached"))
		return;
	assert_true(calls->n < FAULT_CALLS_MAX);
	assert_true(n < sizeof c->name);
	snprintf(c->name, sizeof c->name, "%.*s", (int)n, line);
	snprintf(c->line, sizeof c->line, "%.*s", (int)strcspn(line, "\n"), line);
	c->nth = count_name(calls, c->name) + 1;
	calls->n++;
}

void
fault_read_calls(const struct fault *f, const char *last, unsigned nth, struct fault_calls *calls)
{
	FILE *log = fopen(f->log, "re");
	char line[1024];

	calls->n = 0;
	assert_non_null(log);
	while (count_name(calls, last) < nth && fgets(line, sizeof line, log))
		add_call(calls, line);
	fclose(log);
}
