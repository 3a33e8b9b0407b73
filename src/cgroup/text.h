/* text.h - inside of the module: what the kernel writes about cgroups and mounts, parsed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT_PATH_SIZE = 4096 };

struct cgroup_mount {
	char root[TEXT_PATH_SIZE];  /* of the mount, in the file system */
	char point[TEXT_PATH_SIZE]; /* where it is mounted */
};

/* One line of mountinfo (proc(5)): true when it is a whole one about a cgroup2 file system. */
bool text_read_mount(const char *line, struct cgroup_mount *m);

/* The v2 path out of /proc/PID/cgroup (cgroups(7)); false when there is none that can be used: it is outside
 * of the namespace, removed, or too long. */
bool text_read_own(const char *text, char path[TEXT_PATH_SIZE]);

/* What stands behind the mount's root in path, without '/' in front; "." when nothing does; NULL when the
 * mount does not show the path. */
const char *text_path_below(const char *root, const char *path);

/* Whether the words of text, separated by blanks or newlines, have this one. */
bool text_has_word(const char *text, const char *word);

/* The value of "KEY VALUE\n", a line of its own; false when there is none, or it is no number. */
bool text_read_field(const char *text, const char *key, uint64_t *value);

/* Whether a folder's name is one that a pool makes for its subtree: what only begins like it is somebody
 * else's. */
#define TEXT_SUBTREE_PREFIX "cfn-"
#define TEXT_SUBTREE_DIGITS 8 /* hexadecimal, small letters */
bool text_is_subtree(const char *name);

/* True when the only number in cgroup.procs is this. */
bool text_is_alone(const char *text, long pid);
