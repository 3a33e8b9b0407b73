/* worker.c - the payload that serves one function: confined first, then loaded, then serving. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/message.h"
#include "ipc/start.h"
#include "worker/worker.h"

/* Who keeps its own listener answers itself and bypasses the filter: it leaves before any code is loaded. */
static int
hand_listener_over(struct sandbox *s, struct err *e)
{
	int rc = message_send(WORKER_FD_CHANNEL, REPORT_LISTENER, NULL, 0, &s->listener, 1, e);

	fd_close(&s->listener);
	return rc;
}

static int
confine(struct worker *w, int init, struct err *e)
{
	struct sandbox *s = w->sandbox;

	if (sandbox_enter(s, SANDBOX_PAYLOAD, e) < 0 || hand_listener_over(s, e) < 0 ||
	    sandbox_enter(s, SANDBOX_CLOSE, e) < 0)
		return -e->code;
	/* While nobody but init is here to be counted. */
	w->is_alone = w->is_alone && alone_is_bound();
	if (w->is_alone)
		s->profile = &sandbox_fresh_alone;
	return await_init(init, e);
}

/* *fault says whose it is: a thread of the author's constructors cannot be brought under the filter. */
static int
confine_further(struct sandbox *s, enum report_type *fault, struct err *e)
{
	int rc = sandbox_enter(s, SANDBOX_SERVE, e);

	*fault = rc < 0 && rc != -ESRCH ? REPORT_FAILED : REPORT_NOT_LOADED;
	return rc;
}

/* The author's code runs from here on. */
static int
load(struct worker *w, struct function **f, enum report_type *fault, struct err *e)
{
	*fault = REPORT_NOT_LOADED;
	serve_init();
	function_set_environment(w->environment, w->environment_size);
	/* Sanitizers tell more. */
	if (!w->start.has_sanitizers && crash_init(e) < 0)
		return -e->code;
	if (function_load(SANDBOX_ARTIFACT, w->start.entry, f, e) < 0)
		return -e->code;
	/* cfn_init meets what a handler meets: the last filter, and /tmp as its folder. */
	if (confine_further(w->sandbox, fault, e) < 0)
		return -e->code;
	return function_start(*f, e);
}

int
worker_run(struct worker *w, int init, struct err *e)
{
	enum report_type fault = REPORT_FAILED;
	struct function *f = NULL;
	int rc = 0;

	if (confine(w, init, e) < 0 || load(w, &f, &fault, e) < 0 ||
	    (!w->is_fresh && reset_init(w->start.tmp_inodes, e) < 0) || say_ready(w, f, e) < 0) {
		say_failed(fault, e);
		return 1;
	}
	close(WORKER_FD_CHANNEL);
	if (w->is_fresh) {
		fresh_serve(w, f);
	} else if (!w->start.is_trial) {
		reset_remember();
		rc = serve(f, WORKER_FD_REQUESTS, !w->start.is_invoked);
	}
	function_unload(f);
	return rc < 0;
}
