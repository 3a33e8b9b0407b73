/* leaf.c - one leaf: made with its limits, read, killed, removed; and the proof that all of that works here.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "cgroup/cgroup.h"
#include "cgroup/files.h"
#include "cgroup/text.h"

enum { CLOSE_TRIES = 200, CLOSE_WAIT_MS = 10 };

/* cpu.max: microseconds of each period of 100 ms, which stays as it is. */
enum { CPU_PERCENT = 100 * 1000 / 100 };

/* A limit is a number of struct cgroup_limits times factor, or else this text. */
static const struct {
	const char *file;
	const char *text;
	size_t offset;
	unsigned factor;
	bool is_optional; /* the text: where the kernel has it; the number: unless it is 0 */
} limit_rows[] = {
	{ "memory.max", NULL, offsetof(struct cgroup_limits, memory), 1, false },
	/* A kernel without swap does not have it. */
	{ "memory.swap.max", "0", 0, 0, true },
	{ "memory.oom.group", "1", 0, 0, false },
	{ "pids.max", NULL, offsetof(struct cgroup_limits, processes), 1, false },
	{ "cpu.max", NULL, offsetof(struct cgroup_limits, cpu_share), CPU_PERCENT, true },
};

/* Page tables are 1/512 of what they map.  An idle worker and its init hold about 1 MiB before any of theirs:
 * pages that they have written to, tables, stacks in the kernel, pages of libraries that they were the first
 * to read. */
uint64_t
cgroup_memory_for(uint64_t memory, uint64_t files, uint64_t processes)
{
	enum { FIXED = 4 << 20, OF_EACH = 256 << 10 };

	return memory + memory / 256 + files + FIXED + processes * OF_EACH;
}

static int
limits_write(int leaf, const struct cgroup_limits *limits, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(limit_rows); i++) {
		const uint64_t *value = (const void *)((const char *)limits + limit_rows[i].offset);
		const char *text = limit_rows[i].text;
		char number[24];
		int rc;

		if (!text && *value == 0 && limit_rows[i].is_optional)
			continue;
		snprintf(number, sizeof number, "%" PRIu64, text ? 0 : *value * limit_rows[i].factor);
		rc = files_write(leaf, limit_rows[i].file, text ? text : number);
		if (rc < 0 && !(rc == -ENOENT && text && limit_rows[i].is_optional))
			return err_set(e, -rc, "cgroup: write %s", limit_rows[i].file);
	}
	return 0;
}

int
cgroup_leaf_open(int folder, const char *name, const struct cgroup_limits *limits, struct cgroup_leaf *leaf,
                 struct err *e)
{
	AUTO_FD fd = -1;

	leaf->fd = -1;
	if (folder < 0)
		return 0;
	if (mkdirat(folder, name, 0700) < 0)
		return err_set(e, errno, "cgroup: make a leaf");
	fd = files_open(folder, name);
	if (fd < 0)
		err_set(e, -fd, "cgroup: open a leaf");
	if (fd < 0 || limits_write(fd, limits, e) < 0) {
		unlinkat(folder, name, AT_REMOVEDIR);
		return -e->code;
	}
	snprintf(leaf->name, sizeof leaf->name, "%s", name);
	leaf->fd = fd;
	fd = -1;
	return 0;
}

int
cgroup_leaf_limit(const struct cgroup_leaf *leaf, const struct cgroup_limits *limits, struct err *e)
{
	return limits_write(leaf->fd, limits, e);
}

/* Without a key the file is a number alone. */
static const struct {
	const char *file, *key;
	size_t offset;
} usage_rows[] = {
	{ "memory.current", NULL, offsetof(struct cgroup_usage, memory_now) },
	{ "memory.peak", NULL, offsetof(struct cgroup_usage, memory_peak) },
	{ "cpu.stat", "usage_usec", offsetof(struct cgroup_usage, cpu_us) },
	{ "memory.events", "oom", offsetof(struct cgroup_usage, n_over_memory) },
	{ "memory.events", "oom_kill", offsetof(struct cgroup_usage, n_killed) },
	{ "pids.current", NULL, offsetof(struct cgroup_usage, n_processes) },
	{ "pids.events", "max", offsetof(struct cgroup_usage, n_refused) },
};

int
cgroup_leaf_usage(const struct cgroup_leaf *leaf, struct cgroup_usage *usage, struct err *e)
{
	struct cgroup_usage read = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(usage_rows); i++) {
		uint64_t *value = (void *)((char *)&read + usage_rows[i].offset);
		char text[sizeof "value " + FILE_TEXT_SIZE] = "value ";
		size_t skip = usage_rows[i].key ? 0 : sizeof "value " - 1;
		int rc = files_read(leaf->fd, usage_rows[i].file, text + skip);

		if (rc < 0)
			return err_set(e, -rc, "cgroup: read %s", usage_rows[i].file);
		if (!text_read_field(text, skip ? "value" : usage_rows[i].key, value))
			return err_set(e, -EBADMSG, "cgroup: %s is not understood", usage_rows[i].file);
	}
	*usage = read;
	return 0;
}

void
cgroup_usage_add(const struct cgroup_usage *usage, struct ending *ending)
{
	ending->memory_peak_kb = usage->memory_peak / 1024;
	ending->is_over_memory = usage->n_over_memory > 0 && usage->n_killed > 0;
	ending->is_short_of_memory = usage->n_over_memory == 0 && usage->n_killed > 0;
	if (usage->cpu_us > ending->cpu_us)
		ending->cpu_us = usage->cpu_us;
}

int
cgroup_leaf_remove(int folder, struct cgroup_leaf *leaf)
{
	if (leaf->fd < 0)
		return 0;
	files_write(leaf->fd, "cgroup.kill", "1");
	if (unlinkat(folder, leaf->name, AT_REMOVEDIR) < 0 && errno == EBUSY) {
		files_remove_folders(leaf->fd);
		if (unlinkat(folder, leaf->name, AT_REMOVEDIR) < 0 && errno == EBUSY)
			return -EBUSY;
	}
	fd_close(&leaf->fd);
	return 0;
}

void
cgroup_leaf_close(int folder, struct cgroup_leaf *leaf)
{
	const struct timespec wait = { .tv_nsec = CLOSE_WAIT_MS * 1000000L };

	for (int i = 0; i < CLOSE_TRIES && cgroup_leaf_remove(folder, leaf) == -EBUSY; i++)
		nanosleep(&wait, NULL);
	fd_close(&leaf->fd);
}

/* ---- the proof ---- */

/* Uses memory, and stops to be looked at. */
static _Noreturn void
prove_inside(void)
{
	static volatile char memory[64 * 1024];

	for (size_t i = 0; i < sizeof memory; i++)
		memory[i] = 1;
	for (;;)
		raise(SIGSTOP);
}

static pid_t
clone_into(int leaf, struct err *e)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP,
		                   .exit_signal = SIGCHLD,
		                   .cgroup = (unsigned)leaf };
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid == 0)
		prove_inside();
	return pid < 0 ? err_set(e, errno, "cgroup: start a process in a leaf") : (pid_t)pid;
}

static int
prove_with(const struct cgroup_leaf *leaf, pid_t pid, struct err *e)
{
	char text[FILE_TEXT_SIZE];
	struct cgroup_usage usage = { 0 };
	int rc = files_read(leaf->fd, "cgroup.procs", text);

	if (rc < 0)
		return err_set(e, -rc, "cgroup: read cgroup.procs");
	if (!text_is_alone(text, pid))
		return err_set(e, -EPROTO, "cgroup: a process is not in its leaf");
	if (cgroup_leaf_usage(leaf, &usage, e) < 0)
		return -e->code;
	if (usage.memory_peak == 0)
		return err_set(e, -EPROTO, "cgroup: memory is not counted");
	rc = files_write(leaf->fd, "cgroup.kill", "1");
	return rc < 0 ? err_set(e, -rc, "cgroup: write cgroup.kill") : 0;
}

static int
prove_child(const struct cgroup_leaf *leaf, struct err *e)
{
	pid_t pid = clone_into(leaf->fd, e), done = 0;
	int status = 0, rc;

	if (pid < 0)
		return (int)pid;
	while (done != pid && !(done < 0 && errno != EINTR))
		done = waitpid(pid, &status, WUNTRACED);
	rc = done == pid && WIFSTOPPED(status) ? prove_with(leaf, pid, e)
	                                       : err_set(e, -EPROTO, "cgroup: a process died in its leaf");
	if (done == pid && !WIFSTOPPED(status))
		return rc;
	if (rc < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return rc;
}

int
cgroup_prove(int folder, struct err *e)
{
	const struct cgroup_limits limits = { .memory = 16 << 20, .processes = 2 };
	struct cgroup_leaf leaf;
	int rc = cgroup_leaf_open(folder, "proof", &limits, &leaf, e);

	if (rc < 0)
		return rc;
	rc = prove_child(&leaf, e);
	cgroup_leaf_close(folder, &leaf);
	return rc;
}
