/* dev_units.c - what `cfn-deploy dev` serves, and the deployment that runs.
 *
 *   state      a change          deployed    not deployed
 *   NEW        is deployed       SERVING     BROKEN
 *   SERVING    is deployed       SERVING     BROKEN, the version before goes on
 *   BROKEN     is deployed       SERVING     BROKEN */
#include "deploy-tool/dev_units.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum { FIRST_FD = 3, PIECE = 16 * 1024 };

void
unit_touch(struct unit *u)
{
	u->last_us = clock_now_us();
	if (!u->is_changed)
		u->first_us = u->last_us;
	u->is_changed = true;
}

/* When it may be deployed. */
static uint64_t
due_us(const struct unit *u)
{
	uint64_t quiet = u->last_us + UNIT_QUIET_MS * 1000, patience = u->first_us + UNIT_PATIENCE_MS * 1000;

	return quiet < patience ? quiet : patience;
}

int
units_wait_ms(const struct units *u)
{
	uint64_t now = clock_now_us(), least = UINT64_MAX;

	for (size_t i = 0; i < u->n && u->running == NULL; i++)
		if (u->items[i].is_changed && due_us(&u->items[i]) < least)
			least = due_us(&u->items[i]);
	if (least == UINT64_MAX)
		return -1;
	return least <= now ? 0 : (int)((least - now) / 1000) + 1;
}

/* A folder with a manifest says everything itself. */
static bool
is_manifest(const char *path)
{
	char manifest[WATCH_PATH_SIZE + 16];

	snprintf(manifest, sizeof manifest, "%s/cfn.ini", path);
	return access(manifest, F_OK) == 0;
}

static void
make_argv(const struct units *u, const char *path, const char *argv[UNIT_ARGUMENTS_MAX + 8])
{
	bool is_applied = is_manifest(path);
	size_t n = 0;

	argv[n++] = "cfn-deploy";
	for (size_t i = 0; u->base[i] != NULL; i++)
		argv[n++] = u->base[i];
	argv[n++] = is_applied ? "apply" : "deploy";
	if (is_applied)
		argv[n++] = "--yes";
	/* A function of another path is none that the manifest has lost. */
	if (is_applied && u->n == 1)
		argv[n++] = "--prune";
	for (size_t i = 0; !is_applied && u->options[i] != NULL; i++)
		argv[n++] = u->options[i];
	argv[n++] = "--";
	argv[n++] = path;
	argv[n] = NULL;
}

/* In the child; it ends with us, and its boxes with it. */
static void
execute(const struct units *u, const char *path, int output)
{
	const char *argv[UNIT_ARGUMENTS_MAX + 8];
	const int fds[] = { 0, output, output };
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	make_argv(u, path, argv);
	if (fd_place(fds, 3, 0) < 0 || close_range(FIRST_FD, ~0U, 0) < 0)
		_exit(EXIT_FAILURE);
	execv("/proc/self/exe", (char *const *)argv);
	_exit(EXIT_FAILURE);
}

static int
start(struct units *u, struct unit *unit, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "pipe");
	u->pid = fork();
	if (u->pid == 0)
		execute(u, unit->path, ends[1]);
	fd_close(&ends[1]);
	if (u->pid < 0) {
		fd_close(&ends[0]);
		return err_set(e, errno, "fork");
	}
	fd_set_blocking(ends[0], false);
	u->output = ends[0];
	u->running = unit;
	unit->is_changed = false;
	unit->saved_us = unit->first_us;
	buf_done(&u->words);
	buf_init(&u->words, UNIT_WORDS_MAX);
	return 0;
}

int
units_begin(struct units *u, struct err *e)
{
	uint64_t now = clock_now_us();

	for (size_t i = 0; i < u->n && u->running == NULL; i++)
		if (u->items[i].is_changed && due_us(&u->items[i]) <= now)
			return start(u, &u->items[i], e);
	return 0;
}

/* True at the end. */
static bool
read_words(struct units *u)
{
	char piece[PIECE];
	ssize_t n;

	while ((n = read(u->output, piece, sizeof piece)) > 0)
		(void)buf_append(&u->words, piece, (size_t)n);
	return n == 0 || (errno != EAGAIN && errno != EINTR);
}

static void
judge(struct units *u, struct unit *unit, int status)
{
	free(unit->words);
	unit->words = NULL;
	unit->state = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? UNIT_SERVING : UNIT_BROKEN;
	if (unit->state == UNIT_BROKEN)
		unit->words =
		    strndup(buf_used(&u->words) > 0 ? buf_head(&u->words) : "", buf_used(&u->words));
}

struct unit *
units_turn(struct units *u, const struct buf **said)
{
	struct unit *unit = u->running;
	int status = 0;

	if (unit == NULL || !read_words(u))
		return NULL;
	fd_close(&u->output);
	while (waitpid(u->pid, &status, 0) < 0 && errno == EINTR)
		;
	u->running = NULL;
	judge(u, unit, status);
	*said = &u->words;
	return unit;
}

const struct unit *
units_broken(const struct units *u)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->items[i].state == UNIT_BROKEN)
			return &u->items[i];
	return NULL;
}

void
units_done(struct units *u)
{
	if (u->running != NULL) {
		kill(u->pid, SIGKILL);
		waitpid(u->pid, NULL, 0);
		fd_close(&u->output);
	}
	buf_done(&u->words);
	for (size_t i = 0; i < u->n; i++)
		free(u->items[i].words);
}
