/* main.c - cfn-pool: the master's loop, and its end. */
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/groups.h"
#include "base/log.h"
#include "config.h"
#include "pool/approvals.h"
#include "pool/connections.h"
#include "pool/manager.h"
#include "pool/pages.h"
#include "pool/pools.h"
#include "pool/rollout.h"
#include "pool/routers.h"
#include "pool/runner.h"
#include "pool/start.h"
#include "pool/supervisor.h"
#include "pool/tokens.h"
#include "pool/workers.h"

static const char *
isolation_word(const struct master *m)
{
	return m->spawner.ready.level == ISOLATION_FULL ? "full" : "strong";
}

static void
announce(struct master *m)
{
	char title[CONFIG_PATH_MAX + 32], groups[GROUPS_RISKY_SIZE], memory[CGROUP_TEXT_SIZE];

	logs_use(m);
	snprintf(title, sizeof title, "cfn-pool: master (%s)", m->config->registry);
	title_set(title);
	groups_list_risky(groups);
	if (!m->identity.is_root_start && groups[0])
		log_line(
		    LOG_WARNING,
		    "the starter is in the groups %s, and so are the sandboxes: use an account without them",
		    groups);
	if (m->identity.stays_root)
		log_line(
		    LOG_WARNING,
		    "the registry belongs to root: the master stays uid 0, without capabilities; give the "
		    "registry to an account of its own, or set user");
	cgroup_describe(&m->cgroup, memory);
	log_line(LOG_NOTICE, "memory: %s", memory);
	log_line(LOG_NOTICE, "serving %zu function%s of %s, generation %" PRIu64 ", on %s; isolation %s: %s",
	         m->functions.n, m->functions.n == 1 ? "" : "s", m->config->registry, m->mark.generation,
	         m->listener.text, isolation_word(m), m->spawner.ready.layers);
	snprintf(title, sizeof title, "isolation %s: %s", isolation_word(m), m->spawner.ready.layers);
	audit_note(m, &(struct audit_note){ .event = AUDIT_START, .detail = title });
	supervisor_notify("READY=1\nSTATUS=serving");
	watchdog_open(m);
	takeover_finish(m);
}

static void
serve(struct master *m)
{
	struct err e;

	announce(m);
	approvals_go_on(m);
	for (struct node *n = table_next(&m->functions, NULL); n; n = table_next(&m->functions, n))
		if (((struct function *)n)->serving)
			leases_serve(m, ((struct function *)n)->serving);
	artifacts_preload(m);
	spares_tell(m);
	while (m->phase != PHASE_STOPPED) {
		if (loop_turn(&m->loop, m, &e) >= 0)
			continue;
		log_line(LOG_ERR, "%s; the pool ends", e.text);
		master_stop(m, EX_SOFTWARE);
	}
	audit_note(m, &(struct audit_note){ .event = AUDIT_STOP });
	log_line(LOG_NOTICE, "stopped");
}

/* The kernel has ended everything below the spawner when spawner_stop returns; the rest dies with us. */
static void
stop(struct master *m)
{
	control_server_close(m);
	connections_close(m);
	audit_close(m);
	if (m->spawner_channel.watch.fd >= 0) {
		channel_close(&m->spawner_channel);
		m->spawner.channel = -1;
	}
	spawner_stop(&m->spawner);
	cgroup_close(&m->cgroup, "");
	listener_close(&m->listener);
	listener_close(&m->metrics);
	pages_close(m);
	runner_close(m);
	manager_close(m);
	storms_close(m);
	crashes_close(m);
	slow_close(m);
	hearing_close(m);
	uids_close(&m->uids);
	token_list_close(m);
	approvals_close(m);
	registry_close(m->registry);
}

static void
init(struct master *m)
{
	m->approvals.numbers.folder = m->tokens.fd = -1;
	TAILQ_INIT(&m->storms.list);
	m->crashes.folder = m->storms.folder = m->snapshot = m->uids.folder = m->listener.fd =
	    m->watcher.inotify.fd = m->control.listener.fd = -1;
	m->metrics.fd = -1;
	m->started_us = clock_now_us();
	pages_init(m);
	predecessors_init(m);
	hearing_init(m);
	runner_init(m);
	manager_init(m);
	cgroup_none(&m->cgroup, "");
	m->takeover.sock = m->takeover.process = m->heir.watch.fd = m->spawner.channel = m->spawner.pidfd =
	    m->spawner_channel.watch.fd = -1;
	for (int i = 0; i < LOG_FILES; i++)
		m->logs.fds[i] = -1;
	m->logs.slow = -1;
}

static int
test(struct master *m)
{
	int status = start_test(m);

	if (status == EX_OK)
		puts("configuration ok");
	return status;
}

static int
run(struct master *m)
{
	int status = start_pool(m);

	if (status == EX_OK && m->phase == PHASE_SERVING)
		serve(m);
	stop(m);
	return status != EX_OK ? status : m->exit_code;
}

int
main(int argc, char **argv)
{
	static struct master m;
	struct err e;

	init(&m);
	title_init(argc, argv);
	log_init("cfn-pool", STDERR_FILENO);
	if (options_parse(argc, argv, &m.options, &e) < 0) {
		fprintf(stderr, "cfn-pool: %s\n", e.text);
		return EX_USAGE;
	}
	if (m.options.is_help || m.options.is_version) {
		fputs(m.options.is_help ? options_usage : "cfn-pool " PACKAGE_VERSION "\n", stdout);
		return EX_OK;
	}
	return m.options.is_test ? test(&m) : run(&m);
}
