/* failure.c - what the master records of a function that failed: told when it is known how its process ended,
 * with the last lines that it wrote, and so often at most that they can be written down. */
#include <string.h>

#include "router/router.h"

/* What a function can be asked about: it ended badly, or had to be ended. */
static const bool is_failure[CAUSE_COUNT] = {
	[CAUSE_CRASH] = true,          [CAUSE_MEMORY_LIMIT] = true, [CAUSE_SYSCALL_DENIED] = true,
	[CAUSE_BAD_RESPONSE] = true,   [CAUSE_OUTPUT_LIMIT] = true, [CAUSE_WALL_TIME_LIMIT] = true,
	[CAUSE_CPU_TIME_LIMIT] = true,
};

/* The oldest lines make room. */
static void
make_room(struct buf *b, size_t n)
{
	while (buf_room(b) < n && buf_used(b) > 0) {
		const char *end = memchr(buf_head(b), '\n', buf_used(b));

		buf_consume(b, end ? (size_t)(end - buf_head(b)) + 1 : buf_used(b));
	}
}

void
failure_line(struct worker *w, const struct request *q, struct span line)
{
	uint16_t of = q ? q->dispatch : 0;

	/* Behind its failure there is none, but its last words are about that. */
	if (of != w->said_of && !w->has_failure) {
		buf_clear(&w->said);
		w->said_of = of;
	}
	make_room(&w->said, line.n + 1);
	if (buf_append(&w->said, line.p, line.n) == 0)
		buf_append(&w->said, "\n", 1);
}

static void
describe(const struct router *r, const struct worker *w, const struct request *q, struct failure_report *f)
{
	*f = (struct failure_report){ .version = w->pool->function.version_id,
		                      .n = 1,
		                      .ending = q->ending,
		                      .elapsed_us = r->now_us - q->dispatched_us,
		                      .cpu_us = q->cpu_us,
		                      .method = q->method,
		                      .route = q->route };
	memcpy(f->request, q->id, sizeof f->request);
}

void
failure_note(struct router *r, struct worker *w, const struct request *q, enum cause cause)
{
	struct failure_report *f = &w->failure;

	if (!is_failure[cause] || w->has_failure || w->pool->function.is_run)
		return;
	w->has_failure = true;
	describe(r, w, q, f);
	f->cause = cause;
	if (w->said_of != q->dispatch)
		buf_clear(&w->said);
}

/* A client that knows how to make a function crash does so thousands of times in a second. */
static bool
is_too_often(const struct router *r, struct pool *p)
{
	p->n_failures++;
	return p->failure_us > 0 && r->now_us - p->failure_us < FAILED_WAIT_MS * 1000;
}

static void
send(struct router *r, struct worker *w)
{
	struct {
		struct failure_report report;
		char lines[FAILURE_OUTPUT_MAX];
	} told;
	size_t n = buf_used(&w->said);

	told.report = w->failure;
	told.report.version = w->pool->function.version_id; /* without a request nobody has described it */
	told.report.n = w->pool->n_failures;
	if (n > 0)
		memcpy(told.lines, buf_head(&w->said), n);
	master_say(r, MSG_FAILURE, &told, sizeof told.report + n);
	w->pool->failure_us = r->now_us;
	w->pool->n_failures = 0;
}

void
failure_tell(struct router *r, struct worker *w, enum cause cause, const struct ending *ending)
{
	if (!w->has_failure && (!is_failure[cause] || w->pool->function.is_run))
		return;
	output_now(r, w);
	if (!w->has_failure)
		w->failure = (struct failure_report){ .cause = cause, .cpu_us = -1 };
	if (ending->code != 0)
		w->failure.ending = *ending;
	if (!is_too_often(r, w->pool))
		send(r, w);
	w->has_failure = false;
	buf_clear(&w->said);
}

static void
say_slow(struct router *r, struct worker *w, const struct request *q, bool is_last)
{
	struct {
		struct slow_report report;
		char lines[FAILURE_OUTPUT_MAX];
	} told;
	size_t n = w->said_of == q->dispatch ? buf_used(&w->said) : 0;

	told.report =
	    (struct slow_report){ .worker = w->id, .pid = w->is_fresh ? w->child : 0, .is_last = is_last };
	describe(r, w, q, &told.report.request);
	if (w->cpu_start_us >= 0)
		told.report.request.cpu_us = w->cpu_last_us - w->cpu_start_us;
	if (n > 0)
		memcpy(told.lines, buf_head(&w->said), n);
	master_say(r, MSG_SLOW, &told, sizeof told.report + n);
}

void
failure_slow(struct router *r, struct worker *w, struct request *q)
{
	q->is_slow_said = true;
	r->counters.slow_requests++;
	if (!w->pool->function.is_run)
		say_slow(r, w, q, false);
}

void
failure_look(struct router *r, struct worker *w)
{
	if (w->pool->function.is_run || (w->is_fresh && !w->has_hello))
		return;
	say_slow(r, w, TAILQ_FIRST(&w->in_flight), true);
	w->is_looked_at = w->is_fresh;
}
