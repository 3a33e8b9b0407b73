/* fs_devices.c - opens devices and files of the kernel that no sandbox needs. */
#include "attempt.h"

#include <fcntl.h>

int
main(void)
{
	static const char *const paths[] = {
		"/dev/mem",  "/dev/kmsg", "/dev/kvm",        "/dev/fuse",          "/dev/net/tun",
		"/dev/ptmx", "/dev/tty",  "/dev/shm",        "/dev/loop-control",  "/dev/sda",
		"/dev/vda",  "/proc",     "/sys/fs/cgroup",  "/sys/kernel/debug",  "/proc/sysrq-trigger",
		"/run",      "/var/run",  "/var/lib/docker", "/run/docker.sock",   "/dev/pts",
		"/boot",     "/home",     "/root",           "/proc/self/ns/user", "/sys",
	};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (open(paths[i], O_RDONLY | O_NOCTTY | O_CLOEXEC) >= 0)
			return escaped("%s", paths[i]);
	return contained("%s", attempt_error());
}
