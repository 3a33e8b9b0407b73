/* language.h - the languages that programs are run in: one file each, cfn-languages(5). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	RUN_LANGUAGES_MAX = 64,
	RUN_LANGUAGE_FILE_MAX = 16 << 10, /* bytes of one file */
	RUN_LANGUAGE_LINE_MAX = 198,      /* bytes of one of its lines: libinih's buffer */
	RUN_LANGUAGE_SYSTEM_MAX = 16,     /* paths of `system` */
	RUN_WORDS_MAX = 128,              /* of a command line, what the client adds included */
	RUN_COMMAND_SIZE = 512,
	RUN_NAME_SIZE = 32,
	RUN_LANGUAGE_PATH_SIZE = 256,
	RUN_PROCESSES_MOST = 1024,
};

/* Where a compiler has to leave what is to be run, below the working folder; where the program then is. */
#define RUN_PROGRAM "program"

/* What one box of this language gets where the client does not say. */
struct run_language_limits {
	uint64_t memory; /* bytes */
	uint64_t processes;
	uint64_t address_space; /* bytes that a process may reserve; 0: not more than goes with its memory */
};

struct run_language {
	char file[64];                  /* the name of its file: "python.conf" */
	char name[RUN_NAME_SIZE];       /* as it is shown: "C++" */
	char aliases[256];              /* words; names and aliases are compared without case */
	char source[64];                /* what a program of one file is called: "main.cpp" */
	char endings[64];               /* of its files beside that one's: words, ".cc" */
	char compile[RUN_COMMAND_SIZE]; /* empty: it is not compiled */
	char run[RUN_COMMAND_SIZE];
	char version[256];     /* a command; the first line that it writes is the version */
	char options[512];     /* what a client may add to compile: words, a last '*' is anything */
	char needs[256];       /* paths that have to be there beside those of compile and run */
	char system[1024];     /* paths that programs see beside the usual ones */
	char environment[512]; /* words NAME=VALUE */
	char headers[256];     /* that are worth compiling once */
	char
	    root[RUN_LANGUAGE_PATH_SIZE]; /* the folder that all these paths are below; empty: the host's / */
	bool has_proc_self_exe;           /* its tools look for themselves by that link */
	struct run_language_limits program, compiler;
};

struct run_languages {
	size_t n;
	struct run_language rows[RUN_LANGUAGES_MAX]; /* by name, those of one name by file */
};

/* Whether a file's name ends like the language's own. */
bool run_language_has_ending(const struct run_language *language, const char *name);

/* The text of a file.  -EINVAL, with the number of the line that is at fault; 0: no single one is. */
int run_language_parse(struct run_language *language, const char *text, size_t n, int *line, struct err *e);

/* Reads every *.conf of a folder.  -ENOENT, -E2BIG, -EINVAL ("FILE:LINE: KEY: why"). */
int run_languages_read(struct run_languages *l, const char *folder, struct err *e);

/* By name or alias, in any case; the first of several; NULL: there is none. */
const struct run_language *run_languages_find(const struct run_languages *l, const char *name);

/* The names of all, each once: "Bash, C, Python". */
void run_languages_list(const struct run_languages *l, char *text, size_t size);

bool run_language_is_named(const struct run_language *language, const char *name);

/* The language whose source files end like this name; NULL: none. */
const struct run_language *run_languages_of_file(const struct run_languages *l, const char *name);

/* Whether its tools are on this machine, below its root: the compiler, and what runs the program.  The first
 * that is not, or its root, is put into missing, which may be NULL. */
bool run_language_is_available(const struct run_language *language, char missing[RUN_LANGUAGE_PATH_SIZE]);

bool run_language_allows(const struct run_language *language, const char *option);

/* The next word of a command, as words_next(): one in single quotes may hold spaces, and comes without them.
 */
const char *run_command_next(const char **at, size_t *n);
