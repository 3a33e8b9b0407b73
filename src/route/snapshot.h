/* snapshot.h - the compiled route table: built by the master, sealed, mapped read-only by the routers.
 * One allocation, offsets instead of pointers; a reader checks every offset once when it maps. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	ROUTE_PATTERN_MAX = 256, /* bytes of a pattern, NUL included */
	ROUTE_PARAMS_MAX = 8,    /* ":name" segments of one pattern */
	SNAPSHOT_ORIGINS_SIZE = 512,
	SNAPSHOT_FUNCTIONS_MAX = 1 << 17,
	SNAPSHOT_ROUTES_MAX = 1 << 18,
	SNAPSHOT_SEGMENTS_MAX = 1 << 22, /* of all patterns together */
};

/* What a router must know of a function.  In a snapshot it ends behind its origins' NUL: copied with
 * snapshot_function_copy() alone. */
struct snapshot_function {
	uint64_t version_id; /* the registry's id of the active version: names the pool of its workers */
	uint32_t version;    /* number, for people */
	uint32_t is_enabled;
	uint32_t wall_ms, cpu_ms, stream_idle_ms;
	uint32_t slow_ms; /* a request that runs longer is told of; 0: none */
	uint32_t idle_timeout_ms;
	uint32_t max_workers;  /* pm.max_children and concurrency, the smaller */
	uint32_t queue;        /* requests that may wait */
	uint32_t max_requests; /* a worker is retired after so many; 0: never */
	uint32_t auth;         /* enum call_auth: what clients have to show */
	uint32_t is_run;       /* the runner's: not workers but lanes, which have no process of their own */
	uint32_t denied_max;   /* refused system calls in one request; the next one ends the worker */
	uint64_t body_max, output_max; /* bytes */
	uint64_t memory;               /* bytes, for the verdict */
	uint32_t has_session;          /* it may see and write its sessions */
	uint32_t session_is_secure;    /* their cookies are for HTTPS alone, however the request came */
	uint32_t session_s, session_length_s; /* since the last renewal, since the beginning */
	uint64_t cache_ms;                    /* answers to GET may be kept so long; 0: not */
	char name[72];
	char origins[SNAPSHOT_ORIGINS_SIZE]; /* whose pages may read its answers (base/words.h), or "*" */
};

void snapshot_function_copy(struct snapshot_function *to, const struct snapshot_function *from);

/* For building. */
struct snapshot_route {
	const char *pattern; /* "/", "/users/:id", "/files/" followed by '*' at the end */
	uint32_t methods;    /* bits of http.h, at least one */
	uint32_t function;   /* index into the functions */
	uint32_t index;      /* which row of the artifact's route table; 0 for a plain entry */
};

/* A pattern begins with '/', has no empty, "." or ".." segment (so no '/' at its end, but for "/" itself), is
 * UTF-8 without control bytes; ":name" is a whole segment with name [a-zA-Z_][a-zA-Z0-9_]{0,31}, each once,
 * at most ROUTE_PARAMS_MAX; '*' is the whole last segment and stands nowhere else.  0 or -EINVAL with *e
 * saying why.
 *
 * ":name" takes one segment that is not empty.  '*' takes the rest after the '/' before it, slashes and all,
 * and an empty rest too: "/files/" and '*' takes "/files/" and "/files/a/b", not "/files". */
int route_pattern_check(const char *pattern, struct err *e);

/* True when both match some same path with equal specificity, so that only one may be deployed: the
 * same pattern but for the names of the parameters. */
bool route_pattern_collides(const char *a, const char *b);

/* True when every path that narrow matches is matched by wide. */
bool route_pattern_covers(const char *wide, const char *narrow);

/* A sealed memory file, or -errno: -EINVAL (pattern, methods, or a function that is not there), -EEXIST two
 * routes of equal pattern and a common method (*e names both), -E2BIG, -ENOMEM. */
int snapshot_build(uint64_t generation, const struct snapshot_function *functions, size_t n_functions,
                   const struct snapshot_route *routes, size_t n_routes, struct err *e);

/* The same, of functions that lie wherever they lie. */
int snapshot_build_from(uint64_t generation, const struct snapshot_function *const *functions,
                        size_t n_functions, const struct snapshot_route *routes, size_t n_routes,
                        struct err *e);

/* The faults that it would find, alone. */
int snapshot_check(const struct snapshot_function *const *functions, size_t n_functions,
                   const struct snapshot_route *routes, size_t n_routes, struct err *e);

struct snapshot; /* a mapped one */

/* Maps and checks it; the descriptor stays the caller's.  -EBADMSG when anything is out of range, -EPERM when
 * it is not sealed. */
int snapshot_map(int fd, struct snapshot **s, struct err *e);
void snapshot_unmap(struct snapshot *s);

uint64_t snapshot_generation(const struct snapshot *s);
size_t snapshot_n_functions(const struct snapshot *s);
const struct snapshot_function *snapshot_function_at(const struct snapshot *s,
                                                     size_t i); /* NULL past the end */
size_t snapshot_function_index(const struct snapshot *s, const struct snapshot_function *function);

struct route_param {
	const char *name;  /* NUL-terminated, in the snapshot; "*" for the rest */
	const char *value; /* into the path that was matched */
	size_t value_length;
};

struct route_match {
	const struct snapshot_function *function; /* NULL: no such path, or not with this method */
	uint32_t index;
	uint32_t methods; /* all that the path takes; 0: no such path.  HEAD is added where GET is. */
	size_t n_params;
	struct route_param params[ROUTE_PARAMS_MAX + 1];
};

/* Finds the most specific pattern for a normalised path that takes the method: exact segments before ":name"
 * before '*', compared from the left.  HEAD is served by GET unless the same pattern has a route for HEAD
 * itself.  methods is the union over every pattern that matches the path.  A method of 0 takes nothing and
 * only asks for that union.
 *
 * Cost: one step for each segment and, at segments where ":name" fits beside exact text, one for each branch
 * that exists; no node of the tree is visited twice, whatever the path. */
void snapshot_match(const struct snapshot *s, const char *path, unsigned method, struct route_match *match);
