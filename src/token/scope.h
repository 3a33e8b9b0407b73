/* scope.h - what a token is good for: words "KIND:SUBJECT" or "KIND", each once, one space between them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "token/sealed.h"

enum {
	TOKEN_SCOPES_MAX = 64,         /* of one token */
	TOKEN_SCOPES_TEXT_SIZE = 8192, /* of all its words, and NUL */
};

/* Whether the subject of a TOKEN_DEPLOY scope is a route's pattern itself, or ends with '*' and is the
 * beginning of it. */
bool token_scope_covers(const char *subject, const char *pattern);

/* Reads one word.  -EINVAL with *e saying what is wrong and which kinds there are. */
int token_scope_parse(const char *word, struct token_grant *scope, struct err *e);

/* Adds a word to text, unless it is there.  -EINVAL as above; -E2BIG. */
int token_scopes_add(char text[TOKEN_SCOPES_TEXT_SIZE], const char *word, struct err *e);

/* Reads all words of text, which is as token_scopes_add makes it.  How many, or -EBADMSG. */
int token_scopes_read(const char *text, struct token_grant scopes[TOKEN_SCOPES_MAX], struct err *e);
