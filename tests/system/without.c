/* without.c - runs a command on a kernel that seems to lack something: "without ERROR CALL COMMAND
 * [ARGUMENT]..." makes one system call fail with that error, for the command and everything below it. */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/macros.h"

static const struct {
	const char *name;
	int code;
} errors[] = {
	{ "EACCES", EACCES },
	{ "EINVAL", EINVAL },
	{ "ENOSYS", ENOSYS },
	{ "EPERM", EPERM },
};

static int
find_error(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].code;
	return 0;
}

/* No no_new_privs where it can be done without: the command is the one to find that it works. */
static int
filter_load(int call, int error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, geteuid() != 0) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint16_t)error), call, 0);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc;
}

int
main(int argc, char **argv)
{
	int error = argc > 3 ? find_error(argv[1]) : 0;
	int call = argc > 3 ? seccomp_syscall_resolve_name(argv[2]) : __NR_SCMP_ERROR;

	if (error == 0 || call == __NR_SCMP_ERROR) {
		fprintf(stderr, "usage: without ERROR CALL COMMAND [ARGUMENT]...\n");
		return EX_USAGE;
	}
	if (filter_load(call, error) < 0) {
		fprintf(stderr, "without: no filter\n");
		return EX_OSERR;
	}
	execvp(argv[3], argv + 3);
	fprintf(stderr, "without: %s: %s\n", argv[3], strerror(errno));
	return EX_OSERR;
}
