/* manifest.h - cfn.ini: functions, where their sources are, and what else deploy can be told of them. */
#pragma once
#include "deploy-tool/deploy_options.h"
#include "ipc/protocol.h"

enum {
	MANIFEST_SIZE_MAX = 256 * 1024,
	MANIFEST_FUNCTIONS_MAX = 64,
	MANIFEST_LINE_MAX = 198, /* bytes; what libinih takes without cutting it */
	MANIFEST_WORD_MAX = 49,  /* of a section's or a key's name: the same */
};

struct manifest_function {
	char name[NAME_MAX_SIZE];
	int line;     /* where its section begins */
	int sections; /* how many sections there were then */
	struct argument_list sources;
	struct deploy_options options; /* as the command line would fill it */
	struct limits limits;
};

struct manifest_text;

struct manifest {
	size_t n;
	struct manifest_function *functions[MANIFEST_FUNCTIONS_MAX];
	struct manifest_text *texts; /* what the options point to */
};

/* Reads the n bytes of text, which is called path in errors: "path:line: what is wrong".  -EINVAL, -E2BIG.
 * manifest_done() in any case. */
int manifest_read(struct manifest *m, const char *path, const char *text, size_t n, struct err *e);
void manifest_done(struct manifest *m);
