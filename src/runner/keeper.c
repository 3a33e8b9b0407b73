/* keeper.c - one job: read with distrust, run in boxes, said as events. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "ipc/message.h"
#include "run/limits.h"
#include "runner/maker.h"

/* Descriptors in flight are counted by the host's user, whom other boxes may be too: each of theirs may have
 * `files` of them and one message more, and ours has to hand over its own all the same. */
enum { FILES_MAX = 1 << 17 };

static const struct {
	int resource;
	rlim_t value;
} limits[] = {
	{ RLIMIT_CORE, 1 },
	{ RLIMIT_NOFILE, FILES_MAX },
	{ RLIMIT_STACK, 8 << 20 },
};

/* It ends with its boxes, so the maker need not: its box may still be made when the limits are lower. */
static void
limits_set(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit limit;

		if (getrlimit((__rlimit_resource_t)limits[i].resource, &limit) < 0)
			_exit(1);
		if (limits[i].value < limit.rlim_max)
			limit.rlim_max = limits[i].value;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit((__rlimit_resource_t)limits[i].resource, &limit) < 0)
			_exit(1);
	}
}

struct keeper {
	const struct keeper_place *place;
	struct box_ahead *ahead; /* NULL: none */
	int events;
	bool is_deaf;  /* nobody listens any more */
	bool is_ended; /* it was said how it all ended */
};

static void
say(void *context, const struct run_event *event)
{
	struct keeper *k = context;

	if (k->is_deaf)
		return;
	k->is_deaf = run_event_write(k->events, event) < 0;
	k->is_ended = event->type == RUN_EVENT_ENDED;
}

static void
say_failed(struct keeper *k, const struct err *e)
{
	struct run_event event = { .type = RUN_EVENT_ENDED, .report = { .status = RUN_INTERNAL_ERROR } };

	snprintf(event.report.message, sizeof event.report.message, "%s", e->text);
	say(k, &event);
}

int
keeper_check(const struct keeper_place *place, const struct run_job *job,
             const struct run_language **language, struct err *e)
{
	const struct run_language *first,
	    *l = run_languages_choose(place->languages, place->offers, job->language, job->version, &first);

	if (!l)
		return err_set(e, -EINVAL, "there is no language '%.*s' of that version", RUN_NAME_SIZE,
		               job->language);
	if (!run_limits_are_within(&job->limits, &place->most) ||
	    !run_limits_are_within(&job->compile_limits, &place->compile_most))
		return err_set(e, -EINVAL, "a limit is above the server's maximum");
	if (job->total_ms == 0 || job->total_ms > place->total_ms_most)
		return err_set(e, -EINVAL, "the time of all is above the server's maximum");
	*language = l;
	return 0;
}

/* The file is sealed, so what was checked stays what it was. */
static int
job_map(int fd, const void **bytes, size_t *n, struct err *e)
{
	struct stat st;

	if (fd_check_sealed(fd) < 0)
		return err_set(e, -EPERM, "the job is not sealed");
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "job");
	if (st.st_size <= 0 || st.st_size > JOB_BYTES_MAX)
		return err_set(e, -EBADMSG, "the job is of no good size");
	*bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (*bytes == MAP_FAILED)
		return err_set(e, errno, "map the job");
	*n = (size_t)st.st_size;
	return 0;
}

static int
job_do(struct keeper *k, const struct run_job *job, struct err *e)
{
	const struct run_watcher watcher = { .say = say, .context = k, .cancel = k->events };
	const struct run_language *language;
	struct run_offer offer = { .is_asked = true };
	struct run_place place = k->place->run;
	int rc = keeper_check(k->place, job, &language, e);

	if (rc < 0)
		return rc;
	place.ahead = k->ahead;
	if (k->place->offers)
		offer = k->place->offers[language - k->place->languages->rows];
	/* What is compiled now is to be found in the cache later. */
	if (!offer.is_asked)
		rc = run_offer_find(&k->place->run, language, &offer, e);
	place.version = offer.said;
	return rc < 0 ? rc : run_job_do(&place, language, job, &watcher, e);
}

static _Noreturn void
keep(const struct keeper_place *place, struct box_ahead *ahead, int job_fd, int events)
{
	struct keeper k = { .place = place, .ahead = ahead, .events = events };
	AUTO_FREE struct run_job *job = calloc(1, sizeof *job);
	const void *bytes = NULL;
	struct err e;
	size_t n = 0;
	int rc;

	prctl(PR_SET_NAME, "cfn-run-keeper");
	rc = job ? job_map(job_fd, &bytes, &n, &e) : err_set(&e, ENOMEM, "job");
	close(job_fd);
	if (rc == 0)
		rc = run_job_decode(job, bytes, n, &e);
	if (rc == 0)
		rc = job_do(&k, job, &e);
	if (rc < 0 && rc != -ECANCELED && !k.is_ended)
		say_failed(&k, &e);
	box_ahead_close(ahead);
	_exit(0);
}

void
keeper_run(const struct keeper_place *place, int job, int events)
{
	limits_set();
	keep(place, NULL, job, events);
}

/* Of the maker alone, who passes on what the front has said. */
static bool
job_await(int from, int *job, int *events)
{
	static const struct message_rule rule = { MSG_JOB, sizeof(struct maker_job), sizeof(struct maker_job),
		                                  2, 2 };
	struct message m;
	struct err ignored;

	if (message_receive(from, &m, &ignored) <= 0 || !message_check(&rule, 1, &m, &ignored))
		return false;
	*job = message_take_fd(&m, 0);
	*events = message_take_fd(&m, 1);
	return true;
}

void
keeper_wait(const struct keeper_place *place, const struct run_language *language, int from)
{
	struct box_ahead *ahead = NULL;
	struct err ignored;
	int job, events;

	prctl(PR_SET_NAME, "cfn-run-ahead");
	limits_set();
	/* Without one the box is made when there is a job for it, and what is wrong is said then. */
	if (run_ahead_open(&ahead, &place->run, language, &ignored) < 0)
		ahead = NULL;
	if (job_await(from, &job, &events)) {
		close(from);
		keep(place, ahead, job, events);
	}
	box_ahead_close(ahead);
	_exit(0);
}
