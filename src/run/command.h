/* command.h - inside of src/run: the words of a box's command, what it sees of the host, its environment. */
#pragma once
#include "run/job.h"
#include "run/language.h"

enum {
	RUN_COMMAND_TEXT = 4096,
	RUN_CLASS_SIZE = 1024, /* of the package in it what 255 bytes of a file's name leave */
};

/* Words, ended by NULL: the job's where they are, a language's in memory of their own. */
struct run_words {
	char text[RUN_COMMAND_TEXT];
	size_t used, n;
	const char *words[RUN_WORDS_MAX + 1];
};

struct run_command {
	struct run_words line, system, environment;
};

/* What the job says of files, options, arguments and environment; NULL: nothing. */
struct run_command_parts {
	const struct run_job *job;
	bool has_arguments, has_environment; /* the program's own, not its compiler's */
	uint64_t memory;                     /* bytes that it may hold: {memory} */
};

/* "a.b.Main" of Main.java with `package a.b;`, in whatever folder it lies; its length. */
size_t run_class_name(const struct box_file *file, char name[RUN_CLASS_SIZE]);

/* Of one of the language's commands.  Points into the job.  -E2BIG. */
int run_command_make(struct run_command *c, const struct run_language *language, const char *command,
                     const struct run_command_parts *parts, struct err *e);
