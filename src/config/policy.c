/* policy.c - the limits and grants of one function: the table, and taking one as text. */
#include "config/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define KI        UINT64_C(1024)
#define MI        (KI * 1024)
#define GI        (MI * 1024)
#define AT(field) offsetof(struct function_policy, field)

const struct policy_row policy_rows[] = {
	{ "memory", POLICY_SIZE, AT(memory), 128 * MI, 4 * MI, 64 * GI, "memory of one worker" },
	{ "cpu_time", POLICY_DURATION, AT(cpu_ms), 5 * 1000, 10, 3600 * 1000, "CPU time of one request" },
	{ "wall_time", POLICY_DURATION, AT(wall_ms), 10 * 1000, 10, 3600 * 1000, "time of one request" },
	{ "cpu_share", POLICY_NUMBER, AT(cpu_share), CPU_SHARE_ANY, 1, CPU_SHARE_ANY,
	  "percent of one processor that a worker gets, with a cgroup" },
	{ "stream_idle", POLICY_DURATION, AT(stream_idle_ms), 60 * 1000, 100, 24 * 3600 * 1000,
	  "a stream ends after so long without output" },
	{ "body_size", POLICY_SIZE, AT(body_max), 8 * MI, 0, 4 * GI, "request body" },
	{ "output_size", POLICY_SIZE, AT(output_max), 8 * MI, KI, GI, "answer that is not a stream" },
	{ "tmp_size", POLICY_SIZE, AT(tmp_size), 10 * MI, 4 * KI, 16 * GI, "private /tmp" },
	{ "tmp_inodes", POLICY_NUMBER, AT(tmp_inodes), 1024, 8, 1u << 20, "files and folders in /tmp" },
	{ "threads", POLICY_NUMBER, AT(threads), 16, 1, 1024, "threads of one worker" },
	{ "open_files", POLICY_NUMBER, AT(files), 64, 16, 4096, "open descriptors of one worker" },
	{ "file_size", POLICY_SIZE, AT(file_size), 16 * MI, 4 * KI, 64 * GI, "one file that it writes" },
	{ "concurrency", POLICY_NUMBER, AT(concurrency), CONCURRENCY_ANY, 1, CONCURRENCY_ANY,
	  "requests in execution, streams too, whatever else is said" },
	{ "exclusive", POLICY_SWITCH, AT(is_exclusive), SWITCH_NO, SWITCH_NO, SWITCH_YES,
	  "yes: one request at a time, in all workers together" },
	{ "streams", POLICY_NUMBER, AT(streams), 32, 0, 1024, "open streams, beside pm.max_children" },
	{ "cache", POLICY_DURATION, AT(cache_ms), 0, 0, 24 * 3600 * 1000,
	  "answers to GET are kept so long at most; 0: never" },
	{ "queue", POLICY_NUMBER, AT(queue), 128, 0, 65536, "requests that may wait for a worker" },
	{ "mode", POLICY_MODE, AT(mode), MODE_REUSE, MODE_REUSE, MODE_FRESH,
	  "reuse, or fresh: a new process for every request" },
	{ "auth", POLICY_AUTH, AT(auth), AUTH_NONE, AUTH_NONE, AUTH_BASIC,
	  "bearer or basic: only who shows a token; or none" },
	{ "pm", POLICY_PM, AT(pm), PM_ONDEMAND, PM_ONDEMAND, PM_STATIC, "ondemand, dynamic or static" },
	{ "pm.max_children", POLICY_NUMBER, AT(max_children), 4, 1, 1024, "workers of the function" },
	{ "pm.min_spare_servers", POLICY_NUMBER, AT(min_spare), 1, 0, 1024,
	  "idle workers kept by pm = dynamic" },
	{ "pm.process_idle_timeout", POLICY_DURATION, AT(idle_timeout_ms), 60 * 1000, 100, 24 * 3600 * 1000,
	  "a worker idle for so long ends" },
	{ "pm.max_requests", POLICY_NUMBER, AT(max_requests), 0, 0, 1u << 30,
	  "a worker is replaced after so many requests; 0: never" },
	{ "session_time", POLICY_DURATION, AT(session_ms), 24 * 3600 * 1000, 60 * 1000,
	  UINT64_C(400) * 24 * 3600 * 1000, "a session that is not used ends after so long" },
	{ "session_length", POLICY_DURATION, AT(session_length_ms), UINT64_C(30) * 24 * 3600 * 1000,
	  60 * 1000, UINT64_C(400) * 24 * 3600 * 1000, "a session ends after so long in any case" },
	{ "session_cookie", POLICY_COOKIE, AT(session_cookie), SESSION_COOKIE_AUTO, SESSION_COOKIE_AUTO,
	  SESSION_COOKIE_SECURE, "auto: as the request came; secure: for HTTPS alone" },
	/* The operator's. */
	{ "denied.limit", POLICY_NUMBER, AT(denied_limit), 64, 0, 1000 * 1000,
	  "refused system calls in one request; the next one ends the worker" },
	{ "denied.kills", POLICY_NUMBER, AT(denied_kills), 10, 0, 1000 * 1000,
	  "workers ended for it that disable the function; 0: never" },
	{ "denied.calls", POLICY_NUMBER, AT(denied_calls), 20 * 1000, 0, 1000 * 1000 * 1000,
	  "refused system calls that disable the function; 0: never" },
	{ "denied.window", POLICY_DURATION, AT(denied_window_ms), 60 * 1000, 1000, 24 * 3600 * 1000,
	  "the time in which they are counted" },
	{ "request_slowlog_timeout", POLICY_DURATION, AT(slow_ms), 0, 0, 3600 * 1000,
	  "a request that runs longer is recorded with its stack; 0: none" },
};
enum { N_OF_OPERATOR = 5 };
const size_t policy_n_rows = ARRAY_SIZE(policy_rows);
const size_t policy_n_version_rows = ARRAY_SIZE(policy_rows) - N_OF_OPERATOR;

static const char *const pm_words[] = {
	[PM_ONDEMAND] = "ondemand",
	[PM_DYNAMIC] = "dynamic",
	[PM_STATIC] = "static",
};

static const char *const cookie_words[] = {
	[SESSION_COOKIE_AUTO] = "auto",
	[SESSION_COOKIE_SECURE] = "secure",
};

static const char *const mode_words[] = {
	[MODE_REUSE] = "reuse",
	[MODE_FRESH] = "fresh",
};

static const char *const switch_words[] = {
	[SWITCH_NO] = "no",
	[SWITCH_YES] = "yes",
};

static const char *const auth_words[] = {
	[AUTH_NONE] = "none",
	[AUTH_BEARER] = "bearer",
	[AUTH_BASIC] = "basic",
};

const struct policy_row *
policy_find(const char *name)
{
	for (size_t i = 0; i < policy_n_rows; i++)
		if (strcmp(policy_rows[i].name, name) == 0)
			return &policy_rows[i];
	return NULL;
}

bool
policy_is_of_operator(const struct policy_row *row)
{
	return row >= policy_rows + policy_n_version_rows;
}

uint64_t *
policy_value(struct function_policy *p, const struct policy_row *row)
{
	return (uint64_t *)(void *)((char *)p + row->offset);
}

void
policy_init(struct function_policy *p)
{
	*p = (struct function_policy){ 0 };
	for (size_t i = 0; i < policy_n_rows; i++)
		*policy_value(p, &policy_rows[i]) = policy_rows[i].standard;
}

static int
parse_word(const char *const *words, size_t n, const char *text, uint64_t *value)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(text, words[i]) != 0)
			continue;
		*value = i;
		return 0;
	}
	return -EINVAL;
}

static int
parse_pm(const char *text, uint64_t *value)
{
	return parse_word(pm_words, ARRAY_SIZE(pm_words), text, value);
}

static int
parse_switch(const char *text, uint64_t *value)
{
	return parse_word(switch_words, ARRAY_SIZE(switch_words), text, value);
}

static int
parse_mode(const char *text, uint64_t *value)
{
	return parse_word(mode_words, ARRAY_SIZE(mode_words), text, value);
}

static int
parse_cookie(const char *text, uint64_t *value)
{
	return parse_word(cookie_words, ARRAY_SIZE(cookie_words), text, value);
}

static int
parse_auth(const char *text, uint64_t *value)
{
	return parse_word(auth_words, ARRAY_SIZE(auth_words), text, value);
}

static const struct {
	int (*parse)(const char *, uint64_t *);
	const char *form;
} kinds[] = {
	[POLICY_NUMBER] = { option_parse_number, "a number" },
	[POLICY_SIZE] = { option_parse_size, "a size such as 128M" },
	[POLICY_DURATION] = { option_parse_duration, "a duration such as 10s" },
	[POLICY_PM] = { parse_pm, "ondemand, dynamic or static" },
	[POLICY_MODE] = { parse_mode, "reuse or fresh" },
	[POLICY_SWITCH] = { parse_switch, "yes or no" },
	[POLICY_COOKIE] = { parse_cookie, "auto or secure" },
	[POLICY_AUTH] = { parse_auth, "none, bearer or basic" },
};

bool
policy_is_word(const struct policy_row *row)
{
	return row->kind == POLICY_PM || row->kind == POLICY_MODE || row->kind == POLICY_SWITCH ||
	       row->kind == POLICY_COOKIE || row->kind == POLICY_AUTH;
}

const char *
policy_pm_word(uint64_t pm)
{
	return pm_words[pm <= PM_STATIC ? pm : PM_ONDEMAND];
}

const char *
policy_auth_word(uint64_t auth)
{
	return auth_words[auth <= AUTH_BASIC ? auth : AUTH_NONE];
}

void
policy_format(const struct policy_row *row, uint64_t value, char text[OPTION_TEXT_SIZE])
{
	switch (row->kind) {
	case POLICY_SIZE:
		option_format_size(value, text);
		return;
	case POLICY_DURATION:
		option_format_duration(value, text);
		return;
	case POLICY_PM:
		snprintf(text, OPTION_TEXT_SIZE, "%s", policy_pm_word(value));
		return;
	case POLICY_MODE:
		snprintf(text, OPTION_TEXT_SIZE, "%s", mode_words[value <= MODE_FRESH ? value : MODE_REUSE]);
		return;
	case POLICY_SWITCH:
		snprintf(text, OPTION_TEXT_SIZE, "%s", switch_words[value != SWITCH_NO]);
		return;
	case POLICY_COOKIE:
		snprintf(text, OPTION_TEXT_SIZE, "%s",
		         cookie_words[value <= SESSION_COOKIE_SECURE ? value : SESSION_COOKIE_AUTO]);
		return;
	case POLICY_AUTH:
		snprintf(text, OPTION_TEXT_SIZE, "%s", policy_auth_word(value));
		return;
	case POLICY_NUMBER:
		break;
	}
	snprintf(text, OPTION_TEXT_SIZE, "%" PRIu64, value);
}

static int
check_range(const struct policy_row *row, uint64_t value, const char *given, struct err *e)
{
	char low[OPTION_TEXT_SIZE], high[OPTION_TEXT_SIZE];

	if (value >= row->minimum && value <= row->maximum)
		return 0;
	policy_format(row, row->minimum, low);
	policy_format(row, row->maximum, high);
	return err_set(e, -ERANGE, "%s: '%s' is not within %s and %s", row->name, given, low, high);
}

int
policy_set(struct function_policy *p, const struct policy_row *row, const char *text, struct err *e)
{
	uint64_t value = 0;
	int rc = kinds[row->kind].parse(text, &value);

	if (rc < 0)
		return err_set(e, -EINVAL, "%s: '%.64s' is not %s", row->name, text, kinds[row->kind].form);
	rc = check_range(row, value, text, e);
	if (rc < 0)
		return rc;
	*policy_value(p, row) = value;
	return 0;
}

int
policy_check_below(const struct function_policy *p, const struct function_policy *maximum, struct err *e)
{
	for (size_t i = 0; i < policy_n_version_rows; i++) {
		const struct policy_row *row = &policy_rows[i];
		uint64_t value = *policy_value((struct function_policy *)(uintptr_t)p, row);
		uint64_t max = *policy_value((struct function_policy *)(uintptr_t)maximum, row);
		char given[OPTION_TEXT_SIZE], most[OPTION_TEXT_SIZE];

		if (value <= max || policy_is_word(row))
			continue;
		policy_format(row, value, given);
		policy_format(row, max, most);
		return err_set(e, -ERANGE, "%s: %s is over this server's max.%s = %s", row->name, given,
		               row->name, most);
	}
	return 0;
}

/* Letters, digits and '_', not beginning with a digit; at most 64. */
static bool
is_env_name(const char *name, size_t n)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

	return n > 0 && n <= 64 && strspn(name, "0123456789") == 0 &&
	       strspn(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") >= n &&
	       strchr(letters, name[0]);
}

static void
remove_env(struct function_policy *p, const char *name, size_t n)
{
	size_t at = 0;

	while (at < p->env_size) {
		size_t length = strlen(p->env + at) + 1;

		if (strncmp(p->env + at, name, n) != 0 || p->env[at + n] != '=') {
			at += length;
			continue;
		}
		memmove(p->env + at, p->env + at + length, p->env_size - at - length);
		p->env_size -= length;
	}
}

int
policy_set_env(struct function_policy *p, const char *assignment, struct err *e)
{
	const char *equals = strchr(assignment, '=');
	size_t length = strlen(assignment) + 1;

	if (!equals || !is_env_name(assignment, (size_t)(equals - assignment)))
		return err_set(e, -EINVAL,
		               "environment '%.64s' is not NAME=VALUE with a name of [A-Za-z0-9_]",
		               assignment);
	if (!utf8_is_valid(assignment, length - 1))
		return err_set(e, -EINVAL, "environment '%.*s' is not UTF-8", (int)(equals - assignment),
		               assignment);
	remove_env(p, assignment, (size_t)(equals - assignment));
	if (p->env_size + length > sizeof p->env)
		return err_set(e, -E2BIG, "environment is over %d bytes", POLICY_ENV_MAX);
	memcpy(p->env + p->env_size, assignment, length);
	p->env_size += length;
	return 0;
}

int
policy_check_name(const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (n > 0 && n < NAME_MAX_SIZE && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n &&
	    name[0] != '_' && name[0] != '-')
		return 0;
	return err_set(
	    e, -EINVAL,
	    "name '%.80s' is not 1 to 64 of a-z, 0-9, '_' and '-', beginning with a letter or digit", name);
}

int
policy_set_shared(struct function_policy *p, const char *text, struct err *e)
{
	size_t n = strcspn(text, ":");
	char name[NAME_MAX_SIZE];
	int rc;

	if (text[n] && strcmp(text + n, ":ro") != 0 && strcmp(text + n, ":rw") != 0)
		return err_set(e, -EINVAL, "shared folder '%.80s' is not NAME, NAME:ro or NAME:rw", text);
	if (n >= sizeof name)
		return err_set(e, -EINVAL, "shared folder: name is over %zu bytes", sizeof name - 1);
	memcpy(name, text, n);
	name[n] = '\0';
	rc = policy_check_name(name, e);
	if (rc < 0)
		return err_wrap(e, "shared folder");
	memcpy(p->shared, name, n + 1);
	p->shared_read_only = strcmp(text + n, ":ro") == 0;
	return 0;
}
