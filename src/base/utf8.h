/* utf8.h - UTF-8 as in RFC 3629. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Length (1-4) of the valid sequence at p, 0 when there is none: overlong forms, surrogates and values past
 * U+10FFFF are invalid. */
size_t utf8_sequence(const char *p, size_t n);

bool utf8_is_valid(const char *p, size_t n);
