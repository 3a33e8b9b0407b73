/* slow.c - requests that run for longer than request_slowlog_timeout: stacks are asked for, read, written
 * down. */
#include "pool/slow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/pools.h"
#include "pool/workers.h"

/* ---- what was read: lines of spawn/stacks.c, of which nothing is believed but the form ---- */

static bool
is_plain(const char *p)
{
	return p[strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.+ ?=")] == '\0';
}

/* "thread TID STATE CALL" */
static json_t *
take_thread(char *line)
{
	const char *tid, *state, *call;

	(void)strsep(&line, " ");
	tid = strsep(&line, " ");
	state = strsep(&line, " ");
	call = line;
	if (!call)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:[]}", "tid", tid, "state", state, "call", call, "frames");
}

/* "= FILE+0xAT" is where it is, "? FILE+0xAT" what looks like a caller. */
static json_t *
take_stacks(char *text)
{
	json_t *threads = json_array(), *thread = NULL;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		if (!is_plain(line))
			continue;
		if (strncmp(line, "thread ", 7) == 0) {
			thread = take_thread(line);
			json_array_append_new(threads, thread);
		} else if (thread && (strncmp(line, "= ", 2) == 0 || strncmp(line, "? ", 2) == 0)) {
			json_array_append_new(json_object_get(thread, "frames"), json_string(line));
		}
	}
	return threads;
}

/* ---- the last of a request ---- */

static void
look_keep(struct master *m, const struct slow *s, json_t *threads)
{
	struct last_look *l = &m->slow.looks[m->slow.next_look++ % SLOW_OPEN_MAX];

	json_decref(l->threads);
	*l = (struct last_look){ .version = s->version, .threads = threads };
	memcpy(l->request, s->request.request, sizeof l->request);
}

json_t *
slow_last_look(struct master *m, uint64_t version, const char *request)
{
	for (size_t i = 0; i < SLOW_OPEN_MAX; i++) {
		struct last_look *l = &m->slow.looks[i];
		json_t *threads = l->threads;

		if (!threads || l->version != version || strcmp(l->request, request) != 0)
			continue;
		l->threads = NULL;
		return threads;
	}
	return NULL;
}

/* What was asked for meanwhile: in fresh mode its router ends the request's process alone. */
static void
look_ends(struct master *m, uint32_t id)
{
	struct worker *w = worker_find(m, id);

	if (!w || !w->is_looked_at)
		return;
	w->is_looked_at = false;
	if (w->cause != CAUSE_NONE)
		spawner_kill(m, id);
}

/* ---- one ---- */

static void
finish(struct master *m, struct slow *s)
{
	struct pool *pool = pool_find(m, s->version);

	timer_cancel(&m->loop, &s->timer);
	loop_forget(&m->loop, &s->watch);
	fd_close(&s->watch.fd);
	s->text[s->n] = '\0';
	if (s->is_last)
		look_keep(m, s, take_stacks(s->text));
	else if (pool)
		crash_record_slow(m, pool, &s->request, (struct crash_lines){ s->lines, s->n_lines },
		                  take_stacks(s->text));
	for (size_t i = 0; i < SLOW_OPEN_MAX; i++)
		if (m->slow.open[i] == s)
			m->slow.open[i] = NULL;
	if (s->is_last)
		look_ends(m, s->worker);
	free(s);
}

static void
is_late(void *context, void *owner)
{
	finish(context, owner);
}

static void
read_pipe(void *context, void *owner, uint32_t events)
{
	struct slow *s = owner;
	ssize_t n = read(s->watch.fd, s->text + s->n, sizeof s->text - 1 - s->n);

	(void)events;
	if (n > 0)
		s->n += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || s->n == sizeof s->text - 1)
		finish(context, s);
}

static struct slow **
find_free(struct master *m)
{
	for (size_t i = 0; i < SLOW_OPEN_MAX; i++)
		if (!m->slow.open[i])
			return &m->slow.open[i];
	return NULL;
}

static int
ask(struct master *m, struct slow *s, const struct stacks_of *of)
{
	int ends[2];
	struct err e;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	s->watch = (struct watch){ .fd = ends[0], .serve = read_pipe, .owner = s };
	s->timer = (struct timer){ .fire = is_late, .owner = s };
	fd_set_blocking(ends[1], 1);
	channel_send(&m->spawner_channel, MSG_STACKS, of, sizeof *of, &ends[1], 1);
	fd_close(&ends[1]);
	if (loop_watch(&m->loop, &s->watch, EPOLLIN, &e) < 0) {
		fd_close(&s->watch.fd);
		return -e.code;
	}
	timer_arm(&m->loop, &s->timer, (s->is_last ? LAST_LOOK_MS : SLOW_WAIT_MS) * UINT64_C(1000));
	return 0;
}

void
slow_request(struct master *m, struct worker *w, const struct slow_report *report, const char *lines,
             size_t n)
{
	const struct stacks_of of = { .id = (uint32_t)w->by_id.key, .pid = report->pid };
	struct slow **at = find_free(m), *s;

	/* Stopping a worker costs it time, so no more of them than are written down. */
	if (!at || !crash_rate_allows(w->pool) || (report->is_last && !crashes_are_kept(m))) {
		w->pool->crash_rate.n_left_out += !report->is_last;
		return;
	}
	s = calloc(1, sizeof *s);
	if (!s)
		return;
	s->worker = of.id;
	s->is_last = report->is_last;
	s->version = w->pool->public.version_id;
	s->request = report->request;
	s->n_lines = n < sizeof s->lines ? n : sizeof s->lines;
	memcpy(s->lines, lines, s->n_lines);
	if (ask(m, s, &of) < 0) {
		free(s);
		return;
	}
	w->is_looked_at = s->is_last;
	*at = s;
}

void
slow_close(struct master *m)
{
	for (size_t i = 0; i < SLOW_OPEN_MAX; i++) {
		if (!m->slow.open[i])
			continue;
		fd_close(&m->slow.open[i]->watch.fd);
		free(m->slow.open[i]);
		m->slow.open[i] = NULL;
	}
	for (size_t i = 0; i < SLOW_OPEN_MAX; i++) {
		json_decref(m->slow.looks[i].threads);
		m->slow.looks[i].threads = NULL;
	}
}
