/* build_line.h - the compiler's command lines.  Pure. */
#pragma once
#include "config/config.h"
#include "deploy-tool/source.h"

/* What is ours in the working folder: no file of an author is hidden. */
#define BUILD_OWN     ".cfn/"

#define BUILD_HEADER  BUILD_OWN "include/cfn.h"
#define BUILD_JSON    BUILD_OWN "include/cfn_json.h"
#define BUILD_LIBRARY BUILD_OWN "libcfn.so.1"
#define BUILD_OBJECTS BUILD_OWN "objects.o"
#define BUILD_RESULT  BUILD_OWN "function.so"

enum {
	BUILD_FLAGS_MAX = 56 + LINKS_MAX,        /* without the files' names */
	BUILD_LINK_SIZE = LIBRARY_FILE_SIZE + 3, /* "-l:FILE" */
};

struct command_line {
	size_t n;
	const char *argv[BUILD_FLAGS_MAX + SOURCE_FILES_MAX]; /* NULL at the end */
	char links[LINKS_MAX][BUILD_LINK_SIZE];               /* some of these */
};

/* The one of the files' languages that is called so for gcc's -x; NULL: none is in it. */
const struct source_language *build_language(const struct source *s, const char *language);

/* All files of one language as one object: C beside C++, because gcc takes one standard at a time. */
void build_objects_line(struct command_line *l, const struct config *c, const struct source *s,
                        const struct source_language *language);

/* The files of a language, and what came of the line above if there is something, as a shared object. */
void build_result_line(struct command_line *l, const struct config *c, const struct source *s,
                       const struct source_language *language, bool has_objects);

/* With these libraries behind it (words of base/words.h), each by the very file that a worker loads, whatever
 * the development package calls its link. */
void build_link_line(struct command_line *l, const char *libraries);

/* With the sanitizers: they check more than the C library does, and need its plain functions. */
void build_sanitize_line(struct command_line *l);

/* What of it is no file's name, as text. */
void build_flags(const struct source_language *const *languages, size_t n_languages, char *text, size_t size);
