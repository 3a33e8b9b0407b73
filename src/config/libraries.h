/* libraries.h - the operator's list of this machine's shared libraries that functions may be linked with. */
#pragma once
#include <stddef.h>

#include "base/err.h"
#include "ipc/protocol.h"

enum {
	LIBRARIES_MAX = 64,        /* on the list */
	LIBRARY_NAME_SIZE = 33,    /* "jansson": what --link takes, and NUL */
	LIBRARY_PACKAGE_SIZE = 65, /* the distribution's package with its headers, and NUL */
};

struct library {
	char name[LIBRARY_NAME_SIZE];
	char
	    file[LIBRARY_FILE_SIZE]; /* "libjansson.so.4": the name that the linker writes into an artifact */
	char package[LIBRARY_PACKAGE_SIZE]; /* empty: not known */
};

struct libraries {
	size_t n;
	struct library rows[LIBRARIES_MAX];
};

void libraries_init(struct libraries *l);

/* A row of the section [link]: "FILE" or "FILE PACKAGE"; an empty value takes the name off the list.
 * -EINVAL, -E2BIG. */
int libraries_set(struct libraries *l, const char *name, const char *value, struct err *e);

/* NULL: it is not on the list. */
const struct library *libraries_find(const struct libraries *l, const char *name, size_t n);

/* The files of these names (words.h), in the order of the names.  -EPERM when one is not on the list. */
int libraries_resolve(const struct libraries *l, const char *names, char files[LIBRARIES_TEXT_SIZE],
                      struct err *e);
