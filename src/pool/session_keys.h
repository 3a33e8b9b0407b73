/* session_keys.h - the secrets that sessions are sealed with, in a file of the state folder that several
 * pools share. */
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "session/session.h"

/* Reads the secrets, makes the first one when there is none.  -EPERM: the file is somebody else's, or others
 * may read it; -EBADMSG. */
int session_keys_open(const char *state_dir, struct session_keys *k, struct err *e);

/* A new one takes the place of the secret of this epoch, when that is still the current one: several pools
 * may be asked.  An epoch of 0: whichever is. */
int session_keys_replace(const char *state_dir, uint32_t epoch, struct session_keys *k, struct err *e);
