/* variables.h - what a test has captured, and "{{name}}" in its texts.  Pure. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "deploy-tool/testfile.h"

enum { VARIABLES_MAX = 64, VARIABLE_VALUE_MAX = 64 * 1024 };

struct variables {
	size_t n;
	struct variable {
		char name[TESTFILE_NAME_MAX + 1];
		char *value;
		size_t size;
	} of[VARIABLES_MAX];
};

void variables_done(struct variables *v);

/* Replaces an earlier one of that name.  -E2BIG, -ENOMEM. */
int variables_set(struct variables *v, struct text name, struct text value, struct err *e);

/* Appends the text with every "{{name}}" replaced.  As part of a pattern a value means itself and nothing
 * else. Braces around anything but a name stay.  -ENOENT naming what was not captured; errors of buf.h. */
enum variables_use { VARIABLES_PLAIN, VARIABLES_IN_PATTERN };
int variables_expand(const struct variables *v, struct text text, enum variables_use use, struct buf *to,
                     struct err *e);
