/* testcheck.h - an answer beside what a test expects of it.  Pure. */
#pragma once
#include "base/buf.h"
#include "deploy-tool/testfile.h"
#include "deploy-tool/variables.h"
#include "http/http.h"

enum {
	TESTCHECK_MATCH_MAX = 1 << 20,    /* bytes of a body that patterns see */
	TESTCHECK_EXPANDED_MAX = 1 << 20, /* of a pattern or a text, its variables filled in */
	TESTCHECK_SAYS_MAX = 64 * 1024,   /* of what is said about one answer */
};

struct testcheck {
	const struct test_step *step;
	const struct http_answer_head *head;
	struct text body;
	struct text file;            /* the bytes that step->answer.is_file names */
	struct variables *variables; /* captures go there */
	struct buf *says;            /* lines for people: what is wrong, without control bytes */
	unsigned n_wrong;
};

/* Everything that is expected, then the captures. */
void testcheck_run(struct testcheck *c);

/* Whether the patterns of the body are all there already; says nothing. */
bool testcheck_has_patterns(const struct testcheck *c);
