/* artifact.h - the way from a file to a checked artifact, for every command that compiles. */
#pragma once
#include "deploy-tool/build.h"
#include "deploy-tool/elf.h"
#include "deploy-tool/source.h"
#include "deploy-tool/tool.h"

enum { ARTIFACT_ENTRIES_MAX = 4 };

struct artifact {
	struct source source;
	const char *links; /* names of libraries (policy.h); NULL: none */
	struct build build;
	struct elf_report report;
	const char *entries[ARTIFACT_ENTRIES_MAX]; /* handlers to look for, NULL at the end */
	const char *entry;                         /* the handler, or "": it has a route table */
};

/* Which handlers may be meant: wanted (--entry) alone, else that of the version before (NULL or empty:
 * none), that of the file's name, and "handle". */
void artifact_set_entries(struct artifact *a, const char *wanted, const char *previous);

/* Which of them it is, or "" for a route table; a handler that was asked for by name goes before that. */
const char *artifact_entry(const struct artifact *a, const struct elf_report *report);

/* Compiles the source that was read and checks what comes out; shows the compiler's words on standard error.
 * 0 or an exit status, already reported. */
int artifact_make(struct tool *t, struct artifact *a);

/* The two halves of that. */
int artifact_compile(struct tool *t, struct artifact *a);
int artifact_check(struct tool *t, struct artifact *a);
void artifact_done(struct artifact *a);

/* Whether it names a function of sessions: at worst it has a text that looks so. */
bool artifact_uses_session(const struct artifact *a);

/* A C identifier: what --entry must be. */
bool artifact_is_symbol(const char *text);
