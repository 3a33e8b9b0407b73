/* fs_self_exe_write.c - changes the program that runs it, as a container once changed its host's runc. */
#include "attempt.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>

int
main(void)
{
	const char *own = (const char *)getauxval(AT_EXECFN);

	if (open("/proc/self/exe", O_RDONLY | O_CLOEXEC) >= 0)
		return escaped("/proc/self/exe");
	/* Of a file that runs, open says so before it says that the mount is read-only; a time stamp does
	 * not. */
	if (open(own, O_WRONLY | O_CLOEXEC) >= 0 || utimensat(AT_FDCWD, own, NULL, 0) == 0)
		return escaped("its own file");
	return contained("%s", attempt_error());
}
