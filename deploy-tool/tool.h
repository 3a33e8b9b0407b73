/* tool.h - what every command of cfn-deploy has: configuration, registry, output, and an end. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sysexits.h>

#include "base/err.h"
#include "cgroup/cgroup.h"
#include "config/config.h"
#include "deploy-tool/arguments.h"
#include "deploy-tool/build_box.h"
#include "registry/registry.h"

struct tool {
	const struct command *command; /* the one that runs; NULL before it is known */
	const char *registry_option, *config_option, *key_option, *token_option;
	bool json;
	bool wants_help;
	bool is_private;  /* the caller's own registry, made without init */
	bool is_terminal; /* standard error is one that moves its cursor */
	bool is_colored;  /* standard error is a terminal, and nobody said NO_COLOR */
	struct config config;
	struct registry *registry; /* NULL until tool_open_registry */
	struct cgroup cgroup;      /* for its boxes, from tool_open_cgroup on */
	struct box_base box_base;
	struct build_place boxes; /* of the toolchain, from tool_open_boxes on */
};

struct command {
	const char *name;
	const char *usage;                                        /* what stands behind the name */
	const char *help;                                         /* one line */
	int (*run)(struct tool *t, const char *const *arguments); /* an exit status */
	/* The options of its own, for the help; filled by a function where they come from another table. */
	const struct argument_row *options;
	const size_t *n_options;
	size_t (*more_options)(const struct argument_row **rows);
	bool is_for_tokens; /* may be run with --token: the registry checks all that it reads and changes */
};

/* --registry, --config, --key, --json, --help: known to every command. */
extern const struct argument_row tool_options[];
extern const size_t tool_n_options;

/* What a command takes beside the common options: tables of its own, and how many positional arguments. */
struct tool_syntax {
	const struct argument_table *tables;
	size_t n_tables; /* at most 3 */
	size_t min, max;
};

/* Reads a command's arguments.  0 or EX_USAGE, already reported. */
int tool_arguments(struct tool *t, const struct tool_syntax *syntax, const char *const *arguments,
                   struct argument_list *rest);

/* The same for a command without options of its own. */
int tool_plain_arguments(struct tool *t, size_t min, size_t max, const char *const *arguments,
                         struct argument_list *rest);

/* Reads the configuration; with_registry also says where the registry is.  0 or an exit status, already
 * reported. */
int tool_configure(struct tool *t, bool with_registry);

/* tool_configure() and opens the registry in this mode.  0 or an exit status, already reported. */
int tool_open_registry(struct tool *t, enum registry_mode mode);

/* Makes the folder that the file is to be in, and those above it; mode as of mkdir(2), where they are
 * missing. */
int tool_make_folder_of(const char *file, mode_t mode, struct err *e);

/* Before the first box: a subtree for them where there can be one and the configuration does not say off. */
void tool_open_cgroup(struct tool *t);

/* The same before the first box of the toolchain, with what all of them share: where they run is t->boxes
 * then. */
void tool_open_boxes(struct tool *t);

/* Reports on standard error in one line ("cfn-deploy: ..."), control bytes escaped; returns the exit
 * status that belongs to the error's code, or the given one. */
int tool_fail(const struct err *e);
int tool_fail_as(int exit_status, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The exit status of sysexits.h for an errno value, positive or negative. */
int tool_exit_status(int code);

/* The user name of who runs this program, escaped. */
enum { TOOL_AUTHOR_SIZE = 64 };
void tool_author(char text[TOOL_AUTHOR_SIZE]);

/* Prints the object in one line and drops it.  0 or EX_IOERR. */
int tool_print_json(json_t *object);

/* 0, or EX_IOERR when standard output could not take everything. */
int tool_flush(void);

static inline void
free_json_reference(json_t **json)
{
	json_decref(*json);
}
#define AUTO_JSON __attribute__((cleanup(free_json_reference)))
