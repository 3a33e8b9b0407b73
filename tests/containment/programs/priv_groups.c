/* priv_groups.c - groups that it keeps from who started it. */
#include "attempt.h"

#include <unistd.h>

int
main(void)
{
	gid_t groups[256];
	int n = getgroups(256, groups);

	for (int i = 0; i < n; i++)
		if (groups[i] != getgid())
			return escaped("group %u", groups[i]);
	return contained("none");
}
