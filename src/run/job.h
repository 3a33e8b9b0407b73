/* job.h - what one request asks for: a program, compiled once, run for each of its cases. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "run/language.h"
#include "sandbox/box.h"

enum {
	RUN_FILES_MAX = 64,
	RUN_ARGUMENTS_MAX = 64,
	RUN_ENVIRONMENT_MAX = 64,
	RUN_OPTIONS_MAX = 32,
	RUN_OUTPUTS_MAX = 16,
	RUN_CASES_MAX = 100,
	RUN_CASE_NAME_SIZE = 65,
	RUN_VERSION_SIZE = 128,
	RUN_WORD_MAX = 4096,         /* bytes of an argument, an option, a pattern, NAME=VALUE */
	RUN_WORDS_BYTES = 16 << 10,  /* of all of one list, with a NUL behind each */
	RUN_FILE_NAME_MAX = 1023,    /* bytes of a path */
	RUN_FILE_PART_MAX = 255,     /* and between its slashes */
	RUN_TOTAL_MS_MAX = 86400000, /* of any time */
};

enum run_compare {
	RUN_COMPARE_EXACT,
	RUN_COMPARE_LINES,
	RUN_COMPARE_TOKENS,
	RUN_COMPARE_FLOAT,
	RUN_COMPARES
};

enum run_encoding {
	RUN_ENCODING_UTF8, /* base64 only where bytes are not UTF-8 */
	RUN_ENCODING_BASE64,
	RUN_ENCODINGS
};

struct run_case {
	char name[RUN_CASE_NAME_SIZE];
	const char *input;
	size_t n_input;
	const char *expected; /* of standard output */
	size_t n_expected;
	bool has_expected;
};

struct run_job {
	char language[RUN_NAME_SIZE];   /* a row's name */
	char version[RUN_VERSION_SIZE]; /* asked for; empty: any */
	struct box_file files[RUN_FILES_MAX];
	size_t n_files; /* at least one; the first is the main one */
	const char *arguments[RUN_ARGUMENTS_MAX + 1], *options[RUN_OPTIONS_MAX + 1],
	    *environment[RUN_ENVIRONMENT_MAX + 1]; /* NULL-terminated; NAME=VALUE, of the program alone */
	const char *outputs[RUN_OUTPUTS_MAX + 1];  /* patterns (fnmatch) of files to bring back */
	struct run_case cases[RUN_CASES_MAX];
	size_t n_cases; /* at least one: a request without cases has one without a name */
	bool has_cases; /* the client wrote `cases` */
	bool is_merged, stops_on_failure;
	enum run_compare compare;
	double tolerance; /* of RUN_COMPARE_FLOAT */
	enum run_encoding encoding;
	struct box_limits limits, compile_limits; /* effective ones */
	uint64_t total_ms;                        /* of everything, the compiler included */
	void *memory;                             /* what the pointers point into */
	void (*release)(void *memory);
};

void run_job_done(struct run_job *job);

/* A path below the working folder: relative, without "", "." and ".." between its slashes, without control
 * bytes, UTF-8; and not beginning with '-' or '@', which compilers would not take for a file's name.
 * NULL, or why it is not one. */
const char *run_file_name_fault(const char *name, size_t n);

/* Whether no path is there twice, and none is also the folder of another. */
bool run_files_are_apart(const struct box_file *files, size_t n);

/* NAME=VALUE, the name of letters, digits and '_', no digit first. */
bool run_is_environment(const char *word);

/* To flat bytes for another process, and back.  What is read back was checked: every length, count, name and
 * number is one that a request can have, whatever the bytes are.  That its options are the language's and
 * its limits below the server's is for whoever knows those.  -EINVAL (not such a job), errors of buf.h;
 * -EBADMSG.  A job that was read points into bytes. */
int run_job_encode(const struct run_job *job, struct buf *bytes);
int run_job_decode(struct run_job *job, const void *bytes, size_t n, struct err *e);
