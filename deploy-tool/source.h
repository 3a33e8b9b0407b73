/* source.h - the file that is deployed: read once, its language and the name of its function. */
#pragma once
#include <stddef.h>

#include "base/err.h"
#include "ipc/protocol.h"

enum { SOURCE_SIZE_MAX = 4 << 20, SOURCE_NAME_SIZE = 128 };

struct source_language {
	const char *suffix;   /* ".c" */
	const char *language; /* for gcc's -x */
	const char *standard; /* for gcc's -std= */
	const char *library;  /* to link beside the usual ones, NULL: none */
};

struct source {
	const char *path; /* as the author gave it */
	const struct source_language *language;
	char name[SOURCE_NAME_SIZE];  /* what it is called in the compiler's box */
	char function[NAME_MAX_SIZE]; /* from the file's name, or as given */
	char symbol[SYMBOL_MAX_SIZE]; /* handler that the file's name suggests */
	char *text;
	size_t size;
};

/* Derives the names of a path; function is NULL or the one that the author wants.  -EINVAL. */
int source_name(struct source *s, const char *path, const char *function, struct err *e);

/* The same, and reads the file: a plain one of at most SOURCE_SIZE_MAX bytes.  -ENOENT, -EACCES, -EFBIG ...
 */
int source_read(struct source *s, const char *path, const char *function, struct err *e);
void source_done(struct source *s);
