/* profile.h - inside of the library (and for deploy-tool/attempts.c, which tries single stages): what a
 * profile is made of, and the stages. */
#pragma once
#include <sys/resource.h>

#include "sandbox/sandbox.h"

enum root_kind {
	ROOT_FOLDER, /* the shared folder, else an empty read-only tmpfs; a private /tmp */
	ROOT_EMPTY,  /* an empty read-only tmpfs */
	ROOT_SYSTEM, /* paths of the host read-only, /dev, /work and /tmp on one tmpfs */
};

/* A resource limit: a constant, or a row of struct sandbox_limits plus a constant. */
struct limit_row {
	int resource;
	enum sandbox_part part;
	enum { LIMIT_IS, LIMIT_FROM, LIMIT_ADDRESS_SPACE } kind;
	size_t offset; /* LIMIT_FROM: of a uint64_t in struct sandbox_limits; 0 there: no limit is set */
	uint64_t value;
};

enum place {
	PLACE_ROOT,
	PLACE_TMP,
	PLACE_WORK,
	PLACE_DEVICES,
	PLACE_SYSTEM,
	PLACE_ARTIFACT,
	PLACE_PROGRAM,
};

/* What Landlock allows below a place; without rows nothing. */
struct place_row {
	enum place place;
	uint64_t rights;
	uint64_t rights_if_folder_writable; /* PLACE_ROOT of a function with a folder of its own */
};

struct sandbox_profile {
	const char *name;
	uint64_t namespaces;
	enum root_kind root;
	bool is_execed;         /* capabilities must survive the exec between IDENTITY and ROOT */
	bool keeps_descriptors; /* it was execed with what it may have */
	bool is_uncounted;      /* a box without a cgroup: its memory is what its processes show */
	bool is_code;           /* runs a function's code: no executable memory is ever gained */
	short oom_score;        /* how much rather than the pool's own it is ended when memory is short */
	enum filter_kind init_filter, filter, close_filter, serve_filter, request_filter;
	const char *const *environment;
	const struct limit_row *limits;
	size_t n_limits;
	const struct place_row *places;
	size_t n_places;
};

/* The devices of ROOT_SYSTEM; NULL-terminated. */
const char *const *sandbox_devices(const struct sandbox_profile *profile);

/* One stage each; the order stands in stages.c. */
int session_enter(struct sandbox *s, struct err *e);
int identity_enter(struct sandbox *s, struct err *e);
int nested_namespaces_enter(struct sandbox *s, struct err *e);
int oom_score_enter(struct sandbox *s, struct err *e);
int inherited_capabilities_enter(struct sandbox *s, struct err *e);
int address_space_enter(struct sandbox *s, struct err *e);
int propagation_enter(struct sandbox *s, struct err *e);
int artifact_enter(struct sandbox *s, struct err *e);
int root_enter(struct sandbox *s, struct err *e);
int host_name_enter(struct sandbox *s, struct err *e);
int root_size_enter(struct sandbox *s, struct err *e);
int environment_enter(struct sandbox *s, struct err *e);
int payload_limits_enter(struct sandbox *s, struct err *e);
int close_limits_enter(struct sandbox *s, struct err *e);
int run_limits_enter(struct sandbox *s, struct err *e);
int descriptors_enter(struct sandbox *s, struct err *e);
int capabilities_enter(struct sandbox *s, struct err *e);
int no_new_privileges_enter(struct sandbox *s, struct err *e);
int not_dumpable_enter(struct sandbox *s, struct err *e);
int landlock_enter(struct sandbox *s, struct err *e);
int executable_memory_enter(struct sandbox *s, struct err *e);
int init_filter_enter(struct sandbox *s, struct err *e);
int payload_filter_enter(struct sandbox *s, struct err *e);
int close_filter_enter(struct sandbox *s, struct err *e);
int serve_filter_enter(struct sandbox *s, struct err *e);
int request_filter_enter(struct sandbox *s, struct err *e);
int artifact_folder_enter(struct sandbox *s, struct err *e);
int artifact_folder_leave(struct sandbox *s, struct err *e);

/* Landlock's ABI version here; 0: there is none; -errno: that could not be found out. */
int landlock_abi(void);

/* The root of a box; mounts.c's helpers are its building blocks. */
int root_system_open(const struct sandbox *s, struct err *e);
int root_system_build(struct sandbox *s, int root, struct err *e);

/* When that root is /, and still writable. */
int proc_self_exe_make(const struct sandbox *s, struct err *e);
