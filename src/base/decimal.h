/* decimal.h - a number as digits, where printf would cost more than the rest of the work. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_MAX = 20 }; /* digits of the largest */

/* Writes them without a NUL; how many. */
size_t decimal_write(char to[DECIMAL_MAX], uint64_t n);
