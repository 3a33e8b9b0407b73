/* request_files.c - code and files: what is written into the working folder. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "run/request_parts.h"

/* The name is checked where the client wrote it. */
static int
take_name(struct request *r, json_t *value, void *file)
{
	const char *fault = run_file_name_fault(json_string_value(value), json_string_length(value));

	if (fault)
		return request_fail(r, 422, "it is no name of a file: %s", fault);
	((struct box_file *)file)->path = json_string_value(value);
	return 0;
}

static int
take_content(struct request *r, json_t *value, void *file)
{
	struct box_file *f = file;

	(void)r;
	f->data = json_string_value(value);
	f->size = json_string_length(value);
	return 0;
}

static const struct request_field file_fields[] = {
	{ .name = "name", .kind = REQUEST_TEXT, .is_needed = true, .take = take_name },
	{ .name = "encoding", .kind = REQUEST_TEXT, .take = request_take_encoding },
	{ .name = "content",
	  .kind = REQUEST_BYTES,
	  .is_needed = true,
	  .encoding = "encoding",
	  .take = take_content },
};

static int
take_file(struct request *r, json_t *value)
{
	struct run_job *job = r->job;
	struct box_file *file = &job->files[job->n_files];
	int rc = request_check_kind(r, value, REQUEST_OBJECT);

	if (rc == 0)
		rc = request_take(r, value, file_fields, ARRAY_SIZE(file_fields), file);
	if (rc < 0)
		return rc;
	job->n_files++;
	if (run_files_are_apart(job->files, job->n_files))
		return 0;
	request_enter(r, "name");
	return request_fail(r, 422, "another file is called so, or has it as a folder, or is its folder");
}

int
request_take_code(struct request *r, json_t *value, void *unused)
{
	struct box_file *file = &r->job->files[0];

	file->path = r->main ? r->main : r->language->source;
	r->job->n_files = 1;
	r->has_code = true;
	(void)unused;
	return take_content(r, value, file);
}

/* Which file is the main one is for the client to say; without a word it is the first. */
static int
put_main_first(struct request *r)
{
	struct run_job *job = r->job;

	for (size_t i = 0; i < job->n_files; i++) {
		struct box_file file = job->files[i];

		if (strcmp(file.path, r->main) != 0)
			continue;
		job->files[i] = job->files[0];
		job->files[0] = file;
		return 0;
	}
	request_leave(r, 0);
	request_enter(r, "main");
	return request_fail(r, 422, "no file is called so");
}

int
request_take_files(struct request *r, json_t *value, void *unused)
{
	json_t *element;
	size_t i;

	(void)unused;
	if (json_array_size(value) + r->job->n_files > RUN_FILES_MAX)
		return request_fail(r, 422, "more than %d files", RUN_FILES_MAX);
	json_array_foreach(value, i, element)
	{
		size_t mark = request_enter_element(r, i);

		if (take_file(r, element) < 0)
			return -EINVAL;
		request_leave(r, mark);
	}
	return r->main && !r->has_code ? put_main_first(r) : 0;
}

/* Where a compiler gets all files, it tells by the ending what to do with each: what it does not know goes to
 * the linker, whose words help nobody.  An interpreter reads whatever it is given. */
int
request_check_main(struct request *r)
{
	const struct run_language *l = r->language;

	if (!strstr(l->compile, "{files}") || run_language_has_ending(l, r->job->files[0].path))
		return 0;
	if (r->main) {
		request_enter(r, "main");
	} else {
		request_enter(r, "files");
		request_enter_element(r, 0);
		request_enter(r, "name");
	}
	return request_fail(r, 422, "the main file of %s has a name that ends with %s%s%s", l->name,
	                    strrchr(l->source, '.'), l->endings[0] ? " or one of " : "", l->endings);
}
