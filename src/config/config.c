/* config.c - cfn.conf: one table of keys, read by libinih, checked by the kind of each. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/words.h"
#include "config/function_log.h"
#include "config/keys.h"

/* One row a key of [global] that is not a function limit. */
static const struct key keys[] = {
#define TEXT(key, kind, field)              KEY_ROW_TEXT(key, kind, struct config, field)
#define NUMBER(key, kind, field, low, high) KEY_ROW_NUMBER(key, kind, struct config, field, low, high)
	TEXT("registry", KEY_PATH, registry),
	TEXT("listen", KEY_TEXT, listen),
	TEXT("listen.owner", KEY_TEXT, listen_owner),
	TEXT("listen.group", KEY_TEXT, listen_group),
	NUMBER("listen.mode", KEY_OCTAL, listen_mode, 0, 0777),
	NUMBER("listen.backlog", KEY_NUMBER, listen_backlog, 1, 65535),
	TEXT("listen.allowed_clients", KEY_TEXT, listen_allowed_clients),
	TEXT("mount_prefix", KEY_TEXT, mount_prefix),
	TEXT("shared_dir", KEY_PATH, shared_dir),
	TEXT("keys_dir", KEY_PATH, keys_dir),
	TEXT("state_dir", KEY_PATH, state_dir),
	TEXT("error_log", KEY_LOG, error_log),
	TEXT("access.log", KEY_LOG, access_log),
	TEXT("syslog.ident", KEY_TEXT, syslog_ident),
	TEXT("syslog.facility", KEY_TEXT, syslog_facility),
	TEXT("access.format", KEY_TEXT, access_format),
	TEXT("function_log", KEY_LOG, function_log),
	TEXT("slowlog", KEY_LOG, slowlog),
	TEXT("pm.status_path", KEY_PATH, page_paths[PAGE_PATH_STATUS]),
	TEXT("ping.path", KEY_PATH, page_paths[PAGE_PATH_PING]),
	TEXT("ping.response", KEY_TEXT, ping_response),
	TEXT("healthz.path", KEY_PATH, page_paths[PAGE_PATH_HEALTHZ]),
	TEXT("readyz.path", KEY_PATH, page_paths[PAGE_PATH_READYZ]),
	TEXT("metrics.listen", KEY_TEXT, metrics_listen),
	TEXT("user", KEY_TEXT, user),
	TEXT("require_isolation", KEY_TEXT, require_isolation),
	TEXT("cgroup", KEY_TEXT, cgroup),
	TEXT("compiler", KEY_PATH, compiler),
	TEXT("grant.allow", KEY_PATHS, grant_allow), /* each line adds to those before */
	NUMBER("routers", KEY_NUMBER, routers, 1, ROUTERS_MAX),
	NUMBER("connections", KEY_NUMBER, connections, 1, 65536),
	NUMBER("cache_size", KEY_SIZE, cache_size, 0, UINT64_C(4) << 30),
	NUMBER("uid_range", KEY_NUMBER, uid_range_start, 1, UINT32_MAX - 70000),
	NUMBER("uid_range_size", KEY_NUMBER, uid_range_size, 2000, 65536),
	NUMBER("drain_timeout", KEY_DURATION, drain_timeout_ms, 0, 3600 * 1000),
	NUMBER("process_control_timeout", KEY_DURATION, process_control_timeout_ms, 0, 3600 * 1000),
	NUMBER("process.max", KEY_NUMBER, process_max, 1, 32768),
	NUMBER("crashes.max", KEY_NUMBER, crashes_max, 0, 4096),
	NUMBER("crashes.of_function", KEY_NUMBER, crashes_of_function, 0, 1024),
	NUMBER("crashes.keep", KEY_DURATION, crashes_keep_ms, 60 * 1000, UINT64_C(3650) * 24 * 3600 * 1000),
	NUMBER("pm.spare_sandboxes", KEY_NUMBER, spare_sandboxes, 0, SPARES_MAX),
	NUMBER("gc.keep", KEY_NUMBER, gc_keep, 0, CONFIG_GC_KEEP_MAX),
	NUMBER("gc.age", KEY_DURATION, gc_age_ms, 0, UINT64_C(36500) * 24 * 3600 * 1000),
#undef TEXT
#undef NUMBER
};

/* php-fpm's words for rows of the policy table. */
static const struct {
	const char *name, *row;
} aliases[] = {
	{ "request_terminate_timeout", "wall_time" },
};

const char config_default_keys[] = CFN_SYSCONFDIR "/cfn/keys.d";

static void
set_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

static void
set_from_environment(char *to, size_t size, const char *variable, const char *standard)
{
	const char *value = getenv(variable);

	set_text(to, size, value && value[0] ? value : standard);
}

void
config_init(struct config *c)
{
	*c = (struct config){
		.listen_mode = 0660,
		.listen_backlog = 511,
		.listen_allowed_clients = "127.0.0.1",
		.access_format = "json",
		.ping_response = "pong",
		.syslog_ident = "cfn",
		.syslog_facility = "daemon",
		.require_isolation = "strong",
		.cgroup = "auto",
		.routers = 1,
		.connections = 1024,
		.cache_size = 16 << 20,
		.uid_range_start = 200000,
		.uid_range_size = 65536,
		.drain_timeout_ms = 30 * 1000,
		.process_control_timeout_ms = 30 * 1000,
		.process_max = 1024,
		.crashes_max = 512,
		.crashes_of_function = 16,
		.crashes_keep_ms = UINT64_C(30) * 24 * 3600 * 1000,
		.spare_sandboxes = 2,
		.gc_keep = 5,
	};
	set_from_environment(c->libexec_dir, sizeof c->libexec_dir, "CFN_LIBEXECDIR", CFN_LIBEXECDIR);
	set_from_environment(c->include_dir, sizeof c->include_dir, "CFN_INCLUDEDIR", CFN_INCLUDEDIR);
	config_run_init(&c->run);
	config_management_init(&c->management);
	set_from_environment(c->run.languages_dir, sizeof c->run.languages_dir, "CFN_LANGUAGESDIR",
	                     CFN_LANGUAGESDIR);
	set_text(c->keys_dir, sizeof c->keys_dir, config_default_keys);
	set_text(c->compiler, sizeof c->compiler, "/usr/bin/gcc");
	libraries_init(&c->libraries);
	policy_init(&c->defaults);
	for (size_t i = 0; i < policy_n_rows; i++)
		*policy_value(&c->maximum, &policy_rows[i]) = policy_rows[i].maximum;
}

static const struct policy_row *
find_row(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (strcmp(aliases[i].name, name) == 0)
			return policy_find(aliases[i].row);
	return policy_find(name);
}

static int
set_global(struct config *c, const char *name, const char *value, struct err *e)
{
	bool is_maximum = strncmp(name, "max.", 4) == 0;
	const struct policy_row *row = find_row(is_maximum ? name + 4 : name);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return key_set(c, &keys[i], value, e);
	/* The one switch stands here, too; its section says how. */
	if (strcmp(name, "management") == 0)
		return config_management_set(&c->management, "enabled", value, e);
	if (!row || (is_maximum && policy_is_of_operator(row)))
		return err_set(e, -EINVAL, "unknown key '%.64s' in [global]", name);
	return policy_set(is_maximum ? &c->maximum : &c->defaults, row, value, e);
}

static int
set_override(struct config *c, const char *function, const char *name, const char *value, struct err *e)
{
	const struct policy_row *row = find_row(name);
	struct config_override *o = &c->overrides[c->n_overrides];
	struct function_policy scratch;
	int rc = policy_check_name(function, e);

	if (rc < 0)
		return rc;
	if (!row)
		return err_set(e, -EINVAL, "unknown key '%.64s' in [function %s]", name, function);
	rc = policy_set(&scratch, row, value, e);
	if (rc < 0)
		return rc;
	if (c->n_overrides == CONFIG_OVERRIDES_MAX)
		return err_set(e, -E2BIG, "more than %d keys of functions", CONFIG_OVERRIDES_MAX);
	set_text(o->function, sizeof o->function, function);
	o->value = *policy_value(&scratch, row);
	o->row = row;
	c->n_overrides++;
	return 0;
}

struct reading {
	struct config *config;
	struct err first; /* of the first line that is wrong */
};

/* libinih's convention: 1 is good, 0 an error in this line. */
static int
on_line(void *context, const char *section, const char *name, const char *value)
{
	struct reading *r = context;
	struct err e = { 0 };
	int rc;

	if (strcmp(section, "global") == 0)
		rc = set_global(r->config, name, value, &e);
	else if (strncmp(section, "function ", 9) == 0)
		rc = set_override(r->config, section + 9, name, value, &e);
	else if (strcmp(section, "run") == 0)
		rc = config_run_set(&r->config->run, name, value, &e);
	else if (strcmp(section, "management") == 0)
		rc = config_management_set(&r->config->management, name, value, &e);
	else if (strcmp(section, "link") == 0)
		rc = libraries_set(&r->config->libraries, name, value, &e);
	else if (section[0] == '\0')
		rc = err_set(&e, -EINVAL, "key '%.64s' stands before any section, such as [global]", name);
	else
		rc = err_set(&e, -EINVAL, "unknown section [%.64s]", section);
	if (rc < 0 && r->first.code == 0)
		r->first = e;
	return rc == 0;
}

static bool
is_address(const char *text)
{
	return strncmp(text, "unix:", 5) == 0 || strncmp(text, "tcp:", 4) == 0;
}

static int
check_words(const struct config *c, struct err *e)
{
	const char *level = c->require_isolation;

	if (strcmp(level, "full") != 0 && strcmp(level, "strong") != 0)
		return err_set(e, -EINVAL, "require_isolation: '%.64s' is not full or strong", level);
	if (strcmp(c->cgroup, "auto") != 0 && strcmp(c->cgroup, "require") != 0 &&
	    strcmp(c->cgroup, "off") != 0)
		return err_set(e, -EINVAL, "cgroup: '%.64s' is not auto, require or off", c->cgroup);
	if (log_syslog_facility(c->syslog_facility) < 0)
		return err_set(e, -EINVAL, "syslog.facility: '%.64s' is not daemon, user or local0 to local7",
		               c->syslog_facility);
	if (c->syslog_ident[strcspn(c->syslog_ident, " []:<>")] || !c->syslog_ident[0])
		return err_set(e, -EINVAL, "syslog.ident: '%.64s' is no name", c->syslog_ident);
	if (function_log_check(c, e) < 0)
		return -e->code;
	if (c->listen[0] && !is_address(c->listen))
		return err_set(e, -EINVAL, "listen: '%.64s' is not unix:PATH or tcp:HOST:PORT", c->listen);
	if (c->metrics_listen[0] && !is_address(c->metrics_listen))
		return err_set(e, -EINVAL, "metrics.listen: '%.64s' is not unix:PATH or tcp:HOST:PORT",
		               c->metrics_listen);
	if (c->mount_prefix[0] && c->mount_prefix[0] != '/')
		return err_set(e, -EINVAL, "mount_prefix: '%.64s' does not begin with '/'", c->mount_prefix);
	if (config_run_check(&c->run, e) < 0)
		return -e->code;
	return config_management_check(&c->management, e);
}

int
config_read(struct config *c, const char *path, struct err *e)
{
	struct reading r = { .config = c };
	FILE *file = fopen(path, "re");
	int line, rc;

	if (!file)
		return err_set(e, errno, "configuration %s", path);
	line = ini_parse_file(file, on_line, &r);
	fclose(file);
	if (line != 0)
		return err_set(e, -EINVAL, "%s:%d: %s", path, line < 0 ? 0 : line,
		               r.first.code ? r.first.text : "not a line of the form KEY = VALUE");
	rc = check_words(c, e);
	return rc < 0 ? err_wrap(e, "%s", path) : 0;
}

int
config_read_default(struct config *c, struct err *e)
{
	static const char path[] = CFN_SYSCONFDIR "/cfn/cfn.conf";

	return access(path, F_OK) < 0 ? 0 : config_read(c, path, e);
}

int
config_complete(struct config *c, struct err *e)
{
	const char *slash = strrchr(c->registry, '/');
	int folder = slash ? (int)(slash - c->registry) : 0;
	int n;

	if (c->registry[0] != '/')
		return err_set(e, -EINVAL, "registry '%.200s' is not an absolute path", c->registry);
	if (!c->shared_dir[0]) {
		n = snprintf(c->shared_dir, sizeof c->shared_dir, "%.*s/shared", folder, c->registry);
		if (n >= (int)sizeof c->shared_dir)
			return err_set(e, ENAMETOOLONG, "shared_dir");
	}
	if (!c->state_dir[0]) {
		n = snprintf(c->state_dir, sizeof c->state_dir, "%s.pool", c->registry);
		if (n >= (int)sizeof c->state_dir)
			return err_set(e, ENAMETOOLONG, "state_dir");
	}
	return check_words(c, e);
}

static void
print_policy(const struct function_policy *p, size_t n_rows, const char *prefix, int fd)
{
	for (size_t i = 0; i < n_rows; i++) {
		const struct policy_row *row = &policy_rows[i];
		char text[OPTION_TEXT_SIZE];

		policy_format(row, *policy_value((struct function_policy *)(uintptr_t)p, row), text);
		dprintf(fd, "%s%s = %s\n", prefix, row->name, text);
	}
}

void
config_print(const struct config *c, int fd)
{
	dprintf(fd, "[global]\n");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		key_print(c, &keys[i], fd);
	print_policy(&c->defaults, policy_n_rows, "", fd);
	print_policy(&c->maximum, policy_n_version_rows, "max.", fd);
	config_run_print(&c->run, fd);
	config_management_print(&c->management, fd);
	dprintf(fd, "[link]\n");
	for (size_t i = 0; i < c->libraries.n; i++)
		dprintf(fd, "%s = %s%s%s\n", c->libraries.rows[i].name, c->libraries.rows[i].file,
		        c->libraries.rows[i].package[0] ? " " : "", c->libraries.rows[i].package);
	for (size_t i = 0; i < c->n_overrides; i++) {
		const struct config_override *o = &c->overrides[i];
		char text[OPTION_TEXT_SIZE];

		policy_format(o->row, o->value, text);
		dprintf(fd, "[function %s]\n%s = %s\n", o->function, o->row->name, text);
	}
}

void
config_apply(const struct config *c, const char *function, struct function_policy *p)
{
	struct function_policy *defaults = (struct function_policy *)(uintptr_t)&c->defaults;
	struct function_policy *maximum = (struct function_policy *)(uintptr_t)&c->maximum;

	for (size_t i = 0; i < policy_n_rows; i++) {
		const struct policy_row *row = &policy_rows[i];
		uint64_t *value = policy_value(p, row);

		if (*value == row->standard)
			*value = *policy_value(defaults, row);
	}
	for (size_t i = 0; i < c->n_overrides; i++)
		if (strcmp(c->overrides[i].function, function) == 0)
			*policy_value(p, c->overrides[i].row) = c->overrides[i].value;
	for (size_t i = 0; i < policy_n_rows; i++) {
		uint64_t *value = policy_value(p, &policy_rows[i]);
		uint64_t max = *policy_value(maximum, &policy_rows[i]);

		/* What a function asks for to be safe is not taken from it. */
		if (*value > max && policy_rows[i].kind != POLICY_MODE &&
		    policy_rows[i].kind != POLICY_COOKIE && policy_rows[i].kind != POLICY_AUTH)
			*value = max;
	}
}

/* "*" stops at a slash, as the operator's own shell has it. */
static bool
may_be_granted(const struct config *c, const char *path)
{
	const char *at = c->grant_allow, *one;
	char pattern[CONFIG_TEXT_MAX];
	size_t n;

	while ((one = words_next(&at, &n)))
		if (snprintf(pattern, sizeof pattern, "%.*s", (int)n, one) < (int)sizeof pattern &&
		    fnmatch(pattern, path, FNM_PATHNAME | FNM_NOESCAPE) == 0)
			return true;
	return false;
}

int
config_check_sockets(const struct config *c, const char *sockets, struct err *e)
{
	char path[SOCKET_PATH_SIZE];
	const char *one;
	size_t n;

	while ((one = words_next(&sockets, &n))) {
		snprintf(path, sizeof path, "%.*s", (int)n, one);
		if (!may_be_granted(c, path))
			return err_set(e, -EPERM, "socket %s may not be granted; see grant.allow in cfn.conf",
			               path);
	}
	return 0;
}

/* The folder of the caller's own registry, made when it is missing. */
static int
find_private(char *to, size_t size, struct err *e)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (state && state[0] == '/')
		n = snprintf(to, size, "%s/cfn/registry.db", state);
	else if (home && home[0] == '/')
		n = snprintf(to, size, "%s/.local/state/cfn/registry.db", home);
	else
		return err_set(e, -ENOENT, "no registry: give --registry FILE or set CFN_REGISTRY");
	return n < (int)size ? 0 : err_set(e, ENAMETOOLONG, "registry");
}

static int
make_absolute(char *path, size_t size, struct err *e)
{
	char folder[CONFIG_PATH_MAX], relative[CONFIG_PATH_MAX];

	if (path[0] == '/')
		return 0;
	if (!getcwd(folder, sizeof folder))
		return err_set(e, errno, "working directory");
	set_text(relative, sizeof relative, path);
	if (snprintf(path, size, "%s/%s", folder, relative) >= (int)size)
		return err_set(e, ENAMETOOLONG, "registry");
	return 0;
}

/* One file has one name, whatever links lead to it: the folders beside it are where its pools are found. */
static int
resolve_registry(char *path, size_t size, struct err *e)
{
	AUTO_FREE char *resolved = NULL;
	int rc = make_absolute(path, size, e);

	if (rc < 0)
		return rc;
	resolved = realpath(path, NULL);
	if (!resolved)
		return 0; /* to be made, or missing: opening it says so */
	if (strlen(resolved) >= size)
		return err_set(e, ENAMETOOLONG, "registry");
	set_text(path, size, resolved);
	return 0;
}

int
config_find_registry(struct config *c, const char *option, bool *is_private, struct err *e)
{
	static const char packaged[] = CFN_LOCALSTATEDIR "/lib/cfn/registry/registry.db";
	const char *variable = getenv("CFN_REGISTRY");
	const char *named = option ? option : variable && variable[0] ? variable : c->registry;

	*is_private = false;
	if (strlen(named) >= sizeof c->registry)
		return err_set(e, ENAMETOOLONG, "registry");
	if (named[0]) {
		if (named != c->registry)
			set_text(c->registry, sizeof c->registry, named);
		return resolve_registry(c->registry, sizeof c->registry, e);
	}
	/* Root's home is no place for it: who serves may not pass there. */
	if (access(packaged, W_OK) == 0 || (geteuid() == 0 && !getenv("XDG_STATE_HOME"))) {
		set_text(c->registry, sizeof c->registry, packaged);
		return 0;
	}
	*is_private = true;
	return find_private(c->registry, sizeof c->registry, e);
}
