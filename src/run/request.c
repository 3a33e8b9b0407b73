/* request.c - the fields of a request. */
#include "run/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "run/compare.h"
#include "run/request_parts.h"

static const struct run_offer *
offer_of(const struct request *r, const struct run_language *language)
{
	return r->rules->offers ? &r->rules->offers[language - r->rules->languages->rows] : NULL;
}

/* What there is: names, each once, or the versions of what has this name. */
static void
list_offers(const struct request *r, const char *name, char list[RUN_DETAIL_SIZE])
{
	const struct run_languages *l = r->rules->languages;
	size_t at = 0;

	snprintf(list, RUN_DETAIL_SIZE, "none");
	for (size_t i = 0; i < l->n && at < RUN_DETAIL_SIZE; i++) {
		const struct run_offer *offer = offer_of(r, &l->rows[i]);
		const char *word = name ? offer ? offer->version : "" : l->rows[i].name;
		bool is_again = !name && i > 0 && strcmp(word, l->rows[i - 1].name) == 0;
		int n = 0;

		if ((!offer || offer->is_available) && !is_again &&
		    (!name || run_language_is_named(&l->rows[i], name)))
			n = snprintf(list + at, RUN_DETAIL_SIZE - at, "%s%s", at > 0 ? ", " : "", word);
		at += n > 0 ? (size_t)n : 0;
	}
}

static int
fail_no_language(struct request *r, const char *name)
{
	char list[RUN_DETAIL_SIZE];

	list_offers(r, NULL, list);
	return request_fail(r, 422, "there is no language '%s'; there are: %s", request_quote(name).text,
	                    list);
}

/* The row that is meant: its defaults are the job's. */
static void
choose(struct request *r, const struct run_language *language)
{
	const struct run_offer *offer = offer_of(r, language);

	r->language = language;
	memcpy(r->job->language, language->name, sizeof r->job->language);
	if (offer)
		memcpy(r->job->version, offer->version, sizeof offer->version);
	request_limits_init(r);
}

static int
take_language(struct request *r, json_t *value, void *unused)
{
	const char *name = json_string_value(value);
	const struct run_language *first,
	    *chosen = run_languages_choose(r->rules->languages, r->rules->offers, name, "", &first);

	(void)unused;
	if (!chosen)
		return first ? request_fail(r, 422, "%s is not installed on this server", first->name)
		             : fail_no_language(r, name);
	choose(r, chosen);
	return 0;
}

/* Whether a language of this name is there whose version may be another one in a moment. */
static bool
is_unasked(const struct request *r, const char *name)
{
	const struct run_languages *l = r->rules->languages;

	for (size_t i = 0; i < l->n; i++) {
		const struct run_offer *offer = offer_of(r, &l->rows[i]);

		if (offer && offer->is_available && !offer->is_asked &&
		    run_language_is_named(&l->rows[i], name))
			return true;
	}
	return false;
}

static int
take_version(struct request *r, json_t *value, void *unused)
{
	const char *asked = json_string_value(value),
		   *name = json_string_value(json_object_get(r->root, "lang"));
	const struct run_language *first, *chosen;
	char list[RUN_DETAIL_SIZE];

	(void)unused;
	if (json_string_length(value) >= sizeof r->job->version ||
	    asked[strspn(asked, "0123456789.")] != '\0')
		return request_fail(r, 422, "it is not a version such as 3 or 3.11");
	chosen = run_languages_choose(r->rules->languages, r->rules->offers, name, asked, &first);
	if (!chosen && is_unasked(r, name))
		return request_fail(r, 503, "which versions there are is not known yet");
	if (!chosen) {
		list_offers(r, name, list);
		return request_fail(r, 422, "it is not what is installed: %s", list);
	}
	choose(r, chosen);
	if (!r->rules->offers)
		memcpy(r->job->version, asked, json_string_length(value) + 1);
	return 0;
}

static int
take_main(struct request *r, json_t *value, void *unused)
{
	const char *fault = run_file_name_fault(json_string_value(value), json_string_length(value));

	(void)unused;
	if (fault)
		return request_fail(r, 422, "it is no name of a file: %s", fault);
	r->main = json_string_value(value);
	return 0;
}

static int
take_compare(struct request *r, json_t *value, void *unused)
{
	(void)unused;
	if (run_compare_parse(json_string_value(value), &r->job->compare, &r->job->tolerance) < 0)
		return request_fail(r, 422, "it is none of exact, lines, tokens, float and float:1e-6");
	return 0;
}

static int
take_encoding(struct request *r, json_t *value, void *unused)
{
	int rc = request_take_encoding(r, value, unused);

	if (rc == 0 && strcmp(json_string_value(value), "base64") == 0)
		r->job->encoding = RUN_ENCODING_BASE64;
	return rc;
}

static int
take_flag(struct request *r, json_t *value, void *flag)
{
	(void)r;
	*(bool *)flag = json_is_true(value);
	return 0;
}

static int
take_merge(struct request *r, json_t *value, void *unused)
{
	(void)unused;
	return take_flag(r, value, &r->job->is_merged);
}

static int
take_stop(struct request *r, json_t *value, void *unused)
{
	(void)unused;
	return take_flag(r, value, &r->job->stops_on_failure);
}

/* The language first: it says what the others may be.  The target of those for a case is the one that there
 * is without `cases`. */
static const struct request_field fields[] = {
	{ .name = "lang", .kind = REQUEST_TEXT, .is_needed = true, .take = take_language },
	{ .name = "version", .kind = REQUEST_TEXT, .take = take_version },
	{ .name = "main", .kind = REQUEST_TEXT, .take = take_main },
	{ .name = "code", .kind = REQUEST_BYTES, .take = request_take_code },
	{ .name = "files", .kind = REQUEST_LIST, .take = request_take_files },
	{ .name = "args", .kind = REQUEST_LIST, .take = request_take_arguments },
	{ .name = "compile_options", .kind = REQUEST_LIST, .take = request_take_options },
	{ .name = "env", .kind = REQUEST_OBJECT, .take = request_take_environment },
	{ .name = "limits", .kind = REQUEST_OBJECT, .take = request_take_limits },
	{ .name = "compile_limits", .kind = REQUEST_OBJECT, .take = request_take_compile_limits },
	{ .name = "total_ms", .kind = REQUEST_INTEGER, .take = request_take_total },
	REQUEST_CASE_FIELDS,
	{ .name = "cases", .kind = REQUEST_LIST, .take = request_take_cases },
	{ .name = "stop_on_failure", .kind = REQUEST_BOOLEAN, .take = take_stop },
	{ .name = "compare", .kind = REQUEST_TEXT, .take = take_compare },
	{ .name = "merge_stderr", .kind = REQUEST_BOOLEAN, .take = take_merge },
	{ .name = "outputs", .kind = REQUEST_LIST, .take = request_take_outputs },
	{ .name = "encoding", .kind = REQUEST_TEXT, .take = take_encoding },
};

static int
take_root(struct request *r)
{
	struct run_job *job = r->job;
	int rc = request_check_kind(r, r->root, REQUEST_OBJECT);

	*job = (struct run_job){ .n_cases = 1, .compare = RUN_COMPARE_LINES };
	job->cases[0] = (struct run_case){ .input = "", .expected = "" };
	if (rc == 0)
		rc = request_take(r, r->root, fields, ARRAY_SIZE(fields), &job->cases[0]);
	if (rc < 0)
		return rc;
	if (job->n_files > 0)
		return request_check_main(r);
	request_enter(r, "code");
	return request_fail(r, 422, "it is missing, and so are files");
}

static void
release(void *root)
{
	json_decref(root);
}

int
run_request_parse(struct run_job *job, const char *text, size_t n, const struct run_rules *rules,
                  struct run_problem *problem)
{
	struct request r = { .job = job, .rules = rules, .problem = problem };

	*problem = (struct run_problem){ 0 };
	r.root = request_parse_json(&r, text, n);
	if (!r.root)
		return -EINVAL;
	if (take_root(&r) < 0) {
		json_decref(r.root);
		return -EINVAL;
	}
	job->memory = r.root;
	job->release = release;
	return 0;
}
