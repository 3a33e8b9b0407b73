/* web_listen.h - where the pool of this machine listens. */
#pragma once
#include "deploy-tool/tool.h"

/* What is given (NULL: nothing), else `listen` of the configuration, else what the first pool of the registry
 * answers, "" when no pool does. */
void web_listen_find(const struct tool *t, const char *given, char *to, size_t size);
