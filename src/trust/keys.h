/* keys.h - the folder keys.d: whose signatures count, and for what.
 *
 * NAME.pub holds lines KEY = VALUE, '#' before comments, and a public key in PEM.  `route = PATTERN` (at
 * least one), `function = NAME` and `shared = NAME` say what the key may sign, each line one more; '*' is
 * any, and at the end of a name any rest.  Without a line of its kind the key may sign every function, and
 * every shared folder.  NAME.revoked is a key that was trusted. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/signature.h"
#include "ipc/protocol.h"

enum {
	KEYS_MAX = 256,
	KEYS_FILE_MAX = 32 * 1024,
	KEYS_RULES_MAX = 128, /* of one key */
};

enum key_rule_kind { KEY_ROUTE, KEY_FUNCTION, KEY_SHARED, KEY_RULE_KINDS };

struct key_rule {
	enum key_rule_kind kind;
	const char *value;
};

struct trusted_key {
	char name[NAME_MAX_SIZE];
	struct public_key public;
	struct key_id id;
	size_t n_rules;
	struct key_rule rules[KEYS_RULES_MAX];
	char *text; /* what the rules point into */
};

struct keys {
	size_t n;
	struct trusted_key *rows; /* by name */
	bool is_required;         /* there is a key, or was one before it was revoked */
};

/* Reads all of it, or fails and leaves k as it was.  Folder, the folders above it and files must belong to
 * root or owner, and nobody else may write them (-EPERM).  -ENOENT: no such folder; -EBADMSG: *e names file
 * and line; -E2BIG. */
int keys_read(struct keys *k, const char *folder, uid_t owner, struct err *e);
void keys_done(struct keys *k);

/* One file's text: what keys_read does with it. */
int keys_parse(struct trusted_key *k, const char *text, size_t n, struct err *e);

/* Another value when something in the folder may have changed; 0 when it cannot be read. */
uint64_t keys_stamp(const char *folder);

/* True when a rule of the key allows the value, or it has none of this kind. */
bool key_may_sign(const struct trusted_key *k, enum key_rule_kind kind, const char *value);

/* NULL: none of this id is trusted. */
const struct trusted_key *keys_find(const struct keys *k, const struct key_id *id);

/* The word of a kind in the file. */
const char *key_rule_word(enum key_rule_kind kind);
/* Whether a value may stand behind it.  -EINVAL. */
int key_rule_check(enum key_rule_kind kind, const char *value, struct err *e);
