/* management.h - [management] of cfn.conf: whether functions are managed over HTTP. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ipc/protocol.h"

struct config_management {
	uint64_t is_enabled;       /* also [global] management = on */
	char path[RUN_PATH_SIZE];  /* below the mount prefix: whole segments, "/mgnt" */
	char key[RUN_FOLDER_SIZE]; /* the private key that its changes are signed with; "": they are not */
	uint64_t max_body;
	uint64_t concurrent; /* changes and questions at once; others wait */
};

void config_management_init(struct config_management *m);
int config_management_set(struct config_management *m, const char *name, const char *value, struct err *e);

/* What no single key can say. */
int config_management_check(const struct config_management *m, struct err *e);
void config_management_print(const struct config_management *m, int fd);

/* Whether a route's pattern is the management's own path or below it. */
bool config_management_reserves(const struct config_management *m, const char *pattern);
