/* main.c - cfn-router: takes its descriptors over, confines itself, serves. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "ipc/start.h"
#include "router/router.h"
#include "sandbox/confine.h"

static int
start_read(struct start_router *start, struct err *e)
{
	AUTO_FD fd = ROUTER_FD_START;
	ssize_t n = pread(fd, start, sizeof *start, 0);

	if (n != sizeof *start || fd_check_sealed(fd) < 0)
		return err_set(e, -EBADMSG, "what to serve is not said; cfn-router is started by cfn-spawn");
	start->allowed_clients[sizeof start->allowed_clients - 1] = '\0';
	start->mount_prefix[sizeof start->mount_prefix - 1] = '\0';
	start->access_format[sizeof start->access_format - 1] = '\0';
	return 0;
}

static int
serve(struct router *r, struct err *e)
{
	static const struct router_fds fds = {
		.listener = ROUTER_FD_LISTENER,
		.master = ROUTER_FD_MASTER,
		.access_log = ROUTER_FD_ACCESS_LOG,
		.function_log = ROUTER_FD_FUNCTION_LOG,
		.error_log = ROUTER_FD_ERROR_LOG,
	};
	struct start_router start;
	int rc = start_read(&start, e);

	if (rc == 0)
		rc = router_open(r, &start, &fds, e);
	if (rc == 0)
		rc = confine_router(e);
	if (rc < 0)
		return err_wrap(e, "start");
	master_say(r, MSG_ROUTER_READY, NULL, 0);
	return router_run(r, e);
}

int
main(void)
{
	/* Too large for the stack; nothing else refers to it. */
	struct router *r = malloc(sizeof *r);
	struct err e = { 0 };

	log_init("cfn-router", STDERR_FILENO);
	signal(SIGPIPE, SIG_IGN);
	if (!r)
		return EXIT_FAILURE;
	log_set_fd(ROUTER_FD_ERROR_LOG);
	if (serve(r, &e) < 0) {
		log_line(LOG_ERR, "%s", e.text);
		return EXIT_FAILURE;
	}
	router_done(r);
	free(r);
	return EXIT_SUCCESS;
}
