/* result_parts.h - what the files of the result share. */
#pragma once
#include "run/result.h"

struct result_file {
	char name[RUN_FILE_NAME_SIZE];
	uint32_t index; /* of the case that left it */
	char *data;     /* NULL: it did not fit */
	size_t n;
};

enum result_state {
	RESULT_NEW,
	RESULT_COMPILING,
	RESULT_READY, /* for a case */
	RESULT_IN_CASE,
	RESULT_ENDED,
};

struct run_result {
	const struct run_job *job;
	enum result_state state;
	bool is_compiled;
	struct run_report compile, whole;
	struct run_report *cases; /* as many as the job has */
	size_t n_cases;           /* that have begun */
	size_t n_ended;
	bool has_usage;
	struct run_usage usage;
	struct result_file *files;
	size_t n_files;
	size_t cost; /* bytes that what is kept of streams and files is as JSON */
};

/* A copy of what a stream left, as much as fits; *data and *n become it.  Of one that was cut, more came than
 * there is: the last bytes follow the first ones at the seam, where characters may be in halves, which are
 * left out so that text stays text.  0 or -ENOMEM. */
int result_keep_stream(struct run_result *r, const char **data, size_t *n, uint64_t n_came, size_t seam);

/* All of it or nothing, since a part of a file would look like one. */
int result_keep_file(struct run_result *r, struct result_file *file, const char *data);

/* Fields of a report in an object: how it ended, what it used, what it wrote.  0, or -1: no memory. */
int report_put(json_t *object, const struct run_report *report, enum run_encoding encoding, bool is_merged);

/* The same without what it wrote. */
int report_put_verdict(json_t *object, const struct run_report *report);

/* How much it used: of one, or of several together. */
int report_put_usage(json_t *object, const struct run_report *report);

/* NAME, NAME_encoding: text, or base64 of what is none or was asked for so. */
int put_text(json_t *object, const char *name, const char *data, size_t n, enum run_encoding encoding);

/* A text, or null for an empty one. */
json_t *text_or_null(const char *text);
json_t *number_or_null(uint64_t number);
