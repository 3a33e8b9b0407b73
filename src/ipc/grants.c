/* grants.c - the form of what a worker is started with beside its limits. */
#include "ipc/grants.h"

#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "ipc/protocol.h"

#define LETTERS            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS             "0123456789"
#define LIBRARY_CHARACTERS LETTERS DIGITS "._+-"
#define SOCKET_CHARACTERS  LETTERS DIGITS "._+-:@,=/"
#define RUN                "/run/"

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

bool
grant_is_socket(const char *text, size_t n)
{
	size_t length;

	if (n < 2 || n >= SOCKET_PATH_SIZE || strspn(text, SOCKET_CHARACTERS) < n || text[0] != '/')
		return false;
	for (size_t at = 0; at < n; at += length + 1) {
		const char *part = text + at + 1;

		length = strcspn(part, "/ ");
		if (length == 0 || (part[0] == '.' && (length == 1 || (part[1] == '.' && length == 2))))
			return false;
	}
	return true;
}

bool
grant_are_sockets(const char *text, size_t size)
{
	return are_all(text, size, SOCKET_CHARACTERS, grant_is_socket) && words_count(text) <= SOCKETS_MAX;
}

void
grant_place(const char *path, size_t n, char place[GRANT_PLACE_SIZE])
{
	const char *name = memrchr(path, '/', n);
	int length = (int)(path + n - name);

	if (n > strlen(RUN) && memcmp(path, RUN, strlen(RUN)) == 0)
		snprintf(place, GRANT_PLACE_SIZE, "%.*s", (int)n - 1, path + 1);
	else
		snprintf(place, GRANT_PLACE_SIZE, "run%.*s", length, name);
}
