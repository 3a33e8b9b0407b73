/* language.h - the languages that programs are run in: one file each, languages(5). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	RUN_LANGUAGES_MAX = 64,
	RUN_WORDS_MAX = 256, /* of a command line, what the client adds included */
	RUN_COMMAND_SIZE = 512,
	RUN_NAME_SIZE = 32,
};

/* Where a compiler has to leave what is to be run, below the working folder; where the program then is. */
#define RUN_PROGRAM "program"

struct run_language {
	char name[RUN_NAME_SIZE];       /* as it is shown: "C++" */
	char aliases[256];              /* words; names and aliases are compared without case */
	char source[64];                /* what a program of one file is called: "main.cpp" */
	char compile[RUN_COMMAND_SIZE]; /* empty: it is not compiled */
	char run[RUN_COMMAND_SIZE];
	char version[256];       /* a command; the first line that it writes is the version */
	char options[512];       /* what a client may add to compile: words, a last '*' is anything */
	char system[1024];       /* paths of the host that programs see beside the usual ones */
	char environment[512];   /* words NAME=VALUE */
	uint64_t address_space;  /* bytes that a process may reserve; 0: no more than it may hold */
	uint64_t compile_memory; /* bytes of the compiler */
};

struct run_languages {
	size_t n;
	struct run_language rows[RUN_LANGUAGES_MAX]; /* by name */
};

/* Reads every *.conf of a folder.  -ENOENT, -E2BIG, -EINVAL ("FILE:LINE: KEY: why"). */
int run_languages_read(struct run_languages *l, const char *folder, struct err *e);

/* By name or alias, in any case; NULL: there is none. */
const struct run_language *run_languages_find(const struct run_languages *l, const char *name);

/* The language whose source files end like this name; NULL: none. */
const struct run_language *run_languages_of_file(const struct run_languages *l, const char *name);

/* Whether its tool is on this machine: compiler, or what runs it. */
bool run_language_is_available(const struct run_language *language);

bool run_language_allows(const struct run_language *language, const char *option);
