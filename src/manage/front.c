/* front.c - reads clients: who they are, what they ask; and gives the executor what they may ask. */
#include "manage/front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/macros.h"
#include "http/authorization.h"
#include "http/http.h"
#include "ipc/message.h"
#include "lane/lane.h"
#include "manage/entries.h"
#include "manage/limiter.h"
#include "manage/reply.h"
#include "manage/request.h"
#include "sandbox/confine.h"
#include "token/sealed.h"

enum {
	QUEUE_MAX = MANAGE_QUEUE,           /* requests that wait */
	QUEUE_OF_TOKEN = QUEUE_MAX * 3 / 4, /* of one token: others have room all the same */
	TICK_US = 1000 * 1000,
	FIELDS_SIZE = 256,
};

struct front {
	struct loop loop;
	struct lanes *lanes;
	struct watch master, executor;
	struct timer tick;
	struct tokens *tokens;
	struct limiter limiter;
	struct entries coming, waiting, running; /* coming: their bodies are not here yet */
	size_t n_coming, n_waiting, n_running;
	unsigned concurrent;
	uint32_t last_number;
	struct manage_counters counters, said;
	struct message message;
	bool is_draining, is_done;
};

/* ---- who asks ---- */

static uint64_t
now_s(void)
{
	return clock_now_us() / 1000000 + 1;
}

static void
refuse_later(struct lane *l, bool wants_json, int status, unsigned seconds, const char *detail)
{
	char fields[FIELDS_SIZE];

	snprintf(fields, sizeof fields, "Retry-After: %u\r\n", seconds);
	reply_refusal(l, wants_json, status, detail, fields);
}

static void
refuse_unknown(struct front *f, struct lane *l, const struct lane_request *q, bool wants_json, bool is_shown)
{
	unsigned wait = is_shown ? limiter_failed(&f->limiter, q->client, now_s()) : 0;

	f->counters.unauthorized++;
	if (wait > 0)
		refuse_later(l, wants_json, 429, wait, "too many have shown no good token");
	else if (is_shown)
		reply_refusal(l, wants_json, 401, "the token is not known, was revoked or has expired",
		              "WWW-Authenticate: Bearer realm=\"management\", error=\"invalid_token\"\r\n");
	else
		reply_refusal(l, wants_json, 401, "this needs a token: -H \"Authorization: Bearer $TOKEN\"",
		              "WWW-Authenticate: Bearer realm=\"management\"\r\n");
}

/* Its text, when it is a token that is still good. */
static const struct token_row *
find_token(const struct front *f, const char *field, char token[TOKEN_TEXT_SIZE])
{
	const struct token_row *row = NULL;
	struct http_credentials c;
	struct digest hash;

	if (http_authorization_read(field, strlen(field), HTTP_BEARER, &c) == 0 &&
	    token_is_text(c.secret, c.n_secret)) {
		token_hash(c.secret, &hash);
		row = tokens_find(f->tokens, &hash);
		memcpy(token, c.secret, TOKEN_TEXT_SIZE);
	}
	explicit_bzero(&c, sizeof c);
	if (row && row->expires_at != 0 && clock_wall_s() >= row->expires_at)
		row = NULL;
	return row;
}

/* True: token is that of who asks.  Else it has been answered. */
static bool
check_caller(struct front *f, struct lane *l, const struct lane_request *q, bool wants_json,
             char token[TOKEN_TEXT_SIZE])
{
	unsigned wait = limiter_blocks(&f->limiter, q->client, now_s());
	const char *field = lane_header(l, "Authorization");
	const struct token_row *row;

	if (wait > 0) {
		f->counters.limited++;
		refuse_later(l, wants_json, 429, wait, "this address has shown too many wrong tokens");
		return false;
	}
	row = field ? find_token(f, field, token) : NULL;
	if (!row) {
		refuse_unknown(f, l, q, wants_json, field != NULL);
		return false;
	}
	if (tokens_have(f->tokens, row, TOKEN_DEPLOY))
		return true;
	f->counters.forbidden++;
	reply_refusal(l, wants_json, 403, "this token may not deploy",
	              "WWW-Authenticate: Bearer realm=\"management\", error=\"insufficient_scope\", "
	              "scope=\"deploy\"\r\n");
	return false;
}

/* ---- jobs ---- */

/* The files, one behind the other. */
static int
pack_files(const struct entry *entry, struct err *e)
{
	size_t total = 0, at = 0;
	AUTO_FREE char *bytes = NULL;

	for (uint32_t i = 0; i < entry->job.n_files; i++)
		total += entry->files[i]->n;
	bytes = malloc(total + 1);
	if (!bytes)
		return err_set(e, ENOMEM, "files");
	for (uint32_t i = 0; i < entry->job.n_files; at += entry->files[i++]->n)
		memcpy(bytes + at, entry->files[i]->data, entry->files[i]->n);
	return fd_sealed_memory("files", bytes, total, e);
}

static void
dispatch_one(struct front *f, struct entry *entry)
{
	AUTO_FD files = -1;
	struct err e;
	int rc = 0;

	if (entry->job.n_files > 0)
		rc = files = pack_files(entry, &e);
	if (rc >= 0)
		rc = message_send(f->executor.fd, MSG_JOB, &entry->job, sizeof entry->job, &files, files >= 0,
		                  &e);
	if (rc < 0) {
		log_line(LOG_ERR, "a request to the executor: %s", e.text);
		refuse_later(entry->lane, entry->wants_json, 503, 2, "it cannot be begun now");
		entry_free(entry);
		return;
	}
	TAILQ_INSERT_TAIL(&f->running, entry, link);
	f->n_running++;
}

static void
dispatch(struct front *f)
{
	struct entry *entry;

	while (f->n_running < f->concurrent && (entry = entries_next(&f->waiting, &f->running))) {
		TAILQ_REMOVE(&f->waiting, entry, link);
		f->n_waiting--;
		dispatch_one(f, entry);
	}
}

static void
answer(struct front *f, struct entry *entry, const struct job_done *done, int fd)
{
	size_t n = (size_t)done->n_output + done->n_errors;
	AUTO_FREE char *bytes = n <= JOB_OUTPUT_MAX + JOB_ERRORS_MAX ? malloc(n + 1) : NULL;

	if (done->end == JOB_EXITED && done->status == 0)
		f->counters.done++;
	if (!entry->lane)
		return;
	if (!bytes || pread(fd, bytes, n, 0) != (ssize_t)n)
		reply_refusal(entry->lane, entry->wants_json, 500, "the answer is lost", NULL);
	else
		reply_done(entry->lane, entry->wants_json, done, bytes, bytes + done->n_output);
}

static const struct message_rule executor_may_say[] = {
	{ MSG_JOB_DONE, sizeof(struct job_done), sizeof(struct job_done), 1, 1 },
};

static void
take_done(struct front *f)
{
	AUTO_FD fd = message_take_fd(&f->message, 0);
	struct job_done done;
	struct entry *entry;

	memcpy(&done, f->message.body, sizeof done);
	entry = entries_find(&f->running, done.number);
	if (!entry)
		return;
	TAILQ_REMOVE(&f->running, entry, link);
	f->n_running--;
	answer(f, entry, &done, fd);
	entry_free(entry);
	dispatch(f);
}

static void
executor_serve(void *context, void *owner, uint32_t events)
{
	struct front *f = context;
	struct err e;
	int rc = message_receive(f->executor.fd, &f->message, &e);

	(void)owner;
	(void)events;
	if (rc == -EAGAIN)
		return;
	if (rc > 0 && message_check(executor_may_say, ARRAY_SIZE(executor_may_say), &f->message, &e))
		take_done(f);
	else
		f->is_done = true;
	if (rc > 0)
		message_done(&f->message);
}

/* ---- requests ---- */

static bool
has_room(const struct front *f, const char *token)
{
	return !f->is_draining && f->n_coming + f->n_waiting < QUEUE_MAX &&
	       entries_count(&f->coming, token) + entries_count(&f->waiting, token) < QUEUE_OF_TOKEN;
}

/* Who it is stands in the head: nobody's body is waited for, nor takes a lane, that could not be taken. */
static bool
on_begun(void *context, struct lane *l, const struct lane_request *q)
{
	struct front *f = context;
	bool wants_json = http_prefers_json(q->accept, strlen(q->accept));
	char token[TOKEN_TEXT_SIZE];
	struct entry *entry;
	struct err e;

	if (request_check_site(lane_header(l, "Origin"), lane_header(l, "Sec-Fetch-Site"),
	                       lane_header(l, "Host"), &e) < 0) {
		f->counters.forbidden++;
		reply_refusal(l, wants_json, 403, e.text, NULL);
		return false;
	}
	if (!check_caller(f, l, q, wants_json, token))
		return false;
	entry = has_room(f, token) ? calloc(1, sizeof *entry) : NULL;
	if (entry) {
		entry->lane = l;
		entry->wants_json = wants_json;
		memcpy(entry->job.token, token, TOKEN_TEXT_SIZE);
		lane_set_owner(l, entry);
		TAILQ_INSERT_TAIL(&f->coming, entry, link);
		f->n_coming++;
	} else {
		refuse_later(l, wants_json, 503, 2, "there is too much to do now");
	}
	explicit_bzero(token, sizeof token);
	return entry != NULL;
}

/* The status it was refused with; 0: the entry is the queue's. */
static int
enqueue(struct front *f, struct lane *l, const struct lane_request *q, struct entry *entry)
{
	const struct manage_request request = { q->method,       q->path, q->query,
		                                q->content_type, q->body, q->n_body };
	char fields[FIELDS_SIZE], token[TOKEN_TEXT_SIZE];
	const char *allow = NULL;
	struct err e;
	int status;

	memcpy(token, entry->job.token, sizeof token);
	status = request_read(&request, &entry->form, &entry->job, entry->files, &allow, &e);
	memcpy(entry->job.token, token, sizeof token);
	explicit_bzero(token, sizeof token);
	if (status != 0) {
		snprintf(fields, sizeof fields, "Allow: %s\r\n", allow ? allow : "");
		reply_refusal(l, entry->wants_json, status, e.text, status == 405 ? fields : NULL);
		return status;
	}
	entry->job.number = ++f->last_number;
	entry->job.wants_json = entry->wants_json;
	TAILQ_INSERT_TAIL(&f->waiting, entry, link);
	f->n_waiting++;
	return 0;
}

static void
on_request(void *context, struct lane *l, const struct lane_request *q)
{
	struct front *f = context;
	struct entry *entry = lane_owner(l);

	TAILQ_REMOVE(&f->coming, entry, link);
	f->n_coming--;
	if (enqueue(f, l, q, entry) == 0)
		dispatch(f);
	else
		entry_free(entry);
}

/* Taken out of the list, if it is in it. */
static bool
drop(struct entries *list, size_t *n, struct entry *entry)
{
	struct entry *other;

	TAILQ_FOREACH (other, list, link)
		if (other == entry) {
			TAILQ_REMOVE(list, entry, link);
			*n -= 1;
			entry_free(entry);
			return true;
		}
	return false;
}

/* What has begun goes on: half of a deploy helps nobody. */
static void
on_gone(void *context, struct lane *l)
{
	struct front *f = context;
	struct entry *entry = lane_owner(l);

	if (!entry)
		return;
	entry->lane = NULL;
	if (!drop(&f->coming, &f->n_coming, entry))
		drop(&f->waiting, &f->n_waiting, entry);
}

static const struct lane_rules lane_rules = { .begun = on_begun, .request = on_request, .gone = on_gone };

/* ---- what the master says ---- */

static void
take_lane(struct front *f)
{
	struct err e;

	if (lane_open(f->lanes, message_take_fd(&f->message, 0), &e) < 0)
		log_line(LOG_WARNING, "%s", e.text);
}

static void
take_drain(struct front *f)
{
	f->is_draining = true;
}

/* One that cannot be read lets nobody in. */
static void
take_tokens(struct front *f)
{
	AUTO_FD fd = message_take_fd(&f->message, 0);
	struct err e;

	tokens_unmap(f->tokens);
	f->tokens = NULL;
	if (tokens_map(fd, &f->tokens, &e) < 0)
		log_line(LOG_ERR, "%s", e.text);
}

static const struct message_rule master_may_say[] = {
	{ MSG_LANE, sizeof(struct process_ref), sizeof(struct process_ref), 1, 1 },
	{ MSG_DRAIN, 0, 0, 0, 0 },
	{ MSG_TOKENS, sizeof(struct tokens_serial), sizeof(struct tokens_serial), 1, 1 },
};
static void (*const takes[ARRAY_SIZE(master_may_say)])(struct front *) = { take_lane, take_drain,
	                                                                   take_tokens };

static void
master_serve(void *context, void *owner, uint32_t events)
{
	struct front *f = context;
	const struct message_rule *rule;
	struct err e;
	int rc = message_receive(f->master.fd, &f->message, &e);

	(void)owner;
	(void)events;
	if (rc == -EAGAIN)
		return;
	rule = rc > 0 ? message_check(master_may_say, ARRAY_SIZE(master_may_say), &f->message, &e) : NULL;
	if (rule)
		takes[rule - master_may_say](f);
	else
		f->is_done = true;
	if (rc > 0)
		message_done(&f->message);
}

static void
tick(void *context, void *owner)
{
	struct front *f = context;
	struct err e;

	(void)owner;
	if (memcmp(&f->counters, &f->said, sizeof f->said) != 0 &&
	    message_send(f->master.fd, MSG_MANAGE_COUNTERS, &f->counters, sizeof f->counters, NULL, 0, &e) ==
	        0)
		f->said = f->counters;
	timer_arm(&f->loop, &f->tick, TICK_US);
}

/* ---- life ---- */

static int
open_all(struct front *f, const struct front_rules *rules, int master, int executor, struct err *e)
{
	const int keep[] = { STDERR_FILENO, master, executor, f->loop.epoll };
	int rc = confine_manage(keep, ARRAY_SIZE(keep), e);

	f->concurrent = rules->concurrent;
	f->master = (struct watch){ .fd = master, .serve = master_serve };
	f->executor = (struct watch){ .fd = executor, .serve = executor_serve };
	f->tick = (struct timer){ .fire = tick };
	if (rc == 0)
		rc = lanes_open(&f->lanes, &f->loop, rules->path, &lane_rules, e);
	if (rc == 0)
		rc = loop_watch(&f->loop, &f->master, EPOLLIN, e);
	if (rc == 0)
		rc = loop_watch(&f->loop, &f->executor, EPOLLIN, e);
	timer_arm(&f->loop, &f->tick, TICK_US);
	return rc;
}

static bool
is_over(const struct front *f)
{
	return f->is_done ||
	       (f->is_draining && f->n_running + f->n_waiting == 0 && lanes_busy(f->lanes) == 0);
}

int
front_run(const struct front_rules *rules, int master, int executor, struct err *e)
{
	static struct front front; /* too large for the stack */
	struct front *f = &front;
	int rc = loop_init(&f->loop, e);

	TAILQ_INIT(&f->coming);
	TAILQ_INIT(&f->waiting);
	TAILQ_INIT(&f->running);
	/* Later it could read no random bytes for it. */
	json_object_seed(0);
	if (rc == 0)
		rc = open_all(f, rules, master, executor, e);
	if (rc == 0)
		rc = message_send(master, MSG_MANAGE_READY, NULL, 0, NULL, 0, e);
	if (rc < 0)
		return rc;
	lanes_set_context(f->lanes, f);
	while (rc == 0 && !is_over(f))
		rc = loop_turn(&f->loop, f, e);
	return rc;
}
