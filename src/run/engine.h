/* engine.h - a whole run: the compiler in a box, once, then the program in another for each of its cases. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "run/cache.h"
#include "run/event.h"
#include "run/job.h"
#include "run/language.h"
#include "run/status.h"
#include "sandbox/box.h"

enum {
	RUN_PROGRAM_MAX = RUN_CACHE_PROGRAM_MAX, /* bytes of what a compiler leaves */
	RUN_OUTPUT_FILES_MAX = 8 << 20,          /* bytes of all files that are brought back from one case */
};

struct run_place {
	uid_t uid; /* of the boxes, when started as root */
	const struct cgroup *cgroup;
	const struct box_base *base;   /* NULL: made for each box, which takes longer than the box */
	const struct run_cache *cache; /* NULL: every program is compiled */
	struct box_ahead *ahead;       /* for the first program of a run; NULL: none */
	const char *version; /* run_version() of the language, where it is known: it counts for the cache;
	                        else NULL */
};

/* What `say` does holds up the watch over the box: it is given bounded pieces, and should not wait. */
struct run_watcher {
	void (*say)(void *context, const struct run_event *event);
	void *context;
	int cancel; /* a hang-up on it ends the run at once; -1: none */
};

/* The limits of a program, and of a compiler of this language, where nobody says otherwise. */
void run_limits_init(struct box_limits *limits, const struct run_language *language);
void run_compile_limits_init(struct box_limits *limits, const struct run_language *language);

/* 0, however program and compiler ended: RUN_EVENT_ENDED says it.  Else RUN_EVENT_ENDED is an internal error
 * with the words of *e: -EINVAL, -E2BIG (the job makes no sense), -ENOENT (the language's tool is not on this
 * machine), -errno (a box could not be made); or there is none, -ECANCELED. */
int run_job_do(const struct run_place *place, const struct run_language *language, const struct run_job *job,
               const struct run_watcher *watcher, struct err *e);

/* A box for a run_job_do() at this place, made before there is a job; any job of this language may have it.
 */
int run_ahead_open(struct box_ahead **ahead, const struct run_place *place,
                   const struct run_language *language, struct err *e);

/* The first line of what the language's tool says of its version; "" when it says nothing. */
int run_version(const struct run_place *place, const struct run_language *language,
                char text[RUN_VERSION_SIZE], struct err *e);
