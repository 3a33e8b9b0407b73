/* start.c - what a new process in its own namespaces finds: a worker, a copy, a router. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/words.h"
#include "ipc/grants.h"
#include "spawn/plan.h"

/* The policy's memory is each process's own, as RLIMIT_AS counts it: what the artifact and /tmp hold comes on
 * top.  In fresh mode the one that was loaded may hold it and the one that serves may have a copy.  Processes
 * are those of the profiles' RLIMIT_NPROC. */
static int
limits_of(const struct spawn *s, const struct start_worker *w, struct cgroup_limits *limits, struct err *e)
{
	uint64_t own = w->is_fresh ? 2 * w->memory : w->memory;
	struct stat artifact;

	if (fstat(s->in.fds[0], &artifact) < 0)
		return err_set(e, errno, "artifact");
	*limits = (struct cgroup_limits){ .processes = w->threads + (w->is_fresh ? 2U : 1U),
		                          .cpu_share = w->cpu_share };
	limits->memory = cgroup_memory_for(own, w->tmp_size + (uint64_t)artifact.st_size, limits->processes);
	return 0;
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
static int
open_places(const struct spawn *s, const struct start_worker *w, int fds[WORKER_FD_END], struct err *e)
{
	bool has_sockets = w->sockets[0] != '\0';

	if (w->shared[0] != '\0') {
		if (folder_provide(s, w->shared, w->slot, e) < 0 ||
		    (has_sockets && folder_provide_run(s, w->shared, e) < 0))
			return -e->code;
		fds[WORKER_FD_FOLDER] = folder_open(s, w->shared, w->slot, w->shared_read_only, e);
		if (fds[WORKER_FD_FOLDER] < 0)
			return -e->code;
	}
	return open_sockets(w->sockets, &fds[WORKER_FD_SOCKETS], e);
}

static void
close_places(struct sandboxed *what)
{
	for (int fd = WORKER_FD_FOLDER; fd < WORKER_FD_END; fd++)
		fd_close(&what->fds[fd]);
}

int
start_worker(struct spawn *s, struct process *p, struct err *e)
{
	const struct start_worker *w = (const struct start_worker *)s->in.body;
	struct cgroup_limits limits;
	__attribute__((cleanup(close_places))) struct sandboxed what = {
		.profile = w->is_fresh ? &sandbox_fresh : &sandbox_function,
		.name = w->function,
		.has_sanitizers = w->has_sanitizers && (w->is_invoked || w->is_trial),
		.slot = w->slot,
		.limits = &limits,
	};

	memset(what.fds, -1, sizeof what.fds);
	if (check_worker(s, w, e) < 0 || (w->is_invoked && invoked_start(p, w, e) < 0) ||
	    limits_of(s, w, &limits, e) < 0 || open_places(s, w, what.fds, e) < 0)
		return -e->code;
	what.fds[WORKER_FD_FILTERS] =
	    programs_for(s, w->is_invoked && w->is_explained, w->sockets[0] != '\0', e);
	if (what.fds[WORKER_FD_FILTERS] < 0)
		return -e->code;
	what.fds[WORKER_FD_ARTIFACT] = s->in.fds[0];
	what.fds[WORKER_FD_ENVIRONMENT] = s->in.fds[1];
	what.fds[WORKER_FD_REQUESTS] = s->in.fds[2];
	what.fds[WORKER_FD_OUTPUT] = s->in.fds[3];
	what.fds[WORKER_FD_ROUTER] = s->in.n_fds > 4 ? s->in.fds[4] : -1;
	return sandboxed_start(s, p, &what, e);
}

int
start_copy(struct spawn *s, struct process *p, struct err *e)
{
	const struct start_copy *c = (const struct start_copy *)s->in.body;
	struct sandboxed what = { .profile = &sandbox_copy, .name = c->shared, .slot = c->slot };
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
	memset(what.fds, -1, sizeof what.fds);
	what.fds[WORKER_FD_FILTERS] = s->filters_fd;
	what.fds[WORKER_FD_COPY_DATA] = s->in.fds[0];
	what.fds[WORKER_FD_COPY_FOLDER] = folder;
	return sandboxed_start(s, p, &what, e);
}

static int
launch_router(struct process *p, struct plan *plan, uid_t outside, struct err *e)
{
	struct sandbox_process child;
	int rc = plan_launch(plan, p, &child, e);

	if (rc < 0)
		return rc;
	rc = sandbox_release(&child, -1, outside, outside, e);
	sandbox_process_done(&child);
	if (rc < 0) {
		process_set_reason(p, e->text, strlen(e->text));
		process_kill(p);
	}
	return 0;
}

int
start_router(struct spawn *s, struct process *p, struct err *e)
{
	struct plan plan = { .profile = &sandbox_router,
		             .name = "router",
		             .awaits_maps = true,
		             .title = "cfn-router",
		             .program = SPAWNER_FD_ROUTER,
		             .n_fds = ROUTER_FD_END - ROUTER_FD_LISTENER };
	AUTO_FD start = fd_sealed_memory("start", s->in.body, s->in.length, e);
	AUTO_FD channel = -1;

	if (start < 0 || plan_report(s, p, &channel, e) < 0)
		return -e->code;
	memcpy(plan.fds, s->in.fds, sizeof(int) * (ROUTER_FD_METRICS - ROUTER_FD_LISTENER));
	plan.fds[ROUTER_FD_METRICS - ROUTER_FD_LISTENER] = s->in.n_fds > 6 ? s->in.fds[6] : -1;
	plan.fds[ROUTER_FD_START - ROUTER_FD_LISTENER] = start;
	plan.report = plan.fds[ROUTER_FD_REPORT - ROUTER_FD_LISTENER] = channel;
	/* 0 and 1 of the spawner are /dev/null. */
	plan.in = 0;
	plan.out = 1;
	plan.err = plan.fds[ROUTER_FD_ERROR_LOG - ROUTER_FD_LISTENER];
	return launch_router(p, &plan, slot_id(s, 0), e);
}
