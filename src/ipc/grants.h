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
