/* live.h - commands that need a running pool. */
#pragma once
#include "deploy-tool/pools.h"
#include "deploy-tool/tool.h"

/* Connects to the pools of the open registry.  0 or EX_UNAVAILABLE when there is none, already reported. */
int live_connect(struct tool *t, struct pools *p);
