/* hex.h - bytes as lower-case hexadecimal digits. */
#pragma once
#include <stddef.h>

/* Two digits for each of n bytes and NUL: text of 2 * n + 1. */
void hex_format(const void *bytes, size_t n, char *text);

/* Back: -EINVAL when text is not the digits of just n bytes. */
int hex_parse(const char *text, void *bytes, size_t n);
