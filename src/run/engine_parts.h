/* engine_parts.h - inside of src/run: one run under way, and how its boxes are made and reported. */
#pragma once
#include "run/cache.h"
#include "run/command.h"
#include "run/engine.h"

enum { RUN_HEADER_NAME_SIZE = 64 };

/* The precompiled form of what the program includes first. */
struct header {
	bool is_missing; /* it could be used, and was never made */
	struct run_cached cached;
	struct run_job job; /* that makes it */
	struct digest key;  /* of it */
	char source[RUN_HEADER_NAME_SIZE + 16], compiled_as[RUN_HEADER_NAME_SIZE + 16];
	char text[RUN_HEADER_NAME_SIZE + 16];
	struct box_file files[RUN_FILES_MAX]; /* the program's, and it */
};

struct run {
	const struct run_place *place;
	const struct run_language *language;
	const struct run_job *job;
	const struct run_watcher *watcher;
	struct run_command command; /* of the box under way */
	struct run_cached compiled; /* what the compiler left; program NULL: nothing */
	struct header header;
	uint64_t deadline_us;   /* of everything; monotonic */
	uint64_t started_us;    /* the box under way */
	uint32_t index;         /* case */
	enum run_status status; /* the first that is not accepted */
	char message[RUN_MESSAGE_SIZE];
};

void run_say(const struct run *r, const struct run_event *event);

/* One line that a terminal shows as it is. */
void run_message_set(char message[RUN_MESSAGE_SIZE], const char *text);

/* No more wall-clock time than is left of the whole. */
void run_time_left(const struct run *r, struct box_limits *limits);

/* Takes the program from the cache, or runs the compiler and keeps what it accepts: r->status says how it
 * went. */
int run_compile(struct run *r, struct err *e);

/* Looks for a precompiled header that the program's compiler can use. */
bool run_header_find(struct run *r);

/* Adds the one that was found to the compiler's plan and to r->command. */
int run_header_lay(struct run *r, struct box_plan *plan, struct err *e);

/* Makes the one that was missing, for the next program; it takes r over. */
void run_header_make(struct run *r);

/* A plan with r->command; its limits are still to be set. */
struct box_plan run_plan(const struct run *r, const char *name, enum box_profile profile);

/* Runs it, and says what it says.  As box_run(); -ECANCELED: nobody wants it any more. */
int run_box(struct run *r, struct box_plan *plan, struct box_result *box, struct err *e);

/* Points into the result. */
void run_report_fill(struct run_report *report, enum run_status status, const struct box_result *box,
                     const struct box_limits *limits);
