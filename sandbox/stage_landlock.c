/* stage_landlock.c - Landlock: nothing of the file system, TCP, abstract sockets or signals but what the
 * profile's places allow. */
#include "sandbox/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "sandbox/landlock.h"

/* struct landlock_ruleset_attr of ABI 7. */
struct ruleset {
	uint64_t fs, net, scoped;
};

/* What each ABI added, and how much of the struct it takes. */
static const struct {
	struct ruleset rights;
	size_t size;
} added[] = {
	[1] = { { 0x1fff, 0, 0 }, 8 },
	[2] = { { LL_REFER, 0, 0 }, 8 },
	[3] = { { LL_TRUNCATE, 0, 0 }, 8 },
	[4] = { { 0, LL_NET_BIND_TCP | LL_NET_CONNECT_TCP, 0 }, 16 },
	[5] = { { LL_IOCTL_DEV, 0, 0 }, 16 },
	[6] = { { 0, 0, LL_SCOPE_ABSTRACT_UNIX | LL_SCOPE_SIGNAL }, 24 },
	[7] = { { 0, 0, 0 }, 24 }, /* audit flags alone */
};

int
landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi >= 0)
		return (int)abi;
	/* Not built in, or switched off at boot.  Anything else is no kernel without Landlock. */
	return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
}

/* All rights that this kernel and this file know. */
static size_t
rights_by_abi(int abi, struct ruleset *all)
{
	size_t last = abi < (int)ARRAY_SIZE(added) ? (size_t)abi : ARRAY_SIZE(added) - 1;

	*all = (struct ruleset){ 0 };
	for (size_t i = 1; i <= last; i++) {
		all->fs |= added[i].rights.fs;
		all->net |= added[i].rights.net;
		all->scoped |= added[i].rights.scoped;
	}
	return added[last].size;
}

static int
rule_add(int ruleset, int fd, uint64_t rights, struct err *e)
{
	const uint64_t of_files = LL_EXECUTE | LL_WRITE_FILE | LL_READ_FILE | LL_TRUNCATE;
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "stat");
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= of_files;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_set(e, errno, "rule");
	return 0;
}

static int
rule_add_path(int ruleset, const char *path, uint64_t rights, struct err *e)
{
	AUTO_FD fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_set(e, errno, "open '%s'", path);
	return rule_add(ruleset, fd, rights, e);
}

static int
rule_add_list(int ruleset, const char *const *paths, uint64_t rights, struct err *e)
{
	int rc = 0;

	for (; paths && *paths && rc == 0; paths++)
		rc = rule_add_path(ruleset, *paths, rights, e);
	return rc;
}

static int
place_add(const struct sandbox *s, int ruleset, const struct place_row *row, uint64_t known, struct err *e)
{
	bool is_writable = s->folder >= 0 && !s->is_folder_read_only && row->rights_if_folder_writable;
	uint64_t rights = known & (is_writable ? row->rights_if_folder_writable : row->rights);

	switch (row->place) {
	case PLACE_ROOT:
		return rule_add_path(ruleset, "/", rights, e);
	case PLACE_TMP:
		return rule_add_path(ruleset, "/tmp", rights, e);
	case PLACE_WORK:
		return rule_add_path(ruleset, "/work", rights, e);
	case PLACE_DEVICES:
		return rule_add_list(ruleset, sandbox_devices(s->profile), rights, e);
	case PLACE_SYSTEM:
		return rule_add_list(ruleset, s->system, rights, e);
	case PLACE_PROGRAM:
		return rule_add_path(ruleset, SANDBOX_PROGRAM, rights, e);
	case PLACE_ARTIFACT:
		return s->artifact_folder < 0 ? 0 : rule_add(ruleset, s->artifact_folder, rights, e);
	}
	return err_set(e, EINVAL, "place %d", (int)row->place);
}

/* A kernel without Landlock is no failure here: the probe says so and lowers the level. */
int
landlock_enter(struct sandbox *s, struct err *e)
{
	int abi = landlock_abi();
	struct ruleset all;
	size_t size;
	AUTO_FD ruleset = -1;

	if (abi < 0)
		return err_set(e, -abi, "ask for its ABI");
	if (abi == 0)
		return 0;
	size = rights_by_abi(abi, &all);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
	if (ruleset < 0)
		return err_set(e, errno, "create ruleset of ABI %d", abi);
	for (size_t i = 0; i < s->profile->n_places; i++)
		if (place_add(s, ruleset, &s->profile->places[i], all.fs, e) < 0)
			return -e->code;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_set(e, errno, "restrict");
	return 0;
}
