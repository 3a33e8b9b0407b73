/* main.c - cfn-worker: waits for whom it is, makes its sandbox's root, then is its init; the payload is its
 * only child. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/words.h"
#include "ipc/grants.h"
#include "ipc/message.h"
#include "ipc/start.h"
#include "worker/worker.h"

static void
name_sockets(struct job *job, const char *sockets)
{
	const char *one;
	size_t n, i;

	for (i = 0; i < SOCKETS_MAX && (one = words_next(&sockets, &n)); i++) {
		job->sockets[i].mount = WORKER_FD_SOCKETS + (int)i;
		grant_place(one, n, job->sockets[i].place);
	}
	job->sandbox.sockets = job->sockets;
	job->sandbox.n_sockets = i;
}

static void
prepare_worker(struct job *job)
{
	const struct start_worker *w = &job->worker.start;
	struct sandbox *s = &job->sandbox;

	snprintf(job->name, sizeof job->name, "function '%s'", w->function);
	sandbox_init(s, w->is_fresh ? &sandbox_fresh : &sandbox_function, job->name);
	s->limits = (struct sandbox_limits){ .memory = w->memory,
		                             .tmp_size = w->tmp_size,
		                             .tmp_inodes = w->tmp_inodes,
		                             .file_size = w->file_size,
		                             .processes = w->threads,
		                             .files = w->files };
	s->folder = w->shared[0] != '\0' ? WORKER_FD_FOLDER : -1;
	s->is_folder_read_only = w->shared_read_only;
	s->artifact = WORKER_FD_ARTIFACT;
	name_sockets(job, w->sockets);
	job->worker.sandbox = s;
	job->worker.is_fresh = w->is_fresh && !w->is_trial;
}

static int
prepare_alone(struct worker *w, struct err *e)
{
	/* The program for all knows the requests' socket by its number, which a granted one could get. */
	if (w->start.sockets[0] != '\0')
		return 0;
	if (alone_judge(WORKER_FD_ARTIFACT, w->start.libraries, &w->is_alone, e) < 0)
		return -e->code;
	if (w->is_alone)
		w->sandbox->limits.processes = 1;
	return 0;
}

static int
read_own(struct worker *w, struct err *e)
{
	if (w->start.is_fresh && prepare_alone(w, e) < 0)
		return -e->code;
	if (preload(WORKER_FD_ARTIFACT, w->start.libraries, e) < 0)
		return err_wrap(e, "libraries");
	if (fd_read_file(WORKER_FD_ENVIRONMENT, ENVIRONMENT_MAX, &w->environment, &w->environment_size, e) <
	    0)
		return err_wrap(e, "environment");
	if (fd_set_blocking(WORKER_FD_REQUESTS, 1) < 0)
		return err_set(e, errno, "the requests' socket");
	return 0;
}

static void
prepare_copy(struct job *job)
{
	enum { TMP_SIZE = 64 * 1024, TMP_INODES = 16, FILES = 16 };
	struct sandbox *s = &job->sandbox;

	snprintf(job->name, sizeof job->name, "copy '%s'", job->copy.shared);
	sandbox_init(s, &sandbox_copy, job->name);
	s->limits = (struct sandbox_limits){ .tmp_size = TMP_SIZE,
		                             .tmp_inodes = TMP_INODES,
		                             .file_size = job->copy.max_size,
		                             .processes = 1,
		                             .files = FILES };
	s->folder = WORKER_FD_COPY_FOLDER;
}

static void
make_sandbox(struct job *job)
{
	if (job->type == MSG_START_COPY)
		prepare_copy(job);
	else
		prepare_worker(job);
}

/* Nobody's until job_await is through: what is above it knows of no function. */
static int
enter_root(struct job *job, char *title, struct err *e)
{
	if (preload_common(e) < 0)
		return err_wrap(e, "libraries");
	if (job_await(job, title, e) < 0)
		return -e->code;
	make_sandbox(job);
	if (sandbox_enter(&job->sandbox, SANDBOX_IDENTITY, e) < 0 ||
	    (job->type == MSG_START_WORKER && read_own(&job->worker, e) < 0) ||
	    sandbox_filters_map(WORKER_FD_FILTERS, &job->sandbox.filters, e) < 0 ||
	    sandbox_enter(&job->sandbox, SANDBOX_ROOT, e) < 0)
		return -e->code;
	if (job->worker.is_fresh && fresh_prepare(&job->worker.fresh, job->worker.start.tmp_inodes, e) < 0)
		return err_wrap(e, "fresh mode");
	return pipe2(job->init, O_CLOEXEC) < 0 ? err_set(e, errno, "pipe") : 0;
}

int
await_init(int init, struct err *e)
{
	char byte;
	ssize_t n = fd_read_all(init, &byte, 1);

	close(init);
	if (n < 0)
		return err_set(e, (int)-n, "wait for init");
	return n == 1 ? 0 : err_set(e, -ECANCELED, "its init is not confined");
}

_Noreturn static void
run_payload(struct job *job)
{
	const int keep[] = {
		0, 1, 2, WORKER_FD_REQUESTS, WORKER_FD_CHANNEL, job->init[0], job->worker.fresh.zygote
	};
	struct err e;
	int status;

	job->sandbox.keep = keep;
	job->sandbox.n_keep = ARRAY_SIZE(keep) - !job->worker.is_fresh;
	if (job->type == MSG_START_COPY)
		status = copy_run(&job->copy, &job->sandbox, job->init[0], &e);
	else
		status = worker_run(&job->worker, job->init[0], &e);
	_exit(status);
}

static int
confine_init(struct job *job, struct err *e)
{
	const int keep[] = { WORKER_FD_ENDING,     WORKER_FD_CHANNEL,      job->init[1],
		             WORKER_FD_ROUTER,     job->worker.fresh.init, job->worker.fresh.signals,
		             job->worker.fresh.tmp };

	job->sandbox.keep = keep;
	job->sandbox.n_keep = job->worker.is_fresh ? ARRAY_SIZE(keep) : 3;
	fd_close(&job->sandbox.artifact_folder);
	return sandbox_enter(&job->sandbox, SANDBOX_INIT, e);
}

/* Nothing but what it says its words on stays open: the output's other end must see the payload's end. */
static int
prepare_init(struct job *job, struct err *e)
{
	int rc;

	job->worker.fresh.signals = job->worker.is_fresh ? init_signals() : -1;
	if (job->worker.is_fresh && job->worker.fresh.signals < 0)
		return err_set(e, errno, "init's signals");
	if (confine_init(job, e) < 0)
		return -e->code;
	rc = fd_write_all(job->init[1], "i", 1);
	return rc < 0 ? err_set(e, -rc, "tell the worker") : 0;
}

_Noreturn static void
be_init(struct job *job, pid_t payload)
{
	struct err e;

	if (prepare_init(job, &e) < 0) {
		say_failed(REPORT_FAILED, &e);
		_exit(1);
	}
	/* Only now: the worker must not speak first about its end. */
	close(job->init[1]);
	close(WORKER_FD_CHANNEL);
	if (job->worker.is_fresh)
		init_serve(&job->worker.fresh, payload);
	init_wait();
}

int
main(int argc, char **argv)
{
	static char none[1];
	static struct job job;
	struct err e;
	pid_t pid;

	prctl(PR_SET_NAME, "cfn-spare");
	if (enter_root(&job, argc > 0 ? argv[0] : none, &e) < 0) {
		say_failed(REPORT_FAILED, &e);
		_exit(1);
	}
	pid = fork();
	if (pid == 0)
		run_payload(&job);
	if (pid > 0)
		be_init(&job, pid);
	err_set(&e, errno, "fork");
	say_failed(REPORT_FAILED, &e);
	_exit(1);
}
