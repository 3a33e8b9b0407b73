/* executor.c - runs cfn-deploy for the front. */
#include "manage/executor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/macros.h"
#include "ipc/message.h"
#include "manage/job.h"

extern char **environ;

enum {
	FD_TOKEN = 3,
	FD_FILES, /* from here on */
	COMMON_ARGUMENTS = 8,
};

struct pipe_end {
	struct watch watch;
	struct buf bytes;
};

struct running {
	uint32_t number; /* of the job */
	pid_t pid;       /* 0: free */
	struct watch process;
	struct pipe_end output, errors;
	struct timer timer;
	bool is_late;
	struct executor *executor;
};

struct executor {
	const struct executor_rules *rules;
	struct loop loop;
	struct watch front, life;
	struct running running[JOB_CONCURRENT_MAX];
	struct message message;
	bool is_done;
};

/* ---- what has come of it ---- */

static void
tell(struct executor *x, const struct job_done *done, const struct buf *output, const struct buf *errors)
{
	size_t n = done->n_output + done->n_errors;
	AUTO_FREE char *all = malloc(n + 1);
	AUTO_FD fd = -1;
	struct err e;

	if (all && done->n_output > 0)
		memcpy(all, buf_head(output), done->n_output);
	if (all && done->n_errors > 0)
		memcpy(all + done->n_output, buf_head(errors), done->n_errors);
	fd = all ? fd_sealed_memory("answer", all, n, &e) : err_set(&e, ENOMEM, "answer");
	if (fd < 0 || message_send(x->front.fd, MSG_JOB_DONE, done, sizeof *done, &fd, 1, &e) < 0) {
		log_line(LOG_ERR, "%s", e.text);
		x->is_done = true;
	}
}

static void
tell_not_started(struct executor *x, uint32_t number, const struct err *why)
{
	const struct job_done done = { .number = number, .end = JOB_NOT_STARTED };

	log_line(LOG_ERR, "%s", why->text);
	tell(x, &done, NULL, NULL);
}

/* What is past its maximum is read and forgotten, or cfn-deploy would wait. */
static void
pipe_read(struct executor *x, struct pipe_end *p)
{
	char bytes[16384];
	ssize_t n;

	while ((n = read(p->watch.fd, bytes, sizeof bytes)) > 0) {
		size_t room = buf_room(&p->bytes), taken = (size_t)n < room ? (size_t)n : room;

		(void)buf_append(&p->bytes, bytes, taken);
	}
	if (n == 0)
		loop_forget(&x->loop, &p->watch);
}

static void
pipe_serve(void *context, void *owner, uint32_t events)
{
	(void)events;
	pipe_read(context, owner);
}

static void
pipe_done(struct executor *x, struct pipe_end *p)
{
	if (p->watch.fd >= 0)
		loop_forget(&x->loop, &p->watch);
	fd_close(&p->watch.fd);
	buf_done(&p->bytes);
}

/* The pid is the session's until it has been waited for, so what is left of it can be ended by that. */
static void
reap(struct running *r, struct job_done *done)
{
	siginfo_t info = { 0 };

	waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOWAIT);
	kill(-r->pid, SIGKILL);
	waitid(P_PID, (id_t)r->pid, &info, WEXITED);
	done->end = info.si_code == CLD_EXITED ? JOB_EXITED : r->is_late ? JOB_LATE : JOB_KILLED;
	done->status = (uint32_t)info.si_status;
}

static void
running_done(struct running *r)
{
	struct executor *x = r->executor;

	timer_cancel(&x->loop, &r->timer);
	if (r->process.fd >= 0)
		loop_forget(&x->loop, &r->process);
	fd_close(&r->process.fd);
	pipe_done(x, &r->output);
	pipe_done(x, &r->errors);
	r->pid = 0;
}

static void
process_ended(void *context, void *owner, uint32_t events)
{
	struct executor *x = context;
	struct running *r = owner;
	struct job_done done = { .number = r->number };

	(void)events;
	reap(r, &done);
	pipe_read(x, &r->output);
	pipe_read(x, &r->errors);
	done.n_output = (uint32_t)buf_used(&r->output.bytes);
	done.n_errors = (uint32_t)buf_used(&r->errors.bytes);
	tell(x, &done, &r->output.bytes, &r->errors.bytes);
	running_done(r);
}

static void
timer_fired(void *context, void *owner)
{
	struct running *r = owner;

	(void)context;
	r->is_late = true;
	kill(-r->pid, SIGKILL);
}

/* ---- its start ---- */

struct launch {
	const char *arguments[COMMON_ARGUMENTS + JOB_ARGUMENTS_MAX + 2];
	char text[JOB_TEXT_MAX];
	int fds[1 + JOB_FILES_MAX]; /* token, files */
	size_t n_fds;
	int output, errors; /* the child's ends */
};

static void
launch_done(struct launch *l)
{
	for (size_t i = 0; i < l->n_fds; i++)
		fd_close(&l->fds[i]);
	fd_close(&l->output);
	fd_close(&l->errors);
}

static int
put_arguments(const struct executor *x, const struct job *j, struct launch *l, struct err *e)
{
	const struct executor_rules *r = x->rules;
	const char **to = l->arguments;

	*to++ = "cfn-deploy";
	if (r->config[0])
		*to++ = "--config", *to++ = r->config;
	*to++ = "--registry", *to++ = r->registry;
	if (r->key[0])
		*to++ = "--key", *to++ = r->key;
	*to++ = "--token=/proc/self/fd/3";
	if (j->wants_json)
		*to++ = "--json";
	return job_arguments(j, FD_FILES, l->text, to, e);
}

static int
open_memory(struct launch *l, const char *name, const void *data, size_t n, struct err *e)
{
	int fd = fd_sealed_memory(name, data, n, e);

	if (fd >= 0)
		l->fds[l->n_fds++] = fd;
	return fd < 0 ? fd : 0;
}

/* Of the front's one memory file: files that cfn-deploy can read each by itself. */
static int
open_files(const struct job *j, int all, struct launch *l, struct err *e)
{
	size_t total = 0, at = 0;
	AUTO_FREE char *bytes = NULL;
	struct stat st;
	int rc = 0;

	for (uint32_t i = 0; i < j->n_files; i++)
		total += j->files[i].size;
	if (total > JOB_BODY_MAX || (j->n_files > 0 && (fd_check_sealed(all) < 0 || fstat(all, &st) < 0 ||
	                                                (size_t)st.st_size != total)))
		return err_set(e, -EBADMSG, "the files of a request");
	bytes = malloc(total + 1);
	if (!bytes)
		return err_set(e, ENOMEM, "the files of a request");
	while (at < total) {
		ssize_t n = pread(all, bytes + at, total - at, (off_t)at);

		if (n <= 0)
			return err_set(e, -EIO, "the files of a request");
		at += (size_t)n;
	}
	at = 0;
	for (uint32_t i = 0; rc == 0 && i < j->n_files; at += j->files[i++].size)
		rc = open_memory(l, j->files[i].name, bytes + at, j->files[i].size, e);
	return rc;
}

static int
open_pipe(struct pipe_end *p, size_t max, int *theirs, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "pipe");
	p->watch = (struct watch){ .fd = ends[0], .serve = pipe_serve, .owner = p };
	buf_init(&p->bytes, max);
	*theirs = ends[1];
	return fd_set_blocking(ends[0], 0) < 0 ? err_set(e, errno, "pipe") : 0;
}

static _Noreturn void
child_main(const struct launch *l, pid_t parent)
{
	static const char program[] = CFN_BINDIR "/cfn-deploy";
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* Nothing of it changes its ids, so this holds over its exec. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || setsid() < 0 || dup2(l->output, 1) < 0 || dup2(l->errors, 2) < 0 ||
	    fd_place(l->fds, l->n_fds, FD_TOKEN) < 0 ||
	    close_range(FD_TOKEN + (unsigned)l->n_fds, ~0U, 0) < 0)
		_exit(EXIT_FAILURE);
	execve(program, (char **)(uintptr_t)l->arguments, environ);
	dprintf(2, "cfn-deploy: %s: %s\n", program, strerror(errno));
	_exit(127);
}

static int
start(struct executor *x, struct running *r, const struct launch *l, struct err *e)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return err_set(e, errno, "fork");
	if (pid == 0)
		child_main(l, parent);
	r->pid = pid;
	r->is_late = false;
	r->process =
	    (struct watch){ .fd = (int)syscall(SYS_pidfd_open, pid, 0), .serve = process_ended, .owner = r };
	r->timer = (struct timer){ .fire = timer_fired, .owner = r };
	timer_arm(&x->loop, &r->timer, MANAGE_WALL_MS * UINT64_C(1000));
	if (r->process.fd >= 0 && loop_watch(&x->loop, &r->process, EPOLLIN, e) == 0 &&
	    loop_watch(&x->loop, &r->output.watch, EPOLLIN, e) == 0 &&
	    loop_watch(&x->loop, &r->errors.watch, EPOLLIN, e) == 0)
		return 0;
	return err_set(e, errno, "watch cfn-deploy");
}

static int
begin(struct executor *x, struct running *r, const struct job *j, int files, struct err *e)
{
	static struct launch l; /* too large for the stack */
	struct job_done ignored;
	int rc;

	memset(&l, 0, sizeof l);
	l.output = l.errors = r->process.fd = r->output.watch.fd = r->errors.watch.fd = -1;
	r->number = j->number;
	r->executor = x;
	rc = put_arguments(x, j, &l, e);
	if (rc >= 0)
		rc = open_memory(&l, "token", j->token, TOKEN_LENGTH, e);
	if (rc == 0)
		rc = open_files(j, files, &l, e);
	if (rc == 0)
		rc = open_pipe(&r->output, JOB_OUTPUT_MAX, &l.output, e);
	if (rc == 0)
		rc = open_pipe(&r->errors, JOB_ERRORS_MAX, &l.errors, e);
	if (rc == 0)
		rc = start(x, r, &l, e);
	launch_done(&l);
	explicit_bzero(&l, sizeof l);
	if (rc < 0 && r->pid > 0) {
		kill(-r->pid, SIGKILL);
		kill(r->pid, SIGKILL);
		reap(r, &ignored);
	}
	if (rc < 0)
		running_done(r);
	return rc;
}

/* ---- what the front says ---- */

static const struct message_rule front_may_say[] = {
	{ MSG_JOB, sizeof(struct job), sizeof(struct job), 0, 1 },
};

static struct running *
find_free(struct executor *x)
{
	for (unsigned i = 0; i < x->rules->concurrent; i++)
		if (x->running[i].pid == 0)
			return &x->running[i];
	return NULL;
}

static void
take_job(struct executor *x)
{
	static struct job j;
	AUTO_FD files = message_take_fd(&x->message, 0);
	struct running *r = find_free(x);
	struct err e;
	int rc;

	memcpy(&j, x->message.body, sizeof j);
	rc = r ? job_check(&j, &e) : err_set(&e, -EBUSY, "the front asks for more than it may");
	if (rc == 0)
		rc = begin(x, r, &j, files, &e);
	if (rc < 0)
		tell_not_started(x, j.number, &e);
	explicit_bzero(&j, sizeof j);
	explicit_bzero(x->message.body, sizeof j);
}

static void
front_serve(void *context, void *owner, uint32_t events)
{
	struct executor *x = context;
	struct err e;
	int rc = message_receive(x->front.fd, &x->message, &e);

	(void)owner;
	(void)events;
	if (rc == -EAGAIN)
		return;
	if (rc > 0 && message_check(front_may_say, ARRAY_SIZE(front_may_say), &x->message, &e))
		take_job(x);
	else
		x->is_done = true;
	if (rc > 0)
		message_done(&x->message);
}

static void
life_ended(void *context, void *owner, uint32_t events)
{
	struct executor *x = context;

	(void)owner;
	(void)events;
	x->is_done = true;
}

static void
end_all(struct executor *x)
{
	struct job_done ignored;

	for (size_t i = 0; i < ARRAY_SIZE(x->running); i++)
		if (x->running[i].pid > 0) {
			kill(-x->running[i].pid, SIGKILL);
			kill(x->running[i].pid, SIGKILL);
			reap(&x->running[i], &ignored);
			running_done(&x->running[i]);
		}
}

int
executor_run(const struct executor_rules *rules, int front, int life, struct err *e)
{
	static struct executor executor; /* too large for the stack */
	struct executor *x = &executor;
	int rc = loop_init(&x->loop, e);

	x->rules = rules;
	x->front = (struct watch){ .fd = front, .serve = front_serve };
	x->life = (struct watch){ .fd = life, .serve = life_ended };
	if (rc == 0)
		rc = loop_watch(&x->loop, &x->front, EPOLLIN, e);
	if (rc == 0)
		rc = loop_watch(&x->loop, &x->life, EPOLLIN, e);
	while (rc == 0 && !x->is_done)
		rc = loop_turn(&x->loop, x, e);
	end_all(x);
	return rc;
}
