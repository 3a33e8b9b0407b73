/* command.c - what the master asks for, by a table: anything else is a broken master. */
#include <errno.h>
#include <string.h>

#include "spawn/spawn.h"

static int
fail_start(struct spawn *s, uint32_t id, const struct err *why, struct err *e)
{
	const struct ending none = { 0 };
	struct process never = { .id = id, .is_missing = why->code == ENOENT };

	process_set_reason(&never, why->text, strlen(why->text));
	return process_tell_ended(s, &never, &none, e);
}

typedef int start_function(struct spawn *, struct process *, struct err *);

static int
start(struct spawn *s, enum process_kind kind, start_function *how, struct err *e)
{
	uint32_t id = ((const struct process_ref *)s->in.body)->id;
	struct process *p;
	struct err why;

	if (id == 0 || process_by_id(s, id))
		return err_set(e, -EBADMSG, "the master used the id %u twice", id);
	if (process_count(s) >= PROCESSES_MAX) {
		err_set(&why, -EAGAIN, "%d processes are running already", PROCESSES_MAX);
		return fail_start(s, id, &why, e);
	}
	p = process_new(s, kind, id);
	if (!p)
		return err_set(e, ENOMEM, "start");
	if (how(s, p, &why) == 0)
		return 0;
	process_forget(s, p);
	return fail_start(s, id, &why, e);
}

static int
serve_start_router(struct spawn *s, struct err *e)
{
	return start(s, PROCESS_ROUTER, start_router, e);
}

static int
serve_start_runner(struct spawn *s, struct err *e)
{
	return start(s, PROCESS_RUNNER, start_runner, e);
}

static int
serve_start_worker(struct spawn *s, struct err *e)
{
	return start(s, PROCESS_WORKER, start_worker, e);
}

static int
serve_start_copy(struct spawn *s, struct err *e)
{
	return start(s, PROCESS_COPY, start_copy, e);
}

/* A process that ended a moment ago is not an error: the word about it is under way. */
static int
serve_kill(struct spawn *s, struct err *e)
{
	struct process *p = process_by_id(s, ((const struct process_ref *)s->in.body)->id);

	(void)e;
	if (p)
		process_kill(p);
	return 0;
}

static int
serve_spares(struct spawn *s, struct err *e)
{
	uint32_t n = ((const struct spares *)s->in.body)->n;

	return spares_want(s, n) < 0 ? err_set(e, -EBADMSG, "the master wants %u spares", n) : 0;
}

/* As above. */
static int
serve_request_begins(struct spawn *s, struct err *e)
{
	struct process *p = process_by_id(s, ((const struct process_ref *)s->in.body)->id);

	(void)e;
	if (p)
		invoked_request_begins(p);
	return 0;
}

/* As above; the pipe that closes is the answer then. */
static int
serve_stacks(struct spawn *s, struct err *e)
{
	const struct stacks_of *of = (const struct stacks_of *)s->in.body;
	struct process *p = process_by_id(s, of->id);

	(void)e;
	if (p && p->kind == PROCESS_WORKER && p->worker > 0)
		stacks_take(s, p, of->pid, s->in.fds[0]);
	return 0;
}

static int
serve_ask_alive(struct spawn *s, struct err *e)
{
	return outbox_post(s, MSG_ALIVE, "", 0, -1, e);
}

/* Every struct begins with its id; only that of MSG_SPARES has none. */
static const struct message_rule rules[] = {
	{ MSG_START_ROUTER, sizeof(struct start_router), sizeof(struct start_router), 6, 7 },
	{ MSG_START_WORKER, sizeof(struct start_worker), sizeof(struct start_worker), 4, 5 },
	{ MSG_START_COPY, sizeof(struct start_copy), sizeof(struct start_copy), 1, 1 },
	{ MSG_KILL, sizeof(struct process_ref), sizeof(struct process_ref), 0, 0 },
	{ MSG_REQUEST_BEGINS, sizeof(struct process_ref), sizeof(struct process_ref), 0, 0 },
	{ MSG_START_RUNNER, sizeof(struct start_runner), sizeof(struct start_runner), 3, 3 },
	{ MSG_SPARES, sizeof(struct spares), sizeof(struct spares), 0, 0 },
	{ MSG_ASK_ALIVE, 0, 0, 0, 0 },
	{ MSG_STACKS, sizeof(struct stacks_of), sizeof(struct stacks_of), 1, 1 },
};

static int (*const serve[ARRAY_SIZE(rules)])(struct spawn *, struct err *) = {
	serve_start_router, serve_start_worker, serve_start_copy, serve_kill,   serve_request_begins,
	serve_start_runner, serve_spares,       serve_ask_alive,  serve_stacks,
};

/* A start whose descriptors did not fit is refused like any other. */
static int
refuse_start(struct spawn *s, const struct err *why, struct err *e)
{
	if (s->in.length < sizeof(struct process_ref))
		return err_set(e, -EBADMSG, "%s", why->text);
	return fail_start(s, ((const struct process_ref *)s->in.body)->id, why, e);
}

int
command_serve(struct spawn *s, struct err *e)
{
	const struct message_rule *rule;
	struct err why;
	int rc = message_receive(s->master, &s->in, &why);

	if (rc == -EMFILE)
		return refuse_start(s, &why, e) < 0 ? -e->code : 1;
	if (rc <= 0 && rc != -EAGAIN)
		*e = why;
	if (rc <= 0)
		return rc;
	rule = message_check(rules, ARRAY_SIZE(rules), &s->in, e);
	rc = rule ? serve[rule - rules](s, e) : -e->code;
	message_done(&s->in);
	return rc < 0 ? rc : 1;
}
