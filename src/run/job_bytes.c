/* job_bytes.c - a job as flat bytes.  One walk over its fields, in one order, writes it, reads it and checks
 * it, so that the three cannot disagree. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "base/utf8.h"
#include "run/job.h"
#include "run/limits.h"

#define RUN_DATA_MAX UINT32_MAX /* bytes of one file or input, before the whole is counted */

static const uint64_t job_magic = UINT64_C(0x31626f6a6e7572); /* "runjob1" */

/* Both directions: to is where it is written; NULL: it is read at `at`.  After an rc nothing happens. */
struct walk {
	struct buf *to;
	const char *at, *end;
	int rc;
};

static void
walk_refuse(struct walk *w)
{
	if (w->rc == 0)
		w->rc = w->to ? -EINVAL : -EBADMSG;
}

static void
walk_raw(struct walk *w, void *p, size_t n)
{
	if (w->rc != 0)
		return;
	if (w->to) {
		w->rc = buf_append(w->to, p, n);
		return;
	}
	if (n > (size_t)(w->end - w->at)) {
		walk_refuse(w);
		return;
	}
	memcpy(p, w->at, n);
	w->at += n;
}

static void
walk_number(struct walk *w, uint64_t *number, uint64_t least, uint64_t most)
{
	walk_raw(w, number, sizeof *number);
	if (*number < least || *number > most)
		walk_refuse(w);
}

/* What has a type of its own goes by a number: in, and out again once it was checked. */
static size_t
walk_count(struct walk *w, size_t count, size_t least, size_t most)
{
	uint64_t number = count;

	walk_number(w, &number, least, most);
	return w->rc == 0 ? (size_t)number : least;
}

static bool
walk_bool(struct walk *w, bool value)
{
	return walk_count(w, value, 0, 1) == 1;
}

/* Bytes and a NUL, which is where C looks for the end of a name. */
static void
walk_data(struct walk *w, const void **data, size_t *n, size_t most)
{
	size_t length = walk_count(w, w->to ? *n : 0, 0, most);
	char end = '\0';

	if (w->rc == 0 && w->to && length > 0)
		w->rc = buf_append(w->to, *data, length);
	if (w->rc == 0 && !w->to) {
		if (length >= (size_t)(w->end - w->at)) {
			walk_refuse(w);
			return;
		}
		*data = w->at;
		*n = length;
		w->at += length;
	}
	walk_raw(w, &end, 1);
	if (end != '\0')
		walk_refuse(w);
}

static void
walk_bytes(struct walk *w, const char **bytes, size_t *n)
{
	const void *data = *bytes;

	walk_data(w, &data, n, RUN_DATA_MAX);
	if (w->rc == 0)
		*bytes = data;
}

/* UTF-8 without a NUL in it. */
static void
walk_text(struct walk *w, const char **text, size_t most)
{
	const void *data = *text;
	size_t n = w->to ? strlen(*text) : 0;

	walk_data(w, &data, &n, most);
	if (w->rc != 0)
		return;
	if (memchr(data, '\0', n) || !utf8_is_valid(data, n))
		walk_refuse(w);
	else
		*text = data;
}

static void
walk_array(struct walk *w, char *array, size_t size)
{
	const char *text = array;

	walk_text(w, &text, size - 1);
	if (w->rc == 0 && !w->to)
		memcpy(array, text, strlen(text) + 1);
}

static void
walk_words(struct walk *w, const char **words, size_t most)
{
	size_t n = 0, bytes = 0;

	while (w->to && n < most && words[n])
		n++;
	n = walk_count(w, n, 0, most);
	for (size_t i = 0; i < n && w->rc == 0; i++) {
		walk_text(w, &words[i], RUN_WORD_MAX);
		bytes += w->rc == 0 ? strlen(words[i]) + 1 : 0;
	}
	if (bytes > RUN_WORDS_BYTES)
		walk_refuse(w);
	if (!w->to)
		words[n] = NULL;
}

static void
walk_environment(struct walk *w, const char **words)
{
	walk_words(w, words, RUN_ENVIRONMENT_MAX);
	for (size_t i = 0; w->rc == 0 && words[i]; i++)
		if (!run_is_environment(words[i]))
			walk_refuse(w);
}

static void
walk_outputs(struct walk *w, const char **words)
{
	walk_words(w, words, RUN_OUTPUTS_MAX);
	for (size_t i = 0; w->rc == 0 && words[i]; i++)
		if (run_file_name_fault(words[i], strlen(words[i])))
			walk_refuse(w);
}

static void
walk_files(struct walk *w, struct run_job *job)
{
	job->n_files = walk_count(w, job->n_files, 1, RUN_FILES_MAX);
	for (size_t i = 0; i < job->n_files && w->rc == 0; i++) {
		struct box_file *file = &job->files[i];

		walk_text(w, &file->path, RUN_FILE_NAME_MAX);
		walk_data(w, &file->data, &file->size, RUN_DATA_MAX);
		if (w->rc == 0 && run_file_name_fault(file->path, strlen(file->path)))
			walk_refuse(w);
	}
	if (w->rc == 0 && !run_files_are_apart(job->files, job->n_files))
		walk_refuse(w);
}

static void
walk_cases(struct walk *w, struct run_job *job)
{
	job->has_cases = walk_bool(w, job->has_cases);
	job->n_cases = walk_count(w, job->n_cases, 1, job->has_cases ? RUN_CASES_MAX : 1);
	for (size_t i = 0; i < job->n_cases && w->rc == 0; i++) {
		struct run_case *c = &job->cases[i];

		walk_array(w, c->name, sizeof c->name);
		walk_bytes(w, &c->input, &c->n_input);
		walk_bytes(w, &c->expected, &c->n_expected);
		c->has_expected = walk_bool(w, c->has_expected);
	}
}

static void
walk_limits(struct walk *w, struct box_limits *limits)
{
	for (size_t i = 0; i < run_n_limits; i++) {
		uint64_t value = run_limit_get(limits, &run_limits[i]);

		walk_number(w, &value, run_limits[i].least, UINT64_C(1) << 50);
		run_limit_set(limits, &run_limits[i], value);
	}
	walk_number(w, &limits->output_end, 0, limits->output);
}

static void
walk_tolerance(struct walk *w, double *tolerance)
{
	walk_raw(w, tolerance, sizeof *tolerance);
	if (!(*tolerance >= 0 && *tolerance <= 1))
		walk_refuse(w);
}

static void
walk_job(struct walk *w, struct run_job *job)
{
	uint64_t magic = job_magic;

	walk_number(w, &magic, job_magic, job_magic);
	walk_array(w, job->language, sizeof job->language);
	walk_array(w, job->version, sizeof job->version);
	walk_files(w, job);
	walk_words(w, job->arguments, RUN_ARGUMENTS_MAX);
	walk_words(w, job->options, RUN_OPTIONS_MAX);
	walk_environment(w, job->environment);
	walk_outputs(w, job->outputs);
	walk_cases(w, job);
	job->is_merged = walk_bool(w, job->is_merged);
	job->stops_on_failure = walk_bool(w, job->stops_on_failure);
	job->compare = (enum run_compare)walk_count(w, job->compare, 0, RUN_COMPARES - 1);
	walk_tolerance(w, &job->tolerance);
	job->encoding = (enum run_encoding)walk_count(w, job->encoding, 0, RUN_ENCODINGS - 1);
	walk_limits(w, &job->limits);
	walk_limits(w, &job->compile_limits);
	walk_number(w, &job->total_ms, 1, RUN_TOTAL_MS_MAX);
}

int
run_job_encode(const struct run_job *job, struct buf *bytes)
{
	struct run_job copy = *job;
	struct walk w = { .to = bytes };
	size_t before = buf_used(bytes);

	walk_job(&w, &copy);
	if (w.rc != 0)
		bytes->end -= buf_used(bytes) - before;
	return w.rc;
}

int
run_job_decode(struct run_job *job, const void *bytes, size_t n, struct err *e)
{
	struct run_job read = { .n_files = 0 };
	struct walk w = { .at = bytes, .end = (const char *)bytes + n };

	walk_job(&w, &read);
	if (w.rc == 0 && w.at != w.end)
		walk_refuse(&w);
	if (w.rc != 0)
		return err_set(e, w.rc, "a job's bytes are not one, at %zu of %zu",
		               (size_t)(w.at - (const char *)bytes), n);
	*job = read;
	return 0;
}
