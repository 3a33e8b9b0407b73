/* config.h - cfn.conf: INI, php-fpm's words where the meaning is the same.  An unknown key is an error. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "config/libraries.h"
#include "config/management.h"
#include "config/policy.h"
#include "config/run.h"

enum { CONFIG_TEXT_MAX = 256, CONFIG_PATH_MAX = 1024, CONFIG_OVERRIDES_MAX = 1024, CONFIG_GRANTS_MAX = 4096 };
enum { CONFIG_GC_KEEP_MAX = 1000000 };

struct config_override {
	char function[NAME_MAX_SIZE]; /* [function NAME] */
	const struct policy_row *row;
	uint64_t value;
};

struct config {
	char registry[CONFIG_PATH_MAX];
	char listen[CONFIG_TEXT_MAX]; /* unix:PATH or tcp:HOST:PORT; empty: fd 0 or LISTEN_FDS */
	char listen_owner[64], listen_group[64];
	uint64_t listen_mode; /* octal in the file; default 0660 */
	uint64_t listen_backlog;
	char listen_allowed_clients[256]; /* for tcp; default 127.0.0.1 */
	char mount_prefix[128];
	char shared_dir[CONFIG_PATH_MAX]; /* default <registry's folder>/shared */
	char keys_dir[CONFIG_PATH_MAX];   /* default config_default_keys */
	char state_dir[CONFIG_PATH_MAX];  /* default <registry>.pool */
	char error_log[CONFIG_PATH_MAX], access_log[CONFIG_PATH_MAX], function_log[CONFIG_PATH_MAX],
	    slowlog[CONFIG_PATH_MAX]; /* empty: stderr */
	char syslog_ident[32], syslog_facility[16];
	char access_format[CONFIG_TEXT_MAX];         /* "json" or php-fpm's letters */
	char page_paths[PAGE_PATHS][PAGE_PATH_SIZE]; /* of the router; empty: off */
	char ping_response[PING_SIZE];
	char metrics_listen[CONFIG_TEXT_MAX]; /* plain HTTP; unix:PATH or tcp:HOST:PORT; empty: nowhere */
	char user[64];                        /* when started as root and the registry is root's */
	char require_isolation[16];           /* full | strong */
	char cgroup[16];                      /* auto | require | off */
	char grant_allow[CONFIG_GRANTS_MAX];  /* patterns of paths (base/words.h) that --grant may name */
	char libexec_dir[CONFIG_PATH_MAX], include_dir[CONFIG_PATH_MAX], compiler[CONFIG_PATH_MAX];
	uint64_t routers;
	uint64_t connections; /* from web servers, for each router */
	uint64_t cache_size;  /* bytes of kept answers, for each router; 0: none */
	uint64_t uid_range_start, uid_range_size;
	uint64_t drain_timeout_ms, process_control_timeout_ms;      /* QUIT waits at most so long */
	uint64_t crashes_max, crashes_of_function, crashes_keep_ms; /* records of failures */
	uint64_t process_max;                                       /* workers of all functions together */
	uint64_t gc_keep, gc_age_ms;                                /* what gc leaves: so many, or so young */
	uint64_t spare_sandboxes;                                   /* that wait for any function */
	struct function_policy defaults;     /* what [global] says of function limits */
	struct function_policy maximum;      /* max.* */
	struct libraries libraries;          /* [link] */
	struct config_run run;               /* [run] */
	struct config_management management; /* [management] */
	size_t n_overrides;
	struct config_override overrides[CONFIG_OVERRIDES_MAX];
};

/* CFN_SYSCONFDIR/cfn/keys.d: the only folder of keys that need not be there. */
extern const char config_default_keys[];

/* The defaults, with CFN_LIBEXECDIR, CFN_INCLUDEDIR, CFN_LANGUAGESDIR and CFN_REGISTRY of the environment
 * over the compiled-in paths. */
void config_init(struct config *c);

/* Reads a file over it.  -ENOENT, -EINVAL ("FILE:LINE: key: why"). */
int config_read(struct config *c, const char *path, struct err *e);

/* The default file: CFN_SYSCONFDIR/cfn/cfn.conf; read when it exists. */
int config_read_default(struct config *c, struct err *e);

/* Fills in what depends on other values (shared_dir, state_dir); call after registry is known. */
int config_complete(struct config *c, struct err *e);

/* -EPERM when one of these sockets (paths, base/words.h) may not be granted. */
int config_check_sockets(const struct config *c, const char *sockets, struct err *e);

/* Prints every key with its value (cfn-pool -tt). */
void config_print(const struct config *c, int fd);

/* The policy that holds for a function: its own, [function NAME] over it, max.* over all. */
void config_apply(const struct config *c, const char *function, struct function_policy *p);

/* Which registry: option, CFN_REGISTRY, the configuration's, the packaged one if writable, else
 * XDG_STATE_HOME/cfn/registry.db. *is_private says that it is the last one, the only one made without init.
 */
int config_find_registry(struct config *c, const char *option, bool *is_private, struct err *e);
