/* running.c - the front's side of a job: its bytes to the maker, its events back. */
#include "runner/running.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "ipc/message.h"
#include "runner/maker.h"

enum {
	READ_SIZE = 64 << 10,
	EVENT_MAX = RUN_KEPT_MAX + (1 << 20), /* bytes of one event, with room for what follows it */
	MARGIN_MS = 10000,                    /* that a keeper may need beyond its job's time */
	LINGER_MS = 60000,                    /* and after it was cancelled, or has said how it ended */
};

struct running {
	struct maker_link *link;
	struct watch events;
	struct timer net; /* a keeper that does not end; then the end of this struct */
	LIST_ENTRY(running) entry;
	const struct running_rules *rules;
	void *owner;
	struct buf in;
	bool is_over; /* nothing more is called */
};

struct maker_link {
	struct loop *loop;
	struct watch channel;
	const struct run_languages *languages; /* NULL: not known */
	struct run_offer *offers;
	bool has_offers;
	size_t n_offers;
	uint32_t number;
	struct message message;
	size_t n_keepers;
	LIST_HEAD(, running) list;
};

/* ---- one job ---- */

static void
running_free(struct running *r)
{
	timer_cancel(r->link->loop, &r->net);
	loop_forget(r->link->loop, &r->events);
	fd_close(&r->events.fd);
	buf_done(&r->in);
	LIST_REMOVE(r, entry);
	free(r);
}

/* Its keeper has ended, or is let go.  The memory lives until the next turn: this may be a call out of one of
 * ours. */
static void
leave(struct running *r)
{
	r->is_over = true;
	r->link->n_keepers--;
	loop_forget(r->link->loop, &r->events);
	fd_close(&r->events.fd);
	timer_arm(r->link->loop, &r->net, 0);
}

static void
net_fired(void *context, void *owner)
{
	struct running *r = owner;
	bool is_heard = !r->is_over;

	if (r->events.fd < 0) {
		running_free(r);
		return;
	}
	leave(r);
	if (is_heard)
		r->rules->ended(r->owner, -ETIMEDOUT);
	else
		r->rules->gone(context);
}

/* A keeper hears it, and ends its box.  Until it is gone it counts as one: clients that leave would have more
 * of them made than there may be. */
static void
linger(struct running *r)
{
	r->is_over = true;
	shutdown(r->events.fd, SHUT_WR);
	timer_arm(r->link->loop, &r->net, LINGER_MS * 1000ULL);
}

void
running_cancel(struct running *r)
{
	if (!r->is_over)
		linger(r);
}

/* Its keeper has gone, or has to. */
static void
end(struct running *r, int rc)
{
	if (r->is_over)
		return;
	leave(r);
	r->rules->ended(r->owner, rc);
}

/* All that is whole. */
static void
events_take(struct running *r)
{
	struct run_event event;
	int rc = 0;

	while (!r->is_over && (rc = run_event_read(&r->in, &event)) > 0) {
		r->rules->event(r->owner, &event);
		if (event.type == RUN_EVENT_ENDED && !r->is_over) {
			linger(r);
			r->rules->ended(r->owner, 0);
		}
	}
	if (rc < 0)
		end(r, rc);
}

/* What is said when nobody listens any more. */
static void
end_await(struct running *r, void *context)
{
	char unheard[READ_SIZE];
	ssize_t n = recv(r->events.fd, unheard, sizeof unheard, MSG_DONTWAIT);

	buf_done(&r->in);
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	leave(r);
	r->rules->gone(context);
}

static void
events_serve(void *context, void *owner, uint32_t events)
{
	struct running *r = owner;
	char *to;
	ssize_t n;

	(void)events;
	if (r->is_over) {
		end_await(r, context);
		return;
	}
	to = buf_reserve(&r->in, READ_SIZE);
	if (!to) {
		end(r, -ENOMEM);
		return;
	}
	n = recv(r->events.fd, to, READ_SIZE, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(r, -EPIPE);
		return;
	}
	buf_commit(&r->in, (size_t)n);
	events_take(r);
}

/* ---- starting one ---- */

static int
job_seal(const struct run_job *job, struct err *e)
{
	struct buf bytes;
	int rc;

	buf_init(&bytes, JOB_BYTES_MAX);
	rc = run_job_encode(job, &bytes);
	if (rc < 0)
		err_set(e, -rc, "job");
	else
		rc = fd_sealed_memory("job", buf_head(&bytes), buf_used(&bytes), e);
	buf_done(&bytes);
	return rc;
}

/* Its number in the maker's table; any for one that nobody knows. */
static uint32_t
language_of(const struct maker_link *link, const struct run_job *job)
{
	const struct run_language *first = NULL, *found = NULL;

	if (link->languages)
		found = run_languages_choose(link->languages, link->has_offers ? link->offers : NULL,
		                             job->language, job->version, &first);
	return found ? (uint32_t)(found - link->languages->rows) : 0;
}

static int
job_send(struct maker_link *link, const struct run_job *job, int events, struct err *e)
{
	const struct maker_job asked = { .number = ++link->number, .language = language_of(link, job) };
	AUTO_FD bytes = job_seal(job, e);
	int fds[2] = { bytes, events };

	return bytes < 0
	           ? bytes
	           : message_send(link->channel.fd, MSG_JOB, &asked, sizeof asked, fds, ARRAY_SIZE(fds), e);
}

static struct running *
running_new(struct maker_link *link, int events, struct err *e)
{
	struct running *r = calloc(1, sizeof *r);

	if (!r) {
		err_set(e, ENOMEM, "job");
		return NULL;
	}
	r->link = link;
	r->events = (struct watch){ .fd = events, .serve = events_serve, .owner = r };
	r->net = (struct timer){ .fire = net_fired, .owner = r };
	buf_init(&r->in, EVENT_MAX);
	if (loop_watch(link->loop, &r->events, EPOLLIN, e) < 0) {
		free(r);
		return NULL;
	}
	LIST_INSERT_HEAD(&link->list, r, entry);
	link->n_keepers++;
	return r;
}

struct running *
running_start(struct maker_link *link, const struct run_job *job, const struct running_rules *rules,
              void *owner, struct err *e)
{
	AUTO_FD ours = -1;
	AUTO_FD theirs = -1;
	struct running *r;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		err_set(e, errno, "job");
		return NULL;
	}
	ours = pair[0];
	theirs = pair[1];
	if (job_send(link, job, theirs, e) < 0)
		return NULL;
	r = running_new(link, ours, e);
	if (!r)
		return NULL;
	ours = -1;
	r->rules = rules;
	r->owner = owner;
	timer_arm(link->loop, &r->net, (job->total_ms + MARGIN_MS) * 1000);
	return r;
}

/* ---- the maker ---- */

/* Its own end is ours, and is seen by the channel to the master's owner: nothing is served without it. */
static void
channel_serve(void *context, void *owner, uint32_t events)
{
	struct maker_link *link = owner;
	const struct message_rule rule = { MSG_OFFERS, 0, RUN_LANGUAGES_MAX * sizeof(struct run_offer), 0,
		                           0 };
	struct err e;
	int rc = message_receive(link->channel.fd, &link->message, &e);

	(void)context;
	(void)events;
	if (rc == -EAGAIN)
		return;
	if (rc <= 0) {
		loop_forget(link->loop, &link->channel);
		return;
	}
	if (message_check(&rule, 1, &link->message, &e)) {
		memcpy(link->offers, link->message.body, link->message.length);
		link->has_offers = true;
		link->n_offers = link->message.length / sizeof *link->offers;
	}
	message_done(&link->message);
}

int
maker_link_open(struct maker_link **link, struct loop *loop, int sock, struct run_offer *offers,
                struct err *e)
{
	struct maker_link *new = calloc(1, sizeof *new);
	int rc = new ? fd_set_blocking(sock, 0) : err_set(e, ENOMEM, "maker");

	if (rc == 0) {
		new->loop = loop;
		new->channel = (struct watch){ .fd = sock, .serve = channel_serve, .owner = new };
		new->offers = offers;
		LIST_INIT(&new->list);
		rc = loop_watch(loop, &new->channel, EPOLLIN, e);
	}
	if (rc < 0) {
		free(new);
		return rc;
	}
	*link = new;
	return 0;
}

void
maker_link_know(struct maker_link *link, const struct run_languages *languages)
{
	link->languages = languages;
}

void
maker_link_close(struct maker_link *link)
{
	struct running *r;

	if (!link)
		return;
	while ((r = LIST_FIRST(&link->list)))
		running_free(r);
	loop_forget(link->loop, &link->channel);
	fd_close(&link->channel.fd);
	free(link);
}

size_t
maker_link_n_keepers(const struct maker_link *link)
{
	return link->n_keepers;
}

bool
maker_link_has_offers(const struct maker_link *link)
{
	return link->has_offers;
}

bool
maker_link_has_versions(const struct maker_link *link)
{
	size_t n = 0;

	while (n < link->n_offers && link->offers[n].is_asked)
		n++;
	return link->has_offers && n == link->n_offers;
}
