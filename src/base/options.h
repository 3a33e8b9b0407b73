/* options.h - numbers, sizes and durations as people write them. */
#pragma once
#include <stdint.h>

/* All: 0, or -EINVAL (not of this form), -ERANGE (does not fit); *value is untouched on failure. */

/* Decimal digits alone. */
int option_parse_number(const char *text, uint64_t *value);

/* Bytes: digits, then nothing, K, M or G (1,024 each), an optional "iB" or "B" behind the letter. */
int option_parse_size(const char *text, uint64_t *bytes);

/* Milliseconds: digits, then ms, s (also when nothing follows), m, h or d. */
int option_parse_duration(const char *text, uint64_t *ms);

enum { OPTION_TEXT_SIZE = 32 };
void option_format_size(uint64_t bytes, char text[OPTION_TEXT_SIZE]);
void option_format_duration(uint64_t ms, char text[OPTION_TEXT_SIZE]);
