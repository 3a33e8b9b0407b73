/* verify.c - `cfn-deploy verify`: is all of a registry what its pools would take it for? */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/report.h"
#include "deploy-tool/signing.h"
#include "trust/numbers.h"
#include "trust/token.h"

enum { FAULTS_MAX = 1000 }; /* that are listed; the rest is counted */

struct verification {
	struct tool *tool;
	struct keys keys;
	struct numbers numbers;
	bool has_numbers; /* the pool's file can be read by the caller */
	struct columns table;
	json_t *faults, *activations;
	size_t n_faults, n_versions, n_blobs, n_active, n_signed, n_tokens;
	struct registry_version version;
};

static void
add_fault(struct verification *v, const char *what, const char *why)
{
	char text[sizeof((struct err *)NULL)->text + 80];

	snprintf(text, sizeof text, "%s%s%s", what, what[0] != '\0' ? ": " : "", why);
	if (v->n_faults++ < FAULTS_MAX)
		json_array_append_new(v->faults, json_string(text));
}

static int
check_blob(void *context, const struct digest *d)
{
	struct verification *v = context;
	AUTO_FREE char *data = NULL;
	char digits[DIGEST_TEXT_SIZE];
	struct err e;
	size_t n;

	v->n_blobs++;
	if (registry_blob(v->tool->registry, d, &data, &n, &e) == 0)
		return 0;
	digest_format(d, digits);
	add_fault(v, digits, e.text);
	return 0;
}

/* As a pool would; *signer is "-" when there is none. */
static int
check_signature(struct verification *v, const char **signer, struct err *e)
{
	const struct registry_version *version = &v->version;
	const struct registry_activation *a = &version->activation;
	const struct activation_subject subject = { version->function, version->policy.shared,
		                                    version->n_routes, version->routes };
	const struct trusted_key *key = NULL;
	struct digest d;
	int rc = activation_digest(version, a, &d, e);

	if (rc == 0)
		rc = activation_check(&v->keys, a, &d, &subject, &key, e);
	if (key != NULL)
		*signer = key->name;
	if (rc == 0 && v->has_numbers)
		rc = numbers_check(&v->numbers, version->function, a->number, &d, e);
	if (rc == 0)
		v->n_signed++;
	return rc;
}

static void
add_active(struct verification *v, const char *signer, const char *result)
{
	const struct registry_version *version = &v->version;
	char number[24] = "-", key[KEY_ID_TEXT_SIZE] = "-", name[16];

	if (version->activation.number > 0) {
		snprintf(number, sizeof number, "%" PRIu64, version->activation.number);
		key_id_format(&version->activation.key, key);
	}
	snprintf(name, sizeof name, "v%u", version->number);
	columns_add(&v->table, (const char *const[]){ version->function, name, number, key, signer, result });
	json_array_append_new(v->activations,
	                      json_pack("{s:s, s:I, s:I, s:s, s:s, s:s}", "function", version->function,
	                                "version", (json_int_t)version->number, "number",
	                                (json_int_t)version->activation.number, "key", key, "signer", signer,
	                                "result", result));
}

static void
check_active(struct verification *v)
{
	const char *signer = "-";
	struct err e = { 0 };
	int rc = check_signature(v, &signer, &e);

	v->n_active++;
	if (rc == 0 || !v->keys.is_required) {
		add_active(v, signer, rc == 0 ? "ok" : "not required");
		return;
	}
	add_active(v, signer, e.text);
	add_fault(v, v->version.function, e.text);
}

static int
check_version(void *context, int64_t id)
{
	struct verification *v = context;
	char what[40];
	struct err e;

	v->n_versions++;
	if (registry_version_by_id(v->tool->registry, id, &v->version, &e) == 0) {
		if (v->version.is_active)
			check_active(v);
		return 0;
	}
	snprintf(what, sizeof what, "version with id %" PRId64, id);
	add_fault(v, what, e.text);
	return 0;
}

/* What a pool would let nobody in with. */
static int
check_token(void *context, const struct registry_token *t, const struct err *why)
{
	const struct trusted_key *signer;
	struct verification *v = context;
	char what[NAME_MAX_SIZE + 8];
	struct err e;

	v->n_tokens++;
	if (t == NULL) {
		add_fault(v, "", why->text);
		return 0;
	}
	if (!v->keys.is_required || token_check(&v->keys, t, &signer, &e) == 0)
		return 0;
	snprintf(what, sizeof what, "token %s", t->name);
	add_fault(v, what, e.text);
	return 0;
}

static int
take_fault(void *context, const char *table, const char *fault)
{
	char what[80] = "", text[256];

	if (table != NULL)
		snprintf(what, sizeof what, "table %s", table);
	log_escape(text, sizeof text, fault, strlen(fault));
	add_fault(context, what, text);
	return 0;
}

/* What cannot be read ends its part, and is one fault more; all else is looked at. */
static int
check_all(struct verification *v, struct err *e)
{
	struct registry *r = v->tool->registry;

	for (int part = 0; part < 4; part++) {
		int rc = part == 0   ? registry_each_fault(r, take_fault, v, e)
		         : part == 1 ? registry_each_id(r, check_version, v, e)
		         : part == 2 ? registry_each_blob(r, check_blob, v, e)
		                     : registry_each_token(r, check_token, v, e);

		if (rc == -EINVAL || rc == -EBADMSG)
			add_fault(v, "", e->text);
		else if (rc < 0)
			return rc;
	}
	return 0;
}

static void
print_people(const struct verification *v)
{
	const json_t *fault;
	size_t i;

	if (v->table.n_rows > 1)
		columns_print(&v->table);
	json_array_foreach(v->faults, i, fault) printf("fault: %s\n", json_string_value(fault));
	printf("%zu versions, %zu blobs, %zu active, %zu of them signed by a trusted key, %zu tokens; "
	       "signatures are %srequired%s\n",
	       v->n_versions, v->n_blobs, v->n_active, v->n_signed, v->n_tokens,
	       v->keys.is_required ? "" : "not ",
	       v->has_numbers ? "" : "; the numbers seen by its pools were not compared");
	printf("%zu fault%s (registry %s)\n", v->n_faults, v->n_faults == 1 ? "" : "s",
	       v->tool->config.registry);
}

static int
print_result(const struct verification *v)
{
	int rc;

	if (!v->tool->json) {
		print_people(v);
		rc = tool_flush();
	} else {
		rc = tool_print_json(
		    json_pack("{s:s, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:O, s:O}", "registry",
		              v->tool->config.registry, "ok", (int)(v->n_faults == 0), "required",
		              (int)v->keys.is_required, "numbers", (int)v->has_numbers, "versions",
		              (json_int_t)v->n_versions, "blobs", (json_int_t)v->n_blobs, "tokens",
		              (json_int_t)v->n_tokens, "n_faults", (json_int_t)v->n_faults, "faults",
		              v->faults, "activations", v->activations));
	}
	return rc == 0 && v->n_faults > 0 ? EX_DATAERR : rc;
}

static int
open_all(struct verification *v)
{
	static const char *const headings[] = { "FUNCTION", "VERSION", "NUMBER", "KEY", "SIGNER", "RESULT" };
	struct err e;
	int rc = tool_open_registry(v->tool, REGISTRY_READ);

	if (rc != 0)
		return rc;
	if (signing_keys(v->tool, &v->keys, &e) < 0)
		return tool_fail(&e);
	rc = numbers_open_to_read(&v->numbers, v->tool->config.state_dir, &e);
	v->has_numbers = rc == 0;
	if (rc < 0 && rc != -ENOENT && rc != -EACCES)
		return tool_fail(&e);
	columns_init(&v->table, headings, ARRAY_SIZE(headings));
	v->faults = json_array();
	v->activations = json_array();
	return 0;
}

static void
free_verification(struct verification **p)
{
	struct verification *v = *p;

	if (v == NULL)
		return;
	keys_done(&v->keys);
	numbers_close(&v->numbers);
	columns_done(&v->table);
	json_decref(v->faults);
	json_decref(v->activations);
	free(v);
}

int
run_verify(struct tool *t, const char *const *arguments)
{
	__attribute__((cleanup(free_verification))) struct verification *v = calloc(1, sizeof *v);
	struct argument_list rest;
	struct err e;
	int rc;

	if (v == NULL)
		return tool_fail_as(EX_OSERR, "out of memory");
	v->tool = t;
	v->numbers.folder = -1;
	rc = tool_plain_arguments(t, 0, 0, arguments, &rest);
	if (rc == 0 && !t->wants_help)
		rc = open_all(v);
	if (rc != 0 || t->wants_help)
		return rc;
	return check_all(v, &e) < 0 ? tool_fail(&e) : print_result(v);
}
