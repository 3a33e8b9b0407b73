/* since.h - a moment in the past, as people say it. */
#pragma once
#include <stdint.h>

#include "base/err.h"

/* The option --since: "10m", "2h" ...: so long before now; "2026-11-22", "2026-11-22T08:30", "...:30:15",
 * each with or without "Z": in UTC.  Seconds since 1970.  0, or -EINVAL with *seconds untouched. */
int since_parse(const char *text, int64_t now, int64_t *seconds, struct err *e);

/* A date of one of these forms alone.  -EINVAL. */
int since_parse_date(const char *text, int64_t *seconds);
