/* post.c - a request to run something: whether it may be, and who will hear of it. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "http/http.h"
#include "runner/front_parts.h"

/* ---- what the header fields ask for ---- */

/* "application/json", with no other parameter than charset=utf-8. */
static bool
is_json(const char *type)
{
	static const char name[] = "application/json";
	const char *p = type;

	if (strncasecmp(p, name, sizeof name - 1) != 0)
		return false;
	p += sizeof name - 1;
	p += strspn(p, " \t");
	if (*p == '\0')
		return true;
	if (*p++ != ';')
		return false;
	p += strspn(p, " \t");
	return strcasecmp(p, "charset=utf-8") == 0 || strcasecmp(p, "charset=\"utf-8\"") == 0;
}

static unsigned
rank_of(const char *accept, const char *type)
{
	return http_accept_rank(accept, strlen(accept), type);
}

static bool
is_acceptable(const char *accept)
{
	return *accept == '\0' || rank_of(accept, "application/json") > 0 ||
	       rank_of(accept, "text/event-stream") > 0;
}

/* Who takes either alike gets one document. */
static bool
prefers_events(const char *accept)
{
	return rank_of(accept, "text/event-stream") > rank_of(accept, "application/json");
}

/* The value of "async" among the parameters of a query: 0 or 1, 0 without it; -EINVAL: another one, which
 * must not pass for either. */
static int
async_of(const char *query)
{
	static const char name[] = "async";
	const size_t n_name = sizeof name - 1;
	int value = 0;

	for (const char *p = query; *p;) {
		size_t n = strcspn(p, "&");

		if (strcspn(p, "=&") == n_name && strncmp(p, name, n_name) == 0) {
			if (n != n_name + 2 || (p[n - 1] != '0' && p[n - 1] != '1'))
				return -EINVAL;
			value = p[n - 1] == '1';
		}
		p += n + (p[n] == '&');
	}
	return value;
}

/* Of IPv6 the network: whoever has one has 2^64 addresses (RFC 4291 section 2.5.4). */
static void
address_put(char client[STORE_CLIENT_SIZE], const char *address)
{
	struct in6_addr six;

	if (inet_pton(AF_INET6, address, &six) == 1 && !IN6_IS_ADDR_V4MAPPED(&six)) {
		memset(six.s6_addr + 8, 0, 8);
		inet_ntop(AF_INET6, &six, client, STORE_CLIENT_SIZE);
	} else {
		snprintf(client, STORE_CLIENT_SIZE, "%s", address);
	}
}

/* Whose share of the queue it takes. Without a token, or without the field, it is the address's. */
static void
client_of(const struct front *f, const struct lane *l, const struct lane_request *q,
          char client[STORE_CLIENT_SIZE])
{
	const char *name = NULL;

	if (strcmp(f->rules.client, "user") == 0)
		name = q->user;
	else if (strcmp(f->rules.client, "address") != 0)
		name = lane_header(l, f->rules.client);
	address_put(client, name && *name ? name : q->client);
}

/* ---- may it be ---- */

static bool
is_refused_by_fields(struct lane *l, const struct lane_request *q)
{
	static const struct run_problem no_number = { .status = 422,
		                                      .field = "async",
		                                      .detail = "of the query: it is 0 or 1" };

	if (!is_json(q->content_type)) {
		reply_refusal(l, 415, "the request has to be application/json in UTF-8",
		              "Accept: application/json\r\n");
		return true;
	}
	if (!is_acceptable(q->accept)) {
		reply_refusal(l, 406, "the answer is application/json or text/event-stream", "");
		return true;
	}
	if (async_of(q->query) < 0) {
		reply_problem(l, &no_number, "");
		return true;
	}
	return false;
}

static bool
is_refused_by_load(struct front *f, struct lane *l, const struct lane_request *q, const char *client)
{
	int rc;

	if (f->is_draining) {
		reply_later(l, 503, "this server is being replaced by another one", RETRY_DRAIN_S);
		return true;
	}
	if (front_n_running(f) + f->queue.n < f->rules.max_concurrent)
		return false;
	rc = queue_admits(&f->queue, client, async_of(q->query) == 1 ? 0 : q->n_body);
	if (rc == -EDQUOT) {
		f->counters.refused_share++;
		reply_later(l, 429, "your share of the queue is used: wait for one of your runs to end",
		            RETRY_SHARE_S);
	} else if (rc < 0) {
		f->counters.refused_full++;
		reply_later(l, 503, "the queue is full", RETRY_FULL_S);
	}
	return rc < 0;
}

/* ---- and then ---- */

static void
run_for(struct front *f, struct lane *l, const struct lane_request *q, const char *client,
        struct run_job *job)
{
	bool is_stream = prefers_events(q->accept);
	struct run *r = run_new(f, is_stream ? &run_kind_stream : &run_kind_sync, NULL);

	if (!r) {
		job_free(job);
		reply_later(l, 503, "there is no memory for it now", RETRY_FULL_S);
		return;
	}
	r->lane = l;
	r->job = job;
	r->text = q->body;
	r->n_text = r->waiting.n_bytes = q->n_body;
	lane_set_owner(l, r);
	if (is_stream)
		stream_open(r);
	if (run_enqueue(r, client) == 0)
		return;
	run_free(r);
	if (is_stream)
		lane_end(l);
	else
		reply_later(l, 503, "there is no memory for it now", RETRY_FULL_S);
}

void
run_post(struct front *f, struct lane *l, const struct lane_request *q)
{
	char client[STORE_CLIENT_SIZE];
	struct run_problem problem;
	struct run_job *job;

	client_of(f, l, q, client);
	if (is_refused_by_fields(l, q) || is_refused_by_load(f, l, q, client))
		return;
	job = job_new(f, q->body, q->n_body, &problem);
	if (!job) {
		reply_problem(l, &problem, problem.status == 503 ? "Retry-After: 1\r\n" : "");
	} else if (async_of(q->query) == 1) {
		job_free(job);
		async_post(f, l, q, client);
	} else {
		run_for(f, l, q, client, job);
	}
}
