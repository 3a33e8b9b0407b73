/* start.c - one new process in its own namespaces: what it finds, its maps, its start. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/words.h"
#include "ipc/grants.h"
#include "spawn/plan.h"

static void
child_main(struct plan *plan, struct sandbox_process *p)
{
	struct sandbox sandbox;
	struct err e;

	sandbox_init(&sandbox, plan->profile, plan->name);
	if (plan_prepare(plan, &e) == 0 && sandbox_await(p, &e) == 0 &&
	    sandbox_enter(&sandbox, SANDBOX_IDENTITY, &e) == 0)
		plan_exec(plan, &e);
	plan_say_failed(plan, &e);
	_exit(1);
}

static int
launch(struct process *p, struct plan *plan, uid_t outside, struct err *e)
{
	struct sandbox_process child;
	pid_t pid = sandbox_clone(plan->profile, p->leaf.fd, &child, e);
	int rc;

	if (pid < 0)
		return pid;
	if (pid == 0)
		child_main(plan, &child);
	/* From here on it is reaped like any other, whatever happens. */
	p->pid = child.pid;
	p->pidfd = child.pidfd;
	child.pidfd = -1;
	rc = sandbox_release(&child, -1, outside, outside, e);
	sandbox_process_done(&child);
	if (rc < 0) {
		process_set_reason(p, e->text, strlen(e->text));
		process_kill(p);
	}
	return 0;
}

/* Init's only word. */
static int
make_ending(struct process *p, int *ending, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set(e, errno, "pipe");
	p->ending = ends[0];
	*ending = ends[1];
	return 0;
}

/* A pipe that nobody writes to: reads as empty, and belongs to one sandbox alone. */
static int
empty_input(struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "pipe");
	close(ends[1]);
	return ends[0];
}

/* What worker and copy have in common: type and body go to the child's init, then it starts. */
static int
launch_sandboxed(struct spawn *s, struct process *p, struct plan *plan, uint32_t slot, struct err *e)
{
	AUTO_FD channel = -1;
	AUTO_FD ending = -1;
	AUTO_FD input = empty_input(e);

	if (input < 0 || plan_report(s, p, &channel, e) < 0 || make_ending(p, &ending, e) < 0 ||
	    message_send(p->report, s->in.type, s->in.body, s->in.length, NULL, 0, e) < 0)
		return -e->code;
	plan->program = SPAWNER_FD_WORKER;
	plan->in = input;
	plan->report = plan->fds[WORKER_FD_CHANNEL - PLAN_FIRST_FD] = channel;
	plan->fds[WORKER_FD_FILTERS - PLAN_FIRST_FD] = plan->programs;
	plan->fds[WORKER_FD_ENDING - PLAN_FIRST_FD] = ending;
	return launch(p, plan, slot_id(s, slot), e);
}

/* The policy's memory is each process's own, as RLIMIT_AS counts it: what the artifact and /tmp hold comes on
 * top.  In fresh mode the one that was loaded may hold it and the one that serves may have a copy.  Processes
 * are those of the profiles' RLIMIT_NPROC. */
static int
open_leaf(const struct spawn *s, struct process *p, const struct start_worker *w, struct err *e)
{
	struct cgroup_limits limits = { .processes = w->threads + (w->is_fresh ? 2U : 1U),
		                        .cpu_share = w->cpu_share };
	uint64_t own = w->is_fresh ? 2 * w->memory : w->memory;
	char name[CGROUP_NAME_SIZE];
	struct stat artifact;

	if (s->cgroup < 0)
		return 0;
	if (fstat(s->in.fds[0], &artifact) < 0)
		return err_set(e, errno, "artifact");
	limits.memory = cgroup_memory_for(own, w->tmp_size + (uint64_t)artifact.st_size, limits.processes);
	snprintf(name, sizeof name, "worker-%u", w->id);
	return cgroup_leaf_open(s->cgroup, name, &limits, &p->leaf, e);
}

static bool
is_terminated(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static int
check_slot(const struct spawn *s, uint32_t slot, struct err *e)
{
	if (s->n_slots > 0 && slot >= s->n_slots)
		return err_set(e, -ERANGE, "slot %u of %u: the uid range is used up", slot, s->n_slots);
	return 0;
}

static int
check_worker(const struct spawn *s, const struct start_worker *w, struct err *e)
{
	if (!folder_is_name(w->function, sizeof w->function) || !is_terminated(w->entry, sizeof w->entry) ||
	    (w->shared[0] != '\0' && !folder_is_name(w->shared, sizeof w->shared)))
		return err_set(e, -EINVAL, "malformed name");
	if (!grant_are_libraries(w->libraries, sizeof w->libraries))
		return err_set(e, -EINVAL, "malformed list of libraries");
	if (!grant_are_sockets(w->sockets, sizeof w->sockets))
		return err_set(e, -EINVAL, "malformed list of sockets");
	if (s->in.n_fds != (w->is_fresh && !w->is_trial ? 5 : 4))
		return err_set(e, -EINVAL, "%zu descriptors", s->in.n_fds);
	return check_slot(s, w->slot, e);
}

/* From the first number on; closed by whoever started. */
static int
open_sockets(const char *sockets, int fds[SOCKETS_MAX], struct err *e)
{
	char path[SOCKET_PATH_SIZE];
	const char *one;
	size_t n;

	for (size_t i = 0; i < SOCKETS_MAX && (one = words_next(&sockets, &n)); i++) {
		snprintf(path, sizeof path, "%.*s", (int)n, one);
		fds[i] = sandbox_socket_open(path, e);
		if (fds[i] < 0)
			return fds[i];
	}
	return 0;
}

/* What it finds of the host: the folder, and the mounts of its sockets. */
struct places {
	int folder, sockets[SOCKETS_MAX];
};

static void
places_done(struct places *p)
{
	fd_close(&p->folder);
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		fd_close(&p->sockets[i]);
}

static int
places_open(const struct spawn *s, const struct start_worker *w, struct places *p, struct err *e)
{
	bool has_sockets = w->sockets[0] != '\0';

	if (w->shared[0] != '\0') {
		if (folder_provide(s, w->shared, w->slot, e) < 0 ||
		    (has_sockets && folder_provide_run(s, w->shared, e) < 0))
			return -e->code;
		p->folder = folder_open(s, w->shared, w->slot, w->shared_read_only, e);
		if (p->folder < 0)
			return p->folder;
	}
	return open_sockets(w->sockets, p->sockets, e);
}

int
start_worker(struct spawn *s, struct process *p, struct err *e)
{
	const struct start_worker *w = (const struct start_worker *)s->in.body;
	struct plan plan = { .profile = w->is_fresh ? &sandbox_fresh : &sandbox_function,
		             .name = w->function };
	__attribute__((cleanup(places_done))) struct places places = { -1, { -1, -1, -1, -1 } };

	if (check_worker(s, w, e) < 0 || (w->is_invoked && invoked_start(p, w, e) < 0) ||
	    places_open(s, w, &places, e) < 0)
		return -e->code;
	plan.programs = programs_for(s, w->is_invoked && w->is_explained, w->sockets[0] != '\0', e);
	if (plan.programs < 0)
		return plan.programs;
	snprintf(plan.title, sizeof plan.title, "cfn-worker %s v%u", w->function, w->version);
	plan.fds[WORKER_FD_ARTIFACT - PLAN_FIRST_FD] = s->in.fds[0];
	plan.fds[WORKER_FD_ENVIRONMENT - PLAN_FIRST_FD] = s->in.fds[1];
	plan.fds[WORKER_FD_REQUESTS - PLAN_FIRST_FD] = s->in.fds[2];
	plan.fds[WORKER_FD_LIBRARY - PLAN_FIRST_FD] = SPAWNER_FD_LIBRARY;
	plan.fds[WORKER_FD_ROUTER - PLAN_FIRST_FD] = s->in.n_fds > 4 ? s->in.fds[4] : -1;
	plan.fds[WORKER_FD_FOLDER - PLAN_FIRST_FD] = places.folder;
	memcpy(&plan.fds[WORKER_FD_SOCKETS - PLAN_FIRST_FD], places.sockets, sizeof places.sockets);
	plan.n_fds = WORKER_FD_SOCKETS - PLAN_FIRST_FD + SOCKETS_MAX;
	plan.out = plan.err = s->in.fds[3];
	plan.has_sanitizers = w->has_sanitizers && (w->is_invoked || w->is_trial);
	if (open_leaf(s, p, w, e) < 0)
		return -e->code;
	return launch_sandboxed(s, p, &plan, w->slot, e);
}

int
start_copy(struct spawn *s, struct process *p, struct err *e)
{
	const struct start_copy *c = (const struct start_copy *)s->in.body;
	struct plan plan = { .profile = &sandbox_copy, .name = c->shared, .out = 2, .err = 2 };
	AUTO_FD folder = -1;

	if (!folder_is_name(c->shared, sizeof c->shared) || !is_terminated(c->path, sizeof c->path))
		return err_set(e, -EINVAL, "malformed name");
	if (check_slot(s, c->slot, e) < 0)
		return -e->code;
	/* What is read has to be there; a file may come before the first worker. */
	if (c->is_in == 1 && folder_provide(s, c->shared, c->slot, e) < 0)
		return -e->code;
	folder = folder_open(s, c->shared, c->slot, false, e);
	if (folder < 0)
		return folder;
	snprintf(plan.title, sizeof plan.title, "cfn-worker copy %s", c->shared);
	plan.programs = s->filters_fd;
	plan.fds[WORKER_FD_COPY_DATA - PLAN_FIRST_FD] = s->in.fds[0];
	plan.fds[WORKER_FD_COPY_FOLDER - PLAN_FIRST_FD] = folder;
	plan.n_fds = WORKER_FD_COPY_FOLDER - PLAN_FIRST_FD + 1;
	return launch_sandboxed(s, p, &plan, c->slot, e);
}

int
start_router(struct spawn *s, struct process *p, struct err *e)
{
	struct plan plan = { .profile = &sandbox_router,
		             .name = "router",
		             .title = "cfn-router",
		             .program = SPAWNER_FD_ROUTER,
		             .n_fds = ROUTER_FD_END - ROUTER_FD_LISTENER };
	AUTO_FD start = fd_sealed_memory("start", s->in.body, s->in.length, e);
	AUTO_FD channel = -1;

	if (start < 0 || plan_report(s, p, &channel, e) < 0)
		return -e->code;
	memcpy(plan.fds, s->in.fds, sizeof(int) * (ROUTER_FD_START - ROUTER_FD_LISTENER));
	plan.fds[ROUTER_FD_START - ROUTER_FD_LISTENER] = start;
	plan.report = plan.fds[ROUTER_FD_REPORT - ROUTER_FD_LISTENER] = channel;
	/* 0 and 1 of the spawner are /dev/null. */
	plan.in = 0;
	plan.out = 1;
	plan.err = plan.fds[ROUTER_FD_ERROR_LOG - ROUTER_FD_LISTENER];
	return launch(p, &plan, slot_id(s, 0), e);
}
