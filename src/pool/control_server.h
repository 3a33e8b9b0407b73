/* control_server.h - the master's side of the control socket: who may ask, and the answers. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "ipc/control.h"

struct master;

struct pool;
struct invocation;
struct process_ended;

enum {
	CONTROL_CONNECTIONS_MAX = 16,
	CONTROL_IDLE_MS =
	    60 * 1000, /* a connection that asks nothing, or whose answer does not come, is closed */
	CONTROL_COPY_MS = 10 * 60 * 1000,   /* a copy, which ends with its connection */
	CONTROL_INVOKE_MS = 10 * 60 * 1000, /* an invocation, beside its wall time: streams */
	CONTROL_COUNTERS_MS = 500,      /* routers that have not told their numbers by then are left out */
	CONTROL_POKE_MS = 5000,         /* for routers to take new tokens */
	CONTROL_STATUS_MAX = 48 * 1024, /* bytes of functions in a status answer */
};

/* What the open question of a connection waits for. */
enum control_wait {
	CONTROL_NOTHING,
	CONTROL_POKE, /* until every router asks the tokens that were read */
	CONTROL_VOTE,
	CONTROL_COPY,
	CONTROL_COUNTERS,
	CONTROL_INVOKE,
};

struct control_connection {
	struct watch watch; /* fd -1: free */
	struct timer timer;
	enum control_wait wait;
	struct pool *vote;
	uint32_t copy_id;
	struct invocation *invocation;
	uid_t peer;
	bool has_ended; /* the asker has said its last: closed after the answer */
	bool is_heir;   /* a new pool, which has the listening socket and is not ready yet */
};

struct control_server {
	struct watch listener;
	struct timer counters, pokes;
	char path[CONTROL_PATH_SIZE];
	struct control_connection connections[CONTROL_CONNECTIONS_MAX];
};

int control_server_open(struct master *m, struct err *e);
void control_server_close(struct master *m);

/* Answers the open question; answer is taken over. */
void control_answer(struct master *m, struct control_connection *c, json_t *answer);

/* The two halves of it: one answer, with descriptors that stay the caller's, and the end of the question. */
void control_tell(struct control_connection *c, json_t *answer, const int *fds, size_t n_fds);
void control_done(struct master *m, struct control_connection *c);
json_t *control_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* control_commands.c: one question; fd is -1 or taken over. */
void control_serve(struct master *m, struct control_connection *c, const json_t *question, int fd);

/* What open questions wait for. */
void votes_are_ready(struct master *m, struct pool *pool);
void votes_have_failed(struct master *m, struct pool *pool, const char *reason);
void control_copy_ended(struct master *m, const struct process_ended *ended);
void control_counters_came(struct master *m);

/* Routers are to say what their workers do; then, or after CONTROL_COUNTERS_MS, control_counters_came. */
void control_ask_counters(struct master *m);
void control_tokens_taken(struct master *m);
