/* compare.h - whether a program said what was expected.  Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "run/job.h"

/* Exact: byte by byte.  Lines: white space at the end of each line and of the whole does not count.  Tokens:
 * the words between white space.  Float: tokens, and two numbers are equal when they differ by no more than
 * tolerance, or tolerance times the expected one; NaN equals NaN, an infinity itself. */
bool run_compare_equal(enum run_compare how, double tolerance, const char *expected, size_t n_expected,
                       const char *said, size_t n_said);

/* "exact", "lines", "tokens", "float", "float:1e-6" (0 to 1; 1e-6 when it is left out) → how, tolerance; or
 * -EINVAL. */
int run_compare_parse(const char *text, enum run_compare *how, double *tolerance);

/* "exact" ... */
const char *run_compare_word(enum run_compare how);
