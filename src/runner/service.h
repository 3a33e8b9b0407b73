/* service.h - the front's process: confined, with the loop that its lanes, its jobs and the master share. */
#pragma once
#include "base/err.h"
#include "ipc/protocol.h"
#include "run/language.h"

struct service_start {
	const struct start_runner *start;
	const struct run_languages *languages;
	int folder; /* of sandbox_folder_open: of the store */
	int master, maker, report;
};

/* Child, cloned with sandbox_runner and released: serves until the master goes, or a drain is over.  Its exit
 * status. */
int service_run(const struct service_start *s);
