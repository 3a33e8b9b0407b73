/* privileges.c - whom the master becomes, and giving up everything that it does not need. */
#include "pool/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static int
choose_user(const char *name, struct identity *id, struct err *e)
{
	const struct passwd *user = getpwnam(name);

	if (!user || user->pw_uid == 0)
		return err_set(e, -EINVAL, "user '%s' %s", name, user ? "is root" : "is not known");
	id->uid = user->pw_uid;
	id->gid = user->pw_gid;
	return 0;
}

/* The registry's group, so that the control socket can be given to it; root's group is nobody's to have. */
static gid_t
group_of_owner(const struct stat *registry)
{
	const struct passwd *owner = getpwuid(registry->st_uid);

	if (registry->st_gid != 0 || !owner)
		return registry->st_gid;
	return owner->pw_gid;
}

int
identity_choose(const char *registry, const char *user, struct identity *id, struct err *e)
{
	struct stat st;

	*id = (struct identity){ .uid = geteuid(), .gid = getegid(), .is_root_start = geteuid() == 0 };
	if (stat(registry, &st) < 0 && errno == ENOENT)
		return err_set(e, -ENOENT,
		               "registry %s: not there; make one with 'cfn-deploy --registry %s init'",
		               registry, registry);
	if (stat(registry, &st) < 0)
		return err_set(e, errno, "registry %s", registry);
	if (st.st_mode & S_IWOTH)
		return err_set(e, -EPERM, "registry %s: everybody may write it; chmod o-w it", registry);
	if (!id->is_root_start)
		return 0;
	if (st.st_uid != 0) {
		id->uid = st.st_uid;
		id->gid = group_of_owner(&st);
		return 0;
	}
	if (user[0])
		return choose_user(user, id, e);
	id->stays_root = true;
	return 0;
}

/* The folder of path, when nobody but root can change what is in it; -1 otherwise. */
static int
open_roots_folder(const char *path, char copy[PATH_MAX])
{
	AUTO_FD fd = -1;
	struct stat st;
	int folder;

	snprintf(copy, PATH_MAX, "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH))
		return -1;
	folder = fd;
	fd = -1;
	return folder;
}

static int
make(const struct identity *id, const char *path, mode_t kind, struct err *e)
{
	char copy[PATH_MAX];
	AUTO_FD folder = -1;
	const char *name = strrchr(path, '/');
	int rc;

	if (!id->is_root_start || id->uid == 0 || !name)
		return 0;
	folder = open_roots_folder(path, copy);
	if (folder < 0)
		return 0;
	name++;
	rc = kind == S_IFDIR ? mkdirat(folder, name, 0700) : mknodat(folder, name, S_IFREG | 0640, 0);
	if (rc < 0 && errno == EEXIST)
		return 0;
	if (rc < 0 || fchownat(folder, name, id->uid, id->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "make '%s'", path);
	return 0;
}

int
identity_make_folder(const struct identity *id, const char *path, struct err *e)
{
	return make(id, path, S_IFDIR, e);
}

int
identity_make_file(const struct identity *id, const char *path, struct err *e)
{
	return make(id, path, S_IFREG, e);
}

/* While still root: afterwards nothing of it would be allowed. */
static int
drop_bounding_set(struct err *e)
{
	const unsigned bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
	                      SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
	                      SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_set(e, errno, "drop ambient capabilities");
	for (cap_value_t c = 0; cap_get_bound(c) >= 0; c++)
		if (cap_drop_bound(c) < 0)
			return err_set(e, errno, "drop capability %d from the bounding set", c);
	if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
		return err_set(e, errno, "lock securebits");
	return 0;
}

static int
become(const struct identity *id, struct err *e)
{
	if (setgroups(0, NULL) < 0)
		return err_set(e, errno, "give up groups");
	if (setresgid(id->gid, id->gid, id->gid) < 0 || setresuid(id->uid, id->uid, id->uid) < 0)
		return err_set(e, errno, "become uid %u, gid %u", id->uid, id->gid);
	return 0;
}

static int
drop_capabilities(struct err *e)
{
	cap_t none = cap_init();
	int rc = none ? cap_set_proc(none) : -1;
	int error = errno;

	cap_free(none);
	return rc < 0 ? err_set(e, error, "drop capabilities") : 0;
}

int
identity_enter(const struct identity *id, struct err *e)
{
	int rc = 0;

	if (id->is_root_start)
		rc = drop_bounding_set(e);
	if (rc == 0 && id->is_root_start)
		rc = become(id, e);
	if (rc == 0)
		rc = drop_capabilities(e);
	if (rc < 0)
		return rc;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(e, errno, "no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set(e, errno, "not dumpable");
	return 0;
}
