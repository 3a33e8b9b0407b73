/* err.h - the one error value that crosses module boundaries. */
#pragma once
#include "base/macros.h"

struct err {
	int code;       /* errno value; 0 while nothing failed */
	char text[240]; /* outermost context first; bounded, so usable after fork and under seccomp */
};

/* Replaces what e holds with the formatted clause; ": " and the text of code follow it when code is
 * positive.  A negative code is stored as its absolute value, without that text.
 * Both return -(errno value), so that a caller may write: return err_set(...). */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "clause: " before what e holds. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
