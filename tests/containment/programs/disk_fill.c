/* disk_fill.c - writes 512 MiB into the working folder and into /tmp. */
#include "attempt.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { DISK_FILL_FILES = 256, DISK_FILL_MIB = 2 };

int
main(void)
{
	static char mib[1 << 20];
	char name[32];
	int written = 0;

	signal(SIGXFSZ, SIG_IGN);
	for (int i = 0; i < DISK_FILL_FILES; i++) {
		int fd;

		snprintf(name, sizeof name, "%scfn_fill%d", i % 2 ? "/tmp/" : "", i);
		fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		for (int n = 0; n < DISK_FILL_MIB; n++, written++)
			/* The last of the room takes a part; what the next meets is said. */
			if (write(fd, mib, sizeof mib) != (ssize_t)sizeof mib &&
			    write(fd, mib, sizeof mib) < 0)
				return written > 300 ? escaped("%d MiB", written)
				                     : contained("%s", attempt_error());
	}
	return escaped("%d MiB", written);
}
