/* stream.c - a client that hears what happens: server-sent events (HTML Standard, section 9.2).
 *
 * A client that reads slowly holds nothing up: what it has not taken is kept here, bounded; usage is left out
 * first, then output, all of which is in the result once more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/front_parts.h"

enum {
	KEPT_MAX = 4 << 20,        /* bytes of events that a client has not taken */
	OUT_MAX = LANE_ANSWER_MAX, /* and of these with the result */
	HEARD_MAX = 8 << 20, /* bytes of output that become events: as JSON they may be six times as many */
	ALIVE_S = 10,        /* between two comments */
	END_S = 60,          /* for a client to take what is left after the end */
};

static void stream_room(void *context, struct lane *l);

/* As much as the lane takes now; the rest when it has room again. */
static void
stream_flush(struct run *r)
{
	for (size_t n; (n = buf_used(&r->out)) > 0;) {
		size_t room = lane_room(r->lane);

		if (room == 0) {
			lane_await_room(r->lane, stream_room);
			return;
		}
		n = n < room ? n : room;
		lane_say(r->lane, buf_head(&r->out), n);
		buf_consume(&r->out, n);
	}
	buf_done(&r->out);
	buf_init(&r->out, OUT_MAX);
}

/* The end of the answer, and of the run with it. */
static void
stream_close(struct run *r)
{
	struct lane *l = r->lane;

	r->lane = NULL;
	lane_set_owner(l, NULL);
	run_free(r);
	lane_end(l);
}

static void
stream_room(void *context, struct lane *l)
{
	struct run *r = lane_owner(l);

	(void)context;
	if (!r)
		return;
	stream_flush(r);
	if (r->has_ended && buf_used(&r->out) == 0)
		stream_close(r);
}

/* Nothing of it when there is no room for all. */
static void
event_put(struct run *r, const char *word, const char *data, size_t n, size_t max)
{
	static const char end[] = "\n\n";
	size_t size = n + sizeof "event: \ndata: \n\n" - 1 + strlen(word);

	if (buf_used(&r->out) + size > max || !buf_reserve(&r->out, size))
		return;
	buf_printf(&r->out, "event: %s\ndata: ", word);
	buf_append(&r->out, data, n);
	buf_append(&r->out, end, sizeof end - 1);
	stream_flush(r);
}

static void
json_put(struct run *r, const char *word, json_t *json, size_t max)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	if (text)
		event_put(r, word, text, strlen(text), max);
	free(text);
}

static void
stream_event(struct run *r, const struct run_event *event)
{
	bool is_usage = event->type == RUN_EVENT_USAGE;

	if (event->type == RUN_EVENT_ENDED || event->type == RUN_EVENT_FILE)
		return; /* the result has them */
	if (is_usage && buf_used(&r->out) > 0)
		return;
	r->n_heard += event->n;
	if (event->n > 0 && (r->n_heard > HEARD_MAX || buf_used(&r->out) + event->n > KEPT_MAX))
		return;
	json_put(r, run_event_word(event), run_event_json(event, r->job->encoding, &r->voice), KEPT_MAX);
}

static void
comment_put(struct run *r)
{
	char text[64];
	int length = snprintf(text, sizeof text, ": queued, position %zu\n\n",
	                      queue_position(&r->front->queue, &r->waiting));

	if (buf_used(&r->out) == 0 && buf_append(&r->out, text, (size_t)length) == 0)
		stream_flush(r);
}

static void
keep_alive(void *context, void *owner)
{
	struct run *r = owner;

	(void)context;
	comment_put(r);
	timer_arm(r->front->loop, &r->timer, (uint64_t)ALIVE_S * 1000000);
}

static void
stream_queued(struct run *r)
{
	r->timer.fire = keep_alive;
	keep_alive(NULL, r);
}

/* What was said of the first attempt counts no more. */
static void
stream_begun(struct run *r)
{
	r->voice = (struct run_voice){ 0 };
	r->n_heard = 0;
	if (r->attempts > 1)
		json_put(r, "again", json_object(), KEPT_MAX);
}

static void
is_too_slow(void *context, void *owner)
{
	(void)context;
	stream_close(owner);
}

static bool
stream_ended(struct run *r, const char *document, size_t n)
{
	event_put(r, "end", document, n, OUT_MAX);
	if (buf_used(&r->out) > 0) {
		r->timer.fire = is_too_slow;
		timer_arm(r->front->loop, &r->timer, (uint64_t)END_S * 1000000);
		return false;
	}
	lane_set_owner(r->lane, NULL);
	lane_end(r->lane);
	r->lane = NULL;
	return true;
}

void
stream_open(struct run *r)
{
	buf_init(&r->out, OUT_MAX);
	lane_stream(r->lane, 200, "Cache-Control: no-store\r\n", "text/event-stream");
}

const struct run_kind run_kind_stream = {
	.queued = stream_queued,
	.begun = stream_begun,
	.event = stream_event,
	.ended = stream_ended,
};
