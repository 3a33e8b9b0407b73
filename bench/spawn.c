/* spawn.c - commands as a bench runs them without us. */
#include "bench/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS = 80, PATH_SIZE = 256 };

static const char isolation[] =
    "bwrap --unshare-user --unshare-all --uid 1000 --gid 1000 --hostname cfn --die-with-parent --new-session"
    " --clearenv --setenv PATH /usr/bin:/bin --ro-bind /usr/bin /usr/bin --ro-bind /usr/lib /usr/lib"
    " --ro-bind /usr/lib64 /usr/lib64 --ro-bind /usr/libexec /usr/libexec --ro-bind /usr/include /usr/include"
    " --ro-bind /etc/alternatives /etc/alternatives --symlink usr/bin /bin --symlink usr/lib /lib"
    " --symlink usr/lib64 /lib64 --dev-bind /dev/null /dev/null --dev-bind /dev/zero /dev/zero"
    " --dev-bind /dev/urandom /dev/urandom --tmpfs /tmp --tmpfs /work --ro-bind %s /program/program"
    " --remount-ro / --chdir /work --seccomp %d /program/program";

_Noreturn void
give_up(const char *what, const char *why)
{
	fprintf(stderr, "runs: %s: %s\n", what, why);
	exit(1);
}

void
spawn(const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	int status = -1;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ) != 0 ||
	    waitpid(pid, &status, 0) < 0 || status != 0)
		give_up(argv[0], "it failed");
	posix_spawn_file_actions_destroy(&actions);
}

void
spawn_isolated(const char *program, int filter)
{
	char text[sizeof isolation + PATH_SIZE], *rest = text;
	const char *argv[WORDS] = { NULL };

	if (snprintf(text, sizeof text, isolation, program, filter) >= (int)sizeof text)
		give_up(program, "its name is too long");
	for (size_t n = 0; rest && n + 1 < WORDS; n++)
		argv[n] = strsep(&rest, " ");
	lseek(filter, 0, SEEK_SET);
	spawn(argv);
}
