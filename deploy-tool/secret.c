/* secret.c - `cfn-deploy secret`: values that a function's pool alone can open, and the pool's own for
 * sessions.
 *
 * A value comes from standard input or a file, never from the command line, which others may see. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/live.h"
#include "deploy-tool/report.h"
#include "secret/secret.h"

struct secret_options {
	const char *file;
};

const struct argument_row secret_options[] = {
	{ "file", 0, ARGUMENT_TEXT, offsetof(struct secret_options, file), "FILE",
	  "set: the value; else standard input" },
};
const size_t secret_n_options = ARRAY_SIZE(secret_options);

struct secret_call {
	struct tool *tool;
	const struct secret_options *options;
	const char *function, *name; /* NULL: not given */
	struct pools pools;
	struct registry_secret secret;
	/* One byte more than there may be, and a line's end. */
	unsigned char value[SECRET_VALUE_MAX + 2], again[SECRET_VALUE_MAX + 2];
	size_t n_value;
};

static int
check_names(const struct secret_call *c)
{
	struct err e;

	if (policy_check_name(c->function, &e) < 0 || (c->name && secret_check_name(c->name, &e) < 0))
		return tool_fail_as(EX_USAGE, "%s", e.text);
	return 0;
}

/* ---- the value ---- */

/* One line's end behind it is the shell's or the editor's, and no part of it. */
static int
read_value(int fd, const char *from, unsigned char *value, size_t *n_value)
{
	ssize_t n = fd_read_all(fd, value, SECRET_VALUE_MAX + 2);

	if (n < 0)
		return tool_fail_as(EX_IOERR, "%s: %s", from, strerror((int)-n));
	if (n > 0 && value[n - 1] == '\n')
		n--;
	if (n == 0)
		return tool_fail_as(EX_DATAERR, "%s: the value is empty", from);
	if (n > SECRET_VALUE_MAX)
		return tool_fail_as(EX_DATAERR, "%s: a secret has at most %d bytes", from, SECRET_VALUE_MAX);
	if (memchr(value, '\0', (size_t)n) != NULL || !utf8_is_valid((char *)value, (size_t)n))
		return tool_fail_as(EX_DATAERR, "%s: the value is not UTF-8 without NUL", from);
	*n_value = (size_t)n;
	return 0;
}

static int
read_file(struct secret_call *c)
{
	AUTO_FD fd = open(c->options->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return tool_fail_as(errno == EACCES ? EX_NOPERM : EX_NOINPUT, "%s: %s", c->options->file,
		                    strerror(errno));
	return read_value(fd, c->options->file, c->value, &c->n_value);
}

/* What whoever types may send, or his terminal.  None of them is read: they wait until there is an echo
 * again. */
struct typist {
	sigset_t signals, before;
	int fd;
};

static int
typist_open(struct typist *p)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

	sigemptyset(&p->signals);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaddset(&p->signals, numbers[i]);
	sigprocmask(SIG_BLOCK, &p->signals, &p->before);
	p->fd = signalfd(-1, &p->signals, SFD_CLOEXEC);
	return p->fd < 0 ? tool_fail_as(EX_OSERR, "signalfd: %s", strerror(errno)) : 0;
}

/* Here they arrive. */
static void
typist_close(struct typist *p)
{
	fd_close(&p->fd);
	sigprocmask(SIG_SETMASK, &p->before, NULL);
}

/* True when there is a line, or the end of the terminal. */
static bool
typist_wait(const struct typist *p)
{
	struct pollfd fds[] = { { .fd = p->fd, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };

	while (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		;
	return fds[0].revents == 0;
}

/* One line, without echo. */
static int
ask_line(const struct secret_call *c, const struct typist *p, const char *words, unsigned char *value,
         size_t *n)
{
	ssize_t got;

	fprintf(stderr, "%s of '%s' for %s: ", words, c->name, c->function);
	if (!typist_wait(p)) {
		fputc('\n', stderr);
		return tool_fail_as(EX_TEMPFAIL, "interrupted; nothing was set");
	}
	got = read(STDIN_FILENO, value, SECRET_VALUE_MAX + 2);
	fputc('\n', stderr);
	*n = got > 0 ? (size_t)got : 0;
	if (*n > 0 && value[*n - 1] == '\n')
		(*n)--;
	if (*n == 0 || memchr(value, '\0', *n) != NULL || !utf8_is_valid((char *)value, *n) ||
	    *n > SECRET_VALUE_MAX)
		return tool_fail_as(EX_DATAERR, "the value is empty, too long or not UTF-8");
	return 0;
}

static int
ask_twice(struct secret_call *c, const struct typist *p)
{
	size_t n_again = 0;
	int rc = ask_line(c, p, "Value", c->value, &c->n_value);

	if (rc == 0)
		rc = ask_line(c, p, "Again: value", c->again, &n_again);
	if (rc == 0 && (n_again != c->n_value || memcmp(c->value, c->again, n_again) != 0))
		rc = tool_fail_as(EX_DATAERR, "the values differ; nothing was set");
	return rc;
}

static int
ask_terminal(struct secret_call *c)
{
	struct termios was, silent;
	struct typist p;
	int rc;

	if (tcgetattr(STDIN_FILENO, &was) < 0)
		return tool_fail_as(EX_OSERR, "terminal: %s", strerror(errno));
	silent = was;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	rc = typist_open(&p);
	/* What was typed ahead was shown. */
	if (rc == 0 && tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) < 0)
		rc = tool_fail_as(EX_OSERR, "terminal: %s", strerror(errno));
	if (rc == 0)
		rc = ask_twice(c, &p);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	typist_close(&p);
	return rc;
}

static int
find_value(struct secret_call *c)
{
	if (c->options->file != NULL)
		return read_file(c);
	return isatty(STDIN_FILENO) ? ask_terminal(c)
	                            : read_value(STDIN_FILENO, "standard input", c->value, &c->n_value);
}

/* ---- set ---- */

static int
take_key(json_t *answer, unsigned char key[SECRET_KEY_SIZE], struct err *e)
{
	const char *hex = json_string_value(json_object_get(answer, "public"));

	return hex != NULL && hex_parse(hex, key, SECRET_KEY_SIZE) == 0
	           ? 0
	           : err_set(e, -EBADMSG, "a pool does not tell its key; it is of another version");
}

/* Of the pools that run, since no file that others could write is to be believed. */
static int
ask_key(struct secret_call *c, unsigned char key[SECRET_KEY_SIZE], struct err *e)
{
	unsigned char next[SECRET_KEY_SIZE];

	for (size_t i = 0; i < c->pools.n; i++) {
		AUTO_JSON json_t *answer = NULL;

		if (pools_ask(&c->pools, i, json_pack("{s:s}", "command", "secret_key"), -1, POOLS_ASK_MS,
		              &answer, e) < 0 ||
		    take_key(answer, i == 0 ? key : next, e) < 0)
			return -e->code;
		if (i > 0 && memcmp(key, next, sizeof next) != 0)
			return err_set(e, -EINVAL, "the pools have different keys; give them one state_dir");
	}
	return 0;
}

static int
report_set(struct secret_call *c, const char *word)
{
	size_t n_pools = pools_poke(&c->pools);

	if (c->tool->json)
		return tool_print_json(json_pack("{s:s, s:s, s:b, s:s, s:I}", "function", c->function, "name",
		                                 c->name, word, 1, "registry", c->tool->config.registry,
		                                 "pools", (json_int_t)n_pools));
	printf("secret '%s' of %s is %s (registry %s, %zu pool%s)\n", c->name, c->function, word,
	       c->tool->config.registry, n_pools, n_pools == 1 ? "" : "s");
	return tool_flush();
}

static int
set(struct secret_call *c)
{
	struct registry_secret *s = &c->secret;
	unsigned char key[SECRET_KEY_SIZE];
	struct err e;
	int rc = check_names(c);

	if (rc == 0)
		rc = tool_open_registry(c->tool, REGISTRY_WRITE);
	if (rc == 0)
		rc = live_connect(c->tool, &c->pools);
	if (rc == 0 && ask_key(c, key, &e) < 0)
		rc = tool_fail(&e);
	if (rc == 0)
		rc = find_value(c);
	if (rc != 0)
		return rc;
	snprintf(s->name, sizeof s->name, "%s", c->name);
	tool_author(s->author);
	s->n_sealed = c->n_value + SECRET_OVERHEAD;
	if (secret_seal(key, c->function, c->name, c->value, c->n_value, s->sealed, &e) < 0 ||
	    registry_set_secret(c->tool->registry, c->function, s, &e) < 0)
		return tool_fail(&e);
	return report_set(c, "set");
}

static int
remove_secret(struct secret_call *c)
{
	struct err e;
	int rc = check_names(c);

	if (rc == 0)
		rc = tool_open_registry(c->tool, REGISTRY_WRITE);
	if (rc != 0)
		return rc;
	if (registry_remove_secret(c->tool->registry, c->function, c->name, &e) < 0 ||
	    pools_connect(c->tool, &c->pools, &e) < 0)
		return tool_fail(&e);
	return report_set(c, "removed");
}

/* ---- list ---- */

struct secret_listing {
	json_t *json; /* NULL: for people */
	struct columns table;
	size_t n_bad;
};

static int
take(void *context, const struct registry_secret *s, const struct err *why)
{
	struct secret_listing *l = context;
	char created[REPORT_TIME_SIZE];

	if (s == NULL) {
		tool_fail(why);
		l->n_bad++;
		return 0;
	}
	report_time(s->created_at, created);
	if (l->json != NULL)
		json_array_append_new(l->json,
		                      json_pack("{s:s, s:s, s:s, s:s}", "function", s->function, "name",
		                                s->name, "set", created, "author", s->author));
	else
		columns_add(&l->table, (const char *const[]){ s->function, s->name, created, s->author });
	return 0;
}

static int
print_listing(const struct secret_call *c, struct secret_listing *l)
{
	if (l->json != NULL)
		return tool_print_json(json_incref(l->json));
	if (l->table.n_rows > 1)
		columns_print(&l->table);
	else
		printf("no secrets in registry %s; set one with: cfn-deploy secret set FUNCTION NAME\n",
		       c->tool->config.registry);
	return tool_flush();
}

static int
list(struct secret_call *c)
{
	static const char *const headings[] = { "FUNCTION", "NAME", "SET", "BY" };
	struct secret_listing l = { 0 };
	struct err e;
	int rc = c->function != NULL ? check_names(c) : 0;

	if (rc == 0)
		rc = tool_open_registry(c->tool, REGISTRY_READ);
	if (rc != 0)
		return rc;
	l.json = c->tool->json ? json_array() : NULL;
	columns_init(&l.table, headings, ARRAY_SIZE(headings));
	rc = registry_each_secret(c->tool->registry, c->function, take, &l, &e) < 0 ? tool_fail(&e)
	                                                                            : print_listing(c, &l);
	json_decref(l.json);
	columns_done(&l.table);
	return rc == 0 && l.n_bad > 0 ? EX_DATAERR : rc;
}

/* ---- sessions ---- */

/* The first pool makes the new one, and those that share its folder read it. */
static int
rotate_all(struct secret_call *c, json_int_t *epoch, struct err *e)
{
	json_int_t before = 0;

	for (size_t i = 0; i < c->pools.n; i++) {
		AUTO_JSON json_t *answer = NULL;

		if (pools_ask(&c->pools, i,
		              json_pack("{s:s, s:I}", "command", "rotate_sessions", "epoch", before), -1,
		              POOLS_ASK_MS, &answer, e) < 0)
			return -e->code;
		*epoch = json_integer_value(json_object_get(answer, "epoch"));
		before = json_integer_value(json_object_get(answer, "before"));
	}
	return 0;
}

static int
rotate_sessions(struct secret_call *c)
{
	json_int_t epoch = 0;
	struct err e;
	int rc = tool_open_registry(c->tool, REGISTRY_READ);

	if (rc == 0)
		rc = live_connect(c->tool, &c->pools);
	if (rc != 0)
		return rc;
	if (rotate_all(c, &epoch, &e) < 0)
		return tool_fail(&e);
	if (c->tool->json)
		return tool_print_json(
		    json_pack("{s:I, s:I}", "epoch", epoch, "pools", (json_int_t)c->pools.n));
	printf("sessions have secret %lld from now on; those of the one before it are renewed when they are "
	       "used, older ones are over\n",
	       (long long)epoch);
	return tool_flush();
}

/* ---- the command ---- */

static const struct {
	const char *name;
	size_t min, max; /* arguments behind it */
	int (*run)(struct secret_call *c);
	const char *takes;
} verbs[] = {
	{ "set", 2, 2, set, "FUNCTION and NAME" },
	{ "list", 0, 1, list, "one FUNCTION at most" },
	{ "remove", 2, 2, remove_secret, "FUNCTION and NAME" },
	{ "rotate-sessions", 0, 0, rotate_sessions, "no argument" },
};

static int
run_verb(struct secret_call *c, const struct argument_list *rest)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].name, rest->items[0]) != 0)
			continue;
		if (rest->n - 1 < verbs[i].min || rest->n - 1 > verbs[i].max)
			return tool_fail_as(
			    EX_USAGE, "secret %s takes %s; a value is read from standard input or --file",
			    verbs[i].name, verbs[i].takes);
		c->function = rest->n > 1 ? rest->items[1] : NULL;
		c->name = rest->n > 2 ? rest->items[2] : NULL;
		return verbs[i].run(c);
	}
	return tool_fail_as(EX_USAGE, "unknown 'secret %.40s'; see 'cfn-deploy help secret'", rest->items[0]);
}

static void
free_call(struct secret_call **c)
{
	if (*c == NULL)
		return;
	pools_done(&(*c)->pools);
	OPENSSL_cleanse(*c, sizeof **c);
	free(*c);
}

int
run_secret(struct tool *t, const char *const *arguments)
{
	__attribute__((cleanup(free_call))) struct secret_call *c = calloc(1, sizeof *c);
	struct secret_options own = { 0 };
	const struct argument_table table = { secret_options, secret_n_options, &own };
	struct argument_list rest;
	int rc;

	if (c == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	c->tool = t;
	c->options = &own;
	/* One more than any verb takes, so that a value on the command line is told what is wrong. */
	rc = tool_arguments(t, &(struct tool_syntax){ &table, 1, 1, 4 }, arguments, &rest);
	return rc != 0 || t->wants_help ? rc : run_verb(c, &rest);
}
