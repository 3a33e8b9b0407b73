/* dev_loop.c - `cfn-deploy dev` while it serves: what happens, and what is done about it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "deploy-tool/dev.h"
#include "deploy-tool/dev_page.h"
#include "deploy-tool/pools.h"

enum {
	START_MS = 30 * 1000, /* until pool and web server answer */
	SWAP_MS = 10 * 1000,  /* until a pool serves what was deployed */
	TICK_MS = 20,         /* while we wait for them */
	ASK_MS = 2000,        /* for a pool's answer to that, while nothing else is done */
	DEPLOYED_MAX = 32,    /* versions, after which old ones are forgotten but KEPT */
	KEPT = 2,
	RENEW_MS = 1000, /* between two looks after folders that have gone */
};

static void
end(struct dev *d, int exit_status)
{
	d->is_over = true;
	d->exit_status = exit_status;
}

/* ---- while something is broken ---- */

static void
say_broken(struct dev *d)
{
	struct buf words;

	d->relay.number++;
	d->relay.page = NULL;
	if (units_broken(&d->units) == NULL)
		return;
	buf_init(&words, DEV_WORDS_MAX);
	for (size_t i = 0; i < d->units.n; i++)
		if (d->units.items[i].words != NULL)
			(void)buf_append(&words, d->units.items[i].words, strlen(d->units.items[i].words));
	buf_clear(&d->page);
	if (dev_page_write(&d->page, d->relay.number, buf_head(&words), buf_used(&words)) == 0)
		d->relay.page = &d->page;
	buf_done(&words);
}

void
dev_refused(void *context, const char *method, const char *uri)
{
	const struct dev *d = context;

	dev_show_refused(&d->show, method, uri);
}

void
dev_exchanged(void *context, const struct exchange_copy *x)
{
	struct dev *d = context;
	struct err e;
	int rc = recorder_add(&d->recorder, x, &e);

	if (rc < 0)
		end(d, tool_fail(&e));
}

/* ---- a deployment that has ended ---- */

/* "hello v2: GET /hello" of the last line; what follows is about our own registry. */
static void
take_outcome(struct dev *d, const struct buf *said)
{
	const char *text = buf_used(said) > 0 ? buf_head(said) : "";
	size_t n = buf_used(said), last, length;
	const char *at;

	while (n > 0 && text[n - 1] == '\n')
		n--;
	for (last = n; last > 0 && text[last - 1] != '\n'; last--)
		;
	dev_show_words(&d->show, "words", text, last);
	at = memmem(text + last, n - last, " (registry ", 11);
	length = at != NULL ? (size_t)(at - text) - last : n - last;
	free(d->deployed);
	d->deployed = strndup(text + last, length);
}

/* A day of saves must not fill the memory that the folder may be in. */
static void
forget_old_versions(struct dev *d)
{
	struct registry *registry = NULL;
	const struct registry_retention what = { .keep = KEPT, .before = INT64_MAX };
	struct registry_swept swept;
	struct err ignored;
	uint64_t bytes;

	if (++d->n_deployed % DEPLOYED_MAX != 0)
		return;
	if (registry_open(d->place.registry, REGISTRY_WRITE, &registry, &ignored) == 0 &&
	    registry_sweep(registry, &what, &swept, &ignored) == 0)
		(void)registry_shrink(registry, &bytes, &ignored);
	registry_close(registry);
}

static void
take_deployed(struct dev *d, const struct unit *unit, const struct buf *said)
{
	say_broken(d);
	if (unit->state == UNIT_SERVING) {
		forget_old_versions(d);
		take_outcome(d, said);
		d->swapping = unit;
		d->since_us = clock_now_us();
		return;
	}
	if (unit == d->swapping)
		d->swapping = NULL;
	dev_show_words(&d->show, "broken", buf_used(said) > 0 ? buf_head(said) : "", buf_used(said));
	dev_show_line(&d->show, "waiting", "%s: the version before goes on, if there is one; save again",
	              unit->path);
}

/* Whether pools serve everything that is active; true when none can be asked as well. */
static bool
is_served(const struct dev *d)
{
	AUTO_POOLS struct pools pools = { 0 };
	AUTO_JSON json_t *answer = NULL;
	struct err e;

	return pools_connect(d->tool, &pools, &e) < 0 || pools.n == 0 ||
	       pools_ask(&pools, 0, json_pack("{s:s}", "command", "poke"), -1, ASK_MS, &answer, &e) < 0 ||
	       json_integer_value(json_object_get(answer, "pending")) == 0;
}

/* The first path that answers to GET in "hello v1: POST /x; GET, HEAD /hello", once, so that there is
 * something to click on.  Parts of a path that are anybody's to choose stay as they are written. */
static void
tell_url(struct dev *d)
{
	const char *routes = d->has_told_url ? NULL : strstr(d->deployed, ": "), *path;

	while (routes != NULL && strncmp(routes + 2, "GET ", 4) != 0 && strncmp(routes + 2, "GET,", 4) != 0)
		routes = strstr(routes + 2, "; ");
	path = routes != NULL ? strstr(routes, " /") : NULL;
	if (path == NULL)
		return;
	d->has_told_url = true;
	dev_show_line(&d->show, "open", "http://127.0.0.1:%u%.*s", d->place.port,
	              (int)strcspn(path + 1, "; "), path + 1);
}

static void
look_after_swap(struct dev *d)
{
	uint64_t now;

	if (d->swapping == NULL)
		return;
	now = clock_now_us();
	if (!is_served(d) && now - d->since_us < SWAP_MS * 1000)
		return;
	if (d->swapping->saved_us == 0)
		dev_show_line(&d->show, "serving", "%s", d->deployed);
	else
		dev_show_line(&d->show, "serving", "%s, %d ms after it was saved", d->deployed,
		              (int)((clock_now_us() - d->swapping->saved_us) / 1000));
	tell_url(d);
	d->swapping = NULL;
}

/* ---- the start ---- */

static bool
has_pool(const struct dev *d)
{
	AUTO_POOLS struct pools pools = { 0 };
	struct err e;

	return pools_connect(d->tool, &pools, &e) == 0 && pools.n > 0;
}

/* Everything is deployed once pool and web server are there. */
static void
look_after_start(struct dev *d)
{
	const char *missing = NULL;

	if (d->is_started)
		return;
	if (!has_pool(d))
		missing = "the pool";
	else if (!place_answers(&d->place))
		missing = place_server_name(&d->place);
	if (missing != NULL && clock_now_us() - d->since_us < START_MS * 1000)
		return;
	if (missing != NULL) {
		dev_show_last(&d->show);
		end(d,
		    tool_fail_as(EX_UNAVAILABLE, "%s did not start within %d s", missing, START_MS / 1000));
		return;
	}
	d->is_started = true;
	for (size_t i = 0; i < d->units.n; i++)
		d->units.items[i].is_changed = true;
	dev_show_line(&d->show, "listening", "http://127.0.0.1:%u through %s; Ctrl-C ends it", d->place.port,
	              place_server_name(&d->place));
}

static void
take_end(struct dev *d)
{
	unsigned char which = KEEPER_POOL;

	(void)!read(d->keeper.ended, &which, 1);
	dev_show_pool(&d->show, d->pool_output);
	dev_show_web(&d->show, d->web_output);
	fflush(stdout);
	dev_show_last(&d->show);
	end(d, tool_fail_as(EX_UNAVAILABLE, "%s has ended",
	                    which == KEEPER_POOL ? "the pool" : place_server_name(&d->place)));
}

/* ---- the loop ---- */

static void
touch(void *context, size_t index)
{
	struct dev *d = context;

	if (d->is_started)
		unit_touch(&d->units.items[index]);
}

static int
timeout_ms(const struct dev *d)
{
	int wait = units_wait_ms(&d->units);

	if (!d->is_started || d->swapping != NULL)
		return TICK_MS;
	return wait >= 0 && wait < RENEW_MS ? wait : RENEW_MS;
}

static size_t
fill_polls(struct dev *d)
{
	const int fds[WATCHED] = { d->signals,     d->keeper.ended,
		                   d->pool_output, d->web_output,
		                   d->watch.fd,    d->units.running != NULL ? d->units.output : -1,
		                   STDOUT_FILENO };

	for (size_t i = 0; i < WATCHED; i++)
		d->polls[i] = (struct pollfd){ .fd = fds[i], .events = i == WATCHED_OUTPUT ? 0 : POLLIN };
	return WATCHED + relay_watch(&d->relay, d->polls + WATCHED);
}

static void
look_after_units(struct dev *d)
{
	const struct buf *said = NULL;
	struct unit *ended = units_turn(&d->units, &said);
	struct err e;

	if (ended != NULL)
		take_deployed(d, ended, said);
	look_after_swap(d);
	if (d->is_started && units_begin(&d->units, &e) < 0)
		end(d, tool_fail(&e));
}

static void
turn(struct dev *d)
{
	uint64_t now = clock_now_us();

	if (d->polls[WATCHED_SIGNALS].revents != 0 ||
	    d->polls[WATCHED_OUTPUT].revents & (POLLERR | POLLHUP)) {
		end(d, EX_OK);
		return;
	}
	dev_show_pool(&d->show, d->pool_output);
	dev_show_web(&d->show, d->web_output);
	if (d->polls[WATCHED_KEEPER].revents != 0) {
		take_end(d);
		return;
	}
	watch_turn(&d->watch, touch, d);
	if (now - d->renewed_us > RENEW_MS * 1000) {
		watch_renew(&d->watch, touch, d);
		d->renewed_us = now;
	}
	relay_turn(&d->relay, d->polls + WATCHED);
	look_after_start(d);
	look_after_units(d);
}

int
dev_loop(struct dev *d)
{
	while (!d->is_over) {
		size_t n = fill_polls(d);

		if (poll(d->polls, n, timeout_ms(d)) < 0 && errno != EINTR)
			return tool_fail_as(EX_OSERR, "poll: %s", strerror(errno));
		turn(d);
		if (fflush(stdout) != 0)
			end(d, EX_IOERR);
	}
	return d->exit_status;
}
