/* storms.h - functions that a running pool has disabled for a storm of refused system calls. */
#pragma once
#include <jansson.h>

#include "deploy-tool/tool.h"
#include "registry/registry.h"

enum { STORMS_ASK_MS = 1000 }; /* a pool that does not answer by then is not waited for */

/* What the pools that run say, as one array; empty when none runs or answers. */
json_t *storms_ask(const struct tool *t);

/* True when v is one of them. */
bool storms_include(const json_t *storms, const struct registry_version *v);
