/* cached.c - which requests are answered out of the cache, and which answers go there.
 *
 * What reaches a function for a request that may be answered so is what names the entry, byte for byte:
 * nothing else that the web server said of the client is handed on.  So an answer cannot depend on what is
 * not in its name, and a client cannot bring one about that others get (cache poisoning), whatever fields it
 * sends.
 *
 * Of those who ask the same at one time one leads, and the others wait for its answer.  When that may not be
 * kept, they are sent on; when it failed, one of them leads next. */
#include <string.h>

#include "base/clock.h"
#include "router/answer.h"

#define NAME(text)                                                                                           \
	{                                                                                                    \
		text, sizeof(text) - 1                                                                       \
	}

static bool
is_one_of(const struct fcgi_pair *pair, const struct span *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pair->name_length == names[i].n && memcmp(pair->name, names[i].p, names[i].n) == 0)
			return true;
	return false;
}

/* ---- requests ---- */

/* Of the client's fields these name the entry; whoever answers may say that it varies by them. */
static const struct span kept_fields[] = {
	NAME("HTTP_HOST"),   NAME("HTTP_ACCEPT"), NAME("HTTP_ACCEPT_ENCODING"), NAME("HTTP_ACCEPT_LANGUAGE"),
	NAME("HTTP_ORIGIN"),
};

/* Of the web server's own these are not handed on: they differ from request to request. */
static const struct span dropped_params[] = {
	NAME("REMOTE_ADDR"), NAME("REMOTE_PORT"), NAME("REMOTE_HOST"),    NAME("REMOTE_IDENT"),
	NAME("REQUEST_ID"),  NAME("UNIQUE_ID"),   NAME("REQUEST_METHOD"),
};

/* With one of these the answer is this client's alone, or is asked for in another way. */
static const struct span personal[] = {
	NAME("HTTP_AUTHORIZATION"), NAME("HTTP_PROXY_AUTHORIZATION"),
	NAME("HTTP_COOKIE"),        NAME("HTTP_RANGE"),
	NAME("HTTP_IF_MATCH"),      NAME("HTTP_IF_UNMODIFIED_SINCE"),
	NAME("HTTP_UPGRADE"),       NAME("REMOTE_USER"),
	NAME("AUTH_TYPE"),
};

static bool
forbids_storing(const struct fcgi_pair *pair)
{
	static const struct span field = NAME("HTTP_CACHE_CONTROL");
	struct http_cache_control control;

	if (!is_one_of(pair, &field, 1))
		return false;
	http_cache_control_init(&control);
	http_cache_control_read(&control, pair->value, pair->value_length);
	return control.no_store;
}

static bool
is_handed_on(const struct fcgi_pair *pair)
{
	if (pair->name_length >= 5 && memcmp(pair->name, "HTTP_", 5) == 0)
		return is_one_of(pair, kept_fields, ARRAY_SIZE(kept_fields));
	return !is_one_of(pair, dropped_params, ARRAY_SIZE(dropped_params));
}

/* Fills q->shared.  False: not such a request. */
static bool
shared_fill(struct router *r, struct request *q)
{
	const unsigned char *at = (unsigned char *)buf_head(&q->params), *start = at;
	size_t left = buf_used(&q->params);
	struct fcgi_pair pair;

	buf_clear(&q->shared);
	while (at && fcgi_pair_next(&at, &left, &pair) > 0) {
		size_t n = (size_t)(at - start);

		if (pair.value_length > 0 &&
		    (is_one_of(&pair, personal, ARRAY_SIZE(personal)) || forbids_storing(&pair)))
			return false;
		if (is_handed_on(&pair) && buffers_append(r, &q->shared, start, n) < 0)
			return false;
		start = at;
	}
	return true;
}

static bool
is_plain(const struct router *r, const struct request *q)
{
	return r->cache.buckets && (q->method == HTTP_GET || q->method == HTTP_HEAD) && q->is_complete &&
	       !q->is_large && q->received == 0 && q->n_joined < CACHE_JOINS_MAX &&
	       buf_used(&q->authorization) == 0;
}

/* The method is no part of the name: HEAD is answered by what GET got.  It travels behind. */
static struct fcgi_pair
method_pair(const struct request *q)
{
	return q->method == HTTP_HEAD ? (struct fcgi_pair){ "REQUEST_METHOD", "HEAD", 14, 4 }
	                              : (struct fcgi_pair){ "REQUEST_METHOD", "GET", 14, 3 };
}

static bool
hand_on(struct router *r, struct request *q)
{
	const struct fcgi_pair pair = method_pair(q);
	unsigned char bytes[32];

	q->is_shared = buffers_append(r, &q->shared, bytes, fcgi_pair_write(bytes, &pair)) == 0;
	return q->is_shared;
}

/* ---- answers out of it ---- */

static void
hit(struct router *r, struct request *q, struct entry *e)
{
	cache_touch(&r->cache, e);
	q->cache = CACHE_HIT;
	q->stored_s = e->stored_s;
	q->age_s = (r->now_us - e->stored_us) / 1000000;
	r->counters.cache_hits++;
	q->pool->score->cache_hits++;
	q->out_bytes = e->n_answer;
	if (segments_add(r, q, (const unsigned char *)e->answer, e->n_answer) != CAUSE_NONE ||
	    answer_end(r, q) != CAUSE_NONE)
		answer_problem(r, q, CAUSE_OVERLOADED, NULL);
}

static void
join(struct request *q, struct entry *e)
{
	q->stage = REQUEST_JOINED;
	q->entry = e;
	q->n_joined++;
	TAILQ_INSERT_TAIL(&e->waiting, q, link);
}

/* Only a GET has the whole answer. */
static void
lead(struct router *r, struct request *q, const struct cache_key *key)
{
	if (q->method != HTTP_GET)
		return;
	q->entry = cache_add(&r->cache, key);
	if (q->entry)
		q->entry->leader = q;
}

bool
cached_takes(struct router *r, struct request *q)
{
	struct cache_key key;
	struct entry *e;

	if (!is_plain(r, q) || !shared_fill(r, q))
		return false;
	key = (struct cache_key){ q->pool->function.version_id, buf_head(&q->shared), buf_used(&q->shared) };
	e = key.n > 0 ? cache_find(&r->cache, &key, r->now_us) : NULL;
	if (e && e->stage == ENTRY_KEPT) {
		hit(r, q, e);
		return true;
	}
	if (e && e->stage == ENTRY_FILLING) {
		join(q, e);
		return true;
	}
	r->counters.cache_misses++;
	q->pool->score->cache_misses++;
	q->cache = CACHE_MISS;
	if (!e && key.n > 0)
		lead(r, q, &key);
	if (!hand_on(r, q))
		cached_forget(r, q);
	return false;
}

/* ---- those who wait ---- */

/* They ask anew, later in this turn: who ends a request is in the middle of his own work. */
static void
release(struct router *r, struct entry *e)
{
	struct request *q;

	while ((q = TAILQ_FIRST(&e->waiting))) {
		TAILQ_REMOVE(&e->waiting, q, link);
		q->entry = NULL;
		TAILQ_INSERT_TAIL(&r->released, q, link);
	}
}

/* Whatever one of them brings about may release, or end, another: so there is one list, and none is taken off
 * it before its turn.  It ends, as each of them waits CACHE_JOINS_MAX times at most. */
void
cached_serve_released(struct router *r)
{
	struct request *q;

	while ((q = TAILQ_FIRST(&r->released))) {
		TAILQ_REMOVE(&r->released, q, link);
		q->stage = REQUEST_READING;
		q->queued_us = 0;
		/* Disabled meanwhile. */
		if (q->pool->function.is_enabled || gate_passes(r, q))
			dispatch_request(r, q);
	}
}

void
cached_check(struct router *r)
{
	struct request *q;
	struct entry *e;

	TAILQ_FOREACH (e, &r->cache.filling, use_link)
		while ((q = TAILQ_FIRST(&e->waiting)) && r->now_us - q->queued_us > QUEUE_WAIT_MS * 1000ULL) {
			TAILQ_REMOVE(&e->waiting, q, link);
			q->entry = NULL;
			q->n_joined = CACHE_JOINS_MAX;
			TAILQ_INSERT_TAIL(&r->released, q, link);
		}
}

/* Its leader has no answer for it. */
static void
abandon(struct router *r, struct entry *e)
{
	if (e->leader)
		e->leader->entry = NULL;
	release(r, e);
	cache_drop(&r->cache, e);
}

void
cached_forget(struct router *r, struct request *q)
{
	if (q->stage == REQUEST_JOINED) {
		TAILQ_REMOVE(q->entry ? &q->entry->waiting : &r->released, q, link);
		q->stage = REQUEST_READING;
		q->entry = NULL;
	}
	if (q->entry)
		abandon(r, q->entry);
}

void
cached_purge(struct router *r, uint64_t version_id)
{
	for (size_t i = 0; r->cache.buckets && i < CACHE_BUCKETS; i++) {
		struct entry *e = TAILQ_FIRST(&r->cache.buckets[i]), *next;

		for (; e; e = next) {
			next = TAILQ_NEXT(e, link);
			if (e->version_id == version_id)
				abandon(r, e);
		}
	}
}

/* ---- answers into it ---- */

static const int statuses[] = { 200, 203, 204, 301, 308, 404, 410 };

static bool
is_status_kept(int status)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i] == status)
			return true;
	return false;
}

/* Every one is a field that names the entry. */
static bool
varies_by_name(const struct http_field *f)
{
	static const struct span fields[] = { NAME("accept"), NAME("accept-encoding"),
		                              NAME("accept-language"), NAME("origin"), NAME("host") };
	const char *p = f->value, *end = p + f->value_length;

	while (p < end) {
		size_t n = 0, i = 0;

		while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
			p++;
		while (p + n < end && !memchr(" \t,", p[n], 3))
			n++;
		while (i < ARRAY_SIZE(fields) && (n != fields[i].n || strncasecmp(p, fields[i].p, n) != 0))
			i++;
		if (n > 0 && i == ARRAY_SIZE(fields))
			return false;
		p += n;
	}
	return true;
}

/* For a client, or for a time that is not read here: not kept. */
static bool
is_field_kept(const struct http_field *f)
{
	static const char *const none[] = { "Set-Cookie",       "Content-Range",       "Pragma",
		                            "WWW-Authenticate", "Authentication-Info", "Clear-Site-Data" };

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (http_field_is(f, none[i]))
			return false;
	return !http_field_is(f, "Vary") || varies_by_name(f);
}

/* How long it may be kept, ms; 0: not at all.  RFC 9111 sections 3 and 4.2.1. */
static uint64_t
lifetime(const struct request *q, const struct http_answer_head *head)
{
	uint64_t ms = q->pool->function.cache_ms;
	struct http_cache_control control;
	bool has_expires = false;
	int64_t age;

	if (!is_status_kept(head->status) || head->is_stream || head->session.value)
		return 0;
	http_cache_control_init(&control);
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];

		if (!is_field_kept(f))
			return 0;
		has_expires |= http_field_is(f, "Expires");
		if (http_field_is(f, "Cache-Control"))
			http_cache_control_read(&control, f->value, f->value_length);
	}
	age = control.s_maxage >= 0 ? control.s_maxage : control.max_age;
	if (control.no_store || control.no_cache || control.is_private || (age < 0 && has_expires))
		return 0;
	return age >= 0 && (uint64_t)age * 1000 < ms ? (uint64_t)age * 1000 : ms;
}

static void
copy_answer(const struct request *q, char *to)
{
	for (size_t at = q->out.start; at < q->out.end;) {
		size_t end = at - at % SEGMENT_SIZE + SEGMENT_SIZE;

		end = end < q->out.end ? end : q->out.end;
		memcpy(to, q->out.data + at + FCGI_HEADER_SIZE, end - at - FCGI_HEADER_SIZE);
		to += end - at - FCGI_HEADER_SIZE;
		at = end;
	}
}

static void
keep(struct router *r, struct request *q, enum entry_stage stage, uint64_t ms)
{
	struct entry *e = q->entry;

	q->entry = NULL;
	e->stored_us = r->now_us;
	e->stored_s = clock_wall_s();
	cache_keep(&r->cache, e, stage, r->now_us + ms * 1000);
	release(r, e);
}

void
cached_store(struct router *r, struct request *q, const struct http_answer_head *head)
{
	uint64_t ms = lifetime(q, head);
	char *to = ms > 0 ? cache_reserve(&r->cache, q->entry, q->out_bytes) : NULL;

	if (!to) {
		cached_pass(r, q);
		return;
	}
	copy_answer(q, to);
	keep(r, q, ENTRY_KEPT, ms);
}

void
cached_pass(struct router *r, struct request *q)
{
	keep(r, q, ENTRY_PASSES, CACHE_PASS_MS);
}

/* ---- what is said of it ---- */

bool
cached_replaces(const struct request *q, const struct http_field *f)
{
	return q->cache != CACHE_NONE && (http_field_is(f, "Age") || http_field_is(f, "X-Cache"));
}

static bool
has_date(const struct http_answer_head *head)
{
	for (size_t i = 0; i < head->n_fields; i++)
		if (http_field_is(&head->fields[i], "Date"))
			return true;
	return false;
}

void
cached_head_put(struct text *t, const struct request *q, const struct http_answer_head *head)
{
	char date[HTTP_DATE_SIZE];

	if (q->cache == CACHE_NONE)
		return;
	text_line(t, q->cache == CACHE_HIT ? "\r\nX-Cache: HIT\r\nAge: " : "\r\nX-Cache: MISS");
	if (q->cache != CACHE_HIT)
		return;
	text_number(t, q->age_s);
	if (has_date(head))
		return;
	http_date_format(q->stored_s, date);
	text_line(t, "\r\nDate: ");
	text_line(t, date);
}

enum { CONDITION_MAX = 1024 };

/* The value of a field of the client, which the function did not get. */
static bool
condition_find(const struct request *q, const char *name, char value[CONDITION_MAX])
{
	const unsigned char *at = (unsigned char *)buf_head(&q->params);
	size_t left = buf_used(&q->params);
	struct fcgi_pair pair;

	while (at && fcgi_pair_next(&at, &left, &pair) > 0) {
		const struct span wanted = { name, strlen(name) };

		if (!is_one_of(&pair, &wanted, 1) || pair.value_length >= CONDITION_MAX)
			continue;
		memcpy(value, pair.value, pair.value_length);
		value[pair.value_length] = '\0';
		return true;
	}
	return false;
}

static bool
field_copy(const struct http_answer_head *head, const char *name, char value[CONDITION_MAX])
{
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];

		if (!http_field_is(f, name) || f->value_length >= CONDITION_MAX)
			continue;
		memcpy(value, f->value, f->value_length);
		value[f->value_length] = '\0';
		return true;
	}
	return false;
}

/* RFC 9110 section 13.1.3 allows to take a date for what it is compared with byte for byte. */
bool
cached_is_known(const struct request *q, const struct http_answer_head *head)
{
	char condition[CONDITION_MAX], own[CONDITION_MAX];

	if (!q->is_shared && q->cache != CACHE_HIT)
		return false;
	if (head->status != 200)
		return false;
	if (condition_find(q, "HTTP_IF_NONE_MATCH", condition))
		return field_copy(head, "ETag", own) && http_is_etag(own) &&
		       http_etag_is_listed(condition, own, HTTP_WEAK);
	return condition_find(q, "HTTP_IF_MODIFIED_SINCE", condition) &&
	       field_copy(head, "Last-Modified", own) && condition[0] != '\0' && strcmp(condition, own) == 0;
}
