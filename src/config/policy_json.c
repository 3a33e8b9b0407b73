/* policy_json.c - the limits and grants of one function as the registry keeps them. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/words.h"
#include "config/policy.h"
#include "config/smoke.h"

static void
free_json(json_t **json)
{
	json_decref(*json);
}
#define AUTO_JSON __attribute__((cleanup(free_json)))

/* Texts that each end with a NUL; none: no member. */
static int
pack_texts(json_t *root, const char *name, const char *texts, size_t size)
{
	json_t *list = json_array();

	if (size == 0) {
		json_decref(list);
		return 0;
	}
	if (json_object_set_new(root, name, list) < 0)
		return -ENOMEM;
	for (size_t at = 0; at < size; at += strlen(texts + at) + 1)
		if (json_array_append_new(list, json_string(texts + at)) < 0)
			return -ENOMEM;
	return 0;
}

/* Words, each behind this prefix; none: no member. */
static int
pack_words(json_t *root, const char *name, const char *prefix, const char *words)
{
	json_t *list;
	const char *word;
	size_t n;

	if (words[0] == '\0')
		return 0;
	list = json_array();
	if (json_object_set_new(root, name, list) < 0)
		return -ENOMEM;
	while ((word = words_next(&words, &n)))
		if (json_array_append_new(list, json_sprintf("%s%.*s", prefix, (int)n, word)) < 0)
			return -ENOMEM;
	return 0;
}

static int
pack_rows(const struct function_policy *p, json_t *root)
{
	for (size_t i = 0; i < policy_n_version_rows; i++) {
		const struct policy_row *row = &policy_rows[i];
		uint64_t value = *policy_value((struct function_policy *)(uintptr_t)p, row);
		char text[OPTION_TEXT_SIZE];

		if (value == row->standard)
			continue;
		policy_format(row, value, text);
		if (json_object_set_new(root, row->name, json_string(text)) < 0)
			return -ENOMEM;
	}
	return 0;
}

int
policy_pack(const struct function_policy *p, char *text, size_t size, struct err *e)
{
	AUTO_JSON json_t *root = json_object();
	size_t n;

	if (!root || pack_rows(p, root) < 0 || pack_texts(root, "env", p->env, p->env_size) < 0 ||
	    pack_texts(root, "smoke", p->smokes, p->smokes_size) < 0 ||
	    pack_words(root, "grant", "unix:", p->sockets) < 0 ||
	    pack_words(root, "cors", "", p->origins) < 0)
		return err_set(e, ENOMEM, "policy");
	if (p->shared[0]) {
		json_t *shared = json_sprintf("%s%s", p->shared, p->shared_read_only ? ":ro" : "");

		if (json_object_set_new(root, "shared", shared) < 0)
			return err_set(e, ENOMEM, "policy");
	}
	if (p->links[0] && json_object_set_new(root, "link", json_string(p->links)) < 0)
		return err_set(e, ENOMEM, "policy");
	if (p->uses_session && json_object_set_new(root, "session", json_true()) < 0)
		return err_set(e, ENOMEM, "policy");
	n = json_dumpb(root, text, size, JSON_COMPACT | JSON_SORT_KEYS);
	if (n == 0 || n >= size)
		return err_set(e, -E2BIG, "policy is over %zu bytes", size);
	text[n] = '\0';
	return 0;
}

/* Each taken by set. */
static int
unpack_texts(struct function_policy *p, const json_t *list,
             int (*set)(struct function_policy *p, const char *text, struct err *e), struct err *e)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *one = json_string_value(json_array_get(list, i));
		int rc = one ? set(p, one, e) : err_set(e, -EBADMSG, "a member of the policy is not text");

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
unpack_member(struct function_policy *p, const char *key, json_t *value, struct err *e)
{
	const struct policy_row *row = policy_find(key);

	if (row && !policy_is_of_operator(row) && json_is_string(value))
		return policy_set(p, row, json_string_value(value), e);
	if (strcmp(key, "shared") == 0 && json_is_string(value))
		return policy_set_shared(p, json_string_value(value), e);
	if (strcmp(key, "link") == 0 && json_is_string(value))
		return policy_set_links(p, json_string_value(value), e);
	if (strcmp(key, "session") == 0 && json_is_true(value)) {
		p->uses_session = 1;
		return 0;
	}
	if (strcmp(key, "env") == 0 && json_is_array(value))
		return unpack_texts(p, value, policy_set_env, e);
	if (strcmp(key, "smoke") == 0 && json_is_array(value))
		return unpack_texts(p, value, policy_add_smoke, e);
	if (strcmp(key, "grant") == 0 && json_is_array(value))
		return unpack_texts(p, value, policy_add_grant, e);
	if (strcmp(key, "cors") == 0 && json_is_array(value))
		return unpack_texts(p, value, policy_add_origin, e);
	return err_set(e, -EBADMSG, "policy has an unknown member '%.64s'", key);
}

int
policy_unpack(struct function_policy *p, const char *text, struct err *e)
{
	json_error_t where;
	AUTO_JSON json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	const char *key;
	json_t *value;

	if (!json_is_object(root))
		return err_set(e, -EBADMSG, "policy is not a JSON object");
	policy_init(p);
	json_object_foreach(root, key, value)
	{
		int rc = unpack_member(p, key, value, e);

		if (rc < 0)
			return rc;
	}
	return 0;
}
