/* key_call.h - what a verb of `cfn-deploy key` is called with. */
#pragma once
#include "deploy-tool/signing.h"

struct key_options {
	struct argument_list rules[KEY_RULE_KINDS]; /* of trust */
};

struct key_call {
	struct tool *tool;
	const struct key_options *options;
	size_t n;
	const char *const *arguments; /* behind the verb */
};

/* key_trusted.c: the keys that the pools trust.  All return an exit status. */
int key_trust(const struct key_call *c);
int key_revoke(const struct key_call *c);
int key_list(const struct key_call *c);
