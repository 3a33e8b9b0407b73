/* groups.c - which of the caller's groups amount to root, or to others' secrets. */
#include "base/groups.h"

#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"

void
groups_list_risky(char text[GROUPS_RISKY_SIZE])
{
	static const char *const risky[] = { "docker", "sudo", "adm", "disk", "lxd", "shadow", "kvm" };
	gid_t groups[NGROUPS_MAX];
	int n = getgroups(NGROUPS_MAX, groups);
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < n; i++) {
		const struct group *group = getgrgid(groups[i]);

		for (size_t k = 0; group && k < ARRAY_SIZE(risky) && used < GROUPS_RISKY_SIZE; k++)
			if (strcmp(group->gr_name, risky[k]) == 0)
				used += (size_t)snprintf(text + used, GROUPS_RISKY_SIZE - used, "%s%s",
				                         used ? ", " : "", risky[k]);
	}
}
