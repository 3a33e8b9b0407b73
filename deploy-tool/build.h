/* build.h - from source to artifact: the compiler and what follows it, each in a box of its own. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"
#include "deploy-tool/build_box.h"
#include "deploy-tool/source.h"

enum { BUILD_ARTIFACT_MAX = 32 << 20, BUILD_DEBUG_MAX = 48 << 20 };

struct build {
	char libraries[LIBRARIES_TEXT_SIZE]; /* set by the caller: the files to link with (ipc/grants.h) */
	bool has_sanitizers; /* set by the caller: of addresses and of undefined behaviour; for a worker that
	                        has their runtime before all else, and for no other */
	char compiler[256];  /* what produced it, one line */
	char flags[512];     /* as they are given, separated by spaces */
	struct buf diagnostics; /* the compiler's raw words, also when it succeeded */
	bool is_cut;            /* there were more of them */
	char *artifact, *debug; /* the shared object without debug information, and with it */
	size_t artifact_size, debug_size;
};

/* Compiles and links with b->libraries, in boxes there.  -ENOEXEC when the source does not compile
 * or the compiler met one of its limits (*e names it; the words are in diagnostics); anything else is a
 * failure of this machine.
 */
int build_run(const struct build_place *p, const struct source *s, struct build *b, struct err *e);
void build_done(struct build *b);

/* Fills in compiler and flags alone, as build_run() would. */
int build_describe(const struct build_place *p, const struct source *s, struct build *b, struct err *e);
