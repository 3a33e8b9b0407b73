/* subject.h - what is invoked or tested: a version of the registry, or a file that is compiled for this alone
 * and comes into no registry. */
#pragma once
#include <stdbool.h>

#include "deploy-tool/artifact.h"
#include "deploy-tool/folder.h"
#include "deploy-tool/limits.h"
#include "deploy-tool/tool.h"

/* As deploy has them, for a file alone. */
struct subject_options {
	const char *function, *entry, *shared, *link;
	struct argument_list routes, methods, env, grants;
	bool asan;
	struct limits limits;
};

/* Rows whose offsets are within struct subject_options: how many.  A command whose --method is another one
 * leaves that row out. */
size_t subject_options(const struct argument_row **rows);
size_t subject_options_but_method(const struct argument_row **rows);

enum { SUBJECT_LABEL_SIZE = 256 };

struct subject {
	bool is_file;
	char label[SUBJECT_LABEL_SIZE];  /* "hello v2", "src/hello.c" */
	struct registry_version version; /* of a file: without a number, an id or blobs */
	struct function_policy policy;   /* that holds here, under the configuration */
	struct artifact artifact;        /* of a file */
	struct folder folder; /* of a file: its shared folder, empty at first, and gone with this */
};

/* Whether any of them was given. */
bool subject_is_given(const struct subject_options *o);

/* Whether a name is a file's: it has a dot or a slash. */
bool subject_is_file(const char *name);

/* Reads the version (0: the active one) from the registry, which is opened; or compiles and checks the file,
 * under what a cfn.ini says of it and what is given.  0 or an exit status, already reported. */
int subject_find(struct tool *t, const char *function, uint32_t number, struct subject *s);
/* The same of a version that was read. */
void subject_take(const struct tool *t, const struct registry_version *v, struct subject *s);
int subject_make(struct tool *t, const char *path, const struct subject_options *o, struct subject *s);
/* An empty folder in the place of the one before. */
int subject_renew_folder(struct subject *s, struct err *e);

void subject_done(struct subject *s);

/* For struct local_function: the place of its shared folder, or NULL. */
const char *subject_folder(const struct subject *s);
