/* privileges.h - whom the master becomes, and giving up everything that it does not need. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct identity {
	uid_t uid;
	gid_t gid;
	bool is_root_start;
	bool stays_root; /* the registry is root's and no user was named: uid 0 without a capability */
};

/* An ordinary user stays itself.  Root becomes the registry's owner; when that is root, the user of this
 * name; when that is empty, uid 0 without capabilities.  -ENOENT no registry; -EPERM everybody may write it;
 * -EINVAL no such user. */
int identity_choose(const char *registry, const char *user, struct identity *id, struct err *e);

/* Started as root, in folders of root's alone: makes a missing folder, or an empty file, for the identity;
 * everywhere else the identity makes it by itself later. */
int identity_make_folder(const struct identity *id, const char *path, struct err *e);
int identity_make_file(const struct identity *id, const char *path, struct err *e);

/* Becomes it for good: groups, capabilities, bounding set, securebits, no_new_privs, not dumpable. */
int identity_enter(const struct identity *id, struct err *e);
