/* crash_files.h - the files of crashes/: one a record, named MS-FUNCTION, so that their bounds need no index.
 * Several pools may share the folder, so it is read anew each time. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { CRASH_FILE_NAME_SIZE = 96 };

struct crash_file {
	char name[CRASH_FILE_NAME_SIZE]; /* texts are in the order of time */
};

struct crash_files {
	size_t n;
	struct crash_file *rows; /* the oldest first */
};

struct crash_bounds {
	uint64_t all, of_function; /* records; neither is 0 */
	int64_t oldest_ms;         /* since 1970 */
};

/* What is a record by its name.  -ENOENT: there is no folder; -ENOMEM. */
int crash_files_list(int folder, struct crash_files *f);
void crash_files_done(struct crash_files *f);
#define AUTO_CRASH_FILES __attribute__((cleanup(crash_files_done)))

const char *crash_file_function(const struct crash_file *f);
int64_t crash_file_ms(const struct crash_file *f);

/* Removes what the bounds forbid, the oldest first, so that one more of this function fits.  Where there are
 * too many in all, who has most of them pays. */
void crash_files_make_room(int folder, const char *function, const struct crash_bounds *bounds);

/* A new file, to be written; a time that is another record's is moved on.  -errno. */
int crash_file_make(int folder, const char *function, int64_t *ms);
void crash_file_remove(int folder, const char *function, int64_t ms);
