/* layers.h - the layers of a sandbox, each tried by itself in a process of its own, as the pool would. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "ipc/spawner.h"

enum layer_state {
	LAYER_WORKS,
	LAYER_FAILS,
	LAYER_UNTRIED, /* it needs a layer that fails */
};

enum layer_place {
	LAYER_OUTSIDE, /* tried as the starter is */
	LAYER_BASE,    /* of the base user namespace; what stands below needs all of these */
	LAYER_INSIDE,  /* tried in the base user namespace */
};

enum { LAYERS_MAX = 32 };

struct layer_result {
	enum layer_state state;
	struct err why;       /* LAYER_FAILS, LAYER_UNTRIED: one clause */
	char detail[256];     /* LAYER_WORKS: what there is to say, such as "ABI 7"; may be empty */
	enum isolation level; /* proved; ISOLATION_NONE but for a whole sandbox */
	char no_cgroup[240];  /* of a whole sandbox: why the spawner could not use the cgroup; empty: it could
	                       */
};

/* What to do when an attempt met this error; the last row, of errno 0, is for all others. */
struct layer_advice {
	int code;
	const char *text;
};

struct layer {
	const char *name;
	/* In a process of its own, which may be left confined or half confined.  0 with detail, or -errno. */
	int (*attempt)(const struct spawner_options *options, struct layer_result *result, struct err *e);
	const struct layer_advice *advice;
	bool is_required; /* without it there is no sandbox */
	enum layer_place place;
	int timeout_ms;
};

/* The one list, at most LAYERS_MAX. */
extern const struct layer layers[];
extern const size_t n_layers;

/* The row of the subtree for leaves. */
const struct layer *layer_find_cgroup(void);

/* Tries n layers in their order, each within its timeout. */
void layers_try(const struct layer *rows, size_t n, const struct spawner_options *options,
                struct layer_result *results);

/* What to do about a layer that fails; "" when it works or was not tried. */
const char *layer_advise(const struct layer *layer, const struct layer_result *result);
