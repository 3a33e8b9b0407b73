/* engine_headers.c - precompiled headers: a header that is a program's first include, compiled once by the
 * language's own command, kept as any compiled program, and laid where the compiler looks first. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/words.h"
#include "run/engine_parts.h"

#define FOLDER ".headers"

/* All that may stand before the first include: empty lines, and comments that take a line. */
static const char *
skip_lines(const char *at, const char *end)
{
	for (;;) {
		while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
			at++;
		if (end - at < 2 || at[0] != '/' || at[1] != '/')
			return at;
		while (at < end && *at != '\n')
			at++;
	}
}

/* The name between < and > of the first include; its length, 0: there is none. */
static size_t
first_include(const struct box_file *file, const char **name)
{
	static const char word[] = "include";
	const char *end = (const char *)file->data + file->size, *at = skip_lines(file->data, end);
	size_t n = 0;

	if (at == end || *at++ != '#')
		return 0;
	while (at < end && *at == ' ')
		at++;
	if ((size_t)(end - at) < sizeof word || memcmp(at, word, sizeof word - 1) != 0)
		return 0;
	for (at += sizeof word - 1; at < end && *at == ' ';)
		at++;
	if (at == end || *at++ != '<')
		return 0;
	while (at + n < end && at[n] != '>' && at[n] != '\n')
		n++;
	*name = at;
	return at + n < end && at[n] == '>' ? n : 0;
}

/* An option may change what a header means, and a file of the client's may stand where ours would. */
static bool
may_have_one(const struct run *r)
{
	if (!r->place->cache || r->place->cache->folder < 0 || !r->language->headers[0] || r->job->options[0])
		return false;
	if (r->job->n_files == RUN_FILES_MAX)
		return false;
	for (size_t i = 0; i < r->job->n_files; i++)
		if (strncmp(r->job->files[i].path, FOLDER "/", sizeof FOLDER) == 0)
			return false;
	return true;
}

/* The job whose program is the precompiled header: a compiler makes one of a file that ends like a header. */
static void
header_job_fill(struct header *h, const char *name, size_t n)
{
	snprintf(h->source, sizeof h->source, FOLDER "/%.*s.h", (int)n, name);
	snprintf(h->compiled_as, sizeof h->compiled_as, FOLDER "/%.*s.gch", (int)n, name);
	snprintf(h->text, sizeof h->text, "#include <%.*s>\n", (int)n, name);
	h->job.files[0] = (struct box_file){ h->source, h->text, strlen(h->text) };
	h->job.n_files = 1;
}

/* Of an entry without a program: it could not be made, or is larger than what is kept.  No job has this key.
 */
static void
refusal_key(const struct digest *key, struct digest *refusal)
{
	digest_plain(key, sizeof *key, refusal);
}

/* Whether it should be made. */
static bool
is_missing(const struct run_cache *cache, const struct digest *key)
{
	struct run_cached refusal;
	struct digest of_refusal;

	refusal_key(key, &of_refusal);
	if (!run_cache_get(cache, &of_refusal, &refusal))
		return true;
	run_cached_done(&refusal);
	return false;
}

bool
run_header_find(struct run *r)
{
	const struct run_cache *cache = r->place->cache;
	const char *version = r->place->version ? r->place->version : "";
	struct header *h = &r->header;
	const char *name;
	size_t n = may_have_one(r) ? first_include(&r->job->files[0], &name) : 0;

	if (n == 0 || n >= RUN_HEADER_NAME_SIZE || !words_have(r->language->headers, name, n))
		return false;
	header_job_fill(h, name, n);
	run_cache_key(r->language, version, &h->job, &h->key);
	if (run_cache_get(cache, &h->key, &h->cached))
		return true;
	h->is_missing = is_missing(cache, &h->key);
	return false;
}

int
run_header_lay(struct run *r, struct box_plan *plan, struct err *e)
{
	struct run_words *environment = &r->command.environment;
	struct header *h = &r->header;

	if (environment->n == RUN_WORDS_MAX)
		return err_set(e, -E2BIG, "environment");
	environment->words[environment->n++] = "CPATH=/work/" FOLDER;
	environment->words[environment->n] = NULL;
	memcpy(h->files, r->job->files, r->job->n_files * sizeof *h->files);
	h->files[r->job->n_files] =
	    (struct box_file){ h->compiled_as, h->cached.program, h->cached.n_program };
	plan->files = h->files;
	plan->n_files = r->job->n_files + 1;
	return 0;
}

static void
say_nothing(void *context, const struct run_event *event)
{
	(void)context;
	(void)event;
}

/* Not tried again for every program that would like to have it. */
static void
refusal_keep(const struct run *r)
{
	const struct run_cached nothing = { .program = "", .out = "", .err = "" };
	struct run_cached made;
	struct digest of_refusal;

	if (run_cache_get(r->place->cache, &r->header.key, &made)) {
		run_cached_done(&made);
		return;
	}
	refusal_key(&r->header.key, &of_refusal);
	run_cache_put(r->place->cache, &of_refusal, &nothing);
}

void
run_header_make(struct run *r)
{
	static const struct run_watcher nobody = { say_nothing, NULL, -1 };
	struct box_limits *limits = &r->header.job.compile_limits;
	struct err ignored;

	if (!r->header.is_missing)
		return;
	run_compile_limits_init(limits, r->language);
	r->header.is_missing = false;
	r->job = &r->header.job;
	r->watcher = &nobody;
	r->deadline_us = clock_now_us() + limits->wall_ms * 1000;
	run_compile(r, &ignored);
	run_cached_done(&r->compiled);
	refusal_keep(r);
}
