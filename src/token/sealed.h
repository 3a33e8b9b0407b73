/* sealed.h - all tokens of a registry in a sealed memory file: made by the master, mapped by the routers.
 *
 * There are hashes in it and no tokens.  Rows are ordered by hash, so that a look-up takes as many steps as
 * the number of rows has bits, whatever hashes somebody has put into the registry. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"

enum {
	TOKENS_MAX = 16384,       /* of one registry */
	TOKEN_GRANTS_MAX = 65536, /* of all its tokens together */
	TOKEN_NAME_SIZE = 65,     /* as NAME_MAX_SIZE */
	TOKEN_SUBJECT_SIZE = 68,
	TOKEN_WORD_SIZE = 16 + TOKEN_SUBJECT_SIZE,
};

/* Every subject of a kind. */
#define TOKEN_ANY "*"

/* What a token may be good for; the words are in scope.c.  TOKEN_RUN has no subject but TOKEN_ANY. */
enum token_kind { TOKEN_CALL, TOKEN_RUN, TOKEN_DEPLOY, TOKEN_KINDS };

struct token_grant {
	uint32_t kind; /* enum token_kind */
	char subject[TOKEN_SUBJECT_SIZE];
};

struct token_row {
	struct digest hash;
	int64_t expires_at;   /* seconds since 1970, from which on it is worth nothing; 0: never */
	uint32_t first_grant; /* of n_grants */
	uint32_t n_grants;
	char name[TOKEN_NAME_SIZE];
	char reserved[7];
};
_Static_assert(sizeof(struct token_row) == 120, "no hidden bytes");

/* Rows in any order; of rows with one hash none is taken: nobody could say whose it is.  A descriptor, or
 * -errno: -E2BIG, -EINVAL (grants that are not there), -ENOMEM. */
int tokens_seal(const struct token_row *rows, size_t n_rows, const struct token_grant *grants,
                size_t n_grants, struct err *e);

struct tokens; /* a mapped one */

/* Maps and checks it; the descriptor stays the caller's.  -EBADMSG when anything is out of range, -EPERM when
 * it is not sealed. */
int tokens_map(int fd, struct tokens **t, struct err *e);
void tokens_unmap(struct tokens *t);
size_t tokens_n(const struct tokens *t);

/* The row of this hash, compared in constant time at its end; NULL: there is none, or no t. */
const struct token_row *tokens_find(const struct tokens *t, const struct digest *hash);

/* Whether a row is good for anything of this kind. */
bool tokens_have(const struct tokens *t, const struct token_row *row, enum token_kind kind);

/* Whether a row is good for this subject of this kind, of which a subject is one name or TOKEN_ANY. */
bool tokens_allow(const struct tokens *t, const struct token_row *row, enum token_kind kind,
                  const char *subject);
