/* chars.h - which bytes may stand where in a header field.  Private to src/http. */
#pragma once

enum {
	CHAR_TOKEN = 1 << 0, /* RFC 9110 section 5.6.2 */
	CHAR_VALUE = 1 << 1, /* RFC 9110 section 5.5: visible, SP, HTAB and 0x80 to 0xff */
};

extern const unsigned char http_chars[256];

/* Folds 'A' to 'Z' to lower case.  It folds other bytes too ('^' to '~'): compare only with letters, digits
 * and '-', and only bytes of a token. */
static inline char
http_fold(char c)
{
	return (char)(c | 0x20);
}
