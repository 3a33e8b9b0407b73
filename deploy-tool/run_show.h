/* run_show.h - what `cfn-deploy run` prints, while it runs and afterwards. */
#pragma once
#include "deploy-tool/tool.h"
#include "run/event.h"
#include "run/job.h"

struct run_shown;

/* NULL without memory.  The job has to outlive it. */
struct run_shown *run_shown_new(const struct tool *tool, const struct run_job *job);
void run_shown_free(struct run_shown *shown);

/* say of a struct run_watcher; context is the shown. */
void run_shown_event(void *shown, const struct run_event *event);

/* After the last event: prints what is left to print.  The exit status of the command: as a shell would say
 * it, the program's own, or 128 and the signal that ended it; EX_DATAERR when it did not compile.  With
 * --json 0: the document has it. */
int run_shown_end(struct run_shown *shown);
