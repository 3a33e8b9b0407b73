/* maker.h - the maker: pid 1 of the runner's namespaces.  It makes a keeper for each job and reaps whoever
 * ends; it reads no byte of a client, only messages of fixed size from the front. */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "ipc/protocol.h"
#include "run/engine.h"
#include "run/offer.h"

enum {
	MAKER_KEEPERS_MAX = 3 * RUN_CONCURRENT_MAX, /* cancelled ones take a moment to end; and who waits */
	JOB_BYTES_MAX = 64 << 20,                   /* of an encoded job */
};

enum maker_message {
	/* front → maker */
	MSG_JOB = 1, /* struct maker_job; sealed job, the keeper's end of its events */

	/* maker → front */
	MSG_OFFERS, /* struct run_offer, one a language in the order of their table: all of them, and again
	               with each that was asked for its version */
};

struct maker_job {
	uint32_t number;   /* of this front; for the log */
	uint32_t language; /* of the maker's table, at a guess: whose box to make ahead */
};

/* What keepers are told of the server, beside their job. */
struct keeper_place {
	struct run_place run;
	const struct run_languages *languages;
	struct run_offer *offers; /* one a language */
	struct box_limits most, compile_most;
	uint64_t total_ms_most;
};

/* One that waits has a box that is made already, of the shape of that language. */
struct keeper_row {
	pid_t pid; /* 0: free */
	uint32_t number;
	int job; /* of one that waits: where it is given its job; its end ends it; -1: it has one */
	uint32_t language;
};

struct maker {
	int front; /* channel; its end is ours */
	pid_t front_pid;
	int signals;
	struct keeper_place place;
	size_t n_max, n_keepers;   /* of keepers, those that wait too */
	size_t n_ahead, n_waiting; /* of those that wait: at most, now */
	uint32_t language;         /* of the last job */
	bool has_litter;           /* one died without having put its leaves away */
	pid_t asker;               /* asks the languages' tools for their versions; 0: nobody */
	int answers;               /* of it; -1 */
	struct keeper_row keepers[MAKER_KEEPERS_MAX];
};

/* The server's maxima as limits of boxes. */
struct box_limits maker_limits(const struct run_maxima *most);

/* The limits and languages of a start, and what boxes need.  In a single-threaded process. */
int maker_open(struct maker *m, const struct start_runner *start, int front, pid_t front_pid, struct err *e);

/* Until the front has ended or its channel has: 0, or -errno. */
int maker_run(struct maker *m, struct err *e);

/* keeper.c, child: the job in the sealed file, its events to the socket.  Never returns. */
_Noreturn void keeper_run(const struct keeper_place *place, int job, int events);

/* The same, with a box of that language made ahead; job and events come as MSG_JOB. */
_Noreturn void keeper_wait(const struct keeper_place *place, const struct run_language *language, int from);

/* A free row, or NULL. */
struct keeper_row *maker_row_free(struct maker *m);

/* Child: of the maker it keeps standard error, what boxes are made in, and these two. */
int maker_child_separate(struct maker *m, int *first, int *second);

/* ahead.c: gives the job to a keeper that waits; NULL: none did. */
struct keeper_row *ahead_give(struct maker *m, const struct maker_job *asked, const int fds[2]);

/* As many wait again as may. */
void ahead_fill(struct maker *m);

/* Ends all that wait. */
void ahead_end(struct maker *m);

/* A job of a less trusted process: -EINVAL names what is above a maximum or not the language's. */
int keeper_check(const struct keeper_place *place, const struct run_job *job,
                 const struct run_language **language, struct err *e);
