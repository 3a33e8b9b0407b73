/* tokens.h - what clients may show: read from the registry, judged by the trusted keys, told to the routers.
 *
 * Where keys are trusted a token counts as long as it is signed, and for a function only while its key may
 * sign that function with the routes that it is published with. */
#pragma once
#include "pool/master.h"

void token_list_init(struct master *m);
void token_list_close(struct master *m);

/* Reads the tokens when they are others than before, and tells the routers.  On failure the last list holds.
 */
int token_list_look(struct master *m, struct err *e);

/* The trusted keys are others: every signature is looked at again. */
void token_list_forget(struct master *m);

/* A snapshot is about to leave: what its functions' routes mean for signed tokens goes before it. */
int token_list_follow(struct master *m, struct err *e);

/* A router that is started gets the list. */
void token_list_tell(struct master *m, struct router *router);

/* Every router that runs asks the last list and no other. */
bool token_list_is_everywhere(const struct master *m);
