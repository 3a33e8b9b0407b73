/* control_commands.c - the questions of the control socket and their answers. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/log.h"
#include "pool/approvals.h"
#include "pool/control_server.h"
#include "pool/invocations.h"
#include "pool/pages.h"
#include "pool/pools.h"
#include "pool/rollout.h"
#include "pool/routers.h"
#include "pool/runner.h"
#include "pool/status.h"
#include "pool/takeover.h"
#include "pool/tokens.h"
#include "pool/workers.h"

typedef void command(struct master *m, struct control_connection *c, const json_t *question, int fd);

static json_t *
control_ok(void)
{
	return json_pack("{s:b}", "ok", 1);
}

static void
serve_poke(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	struct err e;

	(void)question;
	(void)fd;
	if (watcher_check(m, &e) < 0) {
		control_answer(m, c, control_error("%s", e.text));
		return;
	}
	if (m->is_publish_short) {
		control_answer(m, c,
		               control_error("short of memory or descriptors: serves the change later"));
		return;
	}
	c->wait = CONTROL_POKE;
	timer_arm(&m->loop, &m->control.pokes, CONTROL_POKE_MS * UINT64_C(1000));
	control_tokens_taken(m);
}

static json_t *
poked(const struct master *m)
{
	return json_pack("{s:b,s:I,s:I}", "ok", 1, "generation", (json_int_t)m->mark.generation, "pending",
	                 (json_int_t)rollout_n_pending(m));
}

void
control_tokens_taken(struct master *m)
{
	bool is_everywhere = token_list_is_everywhere(m);

	if (!is_everywhere && m->control.pokes.due_us != 0)
		return;
	timer_cancel(&m->loop, &m->control.pokes);
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		if (m->control.connections[i].wait == CONTROL_POKE)
			control_answer(m, &m->control.connections[i],
			               is_everywhere
			                   ? poked(m)
			                   : control_error("a router has not taken the tokens yet"));
}

/* A pool of a version as the registry has it, in no table. */
static struct pool *
pool_read(struct master *m, int64_t version, struct err *e)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	struct pool *pool;

	if (!v) {
		err_set(e, ENOMEM, "version");
		return NULL;
	}
	if (registry_version_by_id(m->registry, version, v, e) < 0 || pool_new(m, v, &pool, e) < 0)
		return NULL;
	return pool;
}

static int
take_bytes(const json_t *object, const char *name, void *bytes, size_t n)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? hex_parse(text, bytes, n) : -EINVAL;
}

/* "activation" of the question: what the version will be signed as; none is all zeros. */
static int
take_activation(const json_t *question, uint32_t version, struct registry_activation *a, struct err *e)
{
	const json_t *given = json_object_get(question, "activation");
	json_int_t number = json_integer_value(json_object_get(given, "number"));

	*a = (struct registry_activation){ 0 };
	if (!given)
		return 0;
	if (number <= 0 || (uint64_t)number > REGISTRY_NUMBER_MAX ||
	    take_bytes(given, "key", a->key.bytes, sizeof a->key.bytes) < 0 ||
	    take_bytes(given, "signature", a->signature.bytes, sizeof a->signature.bytes) < 0)
		return err_set(e, -EINVAL, "vote: the activation has no number, key and signature");
	a->number = (uint64_t)number;
	a->version = version;
	a->is_enabled = json_is_true(json_object_get(given, "enabled"));
	return 0;
}

/* The pool of a version, known or made for the vote. */
static struct pool *
pool_for_vote(struct master *m, const struct registry_version *v, struct err *e)
{
	struct pool *known = pool_find(m, (uint64_t)v->id), *pool;

	if (known && (pool_is_serving(known) || pool_is_wanted(known)))
		return known;
	if (pool_new(m, v, &pool, e) < 0)
		return NULL;
	if (known) {
		pool_update(m, known, pool);
		return known;
	}
	if (pool_insert(m, pool, e) < 0) {
		pool_free(m, pool);
		return NULL;
	}
	return pool;
}

/* The pool of the version, approved of as what it will be. */
static struct pool *
admit_candidate(struct master *m, const json_t *question, struct err *e)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	int64_t version = json_integer_value(json_object_get(question, "version"));
	struct approval_claim claim;
	struct pool *pool;
	int rc = v ? 0 : err_set(e, ENOMEM, "vote");

	if (rc == 0)
		rc = version > 0 ? registry_version_by_id(m->registry, version, v, e)
		                 : err_set(e, -EINVAL, "vote: no version");
	if (rc == 0)
		rc = runner_check_routes(m, v->routes, v->n_routes, e);
	if (rc == 0)
		rc = take_activation(question, v->number, &v->activation, e);
	if (rc == 0)
		rc = approval_claim(v, &v->activation, &claim, e);
	pool = rc == 0 ? pool_for_vote(m, v, e) : NULL;
	if (!pool || approval_vote(m, pool, &claim, e) == 0)
		return pool;
	pool_drop_unused(m, pool);
	return NULL;
}

static void
serve_vote(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	struct pool *pool;
	struct err e;

	(void)fd;
	pool = admit_candidate(m, question, &e);
	if (!pool) {
		control_answer(m, c, control_error("%s", e.text));
		return;
	}
	if (json_is_false(json_object_get(question, "load"))) {
		pool_drop_unused(m, pool);
		control_answer(m, c, control_ok());
		return;
	}
	timer_arm(&m->loop, &pool->vote, VOTE_KEEP_MS * UINT64_C(1000));
	if (pool_count(pool, STAGES_READY) > 0) {
		control_answer(m, c, control_ok());
		return;
	}
	c->wait = CONTROL_VOTE;
	c->vote = pool;
	if (pool_count(pool, STAGE_BIT(WORKER_STARTING)) == 0 && worker_start(m, pool, &e) < 0)
		votes_have_failed(m, pool, e.text);
}

void
votes_are_ready(struct master *m, struct pool *pool)
{
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		if (m->control.connections[i].vote == pool)
			control_answer(m, &m->control.connections[i], control_ok());
}

void
votes_have_failed(struct master *m, struct pool *pool, const char *reason)
{
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		if (m->control.connections[i].vote == pool)
			control_answer(m, &m->control.connections[i], control_error("%s", reason));
}

/* A version that no pool has yet needs one for the start alone. */
static int
invoke(struct master *m, struct control_connection *c, int64_t version, bool is_explained, struct err *e)
{
	struct pool *known = pool_find(m, (uint64_t)version), *fresh;
	int rc;

	if (known)
		return invocation_start(m, c, known, is_explained, e);
	fresh = pool_read(m, version, e);
	if (!fresh)
		return -e->code;
	rc = invocation_start(m, c, fresh, is_explained, e);
	pool_free(m, fresh);
	return rc;
}

static void
serve_invoke(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	int64_t version = json_integer_value(json_object_get(question, "version"));
	bool is_explained = json_is_true(json_object_get(question, "explain"));
	struct err e;
	json_t *answer;
	int rc;

	(void)fd;
	if (version <= 0)
		rc = err_set(&e, -EINVAL, "invoke: no version");
	else if (m->phase != PHASE_SERVING)
		rc = err_set(&e, -EBUSY, "the pool is starting or stopping");
	else
		rc = invoke(m, c, version, is_explained, &e);
	if (rc == 0)
		return;
	answer = control_error("%s", e.text);
	if (rc == -EBUSY)
		json_object_set_new(answer, "busy", json_true());
	control_answer(m, c, answer);
}

void
control_ask_counters(struct master *m)
{
	if (m->control.counters.due_us != 0)
		return;
	for (size_t i = 0; i < m->n_routers; i++)
		m->routers[i].has_counters = false;
	timer_arm(&m->loop, &m->control.counters, CONTROL_COUNTERS_MS * UINT64_C(1000));
	routers_tell(m, MSG_ASK_COUNTERS, NULL, 0);
}

static void
serve_status(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	(void)question;
	(void)fd;
	c->wait = CONTROL_COUNTERS;
	control_ask_counters(m);
}

static bool
all_counters_came(const struct master *m)
{
	for (size_t i = 0; i < m->n_routers; i++)
		if (router_is_serving(&m->routers[i]) && !m->routers[i].has_counters)
			return false;
	return true;
}

void
control_counters_came(struct master *m)
{
	if (m->control.counters.due_us != 0 && !all_counters_came(m))
		return;
	timer_cancel(&m->loop, &m->control.counters);
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		if (m->control.connections[i].wait == CONTROL_COUNTERS)
			control_answer(m, &m->control.connections[i], status_of(m));
	pages_counters_came(m);
}

static void
serve_restart(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	const char *name = json_string_value(json_object_get(question, "function"));
	const struct function *f = name ? function_find(m, name) : NULL;
	struct pool *pool = f ? f->serving : NULL;

	(void)fd;
	if (!pool) {
		control_answer(m, c, control_error("no function '%.64s' is served", name ? name : ""));
		return;
	}
	pool->backoff = (struct backoff){ 0 };
	pool_replace(m, pool);
	leases_serve(m, pool);
	control_answer(m, c, control_ok());
}

static const char *const directions[] = { "out", "in", "list" }; /* by start_copy.is_in */

static int
copy_direction(const char *word, uint32_t *direction)
{
	for (uint32_t i = 0; word && i < ARRAY_SIZE(directions); i++) {
		if (strcmp(word, directions[i]) != 0)
			continue;
		*direction = i;
		return 0;
	}
	return -EINVAL;
}

static int
fill_copy(struct master *m, const json_t *question, struct start_copy *copy, struct err *e)
{
	const char *shared = json_string_value(json_object_get(question, "shared"));
	const char *path = json_string_value(json_object_get(question, "path"));
	const char *direction = json_string_value(json_object_get(question, "direction"));
	json_int_t max = json_integer_value(json_object_get(question, "max"));

	if (!shared || !path || max < 0 || copy_direction(direction, &copy->is_in) < 0)
		return err_set(e, -EINVAL, "copy: shared, path, direction and max are needed");
	if (policy_check_name(shared, e) < 0)
		return -e->code;
	if (strlen(path) >= sizeof copy->path || path[0] == '/')
		return err_set(e, -EINVAL, "copy: the path is relative and shorter than %zu bytes",
		               sizeof copy->path);
	memcpy(copy->shared, shared, strlen(shared));
	memcpy(copy->path, path, strlen(path));
	copy->max_size = (uint64_t)max;
	return uids_slot(&m->uids, UID_SHARED, shared, &copy->slot, e);
}

static void
serve_copy(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	struct start_copy copy = { 0 };
	struct err e;

	if (fd < 0) {
		control_answer(m, c, control_error("copy: no descriptor came with it"));
		return;
	}
	if (fill_copy(m, question, &copy, &e) < 0) {
		control_answer(m, c, control_error("%s", e.text));
		return;
	}
	copy.id = master_next_id(m);
	c->wait = CONTROL_COPY;
	c->copy_id = copy.id;
	timer_arm(&m->loop, &c->timer, CONTROL_COPY_MS * UINT64_C(1000));
	channel_send(&m->spawner_channel, MSG_START_COPY, &copy, sizeof copy, &fd, 1);
}

static json_t *
copy_failure(const struct process_ended *ended)
{
	char text[ENDING_TEXT_SIZE];
	json_t *answer;

	ending_format(&ended->ending, text);
	answer = control_error("copy: %s", ended->reason[0] ? ended->reason : text);
	if (ended->is_missing)
		json_object_set_new(answer, "missing", json_true());
	return answer;
}

void
control_copy_ended(struct master *m, const struct process_ended *ended)
{
	bool is_good = ended->ending.code == CLD_EXITED && ended->ending.status == 0 && !ended->reason[0];

	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
		struct control_connection *c = &m->control.connections[i];

		if (c->watch.fd < 0 || c->wait != CONTROL_COPY || c->copy_id != ended->id)
			continue;
		control_answer(m, c, is_good ? control_ok() : copy_failure(ended));
	}
}

/* Whoever may ask may write the registry, and so seal. */
static void
serve_secret_key(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	char hex[2 * SECRET_KEY_SIZE + 1];

	(void)question;
	(void)fd;
	hex_format(m->secret_keys.public, SECRET_KEY_SIZE, hex);
	control_answer(m, c, json_pack("{s:b,s:s}", "ok", 1, "public", hex));
}

/* Several pools of one state folder are asked one after the other: the first of them makes the new secret. */
static void
serve_rotate_sessions(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	json_int_t epoch = json_integer_value(json_object_get(question, "epoch"));
	struct err e;

	(void)fd;
	if (epoch < 0 || epoch > UINT32_MAX ||
	    session_keys_replace(m->config->state_dir, (uint32_t)epoch, &m->session_keys, &e) < 0) {
		control_answer(m, c, control_error("%s", epoch < 0 || epoch > UINT32_MAX ? "epoch" : e.text));
		return;
	}
	routers_tell_keys(m);
	log_line(LOG_NOTICE, "sessions are sealed with secret %u from now on",
	         m->session_keys.secrets[0].epoch);
	control_answer(m, c,
	               json_pack("{s:b,s:I,s:I}", "ok", 1, "epoch",
	                         (json_int_t)m->session_keys.secrets[0].epoch, "before",
	                         (json_int_t)m->session_keys.secrets[1].epoch));
}

static void
serve_crashes(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	(void)fd;
	control_answer(m, c, crashes_answer(m, question));
}

/* Of the versions that are asked about, by id, those that workers may be of or be started of. */
static void
serve_uses(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	const json_t *versions = json_object_get(question, "versions"), *id;
	json_t *used = json_array();
	size_t i;

	(void)fd;
	json_array_foreach(versions, i, id) if (pool_find(m, (uint64_t)json_integer_value(id)))
	    json_array_append_new(used, json_integer(json_integer_value(id)));
	control_answer(m, c, json_pack("{s:b,s:o}", "ok", 1, "used", used));
}

static const struct {
	const char *name;
	command *serve;
} commands[] = {
	{ "poke", serve_poke },
	{ "vote", serve_vote },
	{ "status", serve_status },
	{ "restart", serve_restart },
	{ "copy", serve_copy },
	{ "invoke", serve_invoke },
	{ "secret_key", serve_secret_key },
	{ "rotate_sessions", serve_rotate_sessions },
	{ "crashes", serve_crashes },
	{ "uses", serve_uses },
	{ "listener", takeover_serve_listener },
	{ "drain", takeover_serve_drain },
};

void
control_serve(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	const char *name = json_string_value(json_object_get(question, "command"));
	command *serve = NULL;

	for (size_t i = 0; name && i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			serve = commands[i].serve;
	if (serve)
		serve(m, c, question, fd);
	else
		control_answer(m, c, control_error("unknown command '%.32s'", name ? name : ""));
	fd_close(&fd);
}
