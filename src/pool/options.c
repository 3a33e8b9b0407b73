/* options.c - cfn-pool's command line, and the configuration that it leads to. */
#include "pool/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "pool/runner.h"

const char options_usage[] =
    "usage: cfn-pool [-c FILE] [--registry FILE] [--listen unix:PATH|tcp:HOST:PORT] [-t] [-tt] [-F] "
    "[--replace]\n"
    "\n"
    "  -c FILE           configuration; the default one is read when it exists\n"
    "  --registry FILE   the functions to serve; else CFN_REGISTRY, else the default one\n"
    "  --listen ADDRESS  where web servers connect; not needed when the socket is handed over on\n"
    "                    descriptor 0 (spawn-fcgi, lighttpd's bin-path) or by systemd\n"
    "  --replace         take the socket of the pool that serves there, if one does, and end that\n"
    "                    when this one is ready\n"
    "  -t                test configuration and registry, and end; -tt prints the configuration, too\n"
    "  -F                stay in the foreground, as always\n"
    "  --version, --help\n";

static const struct option long_options[] = {
	{ "registry", required_argument, NULL, 'r' }, { "listen", required_argument, NULL, 'l' },
	{ "replace", no_argument, NULL, 'R' },        { "version", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },           { NULL, 0, NULL, 0 },
};

static int
complain(int c, char **argv, struct err *e)
{
	const char *given = argv[optind - 1];

	if (c == ':')
		return err_set(e, -EINVAL, "option '%s' needs a value; see cfn-pool --help", given);
	if (optopt && (given[0] != '-' || given[1] != '-'))
		return err_set(e, -EINVAL, "unknown option '-%c'; see cfn-pool --help", optopt);
	return err_set(e, -EINVAL, "unknown option '%s'; see cfn-pool --help", given);
}

int
options_parse(int argc, char **argv, struct pool_options *o, struct err *e)
{
	int c;

	*o = (struct pool_options){ 0 };
	opterr = 0;
	optind = 0; /* glibc: begin anew */
	while ((c = getopt_long(argc, argv, ":c:tF", long_options, NULL)) != -1) {
		if (c == 'c')
			o->config = optarg;
		else if (c == 'r')
			o->registry = optarg;
		else if (c == 'l')
			o->listen = optarg;
		else if (c == 't')
			o->is_print = o->is_test, o->is_test = true;
		else if (c == 'R')
			o->is_replacing = true;
		else if (c == 'v')
			o->is_version = true;
		else if (c == 'h')
			o->is_help = true;
		else if (c != 'F')
			return complain(c, argv, e);
	}
	if (optind < argc)
		return err_set(e, -EINVAL, "unexpected argument '%s'; see cfn-pool --help", argv[optind]);
	if (o->listen && strncmp(o->listen, "unix:", 5) != 0 && strncmp(o->listen, "tcp:", 4) != 0)
		return err_set(e, -EINVAL, "--listen '%s' is not unix:PATH or tcp:HOST:PORT", o->listen);
	return 0;
}

int
options_configure(const struct pool_options *o, struct config *c, bool *is_private, struct err *e)
{
	int rc;

	config_init(c);
	rc = o->config ? config_read(c, o->config, e) : config_read_default(c, e);
	if (rc < 0)
		return rc;
	if (o->listen && strlen(o->listen) >= sizeof c->listen)
		return err_set(e, -EINVAL, "--listen is longer than %zu bytes", sizeof c->listen - 1);
	if (o->listen)
		snprintf(c->listen, sizeof c->listen, "%s", o->listen);
	rc = config_find_registry(c, o->registry, is_private, e);
	if (rc == 0)
		rc = config_complete(c, e);
	return rc < 0 ? rc : runner_check_languages(&c->run, e);
}
