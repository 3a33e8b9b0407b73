/* attempts.h - one attempt a layer, for the table of layers.c; each in a process that ends behind it. */
#pragma once
#include "deploy-tool/layers.h"

#define ATTEMPT(name)                                                                                        \
	int name(const struct spawner_options *options, struct layer_result *result, struct err *e)

ATTEMPT(attempt_user);
ATTEMPT(attempt_maps);
ATTEMPT(attempt_nested);
ATTEMPT(attempt_mount);
ATTEMPT(attempt_pid);
ATTEMPT(attempt_ipc);
ATTEMPT(attempt_uts);
ATTEMPT(attempt_cgroup);
ATTEMPT(attempt_network);
ATTEMPT(attempt_root);
ATTEMPT(attempt_capabilities);
ATTEMPT(attempt_no_new_privileges);
ATTEMPT(attempt_landlock);
ATTEMPT(attempt_seccomp);
ATTEMPT(attempt_executable_memory);
ATTEMPT(attempt_delegation);
ATTEMPT(attempt_accounting);
ATTEMPT(attempt_whole);
