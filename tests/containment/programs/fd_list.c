/* fd_list.c - every descriptor that it was given, with its kind. */
#include "attempt.h"

#include <sys/stat.h>

int
main(void)
{
	char list[200] = "";
	size_t used = 0;

	for (int fd = 0; fd < 4096; fd++) {
		struct stat st;

		if (fstat(fd, &st) == 0 && used < sizeof list - 16)
			used +=
			    (size_t)snprintf(list + used, sizeof list - used, "%s%d %s", used ? ", " : "", fd,
			                     S_ISSOCK(st.st_mode)   ? "socket"
			                     : S_ISFIFO(st.st_mode) ? "pipe"
			                     : S_ISDIR(st.st_mode)  ? "folder"
			                     : S_ISCHR(st.st_mode)  ? "device"
			                                            : "file");
	}
	return contained("%s", list);
}
