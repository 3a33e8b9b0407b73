/* audit.c - `cfn-deploy audit`: who changed what, and what happened to functions and pools; --verify: whether
 * that is what was written. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "deploy-tool/chains.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/since.h"

struct audit_options {
	bool verify;
	const char *function, *since, *key;
};

const struct argument_row audit_options[] = {
	{ "verify", 0, ARGUMENT_FLAG, offsetof(struct audit_options, verify), NULL,
	  "check both chains, and show nothing but what is wrong" },
	{ "function", 0, ARGUMENT_TEXT, offsetof(struct audit_options, function), "NAME", "of one function" },
	{ "since", 0, ARGUMENT_TEXT, offsetof(struct audit_options, since), "TIME",
	  "from then on: 10m, 2h, 2026-11-22T08:30" },
	{ "public-key", 0, ARGUMENT_TEXT, offsetof(struct audit_options, key), "FILE",
	  "the pool's public key; else audit.pub beside its log" },
};
const size_t audit_n_options = ARRAY_SIZE(audit_options);

/* ---- entries ---- */

/* Escaped: most of the texts are somebody else's. */
static void
print_text(const char *before, const char *text)
{
	char safe[AUDIT_TEXT_SIZE * 4];

	if (text[0] == '\0')
		return;
	log_escape(safe, sizeof safe, text, strlen(text));
	printf("%s%s", before, safe);
}

static void
print_entry(enum chain_name name, const struct audit_record *r)
{
	char when[CLOCK_TEXT_SIZE];

	clock_format(r->time_ms, when);
	printf("%s %s %" PRIu64, when, chain_words[name], r->number);
	print_text(" ", r->event);
	print_text(" ", r->function);
	if (r->version > 0)
		printf(" v%u", r->version);
	print_text(" ", r->cause);
	print_text(" ", r->syscall);
	if (r->count > 1)
		printf(" (%" PRIu64 ")", r->count);
	print_text(" by ", r->actor);
	print_text(" request ", r->request);
	print_text(": ", r->detail);
	putchar('\n');
}

static json_t *
entry_json(enum chain_name name, const struct audit_record *r)
{
	const struct {
		const char *name, *text;
	} texts[] = {
		{ "function", r->function }, { "cause", r->cause },     { "syscall", r->syscall },
		{ "actor", r->actor },       { "request", r->request }, { "detail", r->detail },
	};
	char when[CLOCK_TEXT_SIZE];
	json_t *o;

	clock_format(r->time_ms, when);
	o = json_pack("{s:s,s:I,s:s,s:s}", "chain", chain_words[name], "number", (json_int_t)r->number,
	              "time", when, "event", r->event);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].text[0] != '\0')
			json_object_set_new(o, texts[i].name, json_string(texts[i].text));
	if (r->actor[0] != '\0')
		json_object_set_new(o, "uid", json_integer((json_int_t)r->uid));
	if (r->version > 0)
		json_object_set_new(o, "version", json_integer(r->version));
	if (r->count > 0)
		json_object_set_new(o, "count", json_integer((json_int_t)r->count));
	return o;
}

/* In the order of time, each chain in its own order whatever the clock did.  Into list, or printed. */
static void
put_entries(const struct chains *c, json_t *list)
{
	size_t at[CHAINS] = { 0 };

	for (;;) {
		const struct audit_record *best = NULL;
		enum chain_name from = CHAIN_REGISTRY;

		for (size_t i = 0; i < CHAINS; i++) {
			const struct chain *chain = &c->chain[i];
			const struct audit_record *r =
			    at[i] < chain_n_kept(chain) ? chain_kept(chain, at[i]) : NULL;

			if (!r || (best && r->time_ms >= best->time_ms))
				continue;
			best = r;
			from = (enum chain_name)i;
		}
		if (!best)
			return;
		at[from]++;
		if (list)
			json_array_append_new(list, entry_json(from, best));
		else
			print_entry(from, best);
	}
}

/* ---- the whole ---- */

static json_t *
chain_json(const struct chain *chain)
{
	return json_pack("{s:b,s:I,s:I,s:I,s:s}", "read", chain->is_read, "first", (json_int_t)chain->first,
	                 "last", (json_int_t)chain->last, "entries", (json_int_t)chain->n, "note",
	                 chain->note);
}

static int
print_json(const struct tool *t, const struct chains *c, bool with_entries)
{
	json_t *faults = json_array(), *o;
	size_t n = c->n_faults < CHAINS_FAULTS_MAX ? c->n_faults : CHAINS_FAULTS_MAX;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(faults, json_string(c->faults[i]));
	o = json_pack("{s:s,s:b,s:I,s:o}", "registry", t->config.registry, "good",
	              c->n_faults == 0 && c->chain[CHAIN_POOL].is_read, "n_faults", (json_int_t)c->n_faults,
	              "faults", faults);
	for (size_t i = 0; i < CHAINS; i++) {
		char name[32];

		snprintf(name, sizeof name, "%s_chain", chain_words[i]);
		json_object_set_new(o, name, chain_json(&c->chain[i]));
	}
	if (with_entries) {
		json_t *entries = json_array();

		put_entries(c, entries);
		json_object_set_new(o, "entries", entries);
	}
	return tool_print_json(o);
}

static void
print_chain(const struct chains *c, enum chain_name name)
{
	const struct chain *chain = &c->chain[name];

	printf("%s: ", chain_words[name]);
	if (chain->n > 0)
		printf("%" PRIu64 " entries, %" PRIu64 " to %" PRIu64, chain->n, chain->first, chain->last);
	else if (chain->is_read)
		printf("no entries");
	print_text(chain->n > 0 || chain->is_read ? "; " : "", chain->note);
	putchar('\n');
}

static int
print_verdict(const struct chains *c)
{
	for (size_t i = 0; i < CHAINS; i++)
		print_chain(c, (enum chain_name)i);
	for (size_t i = 0; i < c->n_faults && i < CHAINS_FAULTS_MAX; i++) {
		print_text("", c->faults[i]);
		putchar('\n');
	}
	if (c->n_faults > CHAINS_FAULTS_MAX)
		printf("and %zu more\n", c->n_faults - CHAINS_FAULTS_MAX);
	if (c->n_faults == 0 && c->chain[CHAIN_POOL].is_read)
		printf("good\n");
	return tool_flush();
}

static int
verify(const struct tool *t, const struct chains *c)
{
	int rc = t->json ? print_json(t, c, false) : print_verdict(c);

	if (rc != 0)
		return rc;
	if (c->n_faults > 0)
		return tool_fail_as(EX_DATAERR, "audit: %zu fault%s; the first: %s", c->n_faults,
		                    c->n_faults == 1 ? "" : "s", c->faults[0]);
	if (c->is_denied)
		return tool_fail_as(EX_NOPERM, "audit: the pool's log is for its owner to read: %s",
		                    c->chain[CHAIN_POOL].note);
	return 0;
}

static int
show(const struct tool *t, const struct chains *c)
{
	int rc = 0;

	if (t->json) {
		rc = print_json(t, c, true);
	} else {
		put_entries(c, NULL);
		rc = tool_flush();
	}
	for (size_t i = 0; i < CHAINS; i++)
		if (c->chain[i].n_wanted > CHAINS_KEPT_MAX)
			fprintf(stderr, "cfn-deploy: audit: %zu older entries of the %s are left out\n",
			        c->chain[i].n_wanted - CHAINS_KEPT_MAX, chain_words[i]);
	if (c->is_denied)
		tool_fail_as(0, "audit: without the pool's log, which is for its owner to read: %s",
		             c->chain[CHAIN_POOL].note);
	if (c->n_faults > 0)
		tool_fail_as(0,
		             "audit: not all of this is what was written; see 'cfn-deploy audit --verify'");
	return rc;
}

static int
take_options(struct chains *c, const struct audit_options *own)
{
	int64_t since = 0;
	struct err e;

	c->function = own->function;
	c->key = own->key;
	c->since_ms = INT64_MIN;
	if (own->since == NULL)
		return 0;
	if (since_parse(own->since, clock_wall_s(), &since, &e) < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	c->since_ms = since * 1000;
	return 0;
}

int
run_audit(struct tool *t, const char *const *arguments)
{
	struct audit_options own = { 0 };
	const struct argument_table table = { audit_options, audit_n_options, &own };
	AUTO_CHAINS struct chains c = { 0 };
	struct argument_list rest;
	int rc = tool_arguments(t, &(struct tool_syntax){ &table, 1, 0, 0 }, arguments, &rest);

	if (rc == 0 && !t->wants_help)
		rc = take_options(&c, &own);
	if (rc == 0 && !t->wants_help)
		rc = tool_open_registry(t, REGISTRY_READ);
	if (rc == 0 && !t->wants_help)
		rc = chains_read(t, &c);
	if (rc != 0 || t->wants_help)
		return rc;
	return own.verify ? verify(t, &c) : show(t, &c);
}
