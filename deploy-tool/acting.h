/* acting.h - `cfn-deploy --token FILE`: a token acts, within its scopes, instead of the user of this process.
 */
#pragma once
#include "deploy-tool/tool.h"

/* The exit status of what a token may do, but somebody's lock is in the way. */
enum { ACTING_LOCKED = 79 };

/* With the registry open; what it changes and reads from now on is the token's.  -EACCES, -ENOKEY,
 * -EKEYREJECTED. */
int acting_begin(const struct tool *t, struct err *e);

/* With --token, what was refused by a lock has a status of its own. */
int acting_exit_status(const struct tool *t, int exit_status);
