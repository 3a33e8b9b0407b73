/* base64.h - bytes as letters: RFC 4648. */
#pragma once
#include <stddef.h>

enum base64_form {
	BASE64_PLAIN, /* section 4: '+', '/', and padding */
	BASE64_URL,   /* section 5: '-', '_', and none */
};

/* Characters for n bytes at most: with padding, and without it. */
#define BASE64_SIZE(n)     (((n) + 2) / 3 * 4)
#define BASE64_URL_SIZE(n) (((n)*4 + 2) / 3)

/* Writes them, no NUL; how many. */
size_t base64_encode(enum base64_form form, const void *data, size_t n, char *text);

/* The bytes of n characters, into at most max, which may be where the text is; their number, or -EINVAL for
 * anything that base64_encode would not have written: each text says one thing, and each thing is said by one
 * text. */
int base64_decode(enum base64_form form, const char *text, size_t n, void *data, size_t max);
