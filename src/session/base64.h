/* base64.h - base64url without padding: RFC 4648 section 5.  Pure. */
#pragma once
#include <stddef.h>

/* Characters for n bytes. */
#define BASE64_SIZE(n) (((n)*4 + 2) / 3)

/* Writes BASE64_SIZE(n) characters, no NUL; how many. */
size_t base64_encode(const void *data, size_t n, char *text);

/* The bytes of n characters, into at most max; their number, or -EINVAL for anything that base64_encode would
 * not have written: each text says one thing, and each thing is said by one text. */
int base64_decode(const char *text, size_t n, void *data, size_t max);
