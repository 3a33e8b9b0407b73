/* diagnostics.h - what a compiler said, made fit to be shown.  Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct diagnostics_name {
	const char *box; /* a file's name in the compiler's box, without a byte that means something there */
	const char *author; /* what the author called it */
};

struct diagnostics_names {
	size_t n;
	const struct diagnostics_name *rows;
};

/* Appends the text with the author's path in the place of the box's, every control byte, broken UTF-8 and
 * character that reorders text as \xHH, and (if asked) colours of ours on the words error, warning and note.
 * A compiler copies whatever it likes out of a hostile source.  0 or -ENOSPC. */
int diagnostics_format(struct buf *to, const char *text, size_t n, const struct diagnostics_names *names,
                       bool is_colored);

/* Appends text with every byte that a terminal might obey as \xHH, a newline too.  0, -ENOSPC, -ENOMEM. */
int diagnostics_escape(struct buf *to, const char *text, size_t n);
