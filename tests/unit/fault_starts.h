/* fault_starts.h - the starts of sandboxed processes that test_faults disturbs, and what each came to. */
#pragma once
#include "confinement.h"
#include "spawn_pool.h"

enum { START_TEXT_SIZE = 1024, START_HELD_SIZE = 128, START_SCOPES_MAX = 16 };

struct start_outcome {
	bool is_ready, is_spawner_gone;
	char text[START_TEXT_SIZE]; /* what is said when it is not ready */
	/* Of what is ready, as seen from outside: ids, capabilities, filters, limits, mounts; of a spawner
	 * the layers that it proved. */
	char confinement[CONFINEMENT_SIZE];
};

struct start_rig {
	struct pool pool;
	struct start_outcome outcome, usual;
	char held[START_HELD_SIZE]; /* by the spawner, when nothing runs */
	struct worker worker;
	pid_t starter;
	int go, result;   /* pipes to and from the starter */
	int channel, log; /* of a router */
};

/* A process that is set up, or that sets one up. */
struct start_scope {
	const char *name;
	bool is_of_pool;     /* of a spawner that serves on; else a starter makes everything anew */
	unsigned generation; /* below that spawner or starter; 0: it is meant itself */
	const char *last;    /* the nth call of this name is the last one of the set-up */
	unsigned nth;
	bool is_whole;                          /* repetitions too */
	void (*what)(const struct start_rig *); /* what the starter does */
	void (*start)(struct start_rig *);
	void (*await)(struct start_rig *);
};

extern const struct start_scope start_scopes[];
extern const size_t start_n_scopes;

/* A pool whose router is the real one. */
void start_open(struct start_rig *r);
void start_close(struct start_rig *r);

/* Who is to be traced for this scope: the spawner, started anew when it is gone, or a starter that waits. */
pid_t start_prepare(struct start_rig *r, const struct start_scope *s);

/* After s->start: fills r->outcome; nothing of it runs any more. */
void start_finish(struct start_rig *r, const struct start_scope *s);

/* Waits until the spawner has ended, whatever it says before. */
void start_await_end(struct start_rig *r);

/* Processes, descriptors and mounts of the spawner. */
void start_held(const struct start_rig *r, char held[START_HELD_SIZE]);
