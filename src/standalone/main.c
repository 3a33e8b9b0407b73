/* main.c - a function as a plain program, for debuggers. */
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "standalone/standalone.h"

enum { EX_ANSWER = EX_PROTOCOL }; /* as cfn-deploy invoke */

struct program {
	const char *entry;
	struct fields fields;
	struct buf environment, body;
	struct function *function;
	struct snapshot *routes;
	struct answer answer;
};

int main(int argc, char **argv);

static int
fail(int status, const struct err *e)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, e->text);
	return status;
}

/* ---- the function ---- */

/* Of this program itself, since every library's names are found the same way; and not main. */
static bool
is_handler(const char *name)
{
	void *symbol = dlsym(RTLD_DEFAULT, name);
	Dl_info its, ours;

	return symbol && symbol != (void *)main && dladdr(symbol, &its) && dladdr((void *)main, &ours) &&
	       its.dli_fbase == ours.dli_fbase;
}

/* As a deploy chooses, but that the source's name is not known here. */
static const char *
choose_entry(const struct program *p)
{
	if (p->entry)
		return p->entry;
	if (dlsym(RTLD_DEFAULT, "cfn_routes"))
		return "";
	return is_handler(program_invocation_short_name) ? program_invocation_short_name : "handle";
}

/* cfn_env: what the shell gave.  Not what a client said. */
static int
take_environment(struct program *p, char **environment)
{
	for (; *environment; environment++)
		if (strncmp(*environment, "HTTP_", 5) != 0 &&
		    buf_append(&p->environment, *environment, strlen(*environment) + 1) < 0)
			return -E2BIG;
	function_set_environment(buf_head(&p->environment), buf_used(&p->environment));
	return 0;
}

static int
open_function(struct program *p, struct err *e)
{
	const char *entry = choose_entry(p);

	if (take_environment(p, environ) < 0)
		return err_set(e, -E2BIG, "the environment is too large");
	if (*entry && !is_handler(entry))
		return err_set(
		    e, -ENOENT,
		    "no handler '%s': it is missing, static, or in C++ without CFN_C; --entry NAME", entry);
	if (function_load(NULL, entry, &p->function, e) < 0 || routes_open(p->function, &p->routes, e) < 0)
		return -e->code;
	if (function_start(p->function, e) < 0) {
		/* What did not begin has no end: cfn_fini is not for it. */
		p->function = NULL;
		return -e->code;
	}
	return 0;
}

static void
close_function(struct program *p)
{
	if (p->function)
		function_unload(p->function);
	if (p->routes)
		snapshot_unmap(p->routes);
	buf_done(&p->environment);
	buf_done(&p->body);
	buf_done(&p->answer.head);
}

/* ---- a body ---- */

/* Standard input to its end, but not more than max and one. */
static int
read_body(struct program *p, size_t max, struct err *e)
{
	enum { STEP = 64 << 10 };
	size_t most = max < STANDALONE_BODY_MAX ? max : STANDALONE_BODY_MAX + 1;

	while (buf_used(&p->body) < most) {
		size_t step = most - buf_used(&p->body) < STEP ? most - buf_used(&p->body) : STEP;
		char *to = buf_reserve(&p->body, step);
		ssize_t n = to ? read(STDIN_FILENO, to, step) : -1;

		if (n < 0 && to && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, to ? errno : ENOMEM, "the body on standard input: %s",
			               strerror(to ? errno : ENOMEM));
		if (n == 0)
			break;
		buf_commit(&p->body, (size_t)n);
	}
	return 0;
}

/* ---- a request ---- */

static int
refuse(struct program *p, const struct params *params, enum cause cause, unsigned methods)
{
	char allow[HTTP_METHODS_TEXT_SIZE];
	const struct http_problem problem = {
		.cause = cause,
		.request_id = "standalone",
		.is_head = params->method == HTTP_HEAD,
		.allow = cause == CAUSE_METHOD_NOT_ALLOWED ? allow : NULL,
	};

	http_methods_format(methods, allow);
	return answer_refuse(&p->answer, &problem);
}

/* The exit status. */
static int
ask(struct program *p, struct params *params)
{
	const struct function_io io = answer_io(&p->answer);
	unsigned methods = 0;
	enum cause cause = CAUSE_BODY_TOO_LARGE;
	struct err e;
	int rc;

	answer_begin(&p->answer, buf_head(&p->body), buf_used(&p->body));
	if (buf_used(&p->body) <= STANDALONE_BODY_MAX)
		cause = routes_find(p->routes, params, &methods, &e);
	rc = cause == CAUSE_NONE ? function_serve(p->function, &io, params->items)
	                         : refuse(p, params, cause, methods);
	if (rc < 0 || p->answer.status == 0) {
		err_set(&e, EPROTO, "the answer broke off");
		return fail(EX_DATAERR, &e);
	}
	return p->answer.status < 400 ? 0 : EX_ANSWER;
}

static int
ask_line(struct program *p, const char *line)
{
	bool has_body = params_takes_body(line);
	struct params params;
	struct err e;
	int rc = 0;

	/* Each that takes a body gets the same. */
	if (has_body && read_body(p, SIZE_MAX, &e) < 0)
		return fail(EX_IOERR, &e);
	if (params_of_line(&params, line, &p->fields, has_body ? (long long)buf_used(&p->body) : -1, &e) < 0)
		rc = fail(EX_USAGE, &e);
	else
		rc = ask(p, &params);
	params_done(&params);
	return rc;
}

static int
ask_lines(struct program *p, char **lines)
{
	int status = 0;

	for (; *lines; lines++) {
		int rc = ask_line(p, *lines);

		if (lines[1] && rc != EX_USAGE)
			fd_write_all(p->answer.fd, "\n", 1);
		if (rc != 0 && (status == 0 || status == EX_ANSWER))
			status = rc;
	}
	return status;
}

/* Its status is the client's to see. */
static int
ask_cgi(struct program *p)
{
	const char *length = getenv("CONTENT_LENGTH");
	struct params params;
	struct err e;
	int rc;

	p->answer.is_raw = true;
	/* What is no number the function's own check refuses. */
	if (length && *length && length[0] != '-' && read_body(p, (size_t)strtoull(length, NULL, 10), &e) < 0)
		return fail(EX_IOERR, &e);
	if (params_of_cgi(&params, environ, &e) < 0)
		rc = fail(EX_USAGE, &e);
	else
		rc = ask(p, &params);
	params_done(&params);
	return rc == EX_ANSWER ? 0 : rc;
}

/* ---- the command line ---- */

static int
usage(FILE *to, int status)
{
	fprintf(to,
	        "usage: %s [--entry NAME] [--header 'NAME: VALUE']... ['METHOD /path?query']...\n"
	        "A function of c-web-functions as a plain program: asks it, and prints its answers.\n"
	        "Bodies of POST, PUT and PATCH are read from standard input; without a request\n"
	        "it is a CGI program.  cfn(3).\n",
	        program_invocation_short_name);
	return status;
}

/* -1: go on. */
static int
read_options(struct program *p, int argc, char **argv)
{
	static const struct option options[] = {
		{ "entry", required_argument, NULL, 'e' },
		{ "header", required_argument, NULL, 'H' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "H:h", options, NULL)) >= 0) {
		if (option == 'h')
			return usage(stdout, 0);
		if (option == 'e')
			p->entry = optarg;
		else if (option == 'H' && p->fields.n < STANDALONE_FIELDS_MAX)
			p->fields.items[p->fields.n++] = optarg;
		else
			return usage(stderr, EX_USAGE);
	}
	return argv[optind] || getenv("REQUEST_METHOD") ? -1 : usage(stderr, EX_USAGE);
}

/* What the function prints is log. */
static int
move_output(struct program *p, struct err *e)
{
	p->answer.fd = dup(STDOUT_FILENO);
	if (p->answer.fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return err_set(e, errno, "standard output");
	fd_set_cloexec(p->answer.fd, 1);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

int
main(int argc, char **argv)
{
	struct program p = { 0 };
	int status = read_options(&p, argc, argv);
	struct err e;

	if (status >= 0)
		return status;
	buf_init(&p.environment, 4 << 20);
	buf_init(&p.body, STANDALONE_BODY_MAX + 1);
	if (move_output(&p, &e) < 0)
		status = fail(EX_OSERR, &e);
	else if (open_function(&p, &e) < 0)
		status = fail(EX_DATAERR, &e);
	else
		status = argv[optind] ? ask_lines(&p, argv + optind) : ask_cgi(&p);
	close_function(&p);
	return status;
}
