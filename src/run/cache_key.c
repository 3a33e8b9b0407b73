/* cache_key.c - what decides about the outcome of a compiler, as one digest. */
#include "run/cache.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/words.h"

/* With another number no entry of before is found. */
static const char format[] = "cfn run cache 1";

/* Files whose change tells that headers and libraries may have changed, where a system has them. */
static const char *const witnesses[] = { "/var/lib/dpkg/status", "/etc/ld.so.cache", "/usr/include" };

/* The digest of a list of digests: no two lists of parts make the same bytes. */
struct parts {
	struct digest sum;
};

static void
parts_add(struct parts *p, const void *data, size_t n)
{
	struct digest both[2] = { p->sum };

	digest_plain(data, n, &both[1]);
	digest_plain(both, sizeof both, &p->sum);
}

static void
parts_add_text(struct parts *p, const char *text)
{
	parts_add(p, text, strlen(text));
}

static void
parts_add_number(struct parts *p, uint64_t number)
{
	parts_add(p, &number, sizeof number);
}

/* A file below a root ("" is the host's) by what a package manager changes of it. */
static void
parts_add_file(struct parts *p, const char *root, const char *path, size_t n)
{
	char whole[RUN_LANGUAGE_PATH_SIZE + RUN_COMMAND_SIZE];
	struct stat st;
	uint64_t seen[6] = { 0 };

	snprintf(whole, sizeof whole, "%s%.*s", root, (int)n, path);
	if (stat(whole, &st) == 0) {
		const uint64_t now[] = { 1,
			                 (uint64_t)st.st_dev,
			                 (uint64_t)st.st_ino,
			                 (uint64_t)st.st_size,
			                 (uint64_t)st.st_mtim.tv_sec,
			                 (uint64_t)st.st_mtim.tv_nsec };

		memcpy(seen, now, sizeof seen);
	}
	parts_add(p, seen, sizeof seen);
}

static void
parts_add_words(struct parts *p, const char *const *words)
{
	size_t n = 0;

	for (; words[n]; n++)
		parts_add_text(p, words[n]);
	parts_add_number(p, n);
}

static void
parts_add_language(struct parts *p, const struct run_language *l)
{
	const char *const texts[] = { l->name,   l->source,      l->endings, l->compile, l->needs,
		                      l->system, l->environment, l->root,    NULL };
	const char *at = l->needs, *word;
	size_t n;

	parts_add_words(p, texts);
	parts_add_number(p, l->has_proc_self_exe);
	for (size_t i = 0; i < ARRAY_SIZE(witnesses); i++)
		parts_add_file(p, l->root, witnesses[i], strlen(witnesses[i]));
	parts_add_file(p, l->root, l->compile, strcspn(l->compile, " "));
	while ((word = words_next(&at, &n)))
		parts_add_file(p, l->root, word, n);
}

void
run_cache_key(const struct run_language *language, const char *version, const struct run_job *job,
              struct digest *key)
{
	struct parts p = { 0 };

	parts_add_text(&p, format);
	parts_add_language(&p, language);
	parts_add_text(&p, version);
	parts_add_words(&p, job->options);
	parts_add_number(&p, job->n_files);
	for (size_t i = 0; i < job->n_files; i++) {
		parts_add_text(&p, job->files[i].path);
		parts_add(&p, job->files[i].data, job->files[i].size);
	}
	*key = p.sum;
}
