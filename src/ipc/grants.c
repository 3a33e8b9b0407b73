/* grants.c - the form of what a worker is started with beside its limits. */
#include "ipc/grants.h"

#include <string.h>

#include "base/words.h"
#include "ipc/protocol.h"

#define LETTERS            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS             "0123456789"
#define LIBRARY_CHARACTERS LETTERS DIGITS "._+-"

/* Whether each word of a text that need not be ours is one of these. */
static bool
are_all(const char *text, size_t size, const char *characters, bool (*is_one)(const char *, size_t))
{
	const char *word;
	size_t n;

	if (!words_are_of(text, size, characters))
		return false;
	while ((word = words_next(&text, &n)))
		if (!is_one(word, n))
			return false;
	return true;
}

bool
grant_is_library(const char *text, size_t n)
{
	return n > 0 && n < LIBRARY_FILE_SIZE && strspn(text, LIBRARY_CHARACTERS) >= n && text[0] != '.' &&
	       memmem(text, n, ".so", 3) != NULL;
}

bool
grant_are_libraries(const char *text, size_t size)
{
	return are_all(text, size, LIBRARY_CHARACTERS, grant_is_library);
}
