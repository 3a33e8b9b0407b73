/* filter_name.c - names of system calls. */
#include <stdio.h>

#include "sandbox/filter_programs.h"

void
sandbox_syscall_name(int nr, char name[SYSCALL_NAME_SIZE])
{
	if (nr >= 0 && (size_t)nr < n_syscall_names && syscall_names[nr][0] != '\0')
		snprintf(name, SYSCALL_NAME_SIZE, "%s", syscall_names[nr]);
	else
		snprintf(name, SYSCALL_NAME_SIZE, "syscall %d", nr);
}
