/* policy.h - the limits and grants of one function. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/options.h"
#include "ipc/protocol.h"

enum { POLICY_ENV_MAX = 16 * 1024, POLICY_TEXT_MAX = 32 * 1024, POLICY_LINKS_SIZE = LINKS_MAX * 33 };

/* Requests that a version must answer before it is activated, and bytes of one with its NUL. */
enum { SMOKES_MAX = 16, SMOKE_SIZE = 256 };

/* Origins of pages that may read a function's answers: how many, and bytes of all of them together. */
enum { ORIGINS_MAX = 16, POLICY_ORIGINS_SIZE = 512 };

enum { CPU_SHARE_ANY = 100 * 1024, CONCURRENCY_ANY = 1024 };

enum process_manager { PM_ONDEMAND, PM_DYNAMIC, PM_STATIC };
enum process_mode { MODE_REUSE, MODE_FRESH };
enum policy_switch { SWITCH_NO, SWITCH_YES };
enum session_cookie { SESSION_COOKIE_AUTO, SESSION_COOKIE_SECURE };

struct function_policy {
	uint64_t memory;  /* bytes */
	uint64_t cpu_ms;  /* of one request */
	uint64_t wall_ms; /* of one request */
	uint64_t
	    cpu_share; /* percent of one processor for one worker, with a cgroup; CPU_SHARE_ANY: no bound */
	uint64_t stream_idle_ms;
	uint64_t body_max;   /* bytes */
	uint64_t output_max; /* bytes of a buffered answer */
	uint64_t tmp_size;   /* bytes */
	uint64_t tmp_inodes;
	uint64_t threads;
	uint64_t files;
	uint64_t file_size;   /* bytes of one file, RLIMIT_FSIZE */
	uint64_t concurrency; /* requests in execution, of all versions; CONCURRENCY_ANY: no bound */
	uint64_t is_exclusive;
	uint64_t streams;  /* beside max_children */
	uint64_t cache_ms; /* 0: no answer is kept */
	uint64_t queue;
	uint64_t max_requests; /* of one worker; 0: no limit */
	uint64_t mode;         /* enum process_mode */
	uint64_t auth;         /* enum call_auth */
	uint64_t pm;           /* enum process_manager */
	uint64_t max_children;
	uint64_t min_spare; /* pm = dynamic */
	uint64_t idle_timeout_ms;
	uint64_t session_ms;        /* from a session's last renewal to its end */
	uint64_t session_length_ms; /* from its beginning to its end */
	uint64_t session_cookie;    /* enum session_cookie */
	uint64_t denied_limit;      /* refused system calls in one request */
	uint64_t denied_calls;      /* in denied_window_ms, of all requests; 0: no limit */
	uint64_t denied_kills;      /* workers killed for denied_limit in denied_window_ms; 0: no limit */
	uint64_t denied_window_ms;
	uint64_t slow_ms; /* a request that runs longer is written down; 0: none */
	uint64_t shared_read_only;
	uint64_t uses_session;             /* its artifact names a function of sessions: nobody sets it */
	char shared[NAME_MAX_SIZE];        /* empty: none */
	char links[POLICY_LINKS_SIZE];     /* names of libraries, sorted (base/words.h) */
	char sockets[SOCKETS_TEXT_SIZE];   /* paths, sorted (base/words.h) */
	char origins[POLICY_ORIGINS_SIZE]; /* sorted (base/words.h), or "*" */
	char env[POLICY_ENV_MAX];          /* "K=V" NUL "K=V" NUL ...; */
	size_t env_size;
	char smokes[SMOKES_MAX * SMOKE_SIZE]; /* "GET /x=200" NUL ...; see smoke.h */
	size_t smokes_size;
};

enum policy_kind {
	POLICY_NUMBER,
	POLICY_SIZE,
	POLICY_DURATION,
	POLICY_PM,
	POLICY_MODE,
	POLICY_SWITCH,
	POLICY_COOKIE,
	POLICY_AUTH,
};

/* One row a limit; the same table serves cfn.conf, cfn-deploy's options, the registry and cfn.conf(5). */
struct policy_row {
	const char *name; /* "memory", "wall_time", "pm.max_children" ... */
	enum policy_kind kind;
	size_t offset;             /* of a uint64_t in struct function_policy */
	uint64_t standard;         /* default */
	uint64_t minimum, maximum; /* what any configuration may allow */
	const char *help;
};

extern const struct policy_row policy_rows[];
extern const size_t policy_n_rows;

/* The first of them are a version's own, too; those behind are the operator's alone: in cfn.conf, but in no
 * registry, option or max.*. */
extern const size_t policy_n_version_rows;
bool policy_is_of_operator(const struct policy_row *row);

const struct policy_row *policy_find(const char *name);

/* Where a row's value stands. */
uint64_t *policy_value(struct function_policy *p, const struct policy_row *row);

/* True when its values are words, which are not more or less than another. */
bool policy_is_word(const struct policy_row *row);

/* "ondemand", "dynamic", "static". */
const char *policy_pm_word(uint64_t pm);

/* "none", "bearer", "basic". */
const char *policy_auth_word(uint64_t auth);

/* The value as policy_set takes it. */
void policy_format(const struct policy_row *row, uint64_t value, char text[OPTION_TEXT_SIZE]);

/* -ERANGE with *e naming the first row over this server's maximum. */
int policy_check_below(const struct function_policy *p, const struct function_policy *maximum, struct err *e);

/* All rows at their defaults, no folder, no environment. */
void policy_init(struct function_policy *p);

/* Sets one row from text.  -EINVAL, -ERANGE with *e naming the row, what was given and what is allowed. */
int policy_set(struct function_policy *p, const struct policy_row *row, const char *text, struct err *e);

/* --env K=V: K is [A-Za-z_][A-Za-z0-9_]{0,63}; V without NUL.  Replaces an earlier K.  -EINVAL, -E2BIG. */
int policy_set_env(struct function_policy *p, const char *assignment, struct err *e);

/* --shared NAME or NAME:ro. */
int policy_set_shared(struct function_policy *p, const char *text, struct err *e);

/* --link NAME,NAME...: instead of those before; "none" for none.  Which of them there are is the
 * configuration's to say (config/libraries.h).  -EINVAL, -E2BIG. */
int policy_set_links(struct function_policy *p, const char *text, struct err *e);

/* --grant unix:PATH: one more socket of the host that it may connect to; "none": none any more.  -EINVAL,
 * -E2BIG. */
int policy_add_grant(struct function_policy *p, const char *text, struct err *e);

/* --cors ORIGIN: pages of this origin may read its answers, too; "*" alone: those of every one; "none": of no
 * other one any more.  -EINVAL, -E2BIG. */
int policy_add_origin(struct function_policy *p, const char *text, struct err *e);

/* Name of a function or a folder: ^[a-z0-9][a-z0-9_-]{0,63}$ */
int policy_check_name(const char *name, struct err *e);

/* As JSON text for the registry: only what differs from the defaults, so that a new default takes effect; and
 * back, with every value checked again. */
int policy_pack(const struct function_policy *p, char *text, size_t size, struct err *e);
int policy_unpack(struct function_policy *p, const char *text, struct err *e);
