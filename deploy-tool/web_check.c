/* web_check.c - what keeps a web server of this machine from reaching a pool. */
#include "deploy-tool/web_check.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

enum { OUTPUT_MAX = 4096, GROUPS_MAX = 256, VERSION_WAIT_MS = 5000 };

static void PRINTF_LIKE(2, 3) say(struct web_checks *to, const char *fmt, ...)
{
	va_list ap;

	if (to->n == WEB_CHECKS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(to->lines[to->n++], WEB_CHECK_SIZE, fmt, ap);
	va_end(ap);
}

/* ---- version and modules ---- */

static bool
is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, VERSION_WAIT_MS) > 0;
}

/* The beginning of what `PROGRAM -v` prints, on either of its outputs; empty when it cannot be had. */
static void
version_read(const char *program, const char *option, char text[OUTPUT_MAX])
{
	char *argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)option, NULL },
	     *environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	size_t used = 0;
	int ends[2];
	ssize_t n;
	pid_t pid = -1;

	text[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
	if (posix_spawn(&pid, program, &actions, NULL, argv, environment) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	fd_close(&ends[1]);
	while (used < OUTPUT_MAX - 1 && is_readable(ends[0]) &&
	       (n = read(ends[0], text + used, OUTPUT_MAX - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	fd_close(&ends[0]);
	if (pid < 0)
		return;
	/* It has said what it is asked for, or hangs. */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool
is_older(const unsigned found[3], const unsigned least[3])
{
	for (size_t i = 0; i < 3; i++)
		if (found[i] != least[i])
			return found[i] < least[i];
	return false;
}

static void
check_version(const struct web_server *s, const char *program, struct web_checks *to)
{
	char text[OUTPUT_MAX];
	unsigned found[3] = { 0 };
	const char *number;

	version_read(program, s->version_option, text);
	number = strstr(text, s->version);
	if (number == NULL)
		return;
	number += strlen(s->version);
	if (*number == 'v')
		number++;
	if (sscanf(number, "%4u.%4u.%4u", &found[0], &found[1], &found[2]) >= 2 && is_older(found, s->least))
		say(to, "%s is %u.%u.%u; the configuration wants %u.%u.%u or newer", program, found[0],
		    found[1], found[2], s->least[0], s->least[1], s->least[2]);
}

/* Debian's folder of what is switched on; elsewhere it says nothing. */
static void
check_modules(const struct web_server *s, struct web_checks *to)
{
	static const char folder[] = "/etc/apache2/mods-enabled";
	char missing[128] = "", path[128];
	size_t used = 0;

	if (s->modules[0] == NULL || access(folder, F_OK) < 0)
		return;
	for (size_t i = 0; i < WEB_MODULES_MAX && s->modules[i] != NULL && used < sizeof missing; i++) {
		snprintf(path, sizeof path, "%s/%s.load", folder, s->modules[i]);
		if (access(path, F_OK) < 0)
			used += (size_t)snprintf(missing + used, sizeof missing - used, " %s", s->modules[i]);
	}
	if (used > 0)
		say(to, "%s's modules%s are off: a2enmod%s", s->program, missing, missing);
}

/* ---- the socket ---- */

static const struct passwd *
user_of(const struct web_server *s)
{
	const struct passwd *user = NULL;

	for (size_t i = 0; user == NULL && i < WEB_USERS_MAX && s->users[i] != NULL; i++)
		user = getpwnam(s->users[i]);
	return user;
}

static bool
is_in_group(const struct passwd *user, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;

	if (getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0)
		return false;
	for (int i = 0; i < n; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* Which of the mode's bits count for a user: 0700, 0070 or 0007. */
static mode_t
class_of(const struct stat *st, const struct passwd *user)
{
	if (st->st_uid == user->pw_uid)
		return S_IRWXU;
	return is_in_group(user, st->st_gid) ? S_IRWXG : S_IRWXO;
}

static bool
may(const struct stat *st, const struct passwd *user, mode_t each)
{
	return user->pw_uid == 0 || (st->st_mode & class_of(st, user) & each) != 0;
}

/* The first folder above the socket that the user cannot pass. */
static bool
finds_closed_folder(const char *socket, const struct passwd *user, char folder[PATH_MAX])
{
	struct stat st;

	for (const char *slash = strchr(socket + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(folder, PATH_MAX, "%.*s", (int)(slash - socket), socket);
		if (stat(folder, &st) == 0 && !may(&st, user, S_IXUSR | S_IXGRP | S_IXOTH))
			return true;
	}
	return false;
}

static void
check_socket(const struct web_server *s, const char *socket, bool is_own, struct web_checks *to)
{
	const struct passwd *user = is_own ? NULL : user_of(s);
	char folder[PATH_MAX];
	struct stat st;

	if (user != NULL)
		snprintf(to->user, sizeof to->user, "%s", user->pw_name);
	if (stat(socket, &st) < 0 && errno == ENOENT)
		say(to, "there is no socket %s: no pool listens there now", socket);
	else if (user != NULL && finds_closed_folder(socket, user, folder))
		say(to, "%s's user %s cannot enter the folder %s", s->name, user->pw_name, folder);
	else if (user != NULL && stat(socket, &st) == 0 && !may(&st, user, S_IWUSR | S_IWGRP | S_IWOTH))
		say(to,
		    "%s's user %s cannot connect to %s, whose mode is %04o: say listen.group = %s in "
		    "cfn.conf",
		    s->name, user->pw_name, socket, (unsigned)(st.st_mode & 07777), user->pw_name);
	else
		to->can_connect = user != NULL && stat(socket, &st) == 0;
}

void
web_check(const struct web_server *s, const char *socket, bool is_own, struct web_checks *to)
{
	char program[PATH_MAX];

	*to = (struct web_checks){ 0 };
	if (web_server_program(s, program, sizeof program)) {
		check_version(s, program, to);
		if (!is_own)
			check_modules(s, to);
	} else {
		say(to, "there is no %s here (Debian: apt-get install %s)", s->name, s->package);
	}
	if (socket != NULL)
		check_socket(s, socket, is_own, to);
}
