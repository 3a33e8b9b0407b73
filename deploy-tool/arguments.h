/* arguments.h - options of a command line as tables: one row an option. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { ARGUMENTS_MAX = 256 }; /* positional ones, and of one repeatable option */

enum argument_kind {
	ARGUMENT_FLAG, /* bool */
	ARGUMENT_TEXT, /* const char *, NULL: not given; given twice: the last */
	ARGUMENT_LIST, /* struct argument_list: may be repeated */
};

struct argument_list {
	size_t n;
	const char *items[ARGUMENTS_MAX];
};

struct argument_row {
	const char *name; /* without "--" */
	char letter;      /* short form, 0: none */
	enum argument_kind kind;
	size_t offset;        /* into the table's target */
	const char *argument; /* what stands behind it in the help: "FILE" */
	const char *help;
};

struct argument_table {
	const struct argument_row *rows;
	size_t n;
	void *target;
};

/* Reads "--name VALUE", "--name=VALUE", "-l VALUE" and flags by the first table that has the name; everything
 * behind "--" and everything that is not an option goes to rest ("-" too).  With rest NULL it stops at the
 * first of those.  The number of arguments read, or -EINVAL (unknown option, no value, too many). */
int arguments_read(const struct argument_table *tables, size_t n_tables, const char *const *arguments,
                   struct argument_list *rest, struct err *e);

/* What was read, written again: "--name=VALUE" and flags, each on the heap, behind the *n that are there,
 * with a NULL at the end; to has max + 1 elements.  -E2BIG, -ENOMEM. */
int arguments_write(const struct argument_table *tables, size_t n_tables, const char **to, size_t max,
                    size_t *n, struct err *e);

/* Lines "  --name VALUE   help" of one table, for people. */
void arguments_print(const struct argument_row *rows, size_t n);
