/* test_beside.h - the files beside a test that it names. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "deploy-tool/testfile.h"

/* Appends the file of this name, which lies in the folder of the test's own file or below it and is no
 * symbolic link. 0 or, with *e for the user, -EINVAL, -EFBIG for more than max bytes, the file's errors,
 * those of buf.h. */
int test_beside_read(const char *test_path, struct text name, size_t max, struct buf *to, struct err *e);
