/* command.c - from a language's text and a job's words to what a box is started with. */
#include "run/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "base/words.h"

/* What every language finds of the host: programs and libraries, no configuration, nobody's files; and the
 * links by which Debian names one of several programs. */
static const char *const system_of_host[] = { "/usr/bin",          "/usr/lib", "/usr/lib64", "/usr/libexec",
	                                      "/usr/include",      "/bin",     "/lib",       "/lib64",
	                                      "/etc/alternatives", NULL };
/* A root was made for programs to see. */
static const char *const system_of_root[] = { "/usr",   "/bin", "/sbin", "/lib", "/lib32",
	                                      "/lib64", "/etc", "/opt",  NULL };
static const char *const usual_environment[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/work",
	                                         "TMPDIR=/tmp" };

/* A word that stays where it is. */
static int
words_put(struct run_words *w, const char *word, struct err *e)
{
	if (w->n == RUN_WORDS_MAX)
		return err_set(e, -E2BIG, "a command has more than %d words", RUN_WORDS_MAX);
	w->words[w->n++] = word;
	return 0;
}

static int
words_copy(struct run_words *w, const char *word, size_t n, struct err *e)
{
	char *to = w->text + w->used;

	if (w->used + n + 1 > sizeof w->text)
		return err_set(e, -E2BIG, "a language's command has more than %d bytes", RUN_COMMAND_TEXT);
	memcpy(to, word, n);
	to[n] = '\0';
	w->used += n + 1;
	return words_put(w, to, e);
}

static int
words_put_all(struct run_words *w, const char *const *words, struct err *e)
{
	int rc = 0;

	for (; rc == 0 && *words; words++)
		rc = words_put(w, *words, e);
	return rc;
}

/* The main one, and what ends like the language's own. */
static int
words_put_files(struct run_words *w, const struct run_language *l, const struct run_job *job, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < job->n_files; i++)
		if (i == 0 || run_language_has_ending(l, job->files[i].path))
			rc = words_put(w, job->files[i].path, e);
	return rc;
}

static int
words_copy_class(struct run_words *w, const struct run_job *job, struct err *e)
{
	char name[RUN_CLASS_SIZE];
	size_t n = run_class_name(&job->files[0], name);

	return words_copy(w, name, n, e);
}

/* A word that may have {memory} somewhere within. */
static int
words_copy_memory(struct run_words *w, const char *word, size_t n, uint64_t memory, struct err *e)
{
	static const char mark[] = "{memory}";
	const char *at = memmem(word, n, mark, sizeof mark - 1);
	char text[RUN_COMMAND_SIZE + 32];
	int length;

	if (!at)
		return words_copy(w, word, n, e);
	length = snprintf(text, sizeof text, "%.*s%" PRIu64 "%.*s", (int)(at - word), word, memory,
	                  (int)(word + n - at) - (int)(sizeof mark - 1), at + sizeof mark - 1);
	return words_copy(w, text, (size_t)length, e);
}

/* A placeholder, or itself. */
static int
line_add(struct run_words *w, const char *word, size_t n, const struct run_language *l,
         const struct run_command_parts *parts, struct err *e)
{
	const struct run_job *job = parts->job;

	if (job && n == 7 && strncmp(word, "{files}", n) == 0)
		return words_put_files(w, l, job, e);
	if (job && n == 6 && strncmp(word, "{main}", n) == 0)
		return words_put(w, job->files[0].path, e);
	if (job && n == 9 && strncmp(word, "{options}", n) == 0)
		return words_put_all(w, job->options, e);
	if (job && n == 7 && strncmp(word, "{class}", n) == 0)
		return words_copy_class(w, job, e);
	return words_copy_memory(w, word, n, parts->memory, e);
}

static int
line_make(struct run_words *w, const struct run_language *l, const char *command,
          const struct run_command_parts *parts, struct err *e)
{
	const char *at = command, *word;
	size_t n;
	int rc = 0;

	while (rc == 0 && (word = run_command_next(&at, &n)))
		rc = line_add(w, word, n, l, parts, e);
	if (rc == 0 && parts->has_arguments)
		rc = words_put_all(w, parts->job->arguments, e);
	return rc;
}

static int
system_make(struct run_words *w, const struct run_language *l, struct err *e)
{
	const char *at = l->system, *word;
	size_t n;
	int rc = words_put_all(w, l->root[0] ? system_of_root : system_of_host, e);

	while (rc == 0 && (word = words_next(&at, &n)))
		rc = words_copy(w, word, n, e);
	return rc;
}

static bool
is_named(const struct run_words *w, const char *variable)
{
	size_t n = strcspn(variable, "= ") + 1;

	for (size_t i = 0; i < w->n; i++)
		if (strncmp(w->words[i], variable, n) == 0)
			return true;
	return false;
}

/* The first of a name stays: the client's own word before the language's, that before the usual one.  Nothing
 * of it reaches farther than into the client's own box. */
static int
environment_make(struct run_words *w, const char *own, const struct run_command_parts *parts, struct err *e)
{
	const char *at = own, *word;
	size_t n;
	int rc = 0;

	if (parts->has_environment)
		rc = words_put_all(w, parts->job->environment, e);
	while (rc == 0 && (word = words_next(&at, &n)))
		if (!is_named(w, word))
			rc = words_copy(w, word, n, e);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(usual_environment); i++)
		if (!is_named(w, usual_environment[i]))
			rc = words_put(w, usual_environment[i], e);
	return rc;
}

int
run_command_make(struct run_command *c, const struct run_language *language, const char *command,
                 const struct run_command_parts *parts, struct err *e)
{
	int rc;

	*c = (struct run_command){ 0 };
	rc = line_make(&c->line, language, command, parts, e);
	if (rc == 0)
		rc = system_make(&c->system, language, e);
	if (rc == 0)
		rc = environment_make(&c->environment, language->environment, parts, e);
	return rc;
}
