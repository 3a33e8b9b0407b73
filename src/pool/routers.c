/* routers.c - the routers: started, told, heard, started again. */
#include "pool/routers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "pool/connections.h"
#include "pool/lanes.h"
#include "pool/pages.h"
#include "pool/pools.h"
#include "pool/streams.h"
#include "pool/tokens.h"
#include "pool/workers.h"

/* All that a router may say. */
static const struct message_rule rules[] = {
	{ MSG_ROUTER_READY, 0, 0, 0, 0 },
	{ MSG_WANT, sizeof(struct want), sizeof(struct want), 0, 0 },
	{ MSG_OVERRUN, sizeof(struct overrun), sizeof(struct overrun), 0, 0 },
	{ MSG_IDLE, sizeof(struct process_ref), sizeof(struct process_ref), 0, 0 },
	{ MSG_RELEASED, sizeof(struct process_ref), sizeof(struct process_ref), 0, 0 },
	{ MSG_DRAINED, 0, 0, 0, 0 },
	{ MSG_COUNTERS, 0, 0, 0, 0 },
	{ MSG_REQUEST_FAILED, sizeof(struct request_failed), sizeof(struct request_failed), 0, 0 },
	{ MSG_DENIED, sizeof(struct denied_report), sizeof(struct denied_report), 0, 0 },
	{ MSG_STREAM, sizeof(struct process_ref), sizeof(struct process_ref), 0, 0 },
	{ MSG_STREAM_ENDED, sizeof(struct stream_ended), sizeof(struct stream_ended), 0, 0 },
	{ MSG_TOKENS_TAKEN, sizeof(struct tokens_serial), sizeof(struct tokens_serial), 0, 0 },
	{ MSG_SLOW, sizeof(struct slow_report), sizeof(struct slow_report) + FAILURE_OUTPUT_MAX, 0, 0 },
	{ MSG_FAILURE, sizeof(struct failure_report), sizeof(struct failure_report) + FAILURE_OUTPUT_MAX, 0,
	  0 },
	{ MSG_CONNECTION, 0, 0, 1, 1 },
	{ MSG_ASK_PAGE, sizeof(struct page_ref), sizeof(struct page_ref), 0, 0 },
	{ MSG_ASK_LOG, sizeof(struct version_ref), sizeof(struct version_ref), 0, 0 },
};

/* The worker that the message names, when this router has it; a late word about another is no fault. */
static struct worker *
leased_worker(struct master *m, const struct router *router, const struct message *message)
{
	struct process_ref ref;
	struct worker *w;

	memcpy(&ref, message->body, sizeof ref); /* every such message begins with the id */
	w = worker_find(m, ref.id);
	return w && w->router == router ? w : NULL;
}

static void
on_ready(struct master *m, struct router *router, const struct message *message)
{
	(void)message;
	if (router->stage != ROUTER_STARTING)
		return;
	timer_cancel(&m->loop, &router->timer);
	router->stage = ROUTER_SERVING;
	router->ready_us = clock_now_us();
	router->was_serving = true;
	leases_router_serves(m);
}

static void
on_want(struct master *m, struct router *router, const struct message *message)
{
	struct want want;

	memcpy(&want, message->body, sizeof want);
	leases_want(m, router, &want);
}

static void
on_overrun(struct master *m, struct router *router, const struct message *message)
{
	struct worker *w = leased_worker(m, router, message);
	struct overrun overrun;

	memcpy(&overrun, message->body, sizeof overrun);
	if (w && overrun.cause > CAUSE_NONE && overrun.cause < CAUSE_COUNT)
		worker_kill(m, w, (enum cause)overrun.cause);
}

static void
on_idle(struct master *m, struct router *router, const struct message *message)
{
	struct worker *w = leased_worker(m, router, message);

	if (w)
		leases_idle(m, w);
}

static void
on_released(struct master *m, struct router *router, const struct message *message)
{
	struct worker *w = leased_worker(m, router, message);

	if (w)
		leases_released(m, w);
}

static void
on_stream(struct master *m, struct router *router, const struct message *message)
{
	struct worker *w = leased_worker(m, router, message);

	if (w)
		stream_ask(m, w);
}

static void
on_stream_ended(struct master *m, struct router *router, const struct message *message)
{
	struct worker *w = leased_worker(m, router, message);
	struct stream_ended ended;

	memcpy(&ended, message->body, sizeof ended);
	if (w)
		leases_stream_ended(m, w, ended.n_served);
}

static void
on_drained(struct master *m, struct router *router, const struct message *message)
{
	(void)message;
	if (m->phase != PHASE_DRAINING)
		return;
	router->stage = ROUTER_DRAINED;
	drain_check(m);
}

static void
on_counters(struct master *m, struct router *router, const struct message *message)
{
	(void)message;
	router->has_counters = true;
	router->is_asked = false;
	control_counters_came(m);
}

static void
on_request_failed(struct master *m, struct router *router, const struct message *message)
{
	struct worker *w = leased_worker(m, router, message);
	struct request_failed failed;

	memcpy(&failed, message->body, sizeof failed);
	if (w)
		worker_request_failed(m, w, &failed);
}

static void
record_denied(struct master *m, const struct pool *pool, const struct denied_report *d, const char *name,
              uint32_t n)
{
	audit_note(m, &(struct audit_note){ .event = AUDIT_DENIED,
	                                    .function = pool->start.function,
	                                    .version = pool->start.version,
	                                    .syscall = name,
	                                    .request = d->request,
	                                    .count = n });
}

/* A report that comes after its version is nobody's. */
static void
on_denied(struct master *m, struct router *router, const struct message *message)
{
	struct denied_report d;
	struct pool *pool;
	uint32_t others;

	(void)router;
	memcpy(&d, message->body, sizeof d);
	d.request[sizeof d.request - 1] = '\0';
	pool = pool_find(m, d.version);
	if (!pool || d.n == 0)
		return;
	if (pool->function)
		pool->function->counts.n_denied += d.n;
	others = d.n;
	for (size_t i = 0; i < d.n_kinds && i < DENIED_KINDS_MAX; i++) {
		d.kinds[i].name[CALL_NAME_SIZE - 1] = '\0';
		record_denied(m, pool, &d, d.kinds[i].name, d.kinds[i].n);
		others -= d.kinds[i].n < others ? d.kinds[i].n : others;
	}
	if (others > 0)
		record_denied(m, pool, &d, "others", others);
	storm_calls(m, pool, d.n);
}

static void
on_tokens_taken(struct master *m, struct router *router, const struct message *message)
{
	struct tokens_serial taken;

	memcpy(&taken, message->body, sizeof taken);
	router->tokens = taken.serial;
	control_tokens_taken(m);
}

/* The request's id as gate and clients have it, or none. */
static bool
is_request_id(const char *id)
{
	return strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == strlen(id);
}

static void
on_failure(struct master *m, struct router *router, const struct message *message)
{
	struct failure_report report;
	struct pool *pool;

	(void)router;
	memcpy(&report, message->body, sizeof report);
	report.request[sizeof report.request - 1] = '\0';
	pool = pool_find(m, report.version);
	if (!pool || report.cause <= CAUSE_NONE || report.cause >= CAUSE_COUNT ||
	    !is_request_id(report.request))
		return;
	crash_record(m, pool, &report, (const char *)message->body + sizeof report,
	             message->length - sizeof report);
}

static void
on_connection(struct master *m, struct router *router, const struct message *message)
{
	(void)router;
	connections_leave(m, message->fds[0]);
}

static void
on_slow(struct master *m, struct router *router, const struct message *message)
{
	struct worker *w = leased_worker(m, router, message);
	struct slow_report report;

	memcpy(&report, message->body, sizeof report);
	report.request.request[sizeof report.request.request - 1] = '\0';
	report.request.cause = CAUSE_NONE;
	if (!w || worker_is_lane(w) || report.pid < 0 || !is_request_id(report.request.request))
		return;
	slow_request(m, w, &report, (const char *)message->body + sizeof report,
	             message->length - sizeof report);
}

static void
on_ask_page(struct master *m, struct router *router, const struct message *message)
{
	struct page_ref ref;

	memcpy(&ref, message->body, sizeof ref);
	pages_ask(m, router, ref.page);
}

/* Why there is none is said about once a second, however often a router asks. */
static void
on_ask_log(struct master *m, struct router *router, const struct message *message)
{
	struct version_ref ref;
	const struct pool *pool;
	AUTO_FD fd = -1;
	struct err e;

	memcpy(&ref, message->body, sizeof ref);
	pool = pool_find(m, ref.id);
	if (pool && m->logs.kinds.is_each) {
		fd = logs_open_function(m->config, pool->start.function, &e);
		if (fd < 0 && clock_now_us() - m->logs.refused_us >= 1000000) {
			m->logs.refused_us = clock_now_us();
			log_line(LOG_ERR, "%s; its lines go to standard error", e.text);
		}
	}
	channel_send(&router->channel, MSG_FUNCTION_LOG, &ref, sizeof ref, &fd, fd < 0 ? 0 : 1);
}

static const struct {
	uint32_t type;
	void (*serve)(struct master *m, struct router *router, const struct message *message);
} handlers[] = {
	{ MSG_ROUTER_READY, on_ready },
	{ MSG_WANT, on_want },
	{ MSG_OVERRUN, on_overrun },
	{ MSG_IDLE, on_idle },
	{ MSG_RELEASED, on_released },
	{ MSG_DRAINED, on_drained },
	{ MSG_COUNTERS, on_counters },
	{ MSG_REQUEST_FAILED, on_request_failed },
	{ MSG_DENIED, on_denied },
	{ MSG_STREAM, on_stream },
	{ MSG_STREAM_ENDED, on_stream_ended },
	{ MSG_TOKENS_TAKEN, on_tokens_taken },
	{ MSG_SLOW, on_slow },
	{ MSG_FAILURE, on_failure },
	{ MSG_CONNECTION, on_connection },
	{ MSG_ASK_PAGE, on_ask_page },
	{ MSG_ASK_LOG, on_ask_log },
};

static void
on_end(struct master *m, void *owner, const struct err *why)
{
	struct router *router = owner;

	if (why->code != EPIPE) /* its end is told by MSG_PROCESS_ENDED */
		log_line(LOG_WARNING, "router %u: %s", router->index, why->text);
	channel_close(&router->channel);
	spawner_kill(m, router->id);
}

static void
on_message(struct master *m, void *owner, struct message *message)
{
	struct router *router = owner;
	struct err e;

	if (!message_check(rules, ARRAY_SIZE(rules), message, &e)) {
		on_end(m, router, &e);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		if (handlers[i].type == message->type)
			handlers[i].serve(m, router, message);
}

static void
fill_start(const struct master *m, const struct router *router, struct start_router *s)
{
	const struct config *c = m->config;

	s->id = router->id;
	s->n_connections = (uint32_t)c->connections;
	s->cache_size = c->cache_size;
	s->has_metrics = m->metrics.fd >= 0;
	if (m->listener.is_tcp)
		snprintf(s->allowed_clients, sizeof s->allowed_clients, "%s", c->listen_allowed_clients);
	snprintf(s->mount_prefix, sizeof s->mount_prefix, "%s", c->mount_prefix);
	s->syslog = m->logs.kinds;
	snprintf(s->access_format, sizeof s->access_format, "%s", c->access_format);
	memcpy(s->page_paths, c->page_paths, sizeof s->page_paths);
	memcpy(s->ping_response, c->ping_response, sizeof s->ping_response);
}

static int
router_start(struct master *m, struct router *router, struct err *e)
{
	struct start_router start = { 0 };
	int pair[2], rc;
	AUTO_FD theirs = -1;

	if (router->scoreboard < 0)
		router->scoreboard = scoreboard_make(&router->board, e);
	rc = router->scoreboard < 0 ? router->scoreboard : message_pair(pair, e);
	if (rc < 0)
		return rc;
	theirs = pair[1];
	rc = channel_open(&router->channel, &m->loop, pair[0], e);
	if (rc < 0) {
		channel_close(&router->channel);
		return rc;
	}
	router->id = master_next_id(m);
	router->stage = ROUTER_STARTING;
	router->ready_us = 0;
	fill_start(m, router, &start);
	channel_send(&m->spawner_channel, MSG_START_ROUTER, &start, sizeof start,
	             (int[]){ m->listener.fd, theirs, m->logs.fds[LOG_FILE_ACCESS],
	                      m->logs.fds[LOG_FILE_FUNCTION], m->logs.fds[LOG_FILE_ERROR], router->scoreboard,
	                      m->metrics.fd },
	             m->metrics.fd < 0 ? 6 : 7);
	timer_arm(&m->loop, &router->timer, START_TIMEOUT_MS * UINT64_C(1000));
	channel_send(&router->channel, MSG_SESSION_KEYS, &m->session_keys, sizeof m->session_keys, NULL, 0);
	/* Before the routes: no request may find a function whose tokens are not known. */
	router->tokens = 0;
	token_list_tell(m, router);
	if (m->snapshot >= 0)
		channel_send(&router->channel, MSG_SNAPSHOT, NULL, 0, &m->snapshot, 1);
	return 0;
}

static void
timer_fired(void *context, void *owner)
{
	struct master *m = context;
	struct router *router = owner;
	struct err e;

	if (router->stage == ROUTER_STARTING) {
		log_line(LOG_ERR, "router %u was not ready within %d s", router->index,
		         START_TIMEOUT_MS / 1000);
		spawner_kill(m, router->id);
		return;
	}
	if (router->stage != ROUTER_DOWN || m->phase != PHASE_SERVING)
		return;
	if (router_start(m, router, &e) == 0)
		return;
	log_line(LOG_ERR, "router %u cannot start: %s", router->index, e.text);
	backoff_failed(&router->backoff, clock_now_us(), 0);
	timer_arm(&m->loop, &router->timer, BACKOFF_MAX_MS * UINT64_C(1000));
}

void
routers_init(struct master *m)
{
	for (unsigned i = 0; i < ROUTERS_MAX; i++) {
		struct router *r = &m->routers[i];

		r->index = i;
		r->channel.watch.fd = r->scoreboard = -1;
		r->channel.owner = r;
		r->channel.on_message = on_message;
		r->channel.on_end = on_end;
		r->timer = (struct timer){ .fire = timer_fired, .owner = r };
	}
}

int
routers_start(struct master *m, struct err *e)
{
	m->n_routers = (size_t)m->config->routers;
	for (size_t i = 0; i < m->n_routers; i++) {
		int rc = router_start(m, &m->routers[i], e);

		if (rc < 0)
			return err_wrap(e, "start router");
	}
	return 0;
}

bool
router_is_serving(const struct router *router)
{
	return router->stage == ROUTER_SERVING;
}

bool
routers_are_serving(const struct master *m)
{
	for (size_t i = 0; i < m->n_routers; i++)
		if (!router_is_serving(&m->routers[i]))
			return false;
	return true;
}

void
router_counters(const struct router *router, struct router_counters *counters)
{
	const size_t gauges = offsetof(struct router_counters, connections_active);

	*counters = (struct router_counters){ 0 };
	if (router->board)
		scoreboard_counters(router->board, counters);
	if (router->stage == ROUTER_DOWN)
		memset((char *)counters + gauges, 0, sizeof *counters - gauges);
}

struct router *
router_find(struct master *m, uint32_t id)
{
	for (size_t i = 0; i < m->n_routers; i++)
		if (m->routers[i].id == id && id != 0)
			return &m->routers[i];
	return NULL;
}

void
router_has_ended(struct master *m, struct router *router, const struct process_ended *ended)
{
	char text[ENDING_TEXT_SIZE];

	ending_format(&ended->ending, text);
	channel_close(&router->channel);
	router->id = 0;
	router->stage = ROUTER_DOWN;
	leases_router_gone(m, router);
	control_tokens_taken(m);
	if (m->phase == PHASE_DRAINING) {
		drain_check(m);
		return;
	}
	log_line(LOG_ERR, "router %u ended: %s%s%s", router->index, text, ended->reason[0] ? ", " : "",
	         ended->reason);
	if (!router->was_serving) {
		/* It never could: starting it again would not help. */
		master_stop(m, 70);
		return;
	}
	backoff_failed(&router->backoff, clock_now_us(), router->ready_us);
	timer_arm(&m->loop, &router->timer, backoff_left(&router->backoff, clock_now_us()) + 1);
}

void
routers_tell_keys(struct master *m)
{
	for (size_t i = 0; i < m->n_routers; i++)
		if (m->routers[i].stage != ROUTER_DOWN)
			channel_send(&m->routers[i].channel, MSG_SESSION_KEYS, &m->session_keys,
			             sizeof m->session_keys, NULL, 0);
}

void
routers_tell(struct master *m, uint32_t type, const int *fds, size_t n_fds)
{
	for (size_t i = 0; i < m->n_routers; i++)
		if (m->routers[i].stage != ROUTER_DOWN)
			channel_send(&m->routers[i].channel, type, NULL, 0, fds, n_fds);
}

void
routers_tell_logs(struct master *m)
{
	for (size_t i = 0; i < m->n_routers; i++)
		if (m->routers[i].stage != ROUTER_DOWN)
			channel_send(&m->routers[i].channel, MSG_LOGS, &m->logs.kinds, sizeof m->logs.kinds,
			             m->logs.fds, LOG_FILES);
}
