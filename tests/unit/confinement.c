/* confinement.c - how processes are confined, as seen from outside. */
#include "confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "unit.h"

enum { FDS_MAX = 64 };

pid_t
confinement_child_of(pid_t pid)
{
	char path[64], text[256] = "";

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, text, sizeof text - 1) < 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

static const char *const of_status[] = {
	"Umask:",  "Uid:",    "Gid:",    "Groups:", "Threads:", "SigBlk:",     "SigIgn:",  "SigCgt:",
	"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:",  "NoNewPrivs:", "Seccomp:", "Seccomp_filters:"
};

static bool
is_wanted(const char *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_status); i++)
		if (strncmp(line, of_status[i], strlen(of_status[i])) == 0)
			return true;
	return false;
}

/* Mount ids and device numbers are new each time. */
static const char *
without_ids(const char *line)
{
	for (int i = 0; i < 3; i++)
		line += strcspn(line, " ") + 1;
	return line;
}

static void
add(char *text, const char *more)
{
	size_t n = strlen(text);

	assert_in_range(snprintf(text + n, CONFINEMENT_SIZE - n, "%s", more), 0,
	                (int)(CONFINEMENT_SIZE - n) - 1);
}

static void
add_lines(char *text, pid_t pid, const char *name)
{
	bool is_status = strcmp(name, "status") == 0, is_mounts = strcmp(name, "mountinfo") == 0;
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (!is_status || is_wanted(line))
			add(text, is_mounts ? without_ids(line) : line);
	fclose(f);
}

/* Words that end with NUL; who may not read them says so. */
static void
add_words(char *text, pid_t pid, const char *name)
{
	char path[64], words[1024] = "", line[1200];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, words, sizeof words - 1);
	for (ssize_t i = 0; i < n; i++)
		if (words[i] == '\0')
			words[i] = '|';
	snprintf(line, sizeof line, "%s: %s\n", name, n < 0 ? strerrordesc_np(errno) : words);
	add(text, line);
}

/* What each descriptor is and how it was opened, without the numbers of sockets, pipes and deleted files. */
static void
add_descriptors(char *text, pid_t pid)
{
	char path[64], what[256], line[400];

	for (int fd = 0; fd < FDS_MAX; fd++) {
		ssize_t n;

		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
		n = readlink(path, what, sizeof what - 1);
		if (n < 0)
			continue;
		what[n] = '\0';
		what[strcspn(what, "[")] = '\0';
		snprintf(line, sizeof line, "fd %d: %s\n", fd, what);
		add(text, line);
	}
}

static void
add_links(char *text, pid_t pid)
{
	static const char *const names[] = { "cwd", "root" };
	char path[64], what[256], line[400];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ssize_t n;

		snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, names[i]);
		n = readlink(path, what, sizeof what - 1);
		snprintf(line, sizeof line, "%s: %.*s\n", names[i], n < 0 ? 0 : (int)n, what);
		add(text, line);
	}
}

static void
add_scheduling(char *text, pid_t pid)
{
	char line[100];

	snprintf(line, sizeof line, "policy %d nice %d session %d\n", sched_getscheduler(pid),
	         getpriority(PRIO_PROCESS, (id_t)pid), getsid(pid) == pid);
	add(text, line);
}

void
confinement_read(pid_t top, bool has_descriptors, char text[CONFINEMENT_SIZE])
{
	static const char *const words[] = { "cmdline", "environ", "oom_score_adj",
		                             "uid_map", "gid_map", "setgroups" };
	static const char *const lines[] = { "status", "limits", "mountinfo", "cgroup" };

	for (pid_t pid = confinement_child_of(top); pid > 0; pid = confinement_child_of(pid)) {
		for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
			add_lines(text, pid, lines[i]);
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			add_words(text, pid, words[i]);
		add_links(text, pid);
		add_scheduling(text, pid);
		if (!has_descriptors)
			continue;
		add_words(text, pid, "comm");
		add_descriptors(text, pid);
	}
}
