/* job.c - what may be asked of cfn-deploy, and how it is said to it. */
#include "manage/job.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/utf8.h"
#include "config/policy.h"

/* Not here: shared, grant (a scope says nothing of them), whatever names a file of this machine. */
const struct job_option_row job_options[] = {
	{ "memory", "memory" },
	{ "cpu_time", "cpu-time" },
	{ "wall_time", "wall-time" },
	{ "cpu_share", "cpu-share" },
	{ "stream_idle", "stream-idle" },
	{ "body_size", "body-size" },
	{ "output_size", "output-size" },
	{ "tmp_size", "tmp-size" },
	{ "threads", "threads" },
	{ "tmp_inodes", "tmp-inodes" },
	{ "open_files", "open-files" },
	{ "file_size", "file-size" },
	{ "concurrency", "concurrency" },
	{ "exclusive", "exclusive" },
	{ "streams", "streams" },
	{ "cache", "cache" },
	{ "queue", "queue" },
	{ "pm.max_requests", "pm-max-requests" },
	{ "session_time", "session-time" },
	{ "mode", "mode" },
	{ "auth", "auth" },
	{ "pm", "pm" },
	{ "pm.max_children", "pm-max-children" },
	{ "link", "link" },
	{ "env", "env" },
	{ "smoke", "smoke" },
	{ "cors", "cors" },
};
const uint32_t job_n_options = ARRAY_SIZE(job_options);

const char *const job_verb_words[JOB_VERBS] = {
	[JOB_DEPLOY] = "deploy",   [JOB_LIST] = "list",         [JOB_SOURCE] = "source",
	[JOB_HISTORY] = "history", [JOB_ROLLBACK] = "rollback", [JOB_ENABLE] = "enable",
	[JOB_DISABLE] = "disable", [JOB_LOCK] = "lock",         [JOB_UNLOCK] = "unlock",
	[JOB_REMOVE] = "remove",
};

int
job_option_find(const char *field)
{
	for (uint32_t i = 0; i < job_n_options; i++)
		if (strcmp(job_options[i].field, field) == 0)
			return (int)i;
	return -1;
}

/* ---- checks ---- */

#define IS_TEXT(array) (strnlen(array, sizeof(array)) < sizeof(array))

static bool
is_plain(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return false;
	return utf8_is_valid(text, strlen(text));
}

static bool
is_of(const char *text, const char *letters)
{
	return text[strspn(text, letters)] == '\0';
}

static int
wrong(struct err *e, const char *what)
{
	return err_set(e, -EINVAL, "%s is not as it should be", what);
}

static const char *
fault_of_texts(const struct job *j)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	static const char symbol[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	struct err ignored;

	if (!IS_TEXT(j->token) || !token_is_text(j->token, strlen(j->token)))
		return "the token";
	if (!IS_TEXT(j->function) || !is_of(j->function, name) ||
	    (j->function[0] && policy_check_name(j->function, &ignored) < 0))
		return "the function's name";
	if (!IS_TEXT(j->entry) || !is_of(j->entry, symbol))
		return "function_name";
	if (!IS_TEXT(j->reason) || !is_plain(j->reason))
		return "the reason";
	if (!IS_TEXT(j->methods) || !is_of(j->methods, "ABCDEFGHIJKLMNOPQRSTUVWXYZ,"))
		return "method";
	return NULL;
}

static const char *
fault_of_lists(const struct job *j)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

	if (j->n_routes > JOB_ROUTES_MAX || j->n_options > JOB_OPTIONS_MAX || j->n_files > JOB_FILES_MAX)
		return "a number of fields";
	for (uint32_t i = 0; i < j->n_routes; i++)
		if (!IS_TEXT(j->routes[i]) || j->routes[i][0] != '/' || !is_plain(j->routes[i]) ||
		    strchr(j->routes[i], ' '))
			return "route";
	for (uint32_t i = 0; i < j->n_options; i++)
		if (j->options[i].row >= job_n_options || !IS_TEXT(j->options[i].value) ||
		    !is_plain(j->options[i].value))
			return j->options[i].row < job_n_options ? job_options[j->options[i].row].field
			                                         : "a field";
	for (uint32_t i = 0; i < j->n_files; i++)
		if (!IS_TEXT(j->files[i].name) || !is_of(j->files[i].name, letters) || !j->files[i].name[0] ||
		    strchr(".-", j->files[i].name[0]) || j->files[i].size > JOB_BODY_MAX)
			return "the name of a file";
	return NULL;
}

/* What each verb is said with. */
static const struct {
	bool needs_function, takes_reason, takes_version;
} forms[JOB_VERBS] = {
	[JOB_SOURCE] = { .needs_function = true, .takes_version = true },
	[JOB_HISTORY] = { .needs_function = true },
	[JOB_ROLLBACK] = { .needs_function = true, .takes_version = true },
	[JOB_ENABLE] = { .needs_function = true },
	[JOB_DISABLE] = { .needs_function = true },
	[JOB_LOCK] = { .needs_function = true, .takes_reason = true },
	[JOB_UNLOCK] = { .needs_function = true },
	[JOB_REMOVE] = { .needs_function = true },
};

int
job_check(const struct job *j, struct err *e)
{
	const char *fault = j->verb >= JOB_VERBS ? "the request" : fault_of_texts(j);

	if (!fault)
		fault = fault_of_lists(j);
	if (fault)
		return wrong(e, fault);
	if (forms[j->verb].needs_function && !j->function[0])
		return err_set(e, -EINVAL, "the function's name is missing");
	if (j->verb == JOB_LIST && j->function[0])
		return err_set(e, -EINVAL, "a list is of all functions");
	if (forms[j->verb].takes_reason != (j->reason[0] != '\0'))
		return err_set(e, -EINVAL,
		               j->reason[0] ? "reason says nothing here" : "the field reason is missing");
	if (j->version > 0 && !forms[j->verb].takes_version)
		return err_set(e, -EINVAL, "version says nothing here");
	if (j->verb == JOB_DEPLOY && j->n_files == 0)
		return err_set(e, -EINVAL, "the field code is missing: -F code=@FILE");
	if (j->verb != JOB_DEPLOY && (j->n_files > 0 || j->n_routes > 0 || j->n_options > 0 ||
	                              j->replaces_routes || j->entry[0] || j->methods[0]))
		return err_set(e, -EINVAL, "fields of a deploy say nothing here");
	return 0;
}

/* ---- arguments ---- */

struct writing {
	char *at, *end;
	const char **to;
	size_t n;
	bool is_full;
};

static void PRINTF_LIKE(2, 3) put(struct writing *w, const char *fmt, ...)
{
	size_t room = (size_t)(w->end - w->at);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->at, room, fmt, ap);
	va_end(ap);
	w->is_full |= n < 0 || (size_t)n >= room || w->n + 1 >= JOB_ARGUMENTS_MAX;
	if (w->is_full)
		return;
	w->to[w->n++] = w->at;
	w->at += n + 1;
}

static void
put_deploy(struct writing *w, const struct job *j, int first_file)
{
	if (j->function[0])
		put(w, "--function=%s", j->function);
	if (j->entry[0])
		put(w, "--entry=%s", j->entry);
	for (uint32_t i = 0; i < j->n_routes; i++)
		put(w, "--route=%s", j->routes[i]);
	if (j->methods[0])
		put(w, "--method=%s", j->methods);
	if (j->replaces_routes)
		put(w, "--replace-routes");
	for (uint32_t i = 0; i < j->n_options; i++)
		put(w, "--%s=%s", job_options[j->options[i].row].option, j->options[i].value);
	for (uint32_t i = 0; i < j->n_files; i++)
		put(w, "--source-fd=%d:%s", first_file + (int)i, j->files[i].name);
}

int
job_arguments(const struct job *j, int first_file, char text[JOB_TEXT_MAX], const char *to[JOB_ARGUMENTS_MAX],
              struct err *e)
{
	struct writing w = { text, text + JOB_TEXT_MAX, to, 0, false };

	put(&w, "%s", job_verb_words[j->verb]);
	if (j->verb == JOB_DEPLOY)
		put_deploy(&w, j, first_file);
	else if (j->function[0]) {
		if (j->reason[0] && j->verb == JOB_LOCK)
			put(&w, "--reason=%s", j->reason);
		/* A name begins with a letter or digit: it is no option. */
		put(&w, "%s", j->function);
		if (j->version > 0)
			put(&w, "%u", j->version);
	}
	to[w.n] = NULL;
	return w.is_full ? err_set(e, -E2BIG, "the fields of this request") : (int)w.n;
}
