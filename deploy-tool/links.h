/* links.h - libraries that a function is linked with, as far as this machine has them. */
#pragma once
#include "config/config.h"
#include "deploy-tool/build.h"

/* The files of these names (words of base/words.h).  -EPERM: not on the configuration's list; -ENOENT: not
 * installed, with the package that has it. */
int links_resolve(const struct config *c, const char *names, char files[LIBRARIES_TEXT_SIZE], struct err *e);

/* After a compiler that found errors: what to do about a header or a symbol of a library, on standard error.
 */
void links_advise(const struct config *c, const char *names, const struct build *b);
