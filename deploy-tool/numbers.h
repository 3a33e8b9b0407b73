/* numbers.h - the number of a version as people write it. */
#pragma once
#include <stdint.h>

/* "3" or "v3", 1 or more.  0 or -EINVAL. */
int numbers_version(const char *text, uint32_t *number);
