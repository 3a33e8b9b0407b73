/* box.c - the keeper of a box: starts it, ends it, says how it ended. */
#include "sandbox/box_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/macros.h"
#include "ipc/message.h"
#include "sandbox/profile.h"

enum {
	INODE_BYTES = 4096, /* one inode for so many bytes of disk */
	INODES_MIN = 64,
	FILE_ROOM = 3 * 4096, /* a file's last page, its folders */
};

static const struct sandbox_profile *const profiles[] = {
	[BOX_COMPILER] = &sandbox_compiler,
	[BOX_CHECK] = &sandbox_check,
	[BOX_RUN] = &sandbox_run,
};

/* Before its exec the payload is a copy of the keeper, and its highest resident size remembers that: what
 * does not exceed the keeper's own says nothing. */
static void
max_rss_correct(struct keeper *k)
{
	struct rusage own;

	if (getrusage(RUSAGE_SELF, &own) == 0 && k->result->ending.max_rss_kb <= (uint64_t)own.ru_maxrss)
		k->result->ending.max_rss_kb = k->max_memory / 1024;
}

/* Init's word about its cgroup counts for nothing. */
static void
usage_add(struct keeper *k)
{
	const struct cgroup_usage none = { 0 };
	struct cgroup_usage usage;
	struct err ignored;

	if (k->leaf.fd < 0 || cgroup_leaf_usage(&k->leaf, &usage, &ignored) < 0)
		usage = none;
	cgroup_usage_add(&usage, &k->result->ending);
	k->result->has_met_processes = k->result->has_met_processes || usage.n_refused > 0;
}

/* What was over before the first sample was one process, and of its memory init knows. */
static void
peaks_set(struct keeper *k)
{
	uint64_t of_one = k->result->ending.max_rss_kb * 1024;

	if (k->cpu_us > k->result->ending.cpu_us)
		k->result->ending.cpu_us = k->cpu_us;
	k->result->memory_peak = k->max_memory > of_one ? k->max_memory : of_one;
	if (k->result->processes_peak == 0)
		k->result->processes_peak = 1;
}

/* How it ended, as init said, or else as we made it. */
static void
ending_decide(struct keeper *k)
{
	struct box_result *r = k->result;
	enum cause cause;

	if (!k->is_reported)
		r->ending = (struct ending){
			.code = CLD_KILLED,
			.status = SIGKILL,
			.cpu_us = k->cpu_us,
			.max_rss_kb = k->max_memory / 1024,
		};
	max_rss_correct(k);
	usage_add(k);
	peaks_set(k);
	if (r->cause != CAUSE_NONE || r->ending.code == CLD_EXITED)
		return;
	cause = ending_cause(&r->ending, k->plan->limits.memory);
	if (cause == CAUSE_MEMORY_LIMIT || cause == CAUSE_CPU_TIME_LIMIT)
		r->cause = cause;
	else if (r->ending.status == SIGKILL && k->cpu_us >= box_cpu_limit(k, &r->has_met_budget))
		r->cause = CAUSE_CPU_TIME_LIMIT;
}

static int
plan_check(const struct box_plan *plan, struct err *e)
{
	size_t n = 0;

	while (plan->collect && plan->collect[n])
		n++;
	if (n > BOX_COLLECT_MAX)
		return err_set(e, -E2BIG, "box '%s': %zu files to bring out", plan->name, n);
	if ((plan->run == NULL) == (plan->argv == NULL) ||
	    (plan->run != NULL) != (plan->profile == BOX_CHECK))
		return err_set(e, -EINVAL, "box '%s': a check runs a function, the others a program",
		               plan->name);
	return 0;
}

void
box_limits_fill(const struct box_plan *plan, struct sandbox_limits *limits)
{
	const struct box_limits *l = &plan->limits;
	uint64_t program = 0;

	for (size_t i = 0; i < plan->n_program; i++)
		program += plan->program[i].size + FILE_ROOM;
	*limits = (struct sandbox_limits){
		.memory = l->address_space > 0 ? l->address_space : l->memory,
		.tmp_size = l->disk,
		.tmp_inodes = l->disk / INODE_BYTES + INODES_MIN,
		.program_size = program,
		.file_size = l->disk + program + INODE_BYTES, /* full before that: no signal, but ENOSPC */
		/* A leaf is first, because it knows whether it has refused one. */
		.processes = l->processes + (cgroup_is_open(plan->cgroup) ? 1 : 0),
		.files = l->files,
		.cpu_s = l->cpu_ms / 1000 + 2, /* the keeper is first */
	};
}

static void
sandbox_fill(struct keeper *k, struct sandbox *s)
{
	const struct box_plan *plan = k->plan;
	const struct box_base *base = plan->base;

	k->profile = *profiles[plan->profile];
	k->profile.is_uncounted = !cgroup_is_open(plan->cgroup);
	if (base->is_offline)
		k->profile.namespaces &= ~(uint64_t)CLONE_NEWNET;
	sandbox_init(s, &k->profile, plan->name);
	s->filters = base->filters;
	s->system = plan->system;
	s->system_root = plan->system_root;
	s->proc_self_exe = plan->has_proc_self_exe && plan->argv ? plan->argv[0] : NULL;
	box_limits_fill(plan, &s->limits);
}

static void
ends_close(struct box_ends *ends)
{
	fd_close(&ends->out);
	fd_close(&ends->err);
	fd_close(&ends->failure);
	fd_close(&ends->life);
	fd_close(&ends->report);
}

static int
pipe_open(int *reader, int *writer, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "pipe");
	*reader = ends[0];
	*writer = ends[1];
	return 0;
}

/* Ours never block; what was opened before a failure is closed by the caller. */
static int
ends_open(struct box_ends *ours, struct box_ends *theirs, struct err *e)
{
	int pair[2];

	*ours = *theirs = (struct box_ends){ -1, -1, -1, -1, -1 };
	if (pipe_open(&ours->out, &theirs->out, e) < 0 || pipe_open(&ours->err, &theirs->err, e) < 0 ||
	    pipe_open(&ours->failure, &theirs->failure, e) < 0 ||
	    pipe_open(&theirs->life, &ours->life, e) < 0 || message_pair(pair, e) < 0)
		return -e->code;
	ours->report = pair[0];
	theirs->report = pair[1];
	if (fd_set_blocking(ours->out, 0) < 0 || fd_set_blocking(ours->err, 0) < 0 ||
	    fd_set_blocking(ours->failure, 0) < 0 || fd_set_blocking(ours->report, 0) < 0)
		return err_set(e, errno, "set non-blocking");
	return 0;
}

struct cgroup_limits
box_leaf_limits(const struct box_plan *plan)
{
	const struct box_limits *l = &plan->limits;
	const uint64_t processes = l->processes + 1; /* init */
	struct sandbox_limits s;

	box_limits_fill(plan, &s);
	return (struct cgroup_limits){ .memory =
		                           cgroup_memory_for(l->memory, l->disk + s.program_size, processes),
		                       .processes = processes,
		                       .cpu_share = l->cpu_share };
}

static int
leaf_open(struct keeper *k, struct err *e)
{
	const struct cgroup_limits limits = box_leaf_limits(k->plan);
	char name[CGROUP_NAME_SIZE];
	uint32_t number;

	if (!cgroup_is_open(k->plan->cgroup))
		return 0;
	random_bytes(&number, sizeof number);
	snprintf(name, sizeof name, "box-%08x", number);
	if (cgroup_leaf_open(k->plan->cgroup->folder, name, &limits, &k->leaf, e) < 0)
		return err_wrap(e, "box '%s'", k->plan->name);
	return 0;
}

void
box_keeper_init(struct keeper *k, const struct box_plan *plan)
{
	*k = (struct keeper){
		.plan = plan,
		.process = { .pid = -1, .pidfd = -1, .start = -1 },
		.ends = { -1, -1, -1, -1, -1 },
		.leaf = { .fd = -1 },
		.listener = -1,
	};
}

/* The child never returns. */
int
box_start(struct keeper *k, const struct box_wait *wait, struct err *e)
{
	struct box_ends theirs;
	struct sandbox s;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	int rc = box_ids_choose(k->plan, &uid, &gid, e);

	if (rc < 0)
		return rc;
	sandbox_fill(k, &s);
	rc = ends_open(&k->ends, &theirs, e);
	if (rc == 0)
		rc = leaf_open(k, e);
	if (rc < 0) {
		ends_close(&theirs);
		return rc;
	}
	pid = sandbox_clone(s.profile, k->leaf.fd, &k->process, e);
	if (pid == 0)
		box_init_run(k->plan, wait, &s, &k->process, &theirs);
	ends_close(&theirs);
	if (pid < 0)
		return (int)pid;
	rc = sandbox_release(&k->process, -1, uid, gid, e);
	if (rc < 0)
		box_kill(k, CAUSE_NONE);
	return rc;
}

static void
result_fill(struct keeper *k)
{
	struct box_result *r = k->result;

	r->wall_us = clock_now_us() - k->started_us;
	r->has_cgroup = k->leaf.fd >= 0;
	box_output_finish(&k->out);
	box_output_finish(&k->err);
	r->n_out = k->out.n_came;
	r->n_err = k->err.n_came;
}

void
box_end(struct keeper *k)
{
	if (k->process.pid <= 0)
		return;
	box_kill(k, CAUSE_NONE);
	while (waitpid(k->process.pid, NULL, 0) < 0 && errno == EINTR)
		;
	k->process.pid = -1;
}

void
box_keeper_done(struct keeper *k)
{
	box_end(k);
	if (k->leaf.fd >= 0)
		cgroup_leaf_close(k->plan->cgroup->folder, &k->leaf);
	fd_close(&k->listener);
	ends_close(&k->ends);
	sandbox_process_done(&k->process);
	box_output_finish(&k->out);
	box_output_finish(&k->err);
}

/* Of one that was started. */
static int
box_keep(struct keeper *k, struct err *e)
{
	int rc = box_watch(k, e);

	box_end(k);
	if (rc < 0)
		return rc;
	box_drain(k);
	result_fill(k);
	ending_decide(k);
	if (!k->has_failed)
		return 0;
	*e = k->failure;
	return err_wrap(e, "box '%s'", k->plan->name);
}

static void
result_clear(struct box_result *r)
{
	memset(r, 0, sizeof *r);
	memset(r->collected, -1, sizeof r->collected);
}

static int
result_init(struct keeper *k, struct box_result *r, struct err *e)
{
	const struct box_limits *l = &k->plan->limits;

	result_clear(r);
	k->result = r;
	k->started_us = clock_now_us();
	k->next_sample_us = k->started_us + BOX_SAMPLE_MS * 1000ULL;
	if (box_output_init(&k->out, &r->out, l->output, l->output_end) < 0 ||
	    box_output_init(&k->err, &r->err, l->output, l->output_end) < 0)
		return err_set(e, ENOMEM, "box '%s'", k->plan->name);
	return 0;
}

static bool
is_ended_by_us(const struct box_result *r)
{
	return r->is_cancelled || r->cause != CAUSE_NONE;
}

/* In the box that waits for it, if there is one: *is_over says that it ran there.  What fails before its
 * program has begun is tried again by itself. */
static int
run_ahead(const struct box_plan *plan, struct box_result *result, bool *is_over, struct err *e)
{
	struct keeper k;
	int rc;

	box_keeper_init(&k, plan);
	rc = result_init(&k, result, e);
	*is_over = rc < 0;
	if (rc == 0 && box_ahead_take(&k)) {
		rc = box_keep(&k, e);
		*is_over = !k.has_failed && (!k.is_unheard || is_ended_by_us(result));
	}
	box_keeper_done(&k);
	if (!*is_over || rc < 0)
		box_result_done(result);
	return rc;
}

/* Everything is made now.  The plan was checked, and has a base. */
static int
run_now(const struct box_plan *plan, struct box_result *result, struct err *e)
{
	struct keeper k;
	int rc;

	box_keeper_init(&k, plan);
	rc = result_init(&k, result, e);
	if (rc == 0)
		rc = box_start(&k, NULL, e);
	if (rc == 0)
		rc = box_keep(&k, e);
	box_keeper_done(&k);
	if (rc < 0)
		box_result_done(result);
	return rc;
}

static int
run_without_base(const struct box_plan *plan, struct box_result *result, struct err *e)
{
	struct box_plan based = *plan;
	struct box_base own;
	int rc = box_base_open_for(&own, BOX_PROFILE_BIT(plan->profile), e);

	if (rc < 0)
		return rc;
	based.base = &own;
	rc = run_now(&based, result, e);
	box_base_close(&own);
	return rc;
}

int
box_run(const struct box_plan *plan, struct box_result *result, struct err *e)
{
	bool is_over = false;
	int rc = plan_check(plan, e);

	result_clear(result);
	if (rc < 0)
		return rc;
	if (!plan->base)
		return run_without_base(plan, result, e);
	if (plan->ahead)
		rc = run_ahead(plan, result, &is_over, e);
	return is_over ? rc : run_now(plan, result, e);
}

void
box_result_done(struct box_result *result)
{
	buf_done(&result->out);
	buf_done(&result->err);
	for (size_t i = 0; i < BOX_COLLECT_MAX; i++)
		fd_close(&result->collected[i]);
}
