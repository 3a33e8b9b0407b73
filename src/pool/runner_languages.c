/* runner_languages.c - the folder of languages, which the runner reads once, when it starts: whether it can
 * be read, and whether it has changed. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "pool/runner.h"
#include "run/language.h"

#define FNV_BASIS UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

/* FNV-1a: a change is to be noticed, not to be made hard. */
static uint64_t
mix(uint64_t sum, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++)
		sum = (sum ^ p[i]) * FNV_PRIME;
	return sum;
}

static uint64_t
mark_of_file(int folder, const char *name)
{
	struct stat st;
	uint64_t sum = mix(FNV_BASIS, name, strlen(name));

	if (fstatat(folder, name, &st, 0) < 0)
		return sum;
	sum = mix(sum, &st.st_ino, sizeof st.st_ino);
	sum = mix(sum, &st.st_size, sizeof st.st_size);
	sum = mix(sum, &st.st_ctim.tv_sec, sizeof st.st_ctim.tv_sec);
	return mix(sum, &st.st_ctim.tv_nsec, sizeof st.st_ctim.tv_nsec);
}

void
runner_look_at_languages(struct master *m)
{
	DIR *folder = opendir(m->config->run.languages_dir);
	const struct dirent *entry;

	m->runner.languages = 0;
	if (!folder)
		return;
	/* A sum: readdir has no order. */
	while ((entry = readdir(folder)))
		m->runner.languages += mark_of_file(dirfd(folder), entry->d_name);
	closedir(folder);
}

int
runner_check_languages(const struct config_run *run, struct err *e)
{
	AUTO_FREE struct run_languages *languages = NULL;
	int rc;

	if (!run->is_enabled)
		return 0;
	languages = malloc(sizeof *languages);
	if (!languages)
		return err_set(e, ENOMEM, "languages");
	rc = run_languages_read(languages, run->languages_dir, e);
	/* ENOENT would say that there is no configuration. */
	return rc < 0 ? -(e->code = EINVAL) : 0;
}
