/* box_usage.c - memory and CPU time of a tree of processes, from /proc. */
#include "sandbox/box_parts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

enum {
	TREE_MAX = 1024,
	PROC_TEXT_MAX = 16 * 1024,
	WIDE = 1 << 30, /* bytes of addresses whose tables may be worth a look: those of fewer are 2 MiB */
};

/* The processes found and not yet looked at are at the end. */
struct tree {
	size_t n;
	pid_t pids[TREE_MAX];
};

static int
proc_read(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	AUTO_FD fd = -1;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = fd_read_all(fd, text, size - 1);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return 0;
}

/* proc(5): after the name, which may hold anything, in parentheses; field 3 is the first there. */
struct stat_fields {
	uint64_t cpu_ticks; /* 14-17: user and system time, also of children waited for */
	uint64_t n_threads; /* 20 */
	uint64_t addresses; /* 23: bytes */
	uint64_t rss_pages; /* 24 */
};

static int
stat_read(pid_t pid, struct stat_fields *f)
{
	enum { FIRST = 3, LAST = 24 };
	char text[1024], *p, *end;
	uint64_t fields[LAST + 1] = { 0 };
	int rc = proc_read(pid, "stat", text, sizeof text);

	if (rc < 0)
		return rc;
	p = strrchr(text, ')');
	if (!p || strlen(p) < 4)
		return -EPROTO;
	p += 3; /* ") S" ends before field 4 */
	for (int i = FIRST + 1; i <= LAST; i++) {
		fields[i] = (uint64_t)strtoll(p, &end, 10);
		p = end;
	}
	f->cpu_ticks = fields[14] + fields[15] + fields[16] + fields[17];
	f->n_threads = fields[20];
	f->addresses = fields[23];
	f->rss_pages = fields[24];
	return 0;
}

static int
children_add(struct tree *t, pid_t pid, const char *task)
{
	char name[64], text[PROC_TEXT_MAX], *p = text, *end;

	snprintf(name, sizeof name, "task/%.20s/children", task);
	int rc = proc_read(pid, name, text, sizeof text);

	if (rc < 0)
		return rc;
	for (;;) {
		long child = strtol(p, &end, 10);

		if (end == p || t->n == TREE_MAX)
			return 0;
		t->pids[t->n++] = (pid_t)child;
		p = end;
	}
}

/* Children belong to the thread that made them. */
static void
threads_add(struct tree *t, pid_t pid)
{
	char path[64];
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return;
	while ((entry = readdir(tasks)))
		if (isdigit((unsigned char)entry->d_name[0]))
			children_add(t, pid, entry->d_name);
	closedir(tasks);
}

static int
process_children_add(struct tree *t, pid_t pid, uint64_t n_threads)
{
	char task[24];

	snprintf(task, sizeof task, "%d", (int)pid);
	if (n_threads <= 1)
		return children_add(t, pid, task);
	threads_add(t, pid);
	return 0;
}

/* A process whose first thread has ended shows no memory under its own number, but under those of the threads
 * that go on: the number that does. */
static pid_t
memory_find(pid_t pid, struct stat_fields *f)
{
	char path[64];
	struct dirent *entry;
	struct stat_fields of_thread;
	pid_t found = pid;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && f->rss_pages == 0 && (entry = readdir(tasks))) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread > 0 && stat_read(thread, &of_thread) == 0 && of_thread.rss_pages > 0) {
			*f = of_thread;
			found = thread;
		}
	}
	if (tasks)
		closedir(tasks);
	return found;
}

/* Proportional share: pages that processes share count once.  Slow, so only asked when the plain sum is over
 * the limit. */
static uint64_t
shared_memory_read(pid_t pid, uint64_t rss)
{
	char text[2048];
	const char *pss;

	if (proc_read(pid, "smaps_rollup", text, sizeof text) < 0)
		return rss;
	pss = strstr(text, "\nPss:");
	return pss ? strtoull(pss + 5, NULL, 10) * 1024 : rss;
}

/* What is only read has pages of nobody's, but tables of its own: a runtime that may reserve much could fill
 * them without holding a byte. */
static uint64_t
tables_read(pid_t pid, uint64_t addresses)
{
	char text[4096];
	const char *tables;

	if (addresses < WIDE || proc_read(pid, "status", text, sizeof text) < 0)
		return 0;
	tables = strstr(text, "\nVmPTE:");
	return tables ? strtoull(tables + 7, NULL, 10) * 1024 : 0;
}

static uint64_t
tree_shared_memory(const struct tree *t, const uint64_t *rss)
{
	uint64_t sum = 0;

	for (size_t i = 1; i < t->n; i++)
		sum += shared_memory_read(t->pids[i], rss[i]);
	return sum;
}

int
box_usage_read(pid_t init, bool is_copy, uint64_t memory_limit, struct box_usage *usage)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE),
		       tick_us = 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	struct tree t = { .n = 1, .pids = { init } };
	struct box_usage sum = { 0 };
	uint64_t rss[TREE_MAX] = { 0 }, of_init = 0, tables = 0;
	struct stat_fields f;
	int rc;

	for (size_t i = 0; i < t.n; i++) {
		if (stat_read(t.pids[i], &f) < 0) {
			if (i == 0)
				return -ESRCH;
			continue;
		}
		sum.cpu_us += f.cpu_ticks * tick_us;
		rc = process_children_add(&t, t.pids[i], f.n_threads);
		if (i == 0) {
			if (rc < 0)
				return rc;
			of_init = is_copy ? f.rss_pages * page : 0;
			continue;
		}
		if (f.rss_pages == 0 && f.n_threads > 1)
			t.pids[i] = memory_find(t.pids[i], &f);
		rss[i] = f.rss_pages * page;
		tables += is_copy ? 0 : tables_read(t.pids[i], f.addresses);
		sum.processes += f.n_threads;
		sum.memory += rss[i] > of_init ? rss[i] - of_init : 0;
	}
	if (sum.memory + tables > memory_limit && !is_copy)
		sum.memory = tree_shared_memory(&t, rss);
	sum.memory += tables;
	*usage = sum;
	return 0;
}
