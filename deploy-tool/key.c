/* key.c - `cfn-deploy key`: the deployer's own key; its verbs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/key_call.h"

#define AT(kind) (offsetof(struct key_options, rules) + (kind) * sizeof(struct argument_list))

const struct argument_row key_options[] = {
	{ "route", 0, ARGUMENT_LIST, AT(KEY_ROUTE), "PATTERN",
	  "trust: for these routes (repeatable), '*' is any; else any" },
	{ "function", 0, ARGUMENT_LIST, AT(KEY_FUNCTION), "NAME",
	  "trust: for these functions (repeatable), a last '*' is any rest; else any" },
	{ "shared", 0, ARGUMENT_LIST, AT(KEY_SHARED), "NAME",
	  "trust: for functions with these shared folders (repeatable); else any" },
};
const size_t key_n_options = ARRAY_SIZE(key_options);

static int
print_public(const struct tool *t, const struct private_key *k, const char *file)
{
	char pem[KEY_FILE_MAX], text[KEY_ID_TEXT_SIZE];
	struct key_id id;
	struct err e;

	if (key_format_public(&k->public, pem, sizeof pem, &e) < 0 || key_id_of(&k->public, &id, &e) < 0)
		return tool_fail(&e);
	key_id_format(&id, text);
	if (t->json)
		return tool_print_json(
		    json_pack("{s:s, s:s, s:s}", "file", file, "key", text, "public", pem));
	printf("# key %s\n%s", text, pem);
	return tool_flush();
}

/* path: of the key that is to be made or read, by an argument or as signing finds it. */
static int
find_path(const struct key_call *c, char path[CONFIG_PATH_MAX], struct err *e)
{
	bool is_named;

	if (c->n == 0)
		return signing_find(c->tool, path, &is_named, e);
	if (strlen(c->arguments[0]) >= CONFIG_PATH_MAX)
		return err_set(e, ENAMETOOLONG, "key");
	snprintf(path, CONFIG_PATH_MAX, "%s", c->arguments[0]);
	return 0;
}

static int
key_new(const struct key_call *c)
{
	AUTO_KEY key = { 0 };
	char path[CONFIG_PATH_MAX];
	struct err e;
	int rc = find_path(c, path, &e);

	if (rc == 0 && c->n == 0)
		rc = tool_make_folder_of(path, 0700, &e);
	if (rc == 0)
		rc = key_make(&key, &e);
	if (rc == 0)
		rc = key_write(&key, path, &e);
	if (rc == -EEXIST)
		return tool_fail_as(EX_CANTCREAT, "%s; it stays as it is: take it away, or name another FILE",
		                    e.text);
	if (rc < 0)
		return tool_fail(&e);
	if (!c->tool->json)
		fprintf(stderr,
		        "cfn-deploy: made %s; hand what follows to who runs the pools: "
		        "cfn-deploy key trust NAME FILE\n",
		        path);
	return print_public(c->tool, &key, path);
}

static int
key_show(const struct key_call *c)
{
	AUTO_KEY key = { 0 };
	char path[CONFIG_PATH_MAX];
	struct err e;

	if (find_path(c, path, &e) < 0)
		return tool_fail(&e);
	if (key_read(&key, path, &e) < 0)
		return e.code == ENOENT
		           ? tool_fail_as(EX_NOINPUT, "%s; make one with: cfn-deploy key new", e.text)
		           : tool_fail(&e);
	return print_public(c->tool, &key, path);
}

static int
sign_one(struct tool *t, struct signing *s, const char *function, struct err *e)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	const struct registry_activation *a = NULL;
	int rc;

	if (v == NULL)
		return err_set(e, ENOMEM, "%s", function);
	rc = registry_version_find(t->registry, function, 0, v, e);
	if (rc == 0 && !v->is_active)
		rc = err_set(e, -EINVAL, "it has no active version");
	if (rc == 0)
		rc = signing_change(t, s, v, v->is_enabled, &a, e);
	if (rc == 0)
		rc = registry_set_enabled(t->registry, function, v->is_enabled, a, e);
	return rc < 0 ? err_wrap(e, "%s", function) : 0;
}

/* Names of functions with an active version. */
struct names {
	size_t n, size;
	char (*items)[NAME_MAX_SIZE];
};

static int
take_name(void *context, const struct registry_version *v)
{
	struct names *names = context;

	if (!v->is_active)
		return 0;
	if (names->n == names->size) {
		size_t size = names->size * 2 + 64;
		void *more = reallocarray(names->items, size, sizeof *names->items);

		if (more == NULL)
			return -ENOMEM;
		names->items = more;
		names->size = size;
	}
	memcpy(names->items[names->n++], v->function, NAME_MAX_SIZE);
	return 0;
}

static int
report_signed(const struct tool *t, size_t n)
{
	size_t pools = pools_tell(t);

	if (t->json)
		return tool_print_json(
		    json_pack("{s:I, s:I}", "signed", (json_int_t)n, "pools", (json_int_t)pools));
	printf("signed the active version of %zu function%s (registry %s)\n", n, n == 1 ? "" : "s",
	       t->config.registry);
	return tool_flush();
}

static int
sign_all(struct tool *t, struct signing *s)
{
	struct names names = { 0 };
	struct err e;
	int rc = registry_each_function(t->registry, take_name, &names, &e);

	if (rc == -ENOMEM)
		err_set(&e, ENOMEM, "functions");
	for (size_t i = 0; rc == 0 && i < names.n; i++)
		rc = sign_one(t, s, names.items[i], &e);
	free(names.items);
	return rc < 0 ? tool_fail(&e) : report_signed(t, names.n);
}

/* What was deployed before there was a key, or is put back from a backup: signed as it is. */
static int
key_sign(const struct key_call *c)
{
	AUTO_SIGNING signing = { 0 };
	struct err e;
	int rc = tool_open_registry(c->tool, REGISTRY_WRITE);

	if (rc != 0)
		return rc;
	if (signing_open(c->tool, &signing, &e) < 0)
		return tool_fail(&e);
	if (!signing.has_key)
		return tool_fail_as(EX_NOINPUT,
		                    "there is no key to sign with; make one with: cfn-deploy key new");
	if (c->n == 0)
		return sign_all(c->tool, &signing);
	for (size_t i = 0; i < c->n; i++)
		if (sign_one(c->tool, &signing, c->arguments[i], &e) < 0)
			return tool_fail(&e);
	return report_signed(c->tool, c->n);
}

static const struct {
	const char *name;
	size_t min, max; /* arguments */
	int (*run)(const struct key_call *c);
} verbs[] = {
	{ "new", 0, 1, key_new },     { "show", 0, 1, key_show },     { "sign", 0, ARGUMENTS_MAX, key_sign },
	{ "trust", 2, 2, key_trust }, { "revoke", 1, 1, key_revoke }, { "list", 0, 0, key_list },
};

int
run_key(struct tool *t, const char *const *arguments)
{
	struct key_options own = { 0 };
	const struct argument_table table = { key_options, key_n_options, &own };
	struct argument_list rest;
	struct key_call call = { .tool = t, .options = &own };
	int rc = tool_arguments(t, &(struct tool_syntax){ &table, 1, 1, ARGUMENTS_MAX }, arguments, &rest);

	if (rc != 0 || t->wants_help)
		return rc;
	call.n = rest.n - 1;
	call.arguments = rest.items + 1;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].name, rest.items[0]) != 0)
			continue;
		if (call.n >= verbs[i].min && call.n <= verbs[i].max)
			return verbs[i].run(&call);
		return tool_fail_as(EX_USAGE, "key %s: wrong number of arguments; see 'cfn-deploy help key'",
		                    verbs[i].name);
	}
	return tool_fail_as(EX_USAGE, "unknown 'key %.40s'; see 'cfn-deploy help key'", rest.items[0]);
}
