/* dev_keeper.h - a process that owns the others of `cfn-deploy dev`: it starts pool and web server, ends them
 * when dev ends, however that comes about, and removes their folder. */
#pragma once
#include <sys/types.h>

#include "base/err.h"

enum keeper_child { KEEPER_POOL, KEEPER_WEB, KEEPER_CHILDREN };

struct keeper_program {
	const char *const *argv;
	const char *folder; /* to work in */
	int output;         /* its standard output and error */
	uid_t uid;          /* who it is to be; our own: as we are */
	gid_t gid;
};

struct keeper_plan {
	const char *folder; /* that is removed at the end */
	struct keeper_program programs[KEEPER_CHILDREN];
};

struct keeper {
	pid_t pid;
	int hold;  /* its end is our end */
	int ended; /* one byte, an enum keeper_child, for each that has ended by itself */
};

/* Keeps the outputs to itself: the caller closes them. */
int keeper_start(const struct keeper_plan *plan, struct keeper *k, struct err *e);

/* Returns when nothing of them is left. */
void keeper_stop(struct keeper *k);

/* Removes a folder with everything in it: what the keeper does at its end. */
void keeper_remove(const char *path);
