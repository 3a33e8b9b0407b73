/* whole_file.h - a file that is written: there with all that belongs into it, or not at all. */
#pragma once
#include <stdint.h>

#include "base/err.h"
#include "config/config.h"

struct whole_file {
	char path[CONFIG_PATH_MAX];           /* where it will be; "-": standard output */
	char folder[CONFIG_PATH_MAX + 8];     /* the caller's alone (0700), as what is in it (0600) */
	char temporary[CONFIG_PATH_MAX + 16]; /* in it */
	int fd;
	uint64_t size;
};

/* Makes the temporary file, in a folder beside its place or below TMPDIR.  -EISDIR: there is something in its
 * place that is no file; -EEXIST: that is the file of registry. */
int whole_file_begin(struct whole_file *w, const char *path, const char *registry, struct err *e);

/* Puts it into its place, on the disk before it has the name; what was there is replaced. */
int whole_file_end(struct whole_file *w, struct err *e);

/* Removes what has not been put into its place. */
void whole_file_done(struct whole_file *w);
#define AUTO_WHOLE_FILE __attribute__((cleanup(whole_file_done))) struct whole_file

/* Copies a file, or standard input ("-"), into a new one below TMPDIR, of at most max bytes.  -EFBIG. */
int whole_file_take(struct whole_file *w, const char *path, uint64_t max, struct err *e);
