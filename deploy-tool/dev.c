/* dev.c - `cfn-deploy dev`: serves functions on this machine while they are written, and each save of them.
 *
 *   web server ──FastCGI──▶ relay, in this process ──▶ cfn-pool      the keeper owns both, and their folder
 *
 * A deployment is a process of its own, `cfn-deploy deploy` on the private registry: what works here works
 * there. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/dev.h"

const struct argument_row dev_options[] = {
	{ "port", 0, ARGUMENT_TEXT, offsetof(struct dev_options, port), "N",
	  "of 127.0.0.1; else the first free one from 8080 on" },
	{ "server", 0, ARGUMENT_TEXT, offsetof(struct dev_options, server), "WORD",
	  "nginx or lighttpd; else the one that is there" },
	{ "record", 0, ARGUMENT_TEXT, offsetof(struct dev_options, record), "FILE.http",
	  "write every exchange as a test" },
};
const size_t dev_n_options = ARRAY_SIZE(dev_options);

static int
watch_paths(struct dev *d, struct err *e)
{
	int rc = watch_open(&d->watch, e);

	for (size_t i = 0; rc == 0 && i < d->paths.n; i++) {
		d->units.items[i].path = d->paths.items[i];
		rc = watch_add(&d->watch, i, d->paths.items[i], e);
	}
	d->units.n = d->paths.n;
	return rc;
}

/* What a deployment is called with: our registry and configuration, and the options as they were given. */
static int
make_arguments(struct dev *d, struct err *e)
{
	const char *const base[] = { "--registry", d->place.registry, "--config", d->place.config, NULL };
	const struct argument_row *limit_rows;
	size_t n_limits = limits_options(&limit_rows);
	const struct argument_table tables[] = { { deploy_options, deploy_n_options, &d->deploy },
		                                 { limit_rows, n_limits, &d->limits } };

	memcpy(d->base, base, sizeof base);
	/* Nobody else has come to rely on a route. */
	d->deploy.replace_routes = true;
	d->units.base = d->base;
	d->units.options = d->arguments;
	return arguments_write(tables, ARRAY_SIZE(tables), d->arguments, UNIT_ARGUMENTS_MAX, &d->n_arguments,
	                       e);
}

static int
make_registry(struct dev *d, struct err *e)
{
	struct registry *registry = NULL;
	int rc = registry_open(d->place.registry, REGISTRY_CREATE, &registry, e);

	registry_close(registry);
	config_init(&d->tool->config);
	snprintf(d->tool->config.registry, sizeof d->tool->config.registry, "%s", d->place.registry);
	return rc;
}

static int
listen_for_web(struct dev *d, struct err *e)
{
	int rc = relay_open(&d->relay, d->place.relay, e);

	d->relay.pool = d->place.pool;
	d->relay.sink =
	    (struct relay_sink){ d, dev_refused, d->options.record != NULL ? dev_exchanged : NULL };
	return rc == 0 ? place_admit(&d->place, e) : rc;
}

static int
start_programs(struct dev *d, struct err *e)
{
	int pool[2] = { -1, -1 }, web[2] = { -1, -1 }, rc;

	if (pipe2(pool, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(web, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set(e, errno, "pipe");
	fd_set_blocking(pool[1], true);
	fd_set_blocking(web[1], true);
	/* lighttpd opens its own output by name. */
	if (d->place.uid != geteuid() && fchown(web[1], d->place.uid, d->place.gid) < 0)
		return err_set(e, errno, "pipe");
	rc = keeper_start(
	    &(struct keeper_plan){
		.folder = d->place.folder,
		.programs = { [KEEPER_POOL] = { d->place.pool_argv, d->place.folder, pool[1], geteuid(),
	                                        getegid() },
	                      [KEEPER_WEB] = { d->place.web_argv, d->place.web, web[1], d->place.uid,
	                                       d->place.gid } },
	    },
	    &d->keeper, e);
	fd_close(&pool[1]);
	fd_close(&web[1]);
	d->pool_output = pool[0];
	d->web_output = web[0];
	return rc;
}

static int
open_signals(struct dev *d, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signals < 0 ? err_set(e, errno, "signals") : 0;
}

static int
make_place(struct dev *d, struct err *e)
{
	static const char usual[] = CFN_SYSCONFDIR "/cfn/cfn.conf";
	const char *config = d->tool->config_option;

	if (config == NULL && access(usual, R_OK) == 0)
		config = usual;
	return place_make(&d->place, config, e);
}

/* In this order; the last one takes the folder into its care. */
static int (*const steps[])(struct dev *, struct err *) = {
	open_signals, watch_paths, make_place, make_arguments, make_registry, listen_for_web, start_programs,
};

static int
prepare(struct dev *d)
{
	struct err e;
	int rc = tool_configure(d->tool, false);

	if (rc == 0)
		rc = place_choose(&d->place, d->options.server, d->options.port);
	if (rc != 0)
		return rc;
	if (d->options.record != NULL && recorder_open(&d->recorder, d->options.record, &e) < 0)
		return tool_fail_as(EX_CANTCREAT, "--record: %s", e.text);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i](d, &e) < 0)
			return tool_fail(&e);
	d->show.server = place_server_name(&d->place);
	d->since_us = clock_now_us();
	return 0;
}

static struct dev *
dev_new(struct tool *t)
{
	struct dev *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->tool = t;
	d->signals = d->pool_output = d->web_output = d->watch.fd = d->relay.listener = d->place.port_lock =
	    -1;
	d->recorder.fd = d->recorder.folder = d->keeper.hold = d->keeper.ended = -1;
	buf_init(&d->page, DEV_WORDS_MAX);
	return d;
}

static void
dev_free(struct dev **mine)
{
	struct dev *d = *mine;

	if (d == NULL)
		return;
	units_done(&d->units);
	relay_close(&d->relay);
	if (d->keeper.pid > 0)
		keeper_stop(&d->keeper);
	else if (d->place.folder[0] != '\0')
		keeper_remove(d->place.folder);
	watch_close(&d->watch);
	recorder_close(&d->recorder);
	dev_show_done(&d->show);
	buf_done(&d->page);
	fd_close(&d->signals);
	fd_close(&d->place.port_lock);
	fd_close(&d->pool_output);
	fd_close(&d->web_output);
	for (size_t i = 0; i < d->n_arguments; i++)
		free_pointer(&d->arguments[i]);
	free(d->deployed);
	free(d);
}

int
run_dev(struct tool *t, const char *const *arguments)
{
	__attribute__((cleanup(dev_free))) struct dev *d = dev_new(t);
	const struct argument_row *limit_rows;
	size_t n_limits = limits_options(&limit_rows);
	int rc;

	if (d == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	rc = tool_arguments(t,
	                    &(struct tool_syntax){ (const struct argument_table[]){
						       { dev_options, dev_n_options, &d->options },
						       { deploy_options, deploy_n_options, &d->deploy },
						       { limit_rows, n_limits, &d->limits } },
	                                           3, 1, UNITS_MAX },
	                    arguments, &d->paths);
	if (rc != 0 || t->wants_help)
		return rc;
	if (t->registry_option != NULL)
		return tool_fail_as(EX_USAGE, "dev has a registry of its own; leave --registry out");
	dev_show_init(&d->show, t->json);
	rc = prepare(d);
	return rc != 0 ? rc : dev_loop(d);
}
