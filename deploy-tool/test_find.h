/* test_find.h - which functions a path means to `cfn-deploy test`, and which files test them. */
#pragma once
#include <stddef.h>

#include "base/err.h"

enum { TEST_PATH_SIZE = 1024, TEST_FUNCTIONS_MAX = 256, TEST_FILES_MAX = 256 };

struct test_function {
	char source[TEST_PATH_SIZE];
	size_t n_files;
	char **files; /* in the order of their names */
};

struct test_functions {
	size_t n;
	struct test_function of[TEST_FUNCTIONS_MAX];
};

/* path: a file, or a folder.  A folder with a folder `tests` in it is one function, and its tests are all of
 * tests/?*.http; one without stands for those of its folders that have one.  A file that is the only source
 * in its folder is tested as that folder would be, one among others by tests/NAME.http, tests/NAME-?*.http
 * and what is in tests/NAME/.  -ENOENT when there is no function, or no test of any. */
int test_find(const char *path, struct test_functions *found, struct err *e);
void test_find_done(struct test_functions *found);
