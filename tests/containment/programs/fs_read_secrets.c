/* fs_read_secrets.c - reads what only root may. */
#include "attempt.h"

#include <fcntl.h>
#include <unistd.h>

int
main(void)
{
	static const char *const paths[] = { "/etc/shadow",          "/etc/gshadow",
		                             "/etc/sudoers",         "/etc/ssh/ssh_host_ed25519_key",
		                             "/root/.ssh/id_rsa",    "/root/.bash_history",
		                             "/proc/1/environ",      "/proc/kcore",
		                             "/var/lib/cfn/registry" };
	char bytes[64];

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && read(fd, bytes, sizeof bytes) > 0)
			return escaped("%s", paths[i]);
	}
	return contained("%s", attempt_error());
}
