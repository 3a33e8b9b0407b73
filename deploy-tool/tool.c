/* tool.c - what every command of cfn-deploy has: configuration, registry, output, and an end. */
#include "deploy-tool/tool.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "deploy-tool/acting.h"
#include "ipc/spawner.h"

#define AT(field) offsetof(struct tool, field)

const struct argument_row tool_options[] = {
	{ "registry", 0, ARGUMENT_TEXT, AT(registry_option), "FILE", "the registry to use" },
	{ "config", 'c', ARGUMENT_TEXT, AT(config_option), "FILE", "the configuration to use" },
	{ "key", 0, ARGUMENT_TEXT, AT(key_option), "FILE", "the private key to sign with" },
	{ "token", 0, ARGUMENT_TEXT, AT(token_option), "FILE", "act as the token in it, within its scopes" },
	{ "json", 0, ARGUMENT_FLAG, AT(json), NULL, "print JSON instead of text" },
	{ "help", 'h', ARGUMENT_FLAG, AT(wants_help), NULL, "say what this command does" },
};
const size_t tool_n_options = ARRAY_SIZE(tool_options);

static const struct {
	int code, exit_status;
} exit_statuses[] = {
	{ ENOENT, EX_NOINPUT },       { EINVAL, EX_DATAERR },     { EBADMSG, EX_DATAERR },
	{ EEXIST, EX_DATAERR },       { ENOTEMPTY, EX_DATAERR },  { ERANGE, EX_DATAERR },
	{ E2BIG, EX_DATAERR },        { EFBIG, EX_DATAERR },      { ENOEXEC, EX_DATAERR },
	{ ECANCELED, EX_DATAERR },    { EPROTO, EX_CONFIG },      { EACCES, EX_NOPERM },
	{ EPERM, EX_NOPERM },         { EROFS, EX_NOPERM },       { EBUSY, EX_TEMPFAIL },
	{ EAGAIN, EX_TEMPFAIL },      { ETIMEDOUT, EX_TEMPFAIL }, { ENOSPC, EX_IOERR },
	{ EDQUOT, EX_IOERR },         { EIO, EX_IOERR },          { ECONNREFUSED, EX_UNAVAILABLE },
	{ ENOTCONN, EX_UNAVAILABLE }, { ENAMETOOLONG, EX_USAGE }, { ENOKEY, EX_NOPERM },
	{ EKEYREJECTED, EX_NOPERM },  { ESTALE, EX_NOPERM },      { ELOOP, EX_NOPERM },
	{ EISDIR, EX_DATAERR },       { ENOTUNIQ, EX_CANTCREAT },
};

int
tool_exit_status(int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(exit_statuses); i++)
		if (exit_statuses[i].code == (code < 0 ? -code : code))
			return exit_statuses[i].exit_status;
	return EX_SOFTWARE;
}

static void
report(const char *text)
{
	char shown[2048];

	log_escape(shown, sizeof shown, text, strlen(text));
	fflush(stdout);
	fprintf(stderr, "cfn-deploy: %s\n", shown);
}

int
tool_fail(const struct err *e)
{
	report(e->text);
	return tool_exit_status(e->code);
}

int
tool_fail_as(int exit_status, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	report(text);
	return exit_status;
}

int
tool_arguments(struct tool *t, const struct tool_syntax *syntax, const char *const *arguments,
               struct argument_list *rest)
{
	struct argument_table tables[4];
	size_t n = 0;
	struct err e;

	for (; n < syntax->n_tables && n < ARRAY_SIZE(tables) - 1; n++)
		tables[n] = syntax->tables[n];
	tables[n++] = (struct argument_table){ tool_options, tool_n_options, t };
	rest->n = 0;
	if (arguments_read(tables, n, arguments, rest, &e) < 0)
		return tool_fail_as(EX_USAGE, "%s; see 'cfn-deploy help %s'", e.text, t->command->name);
	if (t->wants_help)
		return 0;
	if (rest->n < syntax->min)
		return tool_fail_as(EX_USAGE, "an argument is missing: cfn-deploy %s %s", t->command->name,
		                    t->command->usage);
	if (rest->n > syntax->max)
		return tool_fail_as(EX_USAGE, "'%.80s' is one argument too many; see 'cfn-deploy help %s'",
		                    rest->items[syntax->max], t->command->name);
	return 0;
}

int
tool_plain_arguments(struct tool *t, size_t min, size_t max, const char *const *arguments,
                     struct argument_list *rest)
{
	const struct tool_syntax syntax = { .min = min, .max = max };

	return tool_arguments(t, &syntax, arguments, rest);
}

int
tool_configure(struct tool *t, bool with_registry)
{
	struct err e;
	int rc;

	/* What a token may is looked after in those alone. */
	if (t->token_option != NULL && !t->command->is_for_tokens)
		return tool_fail_as(EX_USAGE, "'%s' is not for tokens", t->command->name);
	config_init(&t->config);
	rc = t->config_option != NULL ? config_read(&t->config, t->config_option, &e)
	                              : config_read_default(&t->config, &e);
	if (rc < 0)
		return tool_fail_as(rc == -ENOENT ? EX_NOINPUT : EX_CONFIG, "%s", e.text);
	if (!with_registry)
		return 0;
	rc = config_find_registry(&t->config, t->registry_option, &t->is_private, &e);
	if (rc == 0)
		rc = config_complete(&t->config, &e);
	return rc < 0 ? tool_fail_as(EX_CONFIG, "%s", e.text) : 0;
}

int
tool_make_folder_of(const char *file, mode_t mode, struct err *e)
{
	char path[CONFIG_PATH_MAX];

	snprintf(path, sizeof path, "%s", file);
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, mode) < 0 && errno != EEXIST)
			return err_set(e, errno, "make the folder %s", path);
		*slash = '/';
	}
	return 0;
}

int
tool_open_registry(struct tool *t, enum registry_mode mode)
{
	int rc = tool_configure(t, true);
	struct err e;

	if (rc != 0)
		return rc;
	if (t->is_private && mode != REGISTRY_READ) {
		mode = REGISTRY_CREATE;
		if (tool_make_folder_of(t->config.registry, 0700, &e) < 0)
			return tool_fail_as(EX_CANTCREAT, "%s", e.text);
	}
	rc = registry_open(t->config.registry, mode, &t->registry, &e);
	if (rc == -ENOENT && mode == REGISTRY_CREATE)
		return tool_fail_as(EX_CANTCREAT, "%s; make its folder first: mkdir -p %.*s", e.text,
		                    (int)(strrchr(t->config.registry, '/') - t->config.registry),
		                    t->config.registry);
	if (rc == -ENOENT)
		return tool_fail_as(EX_NOINPUT, "%s; make it with: cfn-deploy --registry %s init", e.text,
		                    t->config.registry);
	if (rc == 0 && t->token_option != NULL)
		rc = acting_begin(t, &e);
	return rc < 0 ? tool_fail(&e) : 0;
}

void
tool_open_cgroup(struct tool *t)
{
	struct err ignored;

	if (cgroup_is_open(&t->cgroup))
		return;
	if (strcmp(t->config.cgroup, "off") == 0)
		cgroup_none(&t->cgroup, "switched off");
	else
		cgroup_open(&t->cgroup, spawner_uid((uid_t)t->config.uid_range_start), &ignored);
}

void
tool_open_boxes(struct tool *t)
{
	struct err ignored;

	tool_open_cgroup(t);
	t->boxes = (struct build_place){ &t->config, &t->cgroup, &t->box_base };
	/* What fails here fails again for the first box, which says so. */
	if (t->box_base.filters == NULL)
		box_base_open_for(&t->box_base, BOX_PROFILE_BIT(BOX_COMPILER) | BOX_PROFILE_BIT(BOX_CHECK),
		                  &ignored);
}

void
tool_author(char text[TOOL_AUTHOR_SIZE])
{
	const struct passwd *user = getpwuid(getuid());

	if (user != NULL)
		log_escape(text, TOOL_AUTHOR_SIZE, user->pw_name, strlen(user->pw_name));
	else
		snprintf(text, TOOL_AUTHOR_SIZE, "uid %u", getuid());
}

int
tool_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return tool_fail_as(EX_IOERR, "standard output: %s", strerror(errno));
}

int
tool_print_json(json_t *object)
{
	AUTO_JSON json_t *mine = object;
	AUTO_FREE char *text = json_dumps(mine, JSON_COMPACT);

	if (text == NULL)
		return tool_fail_as(EX_SOFTWARE, "JSON: out of memory");
	printf("%s\n", text);
	return tool_flush();
}
