/* event.h - what a run says while it runs and how it ended; also as bytes, from the process that keeps the
 * box to one that is more trusted with its clients and less with boxes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ending.h"
#include "run/status.h"

enum {
	RUN_SYSCALL_SIZE = 32,    /* a system call's name, and NUL */
	RUN_MESSAGE_SIZE = 512,   /* one line for people, and NUL */
	RUN_FILE_NAME_SIZE = 256, /* below the working folder, and NUL */
	RUN_INDEX_MAX = 100,      /* cases of one run */
	RUN_OUTPUT_PIECE_MAX = 64 << 10,
	RUN_OUTPUT_FILE_MAX = 4 << 20, /* bytes of one file that is brought back */
	RUN_KEPT_MAX = 64 << 20,       /* bytes of a report's two streams together */
};

enum run_event_type {
	RUN_EVENT_COMPILING = 1, /* nothing */
	RUN_EVENT_COMPILED,      /* report */
	RUN_EVENT_CASE,          /* index: it begins */
	RUN_EVENT_OUTPUT, /* index, stream (1, 2), data: as it comes, no more than what is kept of the head */
	RUN_EVENT_USAGE,  /* index, usage: about 4 a second */
	RUN_EVENT_CASE_ENDED, /* index, report */
	RUN_EVENT_FILE,       /* index, name, data: a file that was asked for; before its CASE_ENDED */
	RUN_EVENT_ENDED,      /* report: status and message of the whole; the last event */
	RUN_EVENT_TYPES,
};

struct run_usage {
	uint64_t memory /* bytes */, cpu_us, processes, wall_us;
};

/* Of a compiler, or of one case. */
struct run_report {
	enum run_status status;
	struct ending ending;
	uint64_t cpu_us, wall_us;
	uint64_t memory_peak; /* bytes; 0: not known */
	uint64_t processes_peak;
	uint64_t n_out, n_err;          /* bytes that were written: more than are here, some are left out */
	bool has_cgroup;                /* what kept memory and share of CPU: else looking, and a budget */
	bool is_cached;                 /* of a compiler: it was not run */
	char syscall[RUN_SYSCALL_SIZE]; /* RUN_SYSCALL_DENIED; else "" */
	char message[RUN_MESSAGE_SIZE]; /* one line for people; may be "" */
	const char *out, *err;          /* what is kept: head and tail */
	size_t size_out, size_err;
};

struct run_event {
	enum run_event_type type;
	uint32_t index, stream;
	const char *name;
	const char *data;
	size_t n; /* bytes of data */
	struct run_usage usage;
	struct run_report report;
};

/* Whether it may name a file that is brought back: UTF-8 without control characters, relative, in its plain
 * form, below RUN_FILE_NAME_SIZE. */
bool run_event_name_is_good(const char *name);

/* Writes all of it; waits for as long as that takes.  0; -EPIPE, -ECONNRESET: nobody listens any more. */
int run_event_write(int sock, const struct run_event *event);

/* Takes one event out of what has come.  1: its pointers are good until *in is changed; 0: not all of it is
 * here; -EBADMSG: it is none of the above, or longer than *in may be.  The order of events is not checked. */
int run_event_read(struct buf *in, struct run_event *event);
