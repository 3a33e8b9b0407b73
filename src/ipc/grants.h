/* grants.h - the form of what a worker is started with beside its limits: shared libraries and sockets of the
 * host.  Texts of words (base/words.h), checked by whoever makes them and by whoever gets them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* In place of a list: nothing. */
#define GRANT_NONE "none"

/* The name of a shared library's file, without a folder: the loader looks for it where root has said. */
bool grant_is_library(const char *text, size_t n);
bool grant_are_libraries(const char *text, size_t size);

/* The absolute path of a socket: no ".", "..", "//" or '/' at the end, no byte that would have to be quoted.
 */
bool grant_is_socket(const char *text, size_t n);
bool grant_are_sockets(const char *text, size_t size);

/* Where a function finds it, without the '/' before it: a path below /run is the same, of another one the
 * last component is in /run. */
enum { GRANT_PLACE_SIZE = 112 };
void grant_place(const char *path, size_t n, char place[GRANT_PLACE_SIZE]);
