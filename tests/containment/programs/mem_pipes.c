/* mem_pipes.c - fills pipes: memory of the kernel, outside of a limit on the address space. */
#include "attempt.h"

#include <fcntl.h>
#include <unistd.h>

int
main(void)
{
	static char bytes[65536];
	size_t kept = 0;

	for (int i = 0; i < 1024; i++) {
		int ends[2];
		ssize_t n;

		if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
			return kept > 16 << 20 ? escaped("%zu bytes", kept)
			                       : contained("%s", attempt_error());
		fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
		while ((n = write(ends[1], bytes, sizeof bytes)) > 0)
			kept += (size_t)n;
	}
	return escaped("%zu bytes", kept);
}
