/* start.c - the master's start, step by step. */
#include "pool/start.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/groups.h"
#include "base/log.h"
#include "pool/approvals.h"
#include "pool/connections.h"
#include "pool/manager.h"
#include "pool/pages.h"
#include "pool/pools.h"
#include "pool/rollout.h"
#include "pool/routers.h"
#include "pool/runner.h"
#include "pool/supervisor.h"
#include "pool/tokens.h"
#include "pool/workers.h"

/* Which exit status an error of a step means; the last row, of errno 0, is for all others. */
struct exit_row {
	int error, status;
};

static const struct exit_row exits_of_configuration[] = { { ENOENT, EX_NOINPUT }, { 0, EX_CONFIG } };
static const struct exit_row exits_of_listener[] = {
	{ EADDRINUSE, EX_UNAVAILABLE }, { ENOENT, EX_USAGE }, { EINVAL, EX_USAGE },
	{ EACCES, EX_NOPERM },          { EPERM, EX_NOPERM }, { 0, EX_CANTCREAT },
};
static const struct exit_row exits_of_registry[] = {
	{ ENOENT, EX_NOINPUT },  { EACCES, EX_NOINPUT },   { EROFS, EX_NOINPUT }, { EINVAL, EX_DATAERR },
	{ EBADMSG, EX_DATAERR }, { EEXIST, EX_DATAERR },   { EPROTO, EX_CONFIG }, { EPERM, EX_CONFIG },
	{ EBUSY, EX_TEMPFAIL },  { ENOSPC, EX_CANTCREAT }, { 0, EX_IOERR },
};
static const struct exit_row exits_of_cgroup[] = { { 0, EX_CONFIG } };
static const struct exit_row exits_of_spawner[] = { { ENOENT, EX_OSFILE }, { 0, EX_CONFIG } };
static const struct exit_row exits_of_keys[] = { { ENOMEM, EX_OSERR }, { 0, EX_CONFIG } };
static const struct exit_row exits_of_system[] = { { 0, EX_OSERR } };
static const struct exit_row exits_of_files[] = { { EACCES, EX_NOPERM },
	                                          { EBADMSG, EX_DATAERR },
	                                          { 0, EX_CANTCREAT } };

static int
raise_limits(struct master *m, struct err *e)
{
	struct rlimit files;

	(void)m;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log that may grow no more is an error of write(2) */
	umask(027);
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_set(e, errno, "limit of open files");
	files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? err_set(e, errno, "limit of open files") : 0;
}

static int
make_folders(const char *path, struct err *e)
{
	char copy[CONFIG_PATH_MAX];

	snprintf(copy, sizeof copy, "%s", path);
	for (char *p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			return err_set(e, errno, "make folder '%s'", copy);
		*p = '/';
	}
	return 0;
}

/* The caller's own registry is the only one that is made without being asked for. */
static int
make_private_registry(const char *path, struct err *e)
{
	struct registry *r = NULL;

	if (access(path, F_OK) == 0)
		return 0;
	if (make_folders(path, e) < 0 || registry_open(path, REGISTRY_CREATE, &r, e) < 0)
		return -e->code;
	registry_close(r);
	return 0;
}

static int
configure(struct master *m, struct err *e)
{
	bool is_private = false;
	int rc;

	m->config = malloc(sizeof *m->config);
	if (!m->config)
		return err_set(e, ENOMEM, "configuration");
	rc = options_configure(&m->options, m->config, &is_private, e);
	if (rc == 0 && is_private)
		rc = make_private_registry(m->config->registry, e);
	return rc;
}

static int
choose_identity(struct master *m, struct err *e)
{
	int rc = identity_choose(m->config->registry, m->config->user, &m->identity, e);

	return rc < 0 ? rc : manager_check_identity(m, &m->config->management, e);
}

static struct listener_options
options_at(const struct config *c, const char *address)
{
	return (struct listener_options){ .address = address,
		                          .owner = c->listen_owner,
		                          .group = c->listen_group,
		                          .mode = (unsigned)c->listen_mode,
		                          .backlog = (int)c->listen_backlog };
}

static int
open_listener(struct master *m, struct err *e)
{
	const struct listener_options options = options_at(m->config, m->config->listen);
	int rc = m->options.is_replacing ? takeover_listener(m, e) : 0;

	return rc == 0 ? listener_open(&options, &m->listener, e) : rc;
}

static int
open_metrics(struct master *m, struct err *e)
{
	const struct config *c = m->config;
	const struct listener_options options = options_at(c, c->metrics_listen);
	struct listener made = { .fd = -1 };
	int rc = 0;

	/* That of the pool before this one. */
	if (m->metrics.fd >= 0 && listener_is_at(m->metrics.text, c->metrics_listen))
		return 0;
	if (c->metrics_listen[0])
		rc = listener_open_address(&options, &made, e);
	fd_close(&m->metrics.fd);
	m->metrics = made;
	return rc < 0 ? err_wrap(e, "metrics.listen") : 0;
}

/* What only root can make, before root is given up. */
static int
make_files(struct master *m, struct err *e)
{
	for (int i = 0; i < LOG_FILES; i++) {
		const char *path = logs_path(m->config, (enum log_file)i);

		if (path[0] == '/' && identity_make_file(&m->identity, path, e) < 0)
			return -e->code;
	}
	if (m->config->slowlog[0] == '/' && identity_make_file(&m->identity, m->config->slowlog, e) < 0)
		return -e->code;
	if (identity_make_folder(&m->identity, m->config->state_dir, e) < 0)
		return -e->code;
	runner_look_at_languages(m);
	return runner_make_folder(m, e);
}

/* Without one the rlimits do it, which every report says, unless the configuration wants more. */
static int
open_cgroup(struct master *m, struct err *e)
{
	const struct config *c = m->config;

	if (strcmp(c->cgroup, "off") == 0) {
		cgroup_none(&m->cgroup, "switched off");
		return 0;
	}
	if (cgroup_open(&m->cgroup, spawner_uid((uid_t)c->uid_range_start), e) == 0)
		return 0;
	return strcmp(c->cgroup, "auto") == 0 ? 0 : err_wrap(e, "cgroup = require");
}

/* The spawner's proof may have failed where everything looked well. */
static int
check_cgroup(struct master *m, struct err *e)
{
	const char *why = m->spawner.ready.no_cgroup;

	if (why[0] != '\0')
		cgroup_close(&m->cgroup, why);
	if (why[0] != '\0' && strcmp(m->config->cgroup, "auto") != 0)
		return err_set(e, -ENOTSUP, "cgroup = require: %s", why);
	return runner_check_cgroup(m, &m->config->run, e);
}

static int
start_spawner(struct master *m, struct err *e)
{
	const struct config *c = m->config;
	AUTO_FD errors = hearing_open(m, HEARD_SPAWNER, e);
	const struct spawner_options options = { .libexec_dir = c->libexec_dir,
		                                 .shared_dir = c->shared_dir,
		                                 .errors = errors,
		                                 .uid_range = (uid_t)c->uid_range_start,
		                                 .n_uids = (unsigned)c->uid_range_size,
		                                 .cgroup = &m->cgroup };
	uint32_t least = strcmp(c->require_isolation, "full") == 0 ? ISOLATION_FULL : ISOLATION_STRONG;

	if (errors < 0 || spawner_start(&options, &m->spawner, e) < 0)
		return -e->code;
	if (m->spawner.ready.level < least)
		return err_set(
		    e, -ENOTSUP,
		    "require_isolation = %s, but this kernel has no Landlock, which makes it strong",
		    c->require_isolation);
	return check_cgroup(m, e);
}

static int
drop_privileges(struct master *m, struct err *e)
{
	return identity_enter(&m->identity, e);
}

static int
open_loop(struct master *m, struct err *e)
{
	if (loop_init(&m->loop, e) < 0 || signals_open(m, e) < 0)
		return -e->code;
	return spawner_open(m, e);
}

/* Never a reason not to serve. */
static int
open_audit(struct master *m, struct err *e)
{
	(void)e;
	audit_open(m);
	return 0;
}

static int
open_registry(struct master *m, struct err *e)
{
	int rc = registry_open(m->config->registry, REGISTRY_READ, &m->registry, e);

	if (rc == 0)
		registry_set_patience(m->registry, REGISTRY_PATIENCE_MS);
	return rc;
}

static int
open_keys(struct master *m, struct err *e)
{
	return approvals_open(m, e);
}

static int
open_state(struct master *m, struct err *e)
{
	const char *path = m->config->state_dir;
	/* Slots are counted from the first function uid of the range (protocol.h, spawner.h). */
	uint32_t n_slots = (uint32_t)m->config->uid_range_size - 1000;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make state folder '%s'", path);
	if (approvals_check_state(m, e) < 0 || uids_open(&m->uids, path, n_slots, e) < 0 ||
	    numbers_open(&m->approvals.numbers, path, e) < 0)
		return -e->code;
	storms_open(m);
	crashes_open(m);
	if (session_keys_open(path, &m->session_keys, e) < 0 || secrets_open(path, &m->secret_keys, e) < 0)
		return -e->code;
	return logs_open(&m->logs, m->config, e);
}

static int
load_registry(struct master *m, struct err *e)
{
	int rc;

	struct err why;

	rollout_init(m);
	token_list_init(m);
	rc = rollout_load(m, e);
	if (rc < 0)
		return rc;
	audit_registry(m);
	/* Without tokens nobody is let in where one is asked for; the rest is served. */
	if (token_list_look(m, &why) < 0)
		log_line(LOG_ERR, "%s; no token lets anybody in", why.text);
	return 0;
}

static int
open_control(struct master *m, struct err *e)
{
	int rc = control_server_open(m, e);

	return rc < 0 ? rc : watcher_open(m, e);
}

/* Ready is when every router has said so; until then errors are the starter's. */
static int
start_routers(struct master *m, struct err *e)
{
	routers_init(m);
	if (routers_start(m, e) < 0)
		return -e->code;
	while (!routers_are_serving(m) && m->phase == PHASE_STARTING)
		if (loop_turn(&m->loop, m, e) < 0)
			return -e->code;
	if (m->phase == PHASE_STARTING)
		m->phase = PHASE_SERVING;
	return 0;
}

static int
print_configuration(struct master *m, struct err *e)
{
	(void)e;
	if (m->options.is_print)
		config_print(m->config, STDOUT_FILENO);
	return 0;
}

static int
test_registry(struct master *m, struct err *e)
{
	rollout_init(m);
	token_list_init(m);
	return rollout_test(m, e);
}

/* The order is the design: what needs root, then no privileges, then what others have written is read. */
static const struct step {
	int (*take)(struct master *, struct err *);
	const struct exit_row *exits;
	const char *hint; /* what stands behind the error, where it always helps */
} start_steps[] = {
	{ raise_limits, exits_of_system },
	{ configure, exits_of_configuration },
	{ choose_identity, exits_of_registry },
	{ open_listener, exits_of_listener },
	{ open_metrics, exits_of_listener },
	{ make_files, exits_of_files },
	{ open_cgroup, exits_of_cgroup, "; see 'cfn-deploy doctor'" },
	{ start_spawner, exits_of_spawner, "; see 'cfn-deploy doctor'" },
	{ drop_privileges, exits_of_system },
	{ open_keys, exits_of_keys },
	{ open_registry, exits_of_registry },
	{ open_state, exits_of_files },
	{ open_loop, exits_of_system },
	{ open_audit, exits_of_files },
	{ load_registry, exits_of_registry },
	{ open_control, exits_of_files },
	{ start_routers, exits_of_system },
};

static const struct step test_steps[] = {
	{ raise_limits, exits_of_system },
	{ configure, exits_of_configuration },
	{ choose_identity, exits_of_registry },
	{ drop_privileges, exits_of_system },
	{ open_keys, exits_of_keys },
	{ open_registry, exits_of_registry },
	{ print_configuration, exits_of_system },
	{ test_registry, exits_of_registry },
};

static int
exit_status(const struct exit_row *rows, int error)
{
	while (rows->error != 0 && rows->error != error)
		rows++;
	return rows->status;
}

static int
take_steps(struct master *m, const struct step *steps, size_t n)
{
	struct err e = { 0 };

	for (size_t i = 0; i < n && m->phase == PHASE_STARTING; i++) {
		if (steps[i].take(m, &e) >= 0)
			continue;
		fprintf(stderr, "cfn-pool: %s%s\n", e.text, steps[i].hint ? steps[i].hint : "");
		return exit_status(steps[i].exits, e.code);
	}
	return EX_OK;
}

int
start_pool(struct master *m)
{
	return take_steps(m, start_steps, ARRAY_SIZE(start_steps));
}

int
start_test(struct master *m)
{
	return take_steps(m, test_steps, ARRAY_SIZE(test_steps));
}
