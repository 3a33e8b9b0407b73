/* main.c - cfn-deploy: finds the command and runs it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "deploy-tool/acting.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/limits.h"
#include "deploy-tool/subject.h"

static const struct command commands[] = {
	{ "init", "", "make the registry", run_init, NULL, NULL, NULL },
	{ "deploy", "[OPTION]... FILE... | FOLDER | -",
	  "compile files (.c, .cc, .cpp, .cxx), try them, make them the active version", run_deploy,
	  deploy_options, &deploy_n_options, limits_options, true },
	{ "new", "[--template WORD] NAME", "make a folder with a function that works, and its test", run_new,
	  new_options, &new_n_options, NULL },
	{ "apply", "[--dry-run] [--yes] [--prune] [FILE | FOLDER]",
	  "make the registry's functions those of a manifest (cfn.ini), all or none", run_apply,
	  apply_options, &apply_n_options, NULL },
	{ "check", "[OPTION]... FILE... | FOLDER | -", "compile and check, nothing else", run_check,
	  check_options, &check_n_options, NULL },
	{ "dev", "[OPTION]... PATH...",
	  "serve functions on 127.0.0.1, and every save of them; options of deploy are passed on", run_dev,
	  dev_options, &dev_n_options, NULL },
	{ "list", "", "all functions", run_list, NULL, NULL, NULL, true },
	{ "show", "NAME [VERSION]", "everything about one version", run_show, NULL, NULL, NULL, true },
	{ "source", "[--extract FOLDER] NAME [VERSION]", "the files that a version was made of", run_source,
	  source_options, &source_n_options, NULL, true },
	{ "history", "NAME", "all versions of a function", run_history, NULL, NULL, NULL, true },
	{ "rollback", "NAME [VERSION]", "make an older version the active one", run_rollback, NULL, NULL,
	  NULL, true },
	{ "enable", "NAME", "serve the function again", run_enable, NULL, NULL, NULL, true },
	{ "disable", "NAME", "answer 503 for the function's routes", run_disable, NULL, NULL, NULL, true },
	{ "lock", "--reason TEXT NAME", "refuse every change of the function until it is unlocked", run_lock,
	  lock_options, &lock_n_options, NULL, true },
	{ "unlock", "NAME", "let the function be changed again", run_unlock, NULL, NULL, NULL, true },
	{ "remove", "NAME", "delete a function with all its versions", run_remove, NULL, NULL, NULL, true },
	{ "restart", "NAME", "replace the function's workers", run_restart, NULL, NULL, NULL },
	{ "status", "", "what the running pools do", run_status, NULL, NULL, NULL },
	{ "top", "[-s KEY] [-d SECONDS] [-n N]",
	  "what functions do, as a table that is looked at again and again", run_top, top_options,
	  &top_n_options, NULL },
	{ "logs", "[-f] [--since TIME] [--request-id ID] [NAME]", "what functions wrote and logged", run_logs,
	  logs_options, &logs_n_options, NULL },
	{ "crashes", "[--since TIME] [NAME | ID]",
	  "functions that failed: which, when, at what request, and where", run_crashes, crashes_options,
	  &crashes_n_options, NULL },
	{ "cp", "FILE NAME:PATH | NAME:PATH FILE | NAME:",
	  "copy a file into, out of, or list a shared folder", run_copy, NULL, NULL, NULL },
	{ "invoke", "[OPTION]... NAME|FILE",
	  "ask a version of a function, or a file, once in a worker of its own", run_invoke, invoke_options,
	  &invoke_n_options, subject_options_but_method },
	{ "test", "[OPTION]... FILE|FOLDER",
	  "ask what the files of exchanges beside a function say, in the sandbox", run_test, test_options,
	  &test_n_options, subject_options },
	{ "run", "[OPTION]... FILE [ARGUMENT]...", "run a program of any language in a box, without a server",
	  run_run, run_options, &run_n_options, NULL },
	{ "doctor", "[--apparmor]", "try every layer of the sandbox here, say what fails and what to do",
	  run_doctor, doctor_options, &doctor_n_options, NULL },
	{ "audit", "[OPTION]...", "who changed what, and what happened; --verify: that nothing is missing",
	  run_audit, audit_options, &audit_n_options, NULL },
	{ "key",
	  "new [FILE] | show [FILE] | sign [NAME]... | trust NAME FILE [OPTION]... | revoke NAME | list",
	  "the key that activations are signed with, and the keys that pools trust", run_key, key_options,
	  &key_n_options, NULL },
	{ "secret",
	  "set FUNCTION NAME [--file FILE] | list [FUNCTION] | remove FUNCTION NAME | rotate-sessions",
	  "values that a function reads with cfn_env() and nobody else can read", run_secret, secret_options,
	  &secret_n_options, NULL },
	{ "token", "create NAME [--scope SCOPE]... [--expires TIME] | list | revoke NAME",
	  "what clients show to functions that ask for it (deploy --auth), and to run programs", run_token,
	  token_options, &token_n_options, NULL },
	{ "verify", "", "check a whole registry: file, rows, blobs, signatures", run_verify, NULL, NULL,
	  NULL },
	{ "export", "[--active] [NAME]... FILE | -",
	  "functions with their versions and policies in one file, without secrets", run_export,
	  export_options, &export_n_options, NULL },
	{ "import", "[--activate] [--dry-run] FILE | - [NAME]...", "add the versions of such a file",
	  run_import, import_options, &import_n_options, NULL },
	{ "backup", "FILE", "copy the whole registry while pools and deployers use it", run_backup, NULL,
	  NULL, NULL },
	{ "gc", "[--keep N] [--older-than TIME] [--dry-run] [NAME]...", "delete old inactive versions",
	  run_gc, gc_options, &gc_n_options, NULL },
	{ "webserver", "[OPTION]... nginx|lighttpd|apache|caddy|haproxy",
	  "print the web server's configuration for the pool of this machine", run_webserver,
	  webserver_options, &webserver_n_options, NULL },
};

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int
print_help(void)
{
	printf("usage: cfn-deploy [OPTION]... COMMAND [ARGUMENT]...\n"
	       "       cfn-deploy FILE            as cfn-deploy deploy FILE\n\ncommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
	printf("  %-10s %s\n\noptions:\n", "help",
	       "this, or more about one command: cfn-deploy help COMMAND");
	arguments_print(tool_options, tool_n_options);
	printf("  %-30s %s\n", "--version", "print the version");
	return tool_flush();
}

static int
print_command_help(const struct command *c)
{
	const struct argument_row *rows;

	printf("usage: cfn-deploy %s%s%s\n%s\n\noptions:\n", c->name, c->usage[0] != '\0' ? " " : "",
	       c->usage, c->help);
	if (c->options != NULL)
		arguments_print(c->options, *c->n_options);
	if (c->more_options != NULL) {
		size_t n = c->more_options(&rows);

		arguments_print(rows, n);
	}
	arguments_print(tool_options, tool_n_options);
	return tool_flush();
}

static int
help(const char *name)
{
	const struct command *c = name != NULL ? find_command(name) : NULL;

	if (name == NULL)
		return print_help();
	if (c == NULL)
		return tool_fail_as(EX_USAGE, "unknown command '%.80s'; see 'cfn-deploy help'", name);
	return print_command_help(c);
}

static int
run(struct tool *t, const struct command *c, const char *const *arguments)
{
	int rc;

	t->command = c;
	rc = c->run(t, arguments);
	return rc == 0 && t->wants_help ? print_command_help(c) : acting_exit_status(t, rc);
}

/* arguments[0] is a command or a file to deploy. */
static int
dispatch(struct tool *t, const char *const *arguments)
{
	const struct command *c = find_command(arguments[0]);
	struct stat st;

	if (c != NULL)
		return run(t, c, arguments + 1);
	if (strcmp(arguments[0], "help") == 0)
		return help(arguments[1]);
	if (strpbrk(arguments[0], "./") != NULL)
		return run(t, find_command("deploy"), arguments);
	if (stat(arguments[0], &st) == 0 && S_ISDIR(st.st_mode))
		return tool_fail_as(
		    EX_USAGE, "unknown command '%.80s'; the folder is deployed with: cfn-deploy deploy %.80s",
		    arguments[0], arguments[0]);
	return tool_fail_as(EX_USAGE, "unknown command '%.80s'; see 'cfn-deploy help'", arguments[0]);
}

struct early {
	bool wants_version;
};

static const struct argument_row early_options[] = {
	{ "version", 0, ARGUMENT_FLAG, offsetof(struct early, wants_version), NULL, NULL },
};

static bool
is_terminal(void)
{
	const char *terminal = getenv("TERM");

	return isatty(STDERR_FILENO) && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

static bool
wants_color(void)
{
	const char *no_color = getenv("NO_COLOR");

	return is_terminal() && (no_color == NULL || no_color[0] == '\0');
}

static int
start(struct tool *t, const char *const *arguments)
{
	struct early early = { false };
	const struct argument_table tables[] = { { early_options, 1, &early },
		                                 { tool_options, tool_n_options, t } };
	struct err e;
	int n = arguments_read(tables, ARRAY_SIZE(tables), arguments, NULL, &e);

	if (early.wants_version) {
		printf("cfn-deploy " PACKAGE_VERSION "\n");
		return tool_flush();
	}
	if (n < 0)
		return tool_fail_as(EX_USAGE, "%s; a command's own stand behind it: see 'cfn-deploy help'",
		                    e.text);
	if (arguments[n] != NULL)
		return dispatch(t, arguments + n);
	if (t->wants_help)
		return print_help();
	return tool_fail_as(EX_USAGE, "no command; see 'cfn-deploy help'");
}

int
main(int argc, char **argv)
{
	static struct tool tool;
	int rc;

	(void)argc;
	signal(SIGPIPE, SIG_IGN);
	cgroup_none(&tool.cgroup, "");
	tool.is_terminal = is_terminal();
	tool.is_colored = wants_color();
	rc = start(&tool, (const char *const *)argv + 1);
	registry_close(tool.registry);
	box_base_close(&tool.box_base);
	cgroup_close(&tool.cgroup, "");
	return rc;
}
