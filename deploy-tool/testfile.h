/* testfile.h - a file of exchanges (tests/NAME.http): what is asked and what is to be answered.  Its grammar
 * is cfn-http(5).  Pure, bounded: every text points into the file's own bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum {
	TESTFILE_SIZE_MAX = 4 << 20,
	TESTFILE_STEPS_MAX = 1000,
	TESTFILE_LINES_MAX = 64, /* of one kind in one step */
	TESTFILE_NAME_MAX = 64,  /* bytes of a variable's name */
};

struct text {
	const char *p; /* NULL when n is 0 and there is none */
	size_t n;
};

/* "Name: value" or "Name: /pattern/". */
struct test_field {
	struct text name, value;
	bool is_pattern;
	unsigned line;
};

/* "@variable = /pattern/" or "@variable = Name: /pattern/". */
struct test_capture {
	struct text variable, field, pattern; /* field: empty: of the body */
	unsigned line;
};

struct test_body {
	struct text text; /* without the newlines at its end */
	bool is_file;     /* text is the path of one, beside the test */
	bool is_patterns; /* each line is a "/pattern/" */
	unsigned line;
};

struct test_step {
	unsigned line, answer_line;
	struct text method, target;
	size_t n_fields, n_expected, n_captures;
	struct test_field fields[TESTFILE_LINES_MAX];
	struct test_body body; /* text.n is 0: none */
	int status;
	struct test_field expected[TESTFILE_LINES_MAX];
	struct test_capture captures[TESTFILE_LINES_MAX];
	struct test_body answer; /* text.n is 0: any */
};

struct testfile {
	char *bytes;
	size_t n_steps;
	struct test_step *steps;
};

/* Takes n bytes, which it may change, and which are gone with it.  -EINVAL with *e beginning "LINE: ",
 * -E2BIG, -ENOMEM; then they are gone too. */
int testfile_parse(struct testfile *f, char *bytes, size_t n, struct err *e);
void testfile_done(struct testfile *f);

/* The next line of a text that is read so, without its newline; false at the end. */
bool text_next_line(struct text *rest, struct text *line);

bool text_is(struct text t, const char *word);
