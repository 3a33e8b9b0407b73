/* profiles.c - what each kind of process may do: data alone. */
#include "sandbox/profile.h"

#include <sched.h>
#include <stddef.h>

#include "base/macros.h"
#include "sandbox/landlock.h"

enum { NAMESPACES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP };
#define MIB (1024ULL * 1024)

/* proc(5), /proc/PID/oom_score_adj, of 1000: a point is a thousandth of the memory.  A box or a copy costs
 * its job, a worker a request, a router or what has none of these all. */
enum { OOM_SCORE_WORKER = 500, OOM_SCORE_BOX = 800 };

#define LIMIT(name, number)                                                                                  \
	{                                                                                                    \
		.resource = RLIMIT_##name, .part = SANDBOX_PAYLOAD, .kind = LIMIT_IS, .value = number        \
	}
#define LIMIT_BY(name, row)                                                                                  \
	{                                                                                                    \
		.resource = RLIMIT_##name, .part = SANDBOX_PAYLOAD, .kind = LIMIT_FROM,                      \
		.offset = offsetof(struct sandbox_limits, row)                                               \
	}

/* CORE is 1, not 0: a core_pattern that is a pipe ignores 0. */
#define LIMITS_OF_ALL                                                                                        \
	LIMIT(CORE, 1), LIMIT(MEMLOCK, 0), LIMIT(MSGQUEUE, 0), LIMIT(SIGPENDING, 64), LIMIT(RTPRIO, 0),      \
	    LIMIT(NICE, 0), LIMIT(STACK, 8 * MIB)

/* NPROC counts in the sandbox's own user namespace; init is one of the counted. */
#define LIMIT_PROCESSES                                                                                      \
	{                                                                                                    \
		.resource = RLIMIT_NPROC, .part = SANDBOX_PAYLOAD, .kind = LIMIT_FROM,                       \
		.offset = offsetof(struct sandbox_limits, processes), .value = 1                             \
	}

/* NOFILE after the listener's handover: descriptors in flight of others of this uid would make it fail. */
#define LIMITS_OF_CODE                                                                                       \
	LIMITS_OF_ALL, LIMIT_BY(FSIZE, file_size),                                                           \
	    { .resource = RLIMIT_AS, .part = SANDBOX_PAYLOAD, .kind = LIMIT_ADDRESS_SPACE },                 \
	{                                                                                                    \
		.resource = RLIMIT_NOFILE, .part = SANDBOX_CLOSE, .kind = LIMIT_FROM,                        \
		.offset = offsetof(struct sandbox_limits, files)                                             \
	}

static const struct limit_row function_limits[] = { LIMITS_OF_CODE, LIMIT_PROCESSES };

/* Beside the process that serves, or waits: init and the one that was loaded. */
static const struct limit_row fresh_limits[] = {
	LIMITS_OF_CODE,
	{ .resource = RLIMIT_NPROC,
	  .part = SANDBOX_PAYLOAD,
	  .kind = LIMIT_FROM,
	  .offset = offsetof(struct sandbox_limits, processes),
	  .value = 2 },
};

static const struct limit_row router_limits[] = {
	LIMITS_OF_ALL,
	LIMIT(NPROC, 1),
	/* Its logs are the only files that it writes. */
	LIMIT(FSIZE, RLIM_INFINITY),
	LIMIT_BY(NOFILE, files),
};

/* The front of the runner; its memory is bounded by what it takes of clients. */
static const struct limit_row runner_limits[] = {
	LIMITS_OF_ALL,
	LIMIT(NPROC, 1),
	LIMIT_BY(FSIZE, file_size),
	LIMIT_BY(NOFILE, files),
	{ .resource = RLIMIT_AS, .part = SANDBOX_PAYLOAD, .kind = LIMIT_ADDRESS_SPACE },
};

/* It has all that it needs open, and makes nothing. */
static const struct limit_row tracer_limits[] = {
	LIMITS_OF_ALL,        LIMIT(NPROC, 0),
	LIMIT(FSIZE, 0),      LIMIT(NOFILE, 0),
	LIMIT_BY(CPU, cpu_s), { .resource = RLIMIT_AS, .part = SANDBOX_PAYLOAD, .kind = LIMIT_ADDRESS_SPACE },
};

static const struct limit_row copy_limits[] = {
	LIMITS_OF_ALL,
	LIMIT_PROCESSES,
	LIMIT_BY(FSIZE, file_size),
	LIMIT_BY(NOFILE, files),
};

/* The address space of one process: g++ reserves more than it uses; the keeper's poller sums up what all of
 * them hold. */
static const struct limit_row box_limits[] = {
	LIMITS_OF_ALL,
	LIMIT_PROCESSES,
	LIMIT_BY(FSIZE, file_size),
	LIMIT_BY(NOFILE, files),
	LIMIT_BY(CPU, cpu_s),
	{ .resource = RLIMIT_AS, .part = SANDBOX_PAYLOAD, .kind = LIMIT_ADDRESS_SPACE },
};

#define LIMIT_BY_PLAN(name, row, more)                                                                       \
	{                                                                                                    \
		.resource = RLIMIT_##name, .part = SANDBOX_RUN, .kind = LIMIT_FROM,                          \
		.offset = offsetof(struct sandbox_limits, row), .value = more                                \
	}

/* What a plan says is said last: it may come when all the rest is done, and NOFILE must be after the
 * listener's handover, as in LIMITS_OF_CODE. */
static const struct limit_row run_limits[] = {
	LIMITS_OF_ALL,
	LIMIT_BY_PLAN(NPROC, processes, 1),
	LIMIT_BY_PLAN(FSIZE, file_size, 0),
	LIMIT_BY_PLAN(CPU, cpu_s, 0),
	LIMIT_BY_PLAN(NOFILE, files, 0),
	{ .resource = RLIMIT_AS, .part = SANDBOX_RUN, .kind = LIMIT_ADDRESS_SPACE },
};

static const struct place_row function_places[] = {
	{ PLACE_ROOT, RIGHTS_READ, RIGHTS_READ | RIGHTS_WRITE },
	{ PLACE_TMP, RIGHTS_READ | RIGHTS_WRITE, 0 },
	{ PLACE_ARTIFACT, RIGHTS_READ, 0 },
};

static const struct place_row runner_places[] = {
	{ PLACE_ROOT, RIGHTS_READ, RIGHTS_READ | RIGHTS_WRITE },
	{ PLACE_TMP, RIGHTS_READ | RIGHTS_WRITE, 0 },
};

static const struct place_row box_places[] = {
	{ PLACE_SYSTEM, RIGHTS_READ | RIGHTS_EXECUTE, 0 },
	{ PLACE_DEVICES, RIGHTS_READ | RIGHTS_WRITE, 0 },
	{ PLACE_WORK, RIGHTS_READ | RIGHTS_WRITE, 0 },
	{ PLACE_TMP, RIGHTS_READ | RIGHTS_WRITE, 0 },
};

static const struct place_row run_places[] = {
	{ PLACE_SYSTEM, RIGHTS_READ | RIGHTS_EXECUTE, 0 },  { PLACE_DEVICES, RIGHTS_READ | RIGHTS_WRITE, 0 },
	{ PLACE_WORK, RIGHTS_READ | RIGHTS_WRITE, 0 },      { PLACE_TMP, RIGHTS_READ | RIGHTS_WRITE, 0 },
	{ PLACE_PROGRAM, RIGHTS_READ | RIGHTS_EXECUTE, 0 },
};

static const char *const function_environment[] = { "PATH=/usr/bin:/bin", "HOME=/tmp", "TMPDIR=/tmp",
	                                            "LANG=C.UTF-8", NULL };
static const char *const no_environment[] = { NULL };

const struct sandbox_profile sandbox_function = {
	.name = "function",
	.oom_score = OOM_SCORE_WORKER,
	.namespaces = NAMESPACES | CLONE_NEWPID,
	.root = ROOT_FOLDER,
	.is_execed = true,
	.is_code = true,
	.init_filter = FILTER_INIT,
	.filter = FILTER_FUNCTION_LOAD,
	.close_filter = FILTER_FUNCTION_CLOSE,
	.serve_filter = FILTER_FUNCTION_SERVE,
	.environment = function_environment,
	.limits = function_limits,
	.n_limits = ARRAY_SIZE(function_limits),
	.places = function_places,
	.n_places = ARRAY_SIZE(function_places),
};

/* A function in fresh mode.  Only where its processes may have threads does each need a program of its own.
 */
#define SANDBOX_FRESH(label, serve)                                                                          \
	{                                                                                                    \
		.name = label, .oom_score = OOM_SCORE_WORKER, .namespaces = NAMESPACES | CLONE_NEWPID,       \
		.root = ROOT_FOLDER, .is_execed = true, .is_code = true, .init_filter = FILTER_FRESH_INIT,   \
		.filter = FILTER_FRESH_LOAD, .close_filter = FILTER_FRESH_CLOSE, .serve_filter = serve,      \
		.request_filter = FILTER_FRESH_REQUEST, .environment = function_environment,                 \
		.limits = fresh_limits, .n_limits = ARRAY_SIZE(fresh_limits), .places = function_places,     \
		.n_places = ARRAY_SIZE(function_places),                                                     \
	}
const struct sandbox_profile sandbox_fresh = SANDBOX_FRESH("fresh", FILTER_FRESH_SERVE);
const struct sandbox_profile sandbox_fresh_alone = SANDBOX_FRESH("fresh, alone", FILTER_FRESH_ALONE_SERVE);

/* Without a pid namespace: it reads the CPU clocks of workers by pid. */
const struct sandbox_profile sandbox_router = {
	.name = "router",
	.namespaces = NAMESPACES,
	.root = ROOT_EMPTY,
	.is_execed = true,
	.keeps_descriptors = true,
	.filter = FILTER_ROUTER,
	.environment = no_environment,
	.limits = router_limits,
	.n_limits = ARRAY_SIZE(router_limits),
};

/* Not execed: it is a fork of the maker.  In a pid namespace of its own it can name no other process. */
const struct sandbox_profile sandbox_runner = {
	.name = "runner",
	.namespaces = NAMESPACES | CLONE_NEWPID,
	.root = ROOT_FOLDER,
	.filter = FILTER_RUNNER,
	.environment = no_environment,
	.limits = runner_limits,
	.n_limits = ARRAY_SIZE(runner_limits),
	.places = runner_places,
	.n_places = ARRAY_SIZE(runner_places),
};

/* As the runner's front, with no file at all and a network namespace that may be the host's else. */
const struct sandbox_profile sandbox_manage = {
	.name = "manage",
	.namespaces = NAMESPACES | CLONE_NEWPID | CLONE_NEWNET,
	.root = ROOT_EMPTY,
	.filter = FILTER_MANAGE,
	.environment = no_environment,
	.limits = runner_limits,
	.n_limits = ARRAY_SIZE(runner_limits),
};

/* Its limits alone: it is confined where it is, by confine_tracer. */
const struct sandbox_profile sandbox_tracer = {
	.name = "tracer",
	.filter = FILTER_TRACER,
	.limits = tracer_limits,
	.n_limits = ARRAY_SIZE(tracer_limits),
};

const struct sandbox_profile sandbox_copy = {
	.name = "copy",
	.oom_score = OOM_SCORE_BOX,
	.namespaces = NAMESPACES | CLONE_NEWPID,
	.root = ROOT_FOLDER,
	.is_execed = true,
	.init_filter = FILTER_INIT,
	.filter = FILTER_COPY,
	.environment = no_environment,
	.limits = copy_limits,
	.n_limits = ARRAY_SIZE(copy_limits),
	.places = function_places,
	.n_places = ARRAY_SIZE(function_places),
};

const struct sandbox_profile sandbox_compiler = {
	.name = "compiler",
	.oom_score = OOM_SCORE_BOX,
	.namespaces = NAMESPACES | CLONE_NEWPID | CLONE_NEWNET,
	.root = ROOT_SYSTEM,
	.init_filter = FILTER_BOX_INIT,
	.filter = FILTER_COMPILER,
	.environment = no_environment,
	.limits = box_limits,
	.n_limits = ARRAY_SIZE(box_limits),
	.places = box_places,
	.n_places = ARRAY_SIZE(box_places),
};

const struct sandbox_profile sandbox_check = {
	.name = "check",
	.oom_score = OOM_SCORE_BOX,
	.namespaces = NAMESPACES | CLONE_NEWPID | CLONE_NEWNET,
	.root = ROOT_SYSTEM,
	.init_filter = FILTER_BOX_INIT,
	.filter = FILTER_CHECK,
	.environment = no_environment,
	.limits = box_limits,
	.n_limits = ARRAY_SIZE(box_limits),
	.places = box_places,
	.n_places = ARRAY_SIZE(box_places),
};

const struct sandbox_profile sandbox_run = {
	.name = "run",
	.oom_score = OOM_SCORE_BOX,
	.namespaces = NAMESPACES | CLONE_NEWPID | CLONE_NEWNET,
	.root = ROOT_SYSTEM,
	.init_filter = FILTER_BOX_INIT,
	.filter = FILTER_RUN,
	.environment = no_environment,
	.limits = run_limits,
	.n_limits = ARRAY_SIZE(run_limits),
	.places = run_places,
	.n_places = ARRAY_SIZE(run_places),
};
