/* languages.c - what may be run here, and by which limits. */
#include <string.h>

#include "base/utf8.h"
#include "base/words.h"
#include "run/engine.h"
#include "run/limits.h"
#include "runner/front_parts.h"

static json_t *
words_json(const char *text)
{
	json_t *list = json_array();
	const char *word;
	size_t n;

	while (list && (word = words_next(&text, &n)))
		json_array_append_new(list, json_stringn(word, n));
	return list;
}

/* What a request has that asks for nothing: the language's own, and no more than the server allows. */
static void
bound(struct box_limits *limits, const struct box_limits *most)
{
	for (size_t i = 0; i < run_n_limits; i++)
		if (run_limit_get(limits, &run_limits[i]) > run_limit_get(most, &run_limits[i]))
			run_limit_set(limits, &run_limits[i], run_limit_get(most, &run_limits[i]));
}

static json_t *
compile_json(const struct front *f, const struct run_language *language)
{
	struct box_limits limits;

	if (!*language->compile)
		return NULL;
	run_compile_limits_init(&limits, language);
	bound(&limits, &f->rules.run.compile_most);
	return run_limits_json(&limits);
}

static const char *
text_or_null(const char *text)
{
	return *text && utf8_is_valid(text, strlen(text)) ? text : NULL;
}

/* Before the boxes have said which version there is, a language counts as there. */
static json_t *
language_json(const struct front *f, size_t i)
{
	const struct run_language *language = &f->rules.run.languages->rows[i];
	const struct run_offer *offer = f->rules.run.offers ? &f->rules.run.offers[i] : NULL;
	struct box_limits limits;

	run_limits_init(&limits, language);
	if (f->rules.run.cpu_share > 0)
		limits.cpu_share = f->rules.run.cpu_share;
	bound(&limits, &f->rules.run.most);
	return json_pack("{s:s, s:o, s:b, s:s*, s:s*, s:s*, s:s, s:o, s:o, s:o*}", "name", language->name,
	                 "aliases", words_json(language->aliases), "available", !offer || offer->is_available,
	                 "missing", text_or_null(offer ? offer->missing : ""), "version",
	                 text_or_null(offer ? offer->version : ""), "version_text",
	                 text_or_null(offer ? offer->said : ""), "source", language->source, "options",
	                 words_json(language->options), "limits", run_limits_json(&limits), "compile_limits",
	                 compile_json(f, language));
}

void
languages_get(struct front *f, struct lane *l)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < f->rules.run.languages->n; i++)
		json_array_append_new(list, language_json(f, i));
	reply_json(l, 200, "",
	           json_pack("{s:o, s:o, s:o, s:I}", "languages", list, "limits_most",
	                     run_limits_json(&f->rules.run.most), "compile_limits_most",
	                     run_limits_json(&f->rules.run.compile_most), "total_ms_most",
	                     (json_int_t)f->rules.run.total_ms_most));
}
