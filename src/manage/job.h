/* job.h - what the front asks the executor to do, and what has come of it.
 *
 * The front reads clients and lies, perhaps: the executor checks each job by job_check() again before it
 * becomes the arguments of cfn-deploy, which asks the registry whether the token may. */
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "ipc/protocol.h"
#include "token/text.h"

enum {
	JOB_ROUTES_MAX = 16,
	JOB_ROUTE_SIZE = 256,
	JOB_METHODS_SIZE = 64,
	JOB_OPTIONS_MAX = 48,
	JOB_VALUE_SIZE = 512,
	JOB_FILES_MAX = 16,
	JOB_FILE_NAME_SIZE = 64,
	JOB_REASON_SIZE = 256,
	JOB_BODY_MAX = 8 << 20,   /* bytes of a request, and so of all its files */
	JOB_OUTPUT_MAX = 4 << 20, /* bytes of what cfn-deploy answers */
	JOB_ERRORS_MAX = 256 << 10,
	JOB_CONCURRENT_MAX = 16,
};

enum job_verb {
	JOB_DEPLOY,
	JOB_LIST,
	JOB_SOURCE,
	JOB_HISTORY,
	JOB_ROLLBACK,
	JOB_ENABLE,
	JOB_DISABLE,
	JOB_LOCK,
	JOB_UNLOCK,
	JOB_REMOVE,
	JOB_VERBS
};

struct job_option {
	uint32_t row; /* of job_options */
	char value[JOB_VALUE_SIZE];
};

struct job_file {
	char name[JOB_FILE_NAME_SIZE];
	uint32_t size;
};

/* Texts end with NUL; "" is not given. */
struct job {
	uint32_t number; /* the front's */
	uint32_t verb;   /* enum job_verb */
	uint32_t wants_json;
	uint32_t version; /* 0: none */
	char token[TOKEN_TEXT_SIZE];
	char function[NAME_MAX_SIZE];
	char entry[SYMBOL_MAX_SIZE];
	char reason[JOB_REASON_SIZE];
	uint32_t n_routes, n_options, n_files;
	char routes[JOB_ROUTES_MAX][JOB_ROUTE_SIZE];
	char methods[JOB_METHODS_SIZE];
	uint32_t replaces_routes;
	struct job_option options[JOB_OPTIONS_MAX];
	struct job_file files[JOB_FILES_MAX]; /* their bytes one behind the other in a sealed memory file */
};

enum job_end { JOB_EXITED, JOB_KILLED, JOB_LATE, JOB_NOT_STARTED };

struct job_done {
	uint32_t number;
	uint32_t end;      /* enum job_end */
	uint32_t status;   /* exit status of JOB_EXITED */
	uint32_t n_output; /* bytes of standard output, then of errors, in the memory file */
	uint32_t n_errors;
};

/* front → executor: struct job, 0 or 1 memory file; executor → front: struct job_done, memory file */
enum { MSG_JOB = 200, MSG_JOB_DONE };

/* Fields that say how cfn-deploy is to deploy, beside the routes: a field's name, and the option's. */
struct job_option_row {
	const char *field, *option;
};
extern const struct job_option_row job_options[];
extern const uint32_t job_n_options;
/* The row of a field; -1: it is none. */
int job_option_find(const char *field);

extern const char *const job_verb_words[JOB_VERBS];

/* Whether it is one that the executor may run.  -EINVAL, with what is wrong. */
int job_check(const struct job *j, struct err *e);

/* The arguments behind the name of cfn-deploy and its common options, as `--x=y`, in to; strings are in text.
 * -E2BIG. */
enum { JOB_ARGUMENTS_MAX = 160, JOB_TEXT_MAX = 64 << 10 };
int job_arguments(const struct job *j, int first_file, char text[JOB_TEXT_MAX],
                  const char *to[JOB_ARGUMENTS_MAX], struct err *e);
