/* signals.c - what signals do: stop, stop gracefully, reload, reopen the logs. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/approvals.h"
#include "pool/connections.h"
#include "pool/invocations.h"
#include "pool/manager.h"
#include "pool/pools.h"
#include "pool/rollout.h"
#include "pool/routers.h"
#include "pool/runner.h"
#include "pool/supervisor.h"
#include "pool/workers.h"

/* What a running pool cannot change; the names are those of cfn.conf. */
static const struct {
	const char *name;
	size_t offset, size;
} fixed[] = {
#define FIXED(name, field)                                                                                   \
	{                                                                                                    \
		name, offsetof(struct config, field), sizeof((struct config *)0)->field                      \
	}
	FIXED("registry", registry),
	FIXED("listen", listen),
	FIXED("listen.owner", listen_owner),
	FIXED("listen.group", listen_group),
	FIXED("listen.mode", listen_mode),
	FIXED("listen.backlog", listen_backlog),
	FIXED("listen.allowed_clients", listen_allowed_clients),
	FIXED("mount_prefix", mount_prefix),
	FIXED("shared_dir", shared_dir),
	FIXED("state_dir", state_dir),
	FIXED("access.format", access_format),
	FIXED("user", user),
	FIXED("require_isolation", require_isolation),
	FIXED("routers", routers),
	FIXED("connections", connections),
	FIXED("uid_range", uid_range_start),
	FIXED("uid_range_size", uid_range_size),
#undef FIXED
};

static void
keep_fixed(const struct config *old, struct config *fresh)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		const char *from = (const char *)old + fixed[i].offset;
		char *to = (char *)fresh + fixed[i].offset;

		if (memcmp(to, from, fixed[i].size) == 0)
			continue;
		log_line(LOG_WARNING, "%s: a new value takes effect at the next start", fixed[i].name);
		memcpy(to, from, fixed[i].size);
	}
}

enum { RECONNECT_S = 5 };

/* Its socket may have been made anew. */
static void
reconnect_logs(void *context, void *owner)
{
	struct master *m = context;

	(void)owner;
	logs_reconnect(&m->logs, m->config);
	timer_arm(&m->loop, &m->logs_timer, RECONNECT_S * UINT64_C(1000000));
}

void
logs_use(struct master *m)
{
	const struct log_kinds *k = &m->logs.kinds;

	log_set_fd(m->logs.fds[LOG_FILE_ERROR]);
	log_set_name(&m->logs.name);
	timer_cancel(&m->loop, &m->logs_timer);
	m->logs_timer = (struct timer){ .fire = reconnect_logs };
	if (k->access >= LOG_TO_SYSLOG || k->function >= LOG_TO_SYSLOG || k->error >= LOG_TO_SYSLOG ||
	    m->logs.slow_name.target >= LOG_TO_SYSLOG)
		timer_arm(&m->loop, &m->logs_timer, RECONNECT_S * UINT64_C(1000000));
}

static void
reopen_logs(struct master *m)
{
	struct err e;

	if (logs_open(&m->logs, m->config, &e) < 0) {
		log_line(LOG_ERR, "%s; the old logs go on", e.text);
		return;
	}
	logs_use(m);
	routers_tell_logs(m);
}

static void
reload(struct master *m)
{
	struct config *fresh = malloc(sizeof *fresh);
	bool is_private;
	struct err e;
	int rc;

	supervisor_notify_reloading();
	if (!fresh || options_configure(&m->options, fresh, &is_private, &e) < 0 ||
	    runner_check_cgroup(m, &fresh->run, &e) < 0 ||
	    manager_check_identity(m, &fresh->management, &e) < 0) {
		log_line(LOG_ERR, "%s; the old configuration holds", fresh ? e.text : "out of memory");
		free(fresh);
		supervisor_notify("READY=1");
		return;
	}
	keep_fixed(m->config, fresh);
	free(m->config);
	m->config = fresh;
	reopen_logs(m);
	approvals_reload(m);
	runner_look_at_languages(m);
	spares_tell(m);
	m->is_load_forced = true;
	rc = watcher_check(m, &e);
	if (rc == 0)
		log_line(LOG_NOTICE, "reloaded; generation %" PRIu64, m->mark.generation);
	else if (rc == -EBUSY)
		log_line(LOG_NOTICE, "reloaded; %s, and is looked at again until it is free", e.text);
	supervisor_notify("READY=1");
}

void
drain_check(struct master *m)
{
	struct node *n;

	if (m->phase != PHASE_DRAINING)
		return;
	for (size_t i = 0; i < m->n_routers; i++)
		if (m->routers[i].stage != ROUTER_DRAINED && m->routers[i].stage != ROUTER_DOWN)
			return;
	if (m->workers.n == 0 && !invocations_are_running(m)) {
		bool is_run_over = runner_drain(m), is_management_over = manager_drain(m);

		if (is_run_over && is_management_over)
			master_stop(m, EXIT_SUCCESS);
		return;
	}
	for (n = table_next(&m->workers, NULL); n; n = table_next(&m->workers, n))
		worker_retire(m, (struct worker *)n, NULL, 0);
}

static void
drain_is_over(void *context, void *owner)
{
	struct master *m = context;

	(void)owner;
	log_line(LOG_WARNING, "process_control_timeout: requests are cut off");
	master_stop(m, EXIT_SUCCESS);
}

void
master_drain(struct master *m)
{
	if (m->phase == PHASE_DRAINING) {
		master_stop(m, EXIT_SUCCESS);
		return;
	}
	log_line(LOG_NOTICE, "stopping when the requests are answered");
	supervisor_notify("STOPPING=1\nSTATUS=stopping");
	m->phase = PHASE_DRAINING;
	m->drain = (struct timer){ .fire = drain_is_over };
	timer_arm(&m->loop, &m->drain, m->config->process_control_timeout_ms * 1000);
	spares_tell(m);
	routers_tell(m, connections_have_heir(m) ? MSG_HAND_OVER : MSG_DRAIN, NULL, 0);
	drain_check(m);
}

static void
stop_now(struct master *m)
{
	supervisor_notify("STOPPING=1\nSTATUS=stopping");
	master_stop(m, EXIT_SUCCESS);
}

static const struct {
	int signal;
	void (*act)(struct master *m);
} actions[] = {
	{ SIGTERM, stop_now }, { SIGINT, stop_now }, { SIGQUIT, master_drain },
	{ SIGHUP, reload },    { SIGUSR2, reload },  { SIGUSR1, reopen_logs },
};

static void
serve(void *context, void *owner, uint32_t events)
{
	struct master *m = context;
	struct signalfd_siginfo info;

	(void)owner;
	(void)events;
	if (read(m->signals.fd, &info, sizeof info) != (ssize_t)sizeof info)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (actions[i].signal == (int)info.ssi_signo)
			actions[i].act(m);
}

int
signals_open(struct master *m, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		sigaddset(&set, actions[i].signal);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_set(e, errno, "block signals");
	m->signals = (struct watch){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .serve = serve };
	if (m->signals.fd < 0)
		return err_set(e, errno, "signalfd");
	return loop_watch(&m->loop, &m->signals, EPOLLIN, e);
}
