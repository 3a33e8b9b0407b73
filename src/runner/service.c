/* service.c - the front's process: what the master says, and the turns of the loop. */
#include "runner/service.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/macros.h"
#include "ipc/message.h"
#include "ipc/start.h"
#include "runner/front.h"
#include "runner/maker.h"
#include "sandbox/confine.h"

enum {
	TICK_US = 1000 * 1000,
	FILES_MAX = 4096,
};
#define ADDRESS_SPACE (8ULL << 30) /* bytes: bodies, answers and events have bounds of their own below it */

struct service {
	struct service_start start;
	struct loop loop;
	struct lanes *lanes;
	struct maker_link *link;
	struct front *front;
	struct watch master;
	struct timer tick;
	struct run_counters said;
	struct run_offer offers[RUN_LANGUAGES_MAX];
	struct message message;
	bool is_ready, has_begun, is_draining, is_done;
};

static const char *const levels[] = {
	[ISOLATION_NONE] = "none",
	[ISOLATION_STRONG] = "strong",
	[ISOLATION_FULL] = "full",
};

/* ---- what the master says ---- */

static void
take_lane(struct service *s)
{
	struct err e;

	if (lane_open(s->lanes, message_take_fd(&s->message, 0), &e) < 0)
		log_line(LOG_WARNING, "%s", e.text);
}

static void
take_drain(struct service *s)
{
	s->is_draining = true;
	front_drain(s->front);
}

static const struct message_rule master_may_say[] = {
	{ MSG_LANE, sizeof(struct process_ref), sizeof(struct process_ref), 1, 1 },
	{ MSG_DRAIN, 0, 0, 0, 0 },
};

static void (*const takes[ARRAY_SIZE(master_may_say)])(struct service *) = { take_lane, take_drain };

static void
master_serve(void *context, void *owner, uint32_t events)
{
	struct service *s = owner;
	const struct message_rule *rule;
	struct err e;
	int rc = message_receive(s->master.fd, &s->message, &e);

	(void)context;
	(void)events;
	if (rc == -EAGAIN || rc == -EMFILE)
		return;
	rule = rc > 0 ? message_check(master_may_say, ARRAY_SIZE(master_may_say), &s->message, &e) : NULL;
	if (rule)
		takes[rule - master_may_say](s);
	else
		s->is_done = true;
	if (rc < 0 || (rc > 0 && !rule))
		log_line(LOG_ERR, "the master: %s", e.text);
	if (rc > 0)
		message_done(&s->message);
}

/* ---- what it hears ---- */

static void
say_failed(const struct service_start *start, const struct err *failure)
{
	struct err e;

	message_send(start->report, REPORT_FAILED, failure->text, strlen(failure->text), NULL, 0, &e);
}

/* Once it is known which languages there are: who asks first shall not hear of none.  Their versions take a
 * while longer. */
static void
say_ready(struct service *s)
{
	const struct process_ready ready = { 0 };
	struct err e;

	if (s->is_ready || !maker_link_has_offers(s->link))
		return;
	s->is_ready = true;
	front_open(s->front);
	s->is_done |= message_send(s->start.report, REPORT_READY, &ready, sizeof ready, NULL, 0, &e) < 0;
	fd_close(&s->start.report);
}

/* What the store has may be of a version. */
static void
begin(struct service *s)
{
	if (s->has_begun || !s->is_ready || !maker_link_has_versions(s->link))
		return;
	s->has_begun = true;
	front_begin(s->front);
}

/* A master that reads nothing now hears it the next time. */
static void
tick(void *context, void *owner)
{
	struct service *s = owner;
	struct run_counters now;
	struct err e;

	(void)context;
	memset(&now, 0, sizeof now);
	front_count(s->front, &now);
	if (memcmp(&now, &s->said, sizeof now) != 0 &&
	    message_send(s->master.fd, MSG_RUN_COUNTERS, &now, sizeof now, NULL, 0, &e) == 0)
		s->said = now;
	timer_arm(&s->loop, &s->tick, TICK_US);
}

/* ---- start ---- */

/* 0 and 1 too: SQLite does without descriptors below 3, and here is no /dev/null to fill them with. */
static int
confine(const struct service_start *start, int epoll, struct err *e)
{
	const int keep[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, start->master,
		             start->maker, start->report, epoll };
	const struct confine_runner c = { .folder = start->folder,
		                          .keep = keep,
		                          .n_keep = ARRAY_SIZE(keep),
		                          .files = FILES_MAX,
		                          .memory = ADDRESS_SPACE };

	/* Later it could read no random bytes for it. */
	json_object_seed(0);
	return confine_runner(&c, e);
}

static int
front_start(struct service *s, struct err *e)
{
	const struct start_runner *start = s->start.start;
	const struct front_rules rules = {
		.folder = "/",
		.path = start->location,
		.client = start->client,
		.max_concurrent = start->max_concurrent,
		.queue = start->queue,
		.queue_share = start->queue_share,
		.retention_s = start->retention_s,
		.store_size = start->store_size,
		.isolation =
		    start->level < ARRAY_SIZE(levels) ? levels[start->level] : levels[ISOLATION_NONE],
		.run = { .languages = s->start.languages,
		         .offers = s->offers,
		         .most = maker_limits(&start->most),
		         .compile_most = maker_limits(&start->compile_most),
		         .total_ms_most = start->total_ms,
		         .cpu_share = start->cpu_share },
	};

	return front_new(&s->front, &s->loop, s->link, &rules, e);
}

static int
master_watch(struct service *s, struct err *e)
{
	s->master = (struct watch){ .fd = s->start.master, .serve = master_serve, .owner = s };
	s->tick = (struct timer){ .fire = tick, .owner = s };
	timer_arm(&s->loop, &s->tick, TICK_US);
	return fd_set_blocking(s->master.fd, 0) < 0 ? err_set(e, errno, "the master's channel")
	                                            : loop_watch(&s->loop, &s->master, EPOLLIN, e);
}

static int
open_all(struct service *s, struct err *e)
{
	int rc = loop_init(&s->loop, e);

	if (rc == 0)
		rc = confine(&s->start, s->loop.epoll, e);
	if (rc == 0)
		rc = maker_link_open(&s->link, &s->loop, s->start.maker, s->offers, e);
	if (rc == 0) {
		maker_link_know(s->link, s->start.languages);
		rc = front_start(s, e);
	}
	if (rc == 0)
		rc = lanes_open(&s->lanes, &s->loop, s->start.start->path, &front_lane_rules, e);
	if (rc == 0)
		rc = master_watch(s, e);
	return rc;
}

static bool
is_over(const struct service *s)
{
	return s->is_done || (s->is_draining && front_is_idle(s->front) && lanes_busy(s->lanes) == 0);
}

int
service_run(const struct service_start *start)
{
	struct service *s = calloc(1, sizeof *s);
	struct err e = { 0 };
	int rc = s ? 0 : err_set(&e, ENOMEM, "start");

	if (rc == 0) {
		s->start = *start;
		rc = open_all(s, &e);
	}
	if (rc < 0) {
		say_failed(start, &e);
		return EXIT_FAILURE;
	}
	lanes_set_context(s->lanes, s->front);
	while (rc == 0 && !is_over(s)) {
		rc = loop_turn(&s->loop, s->front, &e);
		say_ready(s);
		begin(s);
	}
	if (rc < 0)
		log_line(LOG_ERR, "%s", e.text);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
