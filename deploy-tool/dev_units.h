/* dev_units.h - what `cfn-deploy dev` serves: for each path whether it changed, is being deployed, serves or
 * is broken, and the one deployment that runs at a time, a process of its own. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "deploy-tool/dev_watch.h"

enum {
	UNITS_MAX = WATCH_PATHS_MAX,
	UNIT_ARGUMENTS_MAX = 640,
	UNIT_WORDS_MAX = 256 * 1024, /* bytes that one deployment may say; more are dropped */
	UNIT_QUIET_MS = 40,          /* without a change, before what was saved is compiled */
	UNIT_PATIENCE_MS = 400,      /* but no longer than that after the first */
};

enum unit_state { UNIT_NEW, UNIT_SERVING, UNIT_BROKEN };

struct unit {
	const char *path;
	enum unit_state state;
	bool is_changed;            /* since the last deployment began */
	uint64_t first_us, last_us; /* when, first and last */
	uint64_t saved_us;          /* the first change that the last deployment is about */
	char *words;                /* of that, when it failed; else NULL */
};

struct units {
	size_t n;
	struct unit items[UNITS_MAX];
	const char *const *base;    /* arguments before the command, NULL at the end */
	const char *const *options; /* of deploy, NULL at the end */
	/* The deployment that runs. */
	struct unit *running; /* NULL: none */
	pid_t pid;
	int output;
	struct buf words;
};

/* Marks it as changed now. */
void unit_touch(struct unit *u);

/* Starts the deployment of one that has changed and is quiet again, unless one runs.  -errno. */
int units_begin(struct units *u, struct err *e);

/* Milliseconds until units_begin() has something to do; -1: it has not, as things are. */
int units_wait_ms(const struct units *u);

/* Reads what the deployment says: NULL, or the unit whose deployment has ended, and in what state it is now;
 * saying has its words, until the next one begins. */
struct unit *units_turn(struct units *u, const struct buf **said);

/* The one that is broken, NULL when none is. */
const struct unit *units_broken(const struct units *u);

void units_done(struct units *u);
