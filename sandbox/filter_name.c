/* filter_name.c - names of system calls; apart, so that a worker does not load libseccomp for them. */
#include "sandbox/filter.h"

#include <seccomp.h>
#include <stdio.h>

#include "base/fd.h"

void
sandbox_syscall_name(int nr, char name[SYSCALL_NAME_SIZE])
{
	AUTO_FREE char *found = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);

	if (found)
		snprintf(name, SYSCALL_NAME_SIZE, "%s", found);
	else
		snprintf(name, SYSCALL_NAME_SIZE, "syscall %d", nr);
}
