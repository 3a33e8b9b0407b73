/* source.h - the files that are deployed: read once, their languages, and the name of their function. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "ipc/protocol.h"

enum {
	SOURCE_SIZE_MAX = 4 << 20,   /* bytes of one file */
	SOURCE_TOTAL_MAX = 16 << 20, /* of all */
	SOURCE_FILES_MAX = 256,
	SOURCE_DEPTH_MAX = 8,       /* folders below each other */
	SOURCE_ENTRIES_MAX = 10000, /* looked at in a folder, whatever they are */
	SOURCE_NAME_SIZE =
	    100, /* of a file's name below the first folder, as in a tar header, with its NUL */
	SOURCE_PATH_SIZE = 4096,
};

struct source_language {
	const char *suffix;   /* ".c" */
	const char *language; /* for gcc's -x; NULL: a header, which is only included */
	const char *standard; /* for gcc's -std= */
	const char *library;  /* to link beside the usual ones, NULL: none */
};

struct source_file {
	const struct source_language *language;
	char
	    name[SOURCE_NAME_SIZE]; /* "sub/x.c": in the compiler's box, the debug information, the archive */
	char *path;                 /* as the author would name it */
	char *text;
	size_t size;
};

struct source {
	char path[SOURCE_PATH_SIZE];  /* what stands for all of them: the first file, or the folder */
	char function[NAME_MAX_SIZE]; /* from the path's name, or as given */
	char symbol[SYMBOL_MAX_SIZE]; /* handler that the path's name suggests */
	bool is_folder;
	size_t n, total;
	struct source_file files[SOURCE_FILES_MAX]; /* by name */
};

/* What is to be read: files, or one folder, or "-" (C on standard input). */
struct source_wish {
	int folder;        /* where relative paths begin: AT_FDCWD */
	const char *shown; /* how the author names that folder: "", "sub/" */
	bool is_confined;  /* nothing that leads out of it: a manifest may be another's */
	size_t n;
	const char *const *paths;
	const char *function; /* NULL: named like the folder or the first file */
	/* In the place of paths: "N:NAME", open descriptors and what their files are called; not closed. */
	size_t n_given;
	const char *const *given;
};

/* Reads all of it, each file through one descriptor.  Of a folder: every file below it with a suffix that is
 * known, but nothing hidden and no folder `tests` or `build`.  Links and special files are refused.  -EINVAL:
 * a wrong name or argument; -ENOENT, -EACCES, -EFBIG, -E2BIG ...  source_done() in any case. */
int source_read(struct source *s, const struct source_wish *wish, struct err *e);
void source_done(struct source *s);

/* ---- parts of it ---- */

/* The language by a name's suffix; NULL: none. */
const struct source_language *source_language(const char *name);

/* True for what a file may be called in box and archive: folders and a name that lead nowhere else. */
bool source_is_name(const char *name);

/* Names function and handler after a path's last component; stem: its length without a suffix.  -EINVAL. */
int source_name(struct source *s, const char *base, size_t stem, const char *function, struct err *e);

/* Reads the descriptor as a file of this name.  -EINVAL, -EEXIST, -EFBIG, -E2BIG. */
int source_add(struct source *s, int fd, const char *name, const char *path, struct err *e);

/* Every file below the folder.  -ENOENT: none with a known suffix. */
int source_walk(struct source *s, int folder, struct err *e);
