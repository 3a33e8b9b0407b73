/* sandbox_base.c - tests of sandboxes: the base namespaces that the spawner would make. */
#include "sandbox_base.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

static uid_t outside_id;

uid_t
base_outside_id(void)
{
	return outside_id;
}

static int
put(pid_t pid, const char *name, const char *text)
{
	char path[64];
	AUTO_FD fd = -1;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		return 0;
	perror(path);
	return -1;
}

static int
maps_put(pid_t pid, uid_t uid, gid_t gid)
{
	char uids[64], gids[64];

	if (uid == 0) {
		snprintf(uids, sizeof uids, "0 %d 1\n1000 %d 1000\n", BASE_RANGE, BASE_RANGE + 1000);
		snprintf(gids, sizeof gids, "%s", uids);
	} else {
		snprintf(uids, sizeof uids, "0 %u 1\n", uid);
		snprintf(gids, sizeof gids, "0 %u 1\n", gid);
	}
	return put(pid, "setgroups", "deny") < 0 || put(pid, "uid_map", uids) < 0 ||
	       put(pid, "gid_map", gids) < 0;
}

static int
base_enter(int ready, int go)
{
	char byte = 'u';

	if (unshare(CLONE_NEWUSER) < 0 || write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1)
		return -1;
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return -1;
	return unshare(CLONE_NEWNET | CLONE_NEWNS);
}

static _Noreturn void
child_run(int ready, int go, int (*inside)(void))
{
	int rc = base_enter(ready, go) < 0 ? 99 : inside();

	fflush(NULL);
	_exit(rc);
}

int
base_run(int (*inside)(void))
{
	int ready[2], go[2], status;
	uid_t uid = getuid();
	gid_t gid = getgid();
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0 || (uid == 0 && setgroups(0, NULL) < 0))
		return 99;
	outside_id = uid == 0 ? BASE_SLOT : 0;
	pid = fork();
	if (pid == 0)
		child_run(ready[1], go[0], inside);
	close(ready[1]);
	if (pid < 0 || read(ready[0], &byte, 1) != 1 || maps_put(pid, uid, gid) != 0 ||
	    write(go[1], "g", 1) != 1 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return 99;
	return WEXITSTATUS(status);
}

enum { NOBODY = 65534 };

/* Changing the uid makes a process not dumpable, and then nobody may write its children's id maps. */
static int
nobody_become(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return -1;
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int
base_as_everybody(int (*test)(void))
{
	int rc = test(), status;
	pid_t pid;

	if (rc != 0 || getuid() != 0)
		return rc;
	printf("# as an ordinary user\n");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		rc = nobody_become() < 0 ? 99 : test();
		fflush(NULL);
		_exit(rc);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return 99;
	return WEXITSTATUS(status);
}
