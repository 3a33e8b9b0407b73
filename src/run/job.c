/* job.c - a job, and the names in it. */
#include "run/job.h"

#include <string.h>

#include "base/utf8.h"

void
run_job_done(struct run_job *job)
{
	if (job->release)
		job->release(job->memory);
	job->memory = NULL;
	job->release = NULL;
}

static bool
has_control(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return true;
	return false;
}

static const char *
part_fault(const char *part, size_t n)
{
	if (n == 0)
		return "nothing stands before, after or between its slashes";
	if (n > RUN_FILE_PART_MAX)
		return "a part of it is longer than 255 bytes";
	if (n <= 2 && strncmp(part, "..", n) == 0)
		return "'.' and '..' are no names";
	return NULL;
}

const char *
run_file_name_fault(const char *name, size_t n)
{
	const char *fault = NULL;

	if (n == 0)
		return "it is empty";
	if (n > RUN_FILE_NAME_MAX)
		return "it is longer than 1023 bytes";
	if (has_control(name, n) || !utf8_is_valid(name, n))
		return "it has a control character";
	if (name[0] == '-' || name[0] == '@')
		return "it begins with '-' or '@'";
	for (size_t at = 0; !fault && at <= n;) {
		const char *slash = memchr(name + at, '/', n - at);
		size_t length = slash ? (size_t)(slash - name) - at : n - at;

		fault = part_fault(name + at, length);
		at += length + 1;
	}
	return fault;
}

/* Whether a is b, or a folder that b is in. */
static bool
is_at_or_above(const char *a, const char *b)
{
	size_t n = strlen(a);

	return strncmp(a, b, n) == 0 && (b[n] == '\0' || b[n] == '/');
}

bool
run_files_are_apart(const struct box_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			if (i != k && is_at_or_above(files[i].path, files[k].path))
				return false;
	return true;
}

static bool
is_name_character(char c, bool is_first)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
	       (!is_first && c >= '0' && c <= '9');
}

bool
run_is_environment(const char *word)
{
	size_t n = 0;

	while (is_name_character(word[n], n == 0))
		n++;
	return n > 0 && word[n] == '=';
}
