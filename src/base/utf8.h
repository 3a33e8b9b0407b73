/* utf8.h - UTF-8 as in RFC 3629. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Length (1-4) of the valid sequence at p, 0 when there is none: overlong forms, surrogates and values past
 * U+10FFFF are invalid. */
size_t utf8_sequence(const char *p, size_t n);

bool utf8_is_valid(const char *p, size_t n);

/* Copies what is UTF-8 and fits into size with a NUL: whole characters, up to the first thing that is none.
 */
void utf8_copy(char *to, size_t size, const char *from);

/* How many bytes at the end of p are the beginning of a character whose rest is not there: 0 to 3. */
size_t utf8_unfinished(const char *p, size_t n);
