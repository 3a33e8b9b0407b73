/* box_ids.c - whose host id a box has. */
#include "sandbox/box_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"

/* A user namespace in which 0 is the one id that there is, and an ordinary user's. */
static bool
has_no_other_id(void)
{
	AUTO_FD fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t n = fd < 0 ? -1 : fd_read_all(fd, text, sizeof text - 1);
	unsigned inside, outside, count;
	int end = 0;

	if (n <= 0)
		return false;
	text[n] = '\0';
	return sscanf(text, "%u %u %u\n%n", &inside, &outside, &count, &end) == 3 && text[end] == '\0' &&
	       inside == 0 && outside != 0 && count == 1;
}

int
box_ids_choose(const struct box_plan *plan, uid_t *uid, gid_t *gid, struct err *e)
{
	*uid = geteuid();
	*gid = getegid();
	if (*uid != 0)
		return 0;
	if (plan->uid_range != 0) {
		*uid = plan->uid_range;
		*gid = (gid_t)plan->uid_range;
		return 0;
	}
	return has_no_other_id() ? 0
	                         : err_set(e, -EINVAL, "box '%s': root needs another uid for it", plan->name);
}
