/* source_archive.h - the files of a version as one blob: a tar archive that is the same for the same files.
 * Pure. */
#pragma once
#include "deploy-tool/source.h"

/* Names, sizes and bytes, in the order of the names; nothing of when, whose or where.  The caller frees it.
 */
int source_pack(const struct source *s, char **data, size_t *n, struct err *e);

/* One file out of it; text has no NUL behind it. */
struct source_packed {
	const char *name, *text;
	size_t size;
};

/* Calls each for every file.  What source_pack() would not have made is -EBADMSG; a blob of before there were
 * archives is one file, which is called plain.  A non-zero return of each ends it and is returned. */
int source_unpack(const char *data, size_t n, const char *plain,
                  int (*each)(void *context, const struct source_packed *), void *context, struct err *e);
