/* lane.c - lanes: sockets to routers, and the stages of a request on one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "lane/lane_parts.h"

enum {
	BODIES_MAX = 128 << 20, /* bytes of all lanes' bodies together; above: 503 */
	READS_MAX = 64,         /* messages of one lane in a turn */
};

/* ---- life ---- */

static void
bodies_count(struct lane *l, size_t n)
{
	l->lanes->n_bodies += n - l->n_counted;
	l->n_counted = n;
}

static void
lane_free(struct lane *l)
{
	bodies_count(l, 0);
	timer_cancel(l->lanes->loop, &l->end);
	timer_cancel(l->lanes->loop, &l->late);
	loop_forget(l->lanes->loop, &l->watch);
	fd_close(&l->watch.fd);
	lane_input_done(&l->in);
	buf_done(&l->out);
	LIST_REMOVE(l, link);
	l->lanes->n--;
	free(l);
}

static void
end_fired(void *context, void *owner)
{
	(void)context;
	lane_free(owner);
}

void
lane_die(struct lane *l)
{
	if (l->stage == LANE_STAGE_DEAD)
		return;
	l->stage = LANE_STAGE_DEAD;
	l->room = NULL;
	timer_cancel(l->lanes->loop, &l->late);
	loop_forget(l->lanes->loop, &l->watch);
	fd_close(&l->watch.fd);
	timer_arm(l->lanes->loop, &l->end, 0);
}

/* The front has a request whose body was not complete. */
static void
front_forgets(struct lane *l)
{
	if (!l->is_begun)
		return;
	l->is_begun = false;
	l->lanes->rules->gone(l->lanes->context, l);
}

/* What the router may be told no more. */
static void
lose(struct lane *l)
{
	bool has_owner = l->stage == LANE_STAGE_SERVING || l->stage == LANE_STAGE_STREAMING;

	lane_die(l);
	if (has_owner)
		l->lanes->rules->gone(l->lanes->context, l);
	else
		front_forgets(l);
}

static void
watch(struct lane *l, uint32_t events)
{
	struct err e;

	if (l->events == events || l->stage == LANE_STAGE_DEAD)
		return;
	l->events = events;
	/* It was watched before, so this is no question of memory. */
	if (loop_watch(l->lanes->loop, &l->watch, events, &e) < 0)
		lane_die(l);
}

void
lane_watch(struct lane *l, bool is_blocked)
{
	watch(l, (l->is_last ? 0 : EPOLLIN) | (is_blocked ? EPOLLOUT : 0));
}

void
lane_next(struct lane *l)
{
	bodies_count(l, 0);
	lane_input_clear(&l->in);
	if (l->out.size > LANE_STREAM_MAX)
		buf_done(&l->out);
	l->owner = NULL;
	l->room = NULL;
	l->is_begun = false;
	l->stage = LANE_STAGE_READING;
	if (l->is_last)
		lane_die(l);
}

/* ---- from the router ---- */

/* What the lane says by itself; no other request is read here. */
static void
refuse(struct lane *l, int status, const char *fields)
{
	static const char text[] = "The body of this request cannot be taken.\n";

	front_forgets(l);
	timer_cancel(l->lanes->loop, &l->late);
	l->is_last = true;
	l->stage = LANE_STAGE_SERVING;
	lane_answer(l, status, fields, "text/plain; charset=utf-8", text, sizeof text - 1);
}

static const char *
param(const struct lane *l, const char *name)
{
	const char *value = lane_input_param(&l->in, name);

	return value ? value : "";
}

/* NULL: it is not below it. */
static const char *
path_below(const struct lane *l)
{
	const char *path = param(l, "CFN_PATH");
	size_t n = strlen(l->lanes->path);

	if (strncmp(path, l->lanes->path, n) != 0 || (path[n] != '\0' && path[n] != '/'))
		return NULL;
	return path + n;
}

static void
late_fired(void *context, void *owner)
{
	(void)context;
	refuse(owner, 408, "");
}

/* False: it is none of ours. */
static bool
request_fill(struct lane *l)
{
	l->request = (struct lane_request){
		.method = param(l, "REQUEST_METHOD"),
		.path = path_below(l),
		.query = param(l, "QUERY_STRING"),
		.content_type = param(l, "CONTENT_TYPE"),
		.accept = param(l, "HTTP_ACCEPT"),
		.client = param(l, "REMOTE_ADDR"),
		.user = param(l, "CFN_USER"),
		.request_id = param(l, "CFN_REQUEST_ID"),
		.body = buf_head(&l->in.body),
		.n_body = buf_used(&l->in.body),
	};
	l->is_head = strcmp(l->request.method, "HEAD") == 0;
	return l->request.path != NULL;
}

/* Behind its params.  False: it was answered, or is none of ours. */
static bool
head_give(struct lane *l)
{
	const struct lane_rules *rules = l->lanes->rules;

	if (!rules->begun || l->is_begun)
		return true;
	if (!request_fill(l)) {
		lose(l);
		return false;
	}
	l->request.n_body = 0;
	/* Answered before its body is here, it is the last: what comes still is not read. */
	l->is_last = !l->in.is_complete;
	l->stage = LANE_STAGE_SERVING;
	if (!rules->begun(l->lanes->context, l, &l->request)) {
		timer_cancel(l->lanes->loop, &l->late);
		return false;
	}
	l->is_begun = true;
	l->is_last = false;
	l->stage = LANE_STAGE_READING;
	return true;
}

static void
request_give(struct lane *l)
{
	if (!request_fill(l)) {
		lose(l);
		return;
	}
	timer_cancel(l->lanes->loop, &l->late);
	l->is_begun = false;
	l->stage = LANE_STAGE_SERVING;
	l->lanes->rules->request(l->lanes->context, l, &l->request);
}

static void
progress_made(struct lane *l, int progress)
{
	if (progress < 0 || progress == LANE_ABORTED) {
		lose(l);
		return;
	}
	bodies_count(l, buf_used(&l->in.body));
	if (l->in.has_params && !head_give(l))
		return;
	if (progress == LANE_LARGE)
		refuse(l, 413, "");
	else if (l->lanes->n_bodies > BODIES_MAX)
		refuse(l, 503, "Retry-After: 1\r\n");
	else if (progress == LANE_REQUEST)
		request_give(l);
}

/* A request that is served may be taken back, and nothing else may come. */
static void
message_take(struct lane *l, const unsigned char *p, size_t n)
{
	bool is_reading = l->stage == LANE_STAGE_READING, was_begun = l->in.has_begun;
	int progress = lane_input_message(&l->in, p, n);

	if (is_reading && !was_begun && l->in.has_begun)
		timer_arm(l->lanes->loop, &l->late, l->lanes->body_us);

	if (is_reading || progress < 0)
		progress_made(l, progress);
	else if (progress == LANE_ABORTED)
		lose(l);
}

/* False: nothing more now. */
static bool
message_get(struct lane *l)
{
	unsigned char data[FCGI_MESSAGE_MAX];
	ssize_t n = recv(l->watch.fd, data, sizeof data, MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > (ssize_t)sizeof data || n < 0) {
		lose(l);
		return false;
	}
	if (n > 0) {
		message_take(l, data, (size_t)n);
		return l->stage == LANE_STAGE_READING;
	}
	/* An answer that is under way is still read. */
	l->is_last = true;
	if (l->stage == LANE_STAGE_READING)
		lose(l);
	else
		lane_watch(l, l->events & EPOLLOUT);
	return false;
}

static void
room_made(struct lane *l)
{
	void (*room)(void *, struct lane *) = l->room;

	lane_flush(l);
	if (!room || l->stage != LANE_STAGE_STREAMING || lane_room(l) < LANE_STREAM_MAX / 2)
		return;
	l->room = NULL;
	room(l->lanes->context, l);
}

static void
serve(void *context, void *owner, uint32_t events)
{
	struct lane *l = owner;

	(void)context;
	/* Both directions: nobody is there. */
	if (events & (EPOLLHUP | EPOLLERR)) {
		lose(l);
		return;
	}
	if (events & EPOLLOUT)
		room_made(l);
	if (!(events & EPOLLIN) || l->is_last)
		return;
	for (int i = 0; i < READS_MAX && l->stage != LANE_STAGE_DEAD && message_get(l); i++)
		;
}

/* ---- all of them ---- */

int
lanes_open(struct lanes **lanes, struct loop *loop, const char *path, const struct lane_rules *rules,
           struct err *e)
{
	struct lanes *new = calloc(1, sizeof *new);
	char *copy = strdup(path);

	if (!new || !copy) {
		free(new);
		free(copy);
		return err_set(e, ENOMEM, "lanes");
	}
	*new = (struct lanes){
		.loop = loop, .rules = rules, .path = copy, .body_us = LANE_BODY_MS * UINT64_C(1000)
	};
	LIST_INIT(&new->list);
	*lanes = new;
	return 0;
}

void
lanes_set_context(struct lanes *lanes, void *context)
{
	lanes->context = context;
}

void
lanes_set_body_time(struct lanes *lanes, uint64_t us)
{
	lanes->body_us = us;
}

void
lanes_close(struct lanes *lanes)
{
	struct lane *l;

	if (!lanes)
		return;
	while ((l = LIST_FIRST(&lanes->list)))
		lane_free(l);
	free(lanes->path);
	free(lanes);
}

int
lane_open(struct lanes *lanes, int fd, struct err *e)
{
	struct lane *l = lanes->n < LANES_MAX ? calloc(1, sizeof *l) : NULL;

	if (!l) {
		close(fd);
		return err_set(e, lanes->n < LANES_MAX ? ENOMEM : EMFILE, "lane");
	}
	l->lanes = lanes;
	l->watch = (struct watch){ .fd = fd, .serve = serve, .owner = l };
	l->end = (struct timer){ .fire = end_fired, .owner = l };
	l->late = (struct timer){ .fire = late_fired, .owner = l };
	l->events = EPOLLIN;
	lane_input_init(&l->in, LANE_PARAMS_MAX, LANE_BODY_MAX);
	buf_init(&l->out, LANE_STREAM_MAX + LANE_HEAD_MAX);
	LIST_INSERT_HEAD(&lanes->list, l, link);
	lanes->n++;
	if (loop_watch(lanes->loop, &l->watch, EPOLLIN, e) == 0)
		return 0;
	lane_free(l);
	return -e->code;
}

size_t
lanes_count(const struct lanes *lanes)
{
	return lanes->n;
}

size_t
lanes_busy(const struct lanes *lanes)
{
	const struct lane *l;
	size_t n = 0;

	LIST_FOREACH(l, &lanes->list, link)
	n += l->stage != LANE_STAGE_DEAD && (l->stage != LANE_STAGE_READING || l->in.has_begun);
	return n;
}
