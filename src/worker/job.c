/* job.c - whom a sandbox is for: nobody until the spawner says so, once, with all that belongs to it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "ipc/message.h"
#include "ipc/start.h"
#include "worker/worker.h"

enum { FIRST_FD = WORKER_FD_REQUESTS };

#define LENGTH_OF(start) (sizeof(struct worker_places) + sizeof(struct start))
static const struct message_rule rules[] = {
	{ MSG_START_WORKER, LENGTH_OF(start_worker), LENGTH_OF(start_worker), 0, MESSAGE_FDS_MAX },
	{ MSG_START_COPY, LENGTH_OF(start_copy), LENGTH_OF(start_copy), 0, MESSAGE_FDS_MAX },
};
#undef LENGTH_OF

/* Where the job is there already, nobody wants to know that it was waited for. */
static int
say_waiting(struct err *e)
{
	struct pollfd channel = { .fd = WORKER_FD_CHANNEL, .events = POLLIN };
	int rc = poll(&channel, 1, 0);

	if (rc < 0)
		return err_set(e, errno, "look for a job");
	if (rc == 0)
		rc = say(REPORT_WAITING, "", 0);
	return rc < 0 ? err_set(e, -rc, "say that it waits") : 0;
}

static int
receive(struct message *m, struct err *e)
{
	int rc = say_waiting(e);

	if (rc == 0)
		rc = message_receive(WORKER_FD_CHANNEL, m, e);
	else
		return rc;
	if (rc == 0)
		return err_set(e, -ECANCELED, "the spawner is gone");
	return rc < 0 || !message_check(rules, ARRAY_SIZE(rules), m, e) ? -e->code : 0;
}

/* Each to its number; whatever else is open from the first one on is closed. */
static int
place_descriptors(struct message *m, uint64_t places, struct err *e)
{
	int fds[WORKER_FD_END], rc;
	size_t n = 0;

	for (int fd = 0; fd < WORKER_FD_END; fd++)
		fds[fd] = places & UINT64_C(1) << fd && n < m->n_fds ? m->fds[n++] : -1;
	fds[WORKER_FD_CHANNEL] = WORKER_FD_CHANNEL;
	fds[WORKER_FD_ENDING] = WORKER_FD_ENDING;
	if (fds[WORKER_FD_OUTPUT] >= 0 &&
	    (dup2(fds[WORKER_FD_OUTPUT], 1) < 0 || dup2(fds[WORKER_FD_OUTPUT], 2) < 0))
		return err_set(e, errno, "place descriptors");
	rc = fd_place(fds + FIRST_FD, WORKER_FD_END - FIRST_FD, FIRST_FD);
	/* The message's own numbers are among those that were closed or given to others. */
	m->n_fds = 0;
	if (rc == 0 && close_range(WORKER_FD_END, ~0U, 0) < 0)
		rc = -errno;
	return rc < 0 ? err_set(e, -rc, "place descriptors") : 0;
}

/* proc_pid_cmdline(5): when its last byte is not NUL, the text ends where it ends by itself. */
static void
show(char *title, const struct job *job)
{
	size_t size = strlen(title) + 1;

	if (job->type == MSG_START_WORKER)
		snprintf(title, size, "cfn-worker %s v%u", job->worker.start.function,
		         job->worker.start.version);
	else
		snprintf(title, size, "cfn-worker copy %s", job->copy.shared);
	if (strlen(title) + 1 < size)
		title[size - 1] = '.';
	prctl(PR_SET_NAME, "cfn-worker");
}

int
job_await(struct job *job, char *title, struct err *e)
{
	static struct message m;
	struct worker_places where;

	if (receive(&m, e) < 0)
		return -e->code;
	memcpy(&where, m.body, sizeof where);
	job->type = m.type;
	if (m.type == MSG_START_WORKER)
		memcpy(&job->worker.start, m.body + sizeof where, sizeof job->worker.start);
	else
		memcpy(&job->copy, m.body + sizeof where, sizeof job->copy);
	show(title, job);
	return place_descriptors(&m, where.places, e);
}
