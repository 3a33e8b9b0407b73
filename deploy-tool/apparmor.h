/* apparmor.h - the AppArmor profile that lets the programs of this installation make user namespaces. */
#pragma once
#include "config/config.h"

/* Prints it, for the installed programs or those of a build tree.  0, or -errno: a program is not there, or
 * its path has characters that a profile gives a meaning. */
int apparmor_print(const struct config *c, struct err *e);
