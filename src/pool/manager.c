/* manager.c - what serves the management: started, heard, drained, started again. */
#include "pool/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "http/http.h"
#include "ipc/start.h"
#include "pool/lanes.h"
#include "pool/pools.h"
#include "pool/workers.h"

enum {
	WALL_MS = 600 * 1000, /* of a request: what waits and what runs have bounds of their own */
	LANES = MANAGE_QUEUE + MANAGE_CONCURRENT_MAX,
	ENVIRONMENT_SIZE = CONFIG_PATH_MAX + 32,
};

/* ---- its function ---- */

/* Its front refuses what is none of its own: what it does not take would go on to a function with a wider
 * route, and the token in it. */
#define ANY_METHOD (HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_DELETE | HTTP_HEAD | HTTP_OPTIONS | HTTP_PATCH)

static const struct lane_route routes[] = {
	{ "", ANY_METHOD },
	{ "/*", ANY_METHOD },
};

static void
fill_public(struct snapshot_function *f, const struct config_management *c)
{
	f->wall_ms = f->stream_idle_ms = WALL_MS;
	f->max_workers = f->queue = LANES;
	/* Its own to ask: a router that lies knows no more tokens than those that it is shown. */
	f->auth = AUTH_NONE;
	f->body_max = c->max_body;
}

static struct channel *
channel_of(struct master *m)
{
	return &m->manager.channel;
}

static const struct lane_kind kind = { .what = "the management",
	                               .function = MANAGER_FUNCTION,
	                               .routes = routes,
	                               .n_routes = ARRAY_SIZE(routes),
	                               .serves = manager_serves,
	                               .channel = channel_of };

static int
pool_make(struct master *m, struct pool **made, struct err *e)
{
	struct pool *pool = calloc(1, sizeof *pool);
	int rc = pool ? lanes_pool_init(m, pool, &kind, m->config->management.path, e)
	              : err_set(e, ENOMEM, "the management's function");

	if (rc < 0) {
		free(pool);
		return rc;
	}
	pool->streams = LANES;
	fill_public(&pool->public, &m->config->management);
	*made = pool;
	return 0;
}

int
manager_check_identity(const struct master *m, const struct config_management *c, struct err *e)
{
	if (!c->is_enabled || !m->identity.stays_root)
		return 0;
	return err_set(e, -EPERM,
	               "management: the registry belongs to root; give it to an account of its own");
}

int
manager_settle(struct master *m, struct err *e)
{
	struct manager *g = &m->manager;
	struct function *f = &g->function;
	const struct config_management *c = &m->config->management;
	struct pool *old = f->wanted, *pool = NULL;

	if (c->is_enabled && old && memcmp(c, &g->settled, sizeof *c) == 0)
		return 0;
	if (c->is_enabled && pool_make(m, &pool, e) < 0)
		return -e->code;
	if (pool && pool_insert(m, pool, e) < 0) {
		pool_free(m, pool);
		return -e->code;
	}
	g->settled = *c;
	if (pool)
		pool->function = f;
	f->wanted = pool;
	if (old)
		pool_drop_unused(m, old);
	return 0;
}

/* ---- its process ---- */

static struct pool *
serving(const struct master *m)
{
	return m->manager.function.serving;
}

/* It has ended, or ends at once. */
static void
reap(struct master *m)
{
	struct manager *g = &m->manager;

	if (g->pid > 0) {
		kill(g->pid, SIGKILL);
		waitpid(g->pid, NULL, 0);
	}
	if (g->process.fd >= 0)
		loop_forget(&m->loop, &g->process);
	fd_close(&g->process.fd);
	g->pid = 0;
}

/* Its descriptors are its own, behind them its standard error; all others close by themselves. */
static _Noreturn void
child_main(const char *program, char *const *argv, char *const *environment, const int fds[])
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(fds[MANAGE_FD_END - MANAGE_FD_MASTER], 2) < 0 ||
	    fd_place(fds, MANAGE_FD_END - MANAGE_FD_MASTER, MANAGE_FD_MASTER) < 0 ||
	    close_range(MANAGE_FD_END, ~0U, 0) < 0)
		_exit(EXIT_FAILURE);
	execve(program, argv, environment);
	_exit(EXIT_FAILURE);
}

/* The master waits for nobody: it hears when there is something to be reaped. */
static int
watch_process(struct master *m, struct err *e)
{
	struct manager *g = &m->manager;
	int rc;

	g->process.fd = (int)syscall(SYS_pidfd_open, g->pid, 0);
	rc = g->process.fd < 0 ? err_set(e, errno, "pidfd_open")
	                       : loop_watch(&m->loop, &g->process, EPOLLIN, e);
	if (rc < 0)
		reap(m);
	return rc;
}

static int
spawn(struct master *m, const int fds[], struct err *e)
{
	struct config *c = m->config;
	char program[CONFIG_PATH_MAX + 16], concurrent[24], libexec[ENVIRONMENT_SIZE],
	    include[ENVIRONMENT_SIZE], path[] = "PATH=/usr/bin:/bin", lang[] = "LANG=C.UTF-8",
				       color[] = "NO_COLOR=1", name[] = "cfn-manage";
	char *argv[] = { [MANAGE_ARGUMENT_NAME] = name,
		         [MANAGE_ARGUMENT_PATH] = m->manager.settled.path,
		         [MANAGE_ARGUMENT_CONCURRENT] = concurrent,
		         [MANAGE_ARGUMENT_CONFIG] =
		             (char *)(uintptr_t)(m->options.config ? m->options.config : ""),
		         [MANAGE_ARGUMENT_REGISTRY] = c->registry,
		         [MANAGE_ARGUMENT_KEY] = m->manager.settled.key,
		         [MANAGE_ARGUMENTS] = NULL };
	char *environment[] = { path, lang, color, libexec, include, NULL };
	pid_t pid;

	snprintf(program, sizeof program, "%s/cfn-manage", c->libexec_dir);
	snprintf(concurrent, sizeof concurrent, "%u", (unsigned)m->manager.settled.concurrent);
	snprintf(libexec, sizeof libexec, "CFN_LIBEXECDIR=%s", c->libexec_dir);
	snprintf(include, sizeof include, "CFN_INCLUDEDIR=%s", c->include_dir);
	if (access(program, X_OK) < 0)
		return err_set(e, errno, "%s", program);
	pid = fork();
	if (pid < 0)
		return err_set(e, errno, "fork");
	if (pid == 0)
		child_main(program, argv, environment, fds);
	m->manager.pid = pid;
	return watch_process(m, e);
}

static int
start(struct master *m, struct err *e)
{
	struct manager *g = &m->manager;
	int pair[2] = { -1, -1 }, life[2] = { -1, -1 }, rc;
	AUTO_FD errors = hearing_open(m, HEARD_MANAGEMENT, e);

	rc = errors < 0 ? errors : hearing_watch(m, HEARD_MANAGEMENT, e);
	if (rc == 0)
		rc = message_pair(pair, e);
	if (rc == 0 && pipe2(life, O_CLOEXEC) < 0)
		rc = err_set(e, errno, "pipe");
	if (rc == 0)
		rc = spawn(m, (const int[]){ pair[1], life[0], errors }, e);
	fd_close(&pair[1]);
	fd_close(&life[0]);
	if (rc == 0) {
		g->life = life[1];
		life[1] = -1;
		rc = channel_open(&g->channel, &m->loop, pair[0], e);
		pair[0] = -1;
	}
	fd_close(&life[1]);
	fd_close(&pair[0]);
	if (rc < 0)
		return rc;
	g->heard = (struct manage_counters){ 0 };
	g->stage = RUNNER_STARTING;
	g->version = serving(m)->public.version_id;
	g->n_starts++;
	manager_tell_tokens(m);
	timer_arm(&m->loop, &g->timer, START_TIMEOUT_MS * UINT64_C(1000));
	return 0;
}

/* With its channel, its life and itself everything below it ends, too.  It is reaped by process_ended(). */
static void
end(struct master *m)
{
	struct manager *g = &m->manager;

	if (g->channel.watch.fd >= 0)
		channel_close(&g->channel);
	fd_close(&g->life);
	if (g->pid > 0)
		kill(g->pid, SIGKILL);
	g->stage = RUNNER_DOWN;
}

static void
failed(struct master *m, const char *why)
{
	struct pool *pool = serving(m);

	if (!pool || pool->start_failure == CAUSE_NONE)
		log_line(LOG_ERR, "the management cannot start: %s", why);
	backoff_failed(&m->manager.backoff, clock_now_us(), 0);
	if (!pool)
		return;
	pool->start_failure = CAUSE_UNAVAILABLE;
	leases_refuse(m, pool, CAUSE_UNAVAILABLE);
}

void
manager_follow(struct master *m)
{
	struct manager *g = &m->manager;
	struct pool *pool = serving(m);
	struct err e;

	if (g->stage != RUNNER_DOWN) {
		if (!pool || pool->public.version_id != g->version)
			manager_drain(m);
		return;
	}
	timer_cancel(&m->loop, &g->timer);
	/* What ends still has the registry, perhaps. */
	if (!pool || g->pid != 0 || m->phase == PHASE_DRAINING || m->phase == PHASE_STOPPED)
		return;
	if (backoff_left(&g->backoff, clock_now_us()) == 0) {
		if (start(m, &e) == 0)
			return;
		end(m);
		failed(m, e.text);
	}
	timer_arm(&m->loop, &g->timer, backoff_left(&g->backoff, clock_now_us()) + 1);
}

/* What it was asked for and has not answered is answered by the routers: their lanes end. */
static void
has_ended(struct master *m, const char *why)
{
	struct manager *g = &m->manager;
	enum runner_stage stage = g->stage;

	end(m);
	hearing_take(m, HEARD_MANAGEMENT);
	if (stage == RUNNER_STARTING) {
		failed(m, why);
	} else if (stage == RUNNER_READY) {
		log_line(LOG_ERR, "the management ended: %s", why);
		g->n_crashes++;
		backoff_failed(&g->backoff, clock_now_us(), g->ready_us);
	}
	lanes_kill_all_of(m, &kind, CAUSE_UNAVAILABLE);
	manager_follow(m);
	drain_check(m);
}

static void
process_ended(void *context, void *owner, uint32_t events)
{
	struct master *m = context;

	(void)owner;
	(void)events;
	reap(m);
	if (m->manager.stage != RUNNER_DOWN) {
		has_ended(m, "its process has ended; its own lines say why");
		return;
	}
	manager_follow(m);
	drain_check(m);
}

static void
timer_fired(void *context, void *owner)
{
	struct master *m = context;
	struct manager *g = owner;

	if (g->stage == RUNNER_DOWN)
		manager_follow(m);
	else
		has_ended(m, g->stage == RUNNER_STARTING ? "it was not ready in time"
		                                         : "drain_timeout: what it does is cut off");
}

static void
take_ready(struct master *m)
{
	struct manager *g = &m->manager;
	struct pool *pool = serving(m);

	if (g->stage != RUNNER_STARTING)
		return;
	timer_cancel(&m->loop, &g->timer);
	g->stage = RUNNER_READY;
	g->ready_us = clock_now_us();
	log_line(LOG_NOTICE, "functions are managed at %s", g->settled.path);
	if (!pool)
		return;
	pool->start_failure = CAUSE_NONE;
	leases_serve(m, pool);
}

static const struct message_rule rules[] = {
	{ MSG_MANAGE_READY, 0, 0, 0, 0 },
	{ MSG_MANAGE_COUNTERS, sizeof(struct manage_counters), sizeof(struct manage_counters), 0, 0 },
};

static void
on_message(struct master *m, void *owner, struct message *message)
{
	struct err e;

	(void)owner;
	if (!message_check(rules, ARRAY_SIZE(rules), message, &e))
		has_ended(m, e.text);
	else if (message->type == MSG_MANAGE_READY)
		take_ready(m);
	else
		manager_count(m, message->body);
}

static void
on_end(struct master *m, void *owner, const struct err *why)
{
	(void)owner;
	has_ended(m, why->code == EPIPE ? "it has closed its channel; its own lines say why" : why->text);
}

bool
manager_serves(const struct master *m, const struct pool *pool)
{
	return m->manager.stage == RUNNER_READY && m->manager.version == pool->public.version_id;
}

void
manager_tell_tokens(struct master *m)
{
	const struct tokens_serial body = { m->tokens.serial };

	if (m->manager.stage != RUNNER_DOWN && m->tokens.fd >= 0)
		channel_send(&m->manager.channel, MSG_TOKENS, &body, sizeof body, &m->tokens.fd, 1);
}

bool
manager_drain(struct master *m)
{
	struct manager *g = &m->manager;

	if (g->stage == RUNNER_DOWN)
		return g->pid == 0;
	if (g->stage == RUNNER_DRAINING)
		return false;
	if (g->stage == RUNNER_STARTING) {
		end(m);
		manager_follow(m);
		return g->stage == RUNNER_DOWN && g->pid == 0;
	}
	channel_send(&g->channel, MSG_DRAIN, NULL, 0, NULL, 0);
	timer_arm(&m->loop, &g->timer, m->config->drain_timeout_ms * 1000 + 1);
	g->stage = RUNNER_DRAINING;
	return false;
}

void
manager_init(struct master *m)
{
	struct manager *g = &m->manager;

	*g = (struct manager){ .life = -1,
		               .timer = { .fire = timer_fired, .owner = g },
		               .note = { .fire = manager_note_refusals, .owner = g } };
	g->process = (struct watch){ .fd = -1, .serve = process_ended, .owner = g };
	g->channel.watch.fd = -1;
	g->channel.owner = g;
	g->channel.on_message = on_message;
	g->channel.on_end = on_end;
	snprintf(g->function.name, sizeof g->function.name, "%s", MANAGER_FUNCTION);
}

void
manager_close(struct master *m)
{
	end(m);
	reap(m);
}
