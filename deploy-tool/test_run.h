/* test_run.h - one file of exchanges against one function, in a worker and a shared folder of its own. */
#pragma once
#include "base/buf.h"
#include "deploy-tool/subject.h"
#include "deploy-tool/testfile.h"
#include "deploy-tool/tool.h"

/* What became of one exchange. */
struct test_outcome {
	const char *path; /* of the file */
	const struct test_step *step;
	bool is_right;
	int status; /* 0: there was no answer */
	uint64_t wall_us;
	const struct buf *says; /* lines for people: what is wrong */
	const struct buf *log;  /* lines that the function logged and printed, and how it ended */
};

struct test_plan {
	struct tool *tool;
	struct subject *subject;
	const char *path; /* of the file */
	const struct testfile *file;
	void (*tell)(void *context, const struct test_outcome *outcome);
	void *context;
};

/* Tells of each exchange once, in their order.  0, or an exit status that is already reported. */
int test_run(const struct test_plan *plan);
