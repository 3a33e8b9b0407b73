/* fs_write_passwd.c - opens files of the system for writing, and writes nothing. */
#include "attempt.h"

#include <fcntl.h>

int
main(void)
{
	static const char *const paths[] = { "/etc/hosts", "/etc/ld.so.cache", "/etc/crontab", "/usr/bin/env",
		                             "/etc/passwd" };

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (open(paths[i], O_WRONLY | O_APPEND | O_CLOEXEC) >= 0)
			return escaped("%s", paths[i]);
	return contained("%s", attempt_error());
}
