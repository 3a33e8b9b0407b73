/* stage_process.c - what a process holds: limits, descriptors, capabilities, privileges. */
#include "sandbox/profile.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/oom.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* The first number of /proc/self/statm: pages of the address space. */
int
address_space_enter(struct sandbox *s, struct err *e)
{
	AUTO_FD fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[64] = "";

	if (fd < 0)
		return err_set(e, errno, "open '/proc/self/statm'");
	if (read(fd, text, sizeof text - 1) <= 0)
		return err_set(e, EIO, "read '/proc/self/statm'");
	s->address_space = strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
	if (s->address_space == 0)
		return err_set(e, EIO, "'/proc/self/statm' names no size");
	return 0;
}

/* False: the row sets nothing here. */
static bool
limit_value(const struct sandbox *s, const struct limit_row *row, rlim_t *value)
{
	uint64_t number;

	switch (row->kind) {
	case LIMIT_IS:
		*value = row->value;
		return true;
	case LIMIT_FROM:
		number = *(const uint64_t *)((const char *)&s->limits + row->offset);
		*value = number + row->value;
		return number > 0;
	case LIMIT_ADDRESS_SPACE:
#ifdef CFN_SANITIZERS
		/* Shadow memory is terabytes of it. */
		return false;
#else
		*value = s->address_space + s->artifact_size + s->limits.memory;
		return s->limits.memory > 0;
#endif
	}
	return false;
}

/* On top of what the pool was started with.  To raise it takes no privilege, to lower it below that takes
 * one.  Before the ids are others: the file is this process's only until then. */
int
oom_score_enter(struct sandbox *s, struct err *e)
{
	static const char path[] = "/proc/self/oom_score_adj";
	AUTO_FD fd = s->profile->oom_score > 0 ? open(path, O_RDWR | O_CLOEXEC) : -1;
	char text[16] = "";
	long score;
	int n;

	if (s->profile->oom_score == 0)
		return 0;
	if (fd < 0)
		return err_set(e, errno, "open '%s'", path);
	if (read(fd, text, sizeof text - 1) <= 0)
		return err_set(e, EIO, "read '%s'", path);
	score = strtol(text, NULL, 10) + s->profile->oom_score;
	n = snprintf(text, sizeof text, "%ld", score < OOM_SCORE_ADJ_MAX ? score : OOM_SCORE_ADJ_MAX);
	return write(fd, text, (size_t)n) < 0 ? err_set(e, errno, "write '%s' to %s", text, path) : 0;
}

/* A limit that is lower already stays: raising it is neither needed nor allowed. */
static int
limit_set(const struct limit_row *row, rlim_t value, struct err *e)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)row->resource, &limit) < 0)
		return err_set(e, errno, "get limit %d", row->resource);
	if (value < limit.rlim_max)
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit((__rlimit_resource_t)row->resource, &limit) < 0)
		return err_set(e, errno, "set limit %d", row->resource);
	return 0;
}

static int
limits_enter(const struct sandbox *s, enum sandbox_part part, struct err *e)
{
	rlim_t value;

	for (size_t i = 0; i < s->profile->n_limits; i++) {
		const struct limit_row *row = &s->profile->limits[i];

		if (row->part == part && limit_value(s, row, &value) && limit_set(row, value, e) < 0)
			return -e->code;
	}
	return 0;
}

int
payload_limits_enter(struct sandbox *s, struct err *e)
{
	return limits_enter(s, SANDBOX_PAYLOAD, e);
}

int
close_limits_enter(struct sandbox *s, struct err *e)
{
	return limits_enter(s, SANDBOX_CLOSE, e);
}

int
run_limits_enter(struct sandbox *s, struct err *e)
{
	return limits_enter(s, SANDBOX_RUN, e);
}

static int
int_compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Closes the gaps between the descriptors that stay. */
int
descriptors_enter(struct sandbox *s, struct err *e)
{
	enum { KEEP_MAX = 32 };
	int keep[KEEP_MAX];
	size_t n = 0;
	unsigned next = 0;

	if (s->profile->keeps_descriptors)
		return 0;
	if (s->n_keep > KEEP_MAX - 1)
		return err_set(e, E2BIG, "%zu to be kept", s->n_keep);
	for (size_t i = 0; i < s->n_keep; i++)
		if (s->keep[i] >= 0)
			keep[n++] = s->keep[i];
	if (s->artifact_folder >= 0)
		keep[n++] = s->artifact_folder;
	qsort(keep, n, sizeof *keep, int_compare);
	for (size_t i = 0; i < n; i++) {
		unsigned fd = (unsigned)keep[i];

		if (fd > next && close_range(next, fd - 1, 0) < 0)
			return err_set(e, errno, "close_range");
		next = fd + 1;
	}
	if (close_range(next, ~0U, 0) < 0)
		return err_set(e, errno, "close_range");
	return 0;
}

/* Up to the first number that the kernel says it does not know: a question that fails for another reason must
 * not leave a capability in the set. */
static int
bounding_set_drop(void)
{
	unsigned long cap = 0;

	while (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
		cap++;
	if (errno != EINVAL)
		return -1;
	return prctl(PR_CAPBSET_READ, cap, 0, 0, 0) < 0 && errno == EINVAL ? 0 : -1;
}

int
capabilities_enter(struct sandbox *s, struct err *e)
{
	cap_t none;
	int rc = 0;

	(void)s;
	/* Not cap_reset_ambient, which clears nothing when it cannot ask what is set. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_set(e, errno, "ambient set");
	if (bounding_set_drop() < 0)
		return err_set(e, errno, "bounding set");
	if (cap_set_secbits(SECURE_ALL_BITS | SECURE_ALL_LOCKS) < 0)
		return err_set(e, errno, "securebits");
	none = cap_init();
	if (!none || cap_set_proc(none) < 0)
		rc = err_set(e, errno, "drop");
	cap_free(none);
	return rc;
}

int
no_new_privileges_enter(struct sandbox *s, struct err *e)
{
	(void)s;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(e, errno, "prctl");
	return 0;
}

int
not_dumpable_enter(struct sandbox *s, struct err *e)
{
	(void)s;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set(e, errno, "prctl");
	return 0;
}

/* Linux 6.3 and later; below, the filter alone refuses what it can see. */
int
executable_memory_enter(struct sandbox *s, struct err *e)
{
	if (!s->profile->is_code)
		return 0;
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0 && errno != EINVAL)
		return err_set(e, errno, "prctl");
	return 0;
}
