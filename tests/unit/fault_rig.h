/* fault_rig.h - a process stopped at its birth, one of whose system calls strace(1) then makes fail. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { FAULT_CALLS_MAX = 1024, FAULT_LINE_SIZE = 160, FAULT_NAME_SIZE = 24 };

/* A system call that a process made, as strace writes it, and which one of its name it was. */
struct fault_call {
	char name[FAULT_NAME_SIZE];
	char line[FAULT_LINE_SIZE];
	unsigned nth;
};

struct fault_calls {
	size_t n;
	struct fault_call of[FAULT_CALLS_MAX];
};

/* False when there is no strace here. */
bool fault_is_possible(void);

/* From now on a child of pid is stopped when it is born.  The caller must be allowed to trace it. */
void fault_seize(pid_t pid);

/* The first-born descendant of that generation (1: the child), stopped by SIGSTOP before its first system
 * call; everybody above it runs on.  -1 when pid ended before. */
pid_t fault_park(pid_t pid, unsigned generation);

/* strace on one process. */
struct fault {
	pid_t strace;
	char log[96];
	char line[FAULT_LINE_SIZE]; /* of the call that failed; empty: none did */
};

/* Attaches to pid and lets it go on.  error is the name of what the nth call of that name meets; call NULL:
 * all calls are recorded, none fails.  folder is where the record is kept. */
void fault_attach(struct fault *f, pid_t pid, const char *folder, const struct fault_call *call,
                  const char *error);

/* Detaches if the process is still there; f->line is there then. */
void fault_detach(struct fault *f);

/* Whether both lines tell of the same call but for numbers, and for what it reads and writes: a process that
 * answers others may make its calls in another order this time. */
bool fault_is_same(const char *line, const char *other);

/* What was recorded, up to and with the nth call of the name `last`. */
void fault_read_calls(const struct fault *f, const char *last, unsigned nth, struct fault_calls *calls);
