/* fs_proc_parent.c - looks into the parent and into process 1 through /proc. */
#include "attempt.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int
fs_proc_parent_look(int pid)
{
	static const char *const names[] = { "environ", "mem", "exe", "maps", "auxv", "root/etc", "cwd/." };
	char path[64];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", pid, names[i]);
		if (open(path, O_RDONLY | O_CLOEXEC) >= 0)
			return 1;
	}
	return 0;
}

int
main(void)
{
	if (fs_proc_parent_look(1) || fs_proc_parent_look(getppid()))
		return escaped("visible");
	return contained("%s", attempt_error());
}
