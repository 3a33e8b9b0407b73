/* pools.h - the live pools of a registry: their vote on a version, and telling them of a change. */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "deploy-tool/tool.h"
#include "ipc/control.h"

enum {
	POOLS_VOTE_MS = 30 * 1000, /* a pool loads the version within its own limits and then answers */
	POOLS_ASK_MS = 10 * 1000,
};

struct pools {
	size_t n;
	int socks[CONTROL_POOLS_MAX];
	pid_t pids[CONTROL_POOLS_MAX];
};

/* Connects to every live pool.  None is no error. */
int pools_connect(const struct tool *t, struct pools *p, struct err *e);
void pools_done(struct pools *p);
#define AUTO_POOLS __attribute__((cleanup(pools_done)))

/* Asks pool i; drops the question.  0 with *answer, whose "ok" is true; -ECANCELED with the pool's own words,
 * -ENOENT when it says that something is missing; -ENOTCONN when it has gone; -ETIMEDOUT. */
int pools_ask(struct pools *p, size_t i, json_t *question, int fd, int timeout_ms, json_t **answer,
              struct err *e);

/* Every pool approves of the version as it will be signed (NULL: it is not), and loads it if it is to.  0
 * when none says no; one that goes away has no vote. */
int pools_vote(struct pools *p, int64_t version_id, const struct registry_activation *a, bool is_load,
               struct err *e);

/* Says that there is a new commit; how many have heard it.  Reports those that live and have not. */
size_t pools_poke(struct pools *p);

/* After a commit that needs no vote: connects and pokes. */
size_t pools_tell(const struct tool *t);

/* "3 pools serve it", "no pool serves it yet". */
void pools_describe(size_t n, char *text, size_t size);
