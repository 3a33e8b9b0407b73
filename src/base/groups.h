/* groups.h - which of the caller's groups amount to root, or to others' secrets. */
#pragma once

enum { GROUPS_RISKY_SIZE = 128 };

/* The risky ones among the caller's groups, "docker, sudo"; empty: none.  Sandboxes of an ordinary starter
 * keep them, for only root may give groups up. */
void groups_list_risky(char text[GROUPS_RISKY_SIZE]);
