/* engine.h - one run: the compiler in a box, then the program in another. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "run/job.h"
#include "run/language.h"
#include "run/status.h"
#include "sandbox/box.h"

enum {
	RUN_PROGRAM_MAX = 64 << 20, /* bytes of what a compiler leaves */
};

struct run_place {
	uid_t uid; /* of the boxes, when started as root */
	const struct cgroup *cgroup;
	const struct box_base *base; /* NULL: made for each box, which takes longer than the box */
};

struct run_wish {
	const struct run_language *language;
	const struct box_file *files; /* the first is the main one; names as in run_file_name_check */
	size_t n_files;
	const char *const *options; /* of the compiler, NULL-terminated or NULL; allowed ones */
	const char *const *arguments;
	int input; /* -1: empty */
	bool is_merged;
	struct box_limits limits, compile_limits;
};

struct run_outcome {
	enum run_status status, compile_status;
	bool is_compiled, is_run; /* which of the results below there are */
	struct box_result compile, run;
};

/* The limits of a program, and of a compiler of this language, where nobody says otherwise. */
void run_limits_init(struct box_limits *limits);
void run_compile_limits_init(struct box_limits *limits, const struct run_language *language);

/* 0, however program and compiler ended; -errno when a box could not be made, and when a wish makes no sense:
 * -EINVAL, -E2BIG, -ENOENT (the language's tool is not on this machine). */
int run_do(const struct run_place *place, const struct run_wish *wish, struct run_outcome *outcome,
           struct err *e);
void run_outcome_done(struct run_outcome *outcome);

/* The first line of what the language's tool says of its version; "" when it says nothing. */
int run_version(const struct run_place *place, const struct run_language *language,
                char text[RUN_VERSION_SIZE], struct err *e);
