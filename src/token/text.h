/* text.h - what a client shows: the token itself. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"

/* A word that nothing else begins with, so that a search for lost secrets finds it; then the digits of 32
 * random bytes. */
#define TOKEN_PREFIX "cfn_"
enum {
	TOKEN_BYTES = 32,
	TOKEN_LENGTH = sizeof(TOKEN_PREFIX) - 1 + 2 * TOKEN_BYTES,
	TOKEN_TEXT_SIZE = TOKEN_LENGTH + 1,
};

/* A new one. */
void token_make(char text[TOKEN_TEXT_SIZE]);

/* Whether n bytes have the form of a token. */
bool token_is_text(const char *text, size_t n);

/* What is kept of it: SHA-256 of its text.  As 256 bits of it are random, nothing slower is needed. */
void token_hash(const char *text, struct digest *hash);
