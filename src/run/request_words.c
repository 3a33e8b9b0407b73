/* request_words.c - lists of words: for the program, the compiler and the environment, and patterns. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "run/request_parts.h"

/* One list: where it goes, and what one of its words has to be. */
struct words {
	const char **to;
	size_t most, n, bytes;
	int (*check)(struct request *r, const char *word);
};

static int
add_word(struct request *r, struct words *w, const json_t *value)
{
	const char *word = json_string_value(value);
	size_t n = json_string_length(value);

	if (n > RUN_WORD_MAX)
		return request_fail(r, 422, "it is longer than %d bytes", RUN_WORD_MAX);
	w->bytes += n + 1;
	if (w->bytes > RUN_WORDS_BYTES)
		return request_fail(r, 422, "with those before it, it is longer than %d bytes",
		                    RUN_WORDS_BYTES);
	if (w->check && w->check(r, word) < 0)
		return -EINVAL;
	w->to[w->n++] = word;
	w->to[w->n] = NULL;
	return 0;
}

static int
check_count(struct request *r, size_t n, size_t most)
{
	return n > most ? request_fail(r, 422, "there are more than %zu", most) : 0;
}

static int
take_list(struct request *r, json_t *list, struct words w)
{
	json_t *value;
	size_t i;

	if (check_count(r, json_array_size(list), w.most) < 0)
		return -EINVAL;
	json_array_foreach(list, i, value)
	{
		size_t mark = request_enter_element(r, i);

		if (request_check_kind(r, value, REQUEST_TEXT) < 0 || add_word(r, &w, value) < 0)
			return -EINVAL;
		request_leave(r, mark);
	}
	return 0;
}

int
request_take_arguments(struct request *r, json_t *value, void *unused)
{
	(void)unused;
	return take_list(r, value, (struct words){ .to = r->job->arguments, .most = RUN_ARGUMENTS_MAX });
}

static int
check_option(struct request *r, const char *word)
{
	const struct run_language *l = r->language;

	if (run_language_allows(l, word))
		return 0;
	return request_fail(r, 422, "%s does not take '%s'; it takes: %s", l->name, request_quote(word).text,
	                    l->options[0] ? l->options : "none");
}

int
request_take_options(struct request *r, json_t *value, void *unused)
{
	(void)unused;
	return take_list(r, value,
	                 (struct words){
			     .to = r->job->options, .most = RUN_OPTIONS_MAX, .check = check_option });
}

static int
check_pattern(struct request *r, const char *word)
{
	const char *fault = run_file_name_fault(word, strlen(word));

	return fault ? request_fail(r, 422, "it is no pattern of files: %s", fault) : 0;
}

int
request_take_outputs(struct request *r, json_t *value, void *unused)
{
	(void)unused;
	return take_list(r, value,
	                 (struct words){
			     .to = r->job->outputs, .most = RUN_OUTPUTS_MAX, .check = check_pattern });
}

/* In place: the value becomes NAME=VALUE. */
static int
join(struct request *r, const char *name, json_t *value)
{
	AUTO_FREE char *word = NULL;
	int n = asprintf(&word, "%s=%s", name, json_string_value(value));

	if (n < 0) {
		word = NULL;
		return request_fail(r, 500, "no memory");
	}
	if (!run_is_environment(word))
		return request_fail(r, 422, "it is no name of letters, digits and '_'");
	if (json_string_setn_nocheck(value, word, (size_t)n) < 0)
		return request_fail(r, 500, "no memory");
	return 0;
}

int
request_take_environment(struct request *r, json_t *object, void *unused)
{
	struct words w = { .to = r->job->environment, .most = RUN_ENVIRONMENT_MAX };
	const char *name;
	json_t *value;

	(void)unused;
	if (check_count(r, json_object_size(object), w.most) < 0)
		return -EINVAL;
	json_object_foreach(object, name, value)
	{
		size_t mark = request_enter(r, name);

		if (request_check_kind(r, value, REQUEST_TEXT) < 0 || join(r, name, value) < 0 ||
		    add_word(r, &w, value) < 0)
			return -EINVAL;
		request_leave(r, mark);
	}
	return 0;
}
