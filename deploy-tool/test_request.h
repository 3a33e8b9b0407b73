/* test_request.h - the request of one exchange of a test: its texts with the variables in them, its body, and
 * the cookies that the answers before it have set. */
#pragma once
#include "deploy-tool/cookies.h"
#include "deploy-tool/request.h"
#include "deploy-tool/subject.h"
#include "deploy-tool/testfile.h"
#include "deploy-tool/variables.h"

enum {
	TEST_FILE_MAX = 64 << 20, /* bytes of one that is a body, or what a body is to be equal to */
	TEST_TARGET_MAX = 8192,
};

struct test_request {
	/* Of the test, not owned. */
	const char *path; /* of its file */
	const struct subject *subject;
	const struct variables *variables;
	const struct cookies *cookies;

	/* Of one exchange. */
	const struct test_step *step;
	struct buf target, fields, params, body;
	struct request_options options;
};

void test_request_init(struct test_request *r);
void test_request_clear(struct test_request *r);
void test_request_done(struct test_request *r);

/* Makes what the step says, in cleared buffers.  0, with q->cause when the router would answer by itself; or
 * an error that *e tells of, and *line: the test's line. */
int test_request_make(struct test_request *r, struct request *q, unsigned *line, struct err *e);

/* The path of the target, without its query. */
void test_request_path(const struct test_request *r, char path[TEST_TARGET_MAX]);

bool test_field_is(const struct test_field *f, const char *name);
