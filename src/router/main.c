/* main.c - cfn-router: takes its descriptors over, confines itself, serves. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "ipc/message.h"
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
	for (size_t i = 0; i < PAGE_PATHS; i++)
		start->page_paths[i][PAGE_PATH_SIZE - 1] = '\0';
	start->ping_response[PING_SIZE - 1] = '\0';
	start->access_format[sizeof start->access_format - 1] = '\0';
	return 0;
}

static int
open_and_confine(struct router *r, struct err *e)
{
	struct router_fds fds = {
		.listener = ROUTER_FD_LISTENER,
		.master = ROUTER_FD_MASTER,
		.access_log = ROUTER_FD_ACCESS_LOG,
		.function_log = ROUTER_FD_FUNCTION_LOG,
		.error_log = ROUTER_FD_ERROR_LOG,
		.scoreboard = ROUTER_FD_SCOREBOARD,
		.metrics = -1,
	};
	struct start_router start;
	int rc = start_read(&start, e);

	if (rc == 0 && start.has_metrics)
		fds.metrics = ROUTER_FD_METRICS;
	if (rc == 0)
		rc = router_open(r, &start, &fds, e);
	return rc == 0 ? confine_router(e) : rc;
}

/* The spawner tells the master, which is the one to say it. */
static void
say_failed(const struct err *failure)
{
	struct err e;

	message_send(ROUTER_FD_REPORT, REPORT_FAILED, failure->text, strlen(failure->text), NULL, 0, &e);
}

static int
say_ready(struct router *r, struct err *e)
{
	master_say(r, MSG_ROUTER_READY, NULL, 0);
	return r->is_done ? err_set(e, -EPIPE, "tell the master that it is ready") : 0;
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
		err_set(&e, ENOMEM, "start");
	if (!r || open_and_confine(r, &e) < 0 || say_ready(r, &e) < 0) {
		say_failed(&e);
		return EXIT_FAILURE;
	}
	close(ROUTER_FD_REPORT);
	log_set_fd(ROUTER_FD_ERROR_LOG);
	if (router_run(r, &e) < 0) {
		log_line(LOG_ERR, "%s", e.text);
		return EXIT_FAILURE;
	}
	router_done(r);
	free(r);
	return EXIT_SUCCESS;
}
