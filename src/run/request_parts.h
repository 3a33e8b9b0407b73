/* request_parts.h - what the files of the request's reader share. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "run/request.h"

/* A request that is being read: where in it we are, and what came before. */
struct request {
	struct run_job *job;
	const struct run_rules *rules;
	struct run_problem *problem;
	json_t *root;
	const struct run_language *language;
	const char *main;          /* the text of that field, or NULL */
	bool has_code;             /* it is the first file */
	char path[RUN_FIELD_SIZE]; /* "cases[2].input" */
	size_t n_path;
};

enum request_kind {
	REQUEST_TEXT,  /* without NUL */
	REQUEST_BYTES, /* text of any characters, or what its encoding says */
	REQUEST_BOOLEAN,
	REQUEST_INTEGER,
	REQUEST_OBJECT,
	REQUEST_LIST,
	REQUEST_KINDS
};

/* One row a field.  An object's fields are taken in the order of their rows, whatever their order in it, so
 * that a row may use what those above it left. */
struct request_field {
	const char *name;
	enum request_kind kind;
	bool is_needed;
	const char *encoding; /* REQUEST_BYTES: the field beside it that says "base64", or NULL */
	int (*take)(struct request *r, json_t *value, void *target);
};

/* All: 0, or -EINVAL with the problem filled in. */

/* Fills in the problem, at the place where we are; a status of HTTP. */
int request_fail(struct request *r, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Takes what an object has: unknown fields, missing ones and wrong kinds are refused; null is a field that is
 * not there. */
int request_take(struct request *r, json_t *object, const struct request_field *fields, size_t n,
                 void *target);

/* A value that is in no table: an element of a list, a member of `env`. */
int request_check_kind(struct request *r, const json_t *value, enum request_kind kind);

/* Goes into a field, or an element, of where we are; leave gets what they returned. */
size_t request_enter(struct request *r, const char *name);
size_t request_enter_element(struct request *r, size_t index);
void request_leave(struct request *r, size_t mark);

/* As much of a client's text as may stand in a message, whole characters. */
struct request_quote {
	char text[65];
};
struct request_quote request_quote(const char *text);

/* The text → JSON; NULL: the problem is filled in.  What would cost too much to parse is not parsed. */
json_t *request_parse_json(struct request *r, const char *text, size_t n);

/* Of code and files, when both were taken: whether the language can do with the name of the main one. */
int request_check_main(struct request *r);

/* Takers: of a field, by the file that they are in. */
int request_take_encoding(struct request *r, json_t *value, void *unused);
int request_take_code(struct request *r, json_t *value, void *unused);
int request_take_files(struct request *r, json_t *value, void *unused);
int request_take_case_input(struct request *r, json_t *value, void *of_case);
int request_take_case_expected(struct request *r, json_t *value, void *of_case);
/* Rows that a case has, and a request without cases: it is one. */
#define REQUEST_CASE_FIELDS                                                                                  \
	{ .name = "input_encoding", .kind = REQUEST_TEXT, .take = request_take_encoding },                   \
	    { .name = "input",                                                                               \
	      .kind = REQUEST_BYTES,                                                                         \
	      .encoding = "input_encoding",                                                                  \
	      .take = request_take_case_input },                                                             \
	    { .name = "expected_output_encoding", .kind = REQUEST_TEXT, .take = request_take_encoding },     \
	{                                                                                                    \
		.name = "expected_output", .kind = REQUEST_BYTES, .encoding = "expected_output_encoding",    \
		.take = request_take_case_expected                                                           \
	}
int request_take_cases(struct request *r, json_t *value, void *unused);
int request_take_limits(struct request *r, json_t *value, void *unused);
int request_take_compile_limits(struct request *r, json_t *value, void *unused);
int request_take_total(struct request *r, json_t *value, void *unused);
int request_take_arguments(struct request *r, json_t *value, void *unused);
int request_take_options(struct request *r, json_t *value, void *unused);
int request_take_environment(struct request *r, json_t *value, void *unused);
int request_take_outputs(struct request *r, json_t *value, void *unused);

/* Before any of them: what holds where nobody says otherwise. */
void request_limits_init(struct request *r);
