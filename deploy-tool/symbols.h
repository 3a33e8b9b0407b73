/* symbols.h - a crash in the words of the source: its frames looked up in the debug information, in a box,
 * for a stranger's source has made that. */
#pragma once
#include "base/buf.h"
#include "deploy-tool/stack.h"
#include "deploy-tool/subject.h"
#include "deploy-tool/tool.h"

/* Appends a line a frame, without control bytes: "divide at ./crash.c:12", "(inlined by) ..." or
 * "libc.so.6+0x1234". Frames above the handler are left out.  0; -errno when they cannot be looked up: then
 * the offsets stand there. */
int symbols_format(struct tool *t, const struct subject *subject, const struct stack *s, struct buf *to,
                   struct err *e);

/* Appends the lines of a sanitizer's report, "(fn.so+0x1234)" in them replaced by the lines of the source. */
int symbols_translate(struct tool *t, const struct subject *subject, const struct buf *report, struct buf *to,
                      struct err *e);
