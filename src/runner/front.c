/* front.c - the resources below the run path, and the front's own life. */
#include "runner/front.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/macros.h"
#include "http/http.h"
#include "runner/front_parts.h"

enum { MALLOC_MAPPED = 64 << 10 };

/* ---- resources ---- */

static void
post_run(struct front *f, struct lane *l, const struct lane_request *q, const char *id)
{
	(void)id;
	run_post(f, l, q);
}

static void
get_languages(struct front *f, struct lane *l, const struct lane_request *q, const char *id)
{
	(void)q;
	(void)id;
	languages_get(f, l);
}

static void
get_run(struct front *f, struct lane *l, const struct lane_request *q, const char *id)
{
	async_get(f, l, id, strcmp(q->method, "HEAD") == 0);
}

static void
delete_run(struct front *f, struct lane *l, const struct lane_request *q, const char *id)
{
	(void)q;
	async_delete(f, l, id);
}

/* The first row whose path is the request's serves it; ID is any id.  A lane leaves the body of an answer to
 * HEAD out. */
static const struct resource {
	const char *path;
	struct {
		unsigned methods;
		void (*serve)(struct front *f, struct lane *l, const struct lane_request *q, const char *id);
	} acts[2];
} resources[] = {
	{ "", { { HTTP_POST, post_run } } },
	{ "/languages", { { HTTP_GET | HTTP_HEAD, get_languages } } },
	{ "/ID", { { HTTP_GET | HTTP_HEAD, get_run }, { HTTP_DELETE, delete_run } } },
};

static bool
is_path_of(const struct resource *resource, const char *path)
{
	if (strcmp(resource->path, "/ID") == 0)
		return path[0] == '/' && store_is_id(path + 1);
	return strcmp(resource->path, path) == 0;
}

static void
refuse_method(struct lane *l, const struct resource *resource)
{
	char methods[HTTP_METHODS_TEXT_SIZE], fields[PROBLEM_FIELDS_SIZE];
	unsigned all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(resource->acts); i++)
		all |= resource->acts[i].methods;
	http_methods_format(all, methods);
	snprintf(fields, sizeof fields, "Allow: %s\r\n", methods);
	reply_refusal(l, 405, "this method is not one of this resource", fields);
}

static void
resource_serve(const struct resource *resource, struct front *f, struct lane *l, const struct lane_request *q)
{
	unsigned method = http_method_parse(q->method, strlen(q->method));

	for (size_t i = 0; i < ARRAY_SIZE(resource->acts); i++)
		if (resource->acts[i].methods & method) {
			resource->acts[i].serve(f, l, q, q->path + (*q->path == '/'));
			return;
		}
	refuse_method(l, resource);
}

static void
on_request(void *context, struct lane *l, const struct lane_request *q)
{
	const char *path = strcmp(q->path, "/") == 0 ? "" : q->path;

	for (size_t i = 0; i < ARRAY_SIZE(resources); i++)
		if (is_path_of(&resources[i], path)) {
			resource_serve(&resources[i], context, l, q);
			return;
		}
	reply_refusal(l, 404, "there is no such resource", "");
}

static void
on_gone(void *context, struct lane *l)
{
	struct front *f = context;
	struct run *r = lane_owner(l);

	if (!r)
		return;
	if (!r->has_ended)
		f->counters.cancelled++;
	run_free(r);
	front_dispatch(f);
}

const struct lane_rules front_lane_rules = { .request = on_request, .gone = on_gone };

/* ---- life ---- */

int
front_new(struct front **front, struct loop *loop, struct maker_link *link, const struct front_rules *rules,
          struct err *e)
{
	struct front *f = calloc(1, sizeof *f);
	struct siphash_key key;

	if (!f)
		return err_set(e, ENOMEM, "front");
	/* What a large request or result took goes back to the system with it. */
	mallopt(M_MMAP_THRESHOLD, MALLOC_MAPPED);
	f->loop = loop;
	f->link = link;
	f->rules = *rules;
	random_bytes(&key, sizeof key);
	queue_init(&f->queue, &key, rules->queue, rules->queue_share);
	TAILQ_INIT(&f->running);
	*front = f;
	return 0;
}

void
front_open(struct front *f)
{
	if (f->rules.folder)
		async_open(f);
}

void
front_begin(struct front *f)
{
	f->has_begun = true;
	async_begin(f);
}

void
front_free(struct front *f)
{
	struct queue_entry *entry;
	struct run *r;

	while ((entry = queue_take(&f->queue)))
		run_free(CONTAINER_OF(entry, struct run, waiting));
	while ((r = TAILQ_FIRST(&f->running)))
		run_free(r);
	timer_cancel(f->loop, &f->store_timer);
	store_close(f->store);
	queue_done(&f->queue);
	table_done(&f->runs);
	free(f);
}

void
front_drain(struct front *f)
{
	f->is_draining = true;
	async_leave(f);
}

bool
front_is_idle(const struct front *f)
{
	return f->queue.n == 0 && TAILQ_EMPTY(&f->running);
}

static_assert((int)RUN_STATUSES <= (int)RUN_STATUSES_MAX, "each status is counted");

void
front_count(const struct front *f, struct run_counters *counters)
{
	*counters = f->counters;
	counters->queued = f->queue.n;
	counters->running = front_n_running(f);
	for (size_t i = 0; i < RUN_STATUSES; i++)
		snprintf(counters->done[i].status, sizeof counters->done[i].status, "%s",
		         run_status_word((enum run_status)i));
}
