/* instance.c - a worker of one version for us alone: a pool's, or without one a spawner's of our own. */
#include "deploy-tool/instance.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/message.h"

enum {
	POOL_START_MS = 20 * 1000, /* a pool's own limit is 15 s */
	LOCAL_START_MS = 15 * 1000,
};

/* ---- by a pool ---- */

static uint64_t
number_of(const json_t *answer, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(answer, name));

	return value > 0 ? (uint64_t)value : 0;
}

static void
text_of(const json_t *answer, const char *name, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(answer, name));

	log_escape(to, size, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static void
take_refused(struct instance_end *end, const json_t *answer)
{
	const json_t *list = json_object_get(answer, "refused");

	end->n_refused = number_of(answer, "n_refused");
	for (size_t i = 0; i < json_array_size(list) && end->n_kinds < REFUSED_KINDS_MAX; i++) {
		const json_t *row = json_array_get(list, i);
		struct refused_call *call = &end->kinds[end->n_kinds++];

		*call = (struct refused_call){ .n = (uint32_t)number_of(row, "n"),
			                       .error = (int32_t)number_of(row, "errno") };
		text_of(row, "call", call->name, sizeof call->name);
	}
}

static void
take_end(struct instance *in, const json_t *answer)
{
	struct instance_end *end = &in->end;

	in->has_end = true;
	text_of(answer, "cause", end->cause, sizeof end->cause);
	text_of(answer, "how", end->how, sizeof end->how);
	text_of(answer, "reason", end->reason, sizeof end->reason);
	end->cpu_us = number_of(answer, "cpu_us");
	end->memory_kb = number_of(answer, "memory_kb");
	take_refused(end, answer);
}

/* Only a start that failed tells what was refused; another refusal is the pool's own. */
static int
take_refusal(struct instance *in, const json_t *answer, struct err *e)
{
	char words[200];

	text_of(answer, "error", words, sizeof words);
	if (json_is_true(json_object_get(answer, "busy")))
		return err_set(e, -EBUSY, "pool %d: %s", (int)in->pool, words);
	if (json_object_get(answer, "refused") == NULL)
		return err_set(e, -ECANCELED, "pool %d: %s", (int)in->pool, words);
	take_refused(&in->end, answer);
	return err_set(e, -ENOEXEC, "it cannot be loaded: %s", words);
}

static int
take_ready(struct instance *in, const json_t *answer, int fds[CONTROL_FDS_MAX], struct err *e)
{
	if (!json_is_true(json_object_get(answer, "ok"))) {
		in->output = fds[0];
		fd_close(&fds[1]);
		return take_refusal(in, answer, e);
	}
	in->requests = fds[0];
	in->output = fds[1];
	if (in->requests < 0 || in->output < 0)
		return err_set(e, -EBADMSG, "pool %d: an answer without descriptors", (int)in->pool);
	in->wall_ms = number_of(answer, "wall_ms");
	in->stream_idle_ms = number_of(answer, "stream_idle_ms");
	in->body_max = number_of(answer, "body_max");
	in->output_max = number_of(answer, "output_max");
	return 0;
}

static int
start_at_pool(struct instance *in, const struct subject *s, const struct instance_how *how, struct err *e)
{
	AUTO_JSON json_t *question = json_pack("{s:s, s:I, s:b}", "command", "invoke", "version",
	                                       (json_int_t)s->version.id, "explain", how->is_explained);
	AUTO_JSON json_t *answer = NULL;
	int fds[CONTROL_FDS_MAX] = { -1, -1 }, rc;

	/* Every pool of a registry has the same versions and folders. */
	in->pool = in->pools.pids[0];
	rc = control_question(in->pools.socks[0], question, -1, e);
	if (rc == 0)
		rc = control_next(in->pools.socks[0], POOL_START_MS, &answer, fds, e);
	if (rc == -ETIMEDOUT)
		return err_set(e, rc, "pool %d did not answer within %d s", (int)in->pool,
		               POOL_START_MS / 1000);
	if (rc < 0)
		return err_set(e, -ENOTCONN, "pool %d has gone", (int)in->pool);
	return take_ready(in, answer, fds, e);
}

static int
await_end_at_pool(struct instance *in, int timeout_ms, struct err *e)
{
	AUTO_JSON json_t *answer = NULL;
	int fds[CONTROL_FDS_MAX] = { -1, -1 };
	int rc = control_next(in->pools.socks[0], timeout_ms, &answer, fds, e);

	if (rc == -ETIMEDOUT)
		return rc;
	if (rc < 0)
		return err_set(e, -ENOTCONN, "pool %d has gone", (int)in->pool);
	for (size_t i = 0; i < CONTROL_FDS_MAX; i++)
		fd_close(&fds[i]);
	take_end(in, answer);
	return 0;
}

/* ---- by a spawner of our own ---- */

static const struct message_rule rules[] = {
	{ MSG_PROCESS_READY, sizeof(struct process_ready), MESSAGE_BODY_MAX, 0, 0 },
	{ MSG_PROCESS_ENDED, sizeof(struct process_ended),
	  sizeof(struct process_ended) + REFUSED_KINDS_MAX * sizeof(struct refused_call), 0, 0 },
};

static const char *
cause_of(const struct process_ended *ended, uint64_t memory)
{
	if (ended->cause != CAUSE_NONE)
		return cause_word((enum cause)ended->cause);
	if (ended->ending.code == CLD_EXITED && ended->ending.status == 0)
		return "";
	return cause_word(ending_cause(&ended->ending, memory));
}

static void
take_ended(struct instance *in, const struct message *m, uint64_t memory)
{
	struct instance_end *end = &in->end;
	struct process_ended ended;
	size_t n = (m->length - sizeof ended) / sizeof end->kinds[0];

	memcpy(&ended, m->body, sizeof ended);
	ended.reason[REASON_SIZE - 1] = '\0';
	in->has_end = true;
	ending_format(&ended.ending, end->how);
	snprintf(end->cause, sizeof end->cause, "%s", cause_of(&ended, memory));
	log_escape(end->reason, sizeof end->reason, ended.reason, strlen(ended.reason));
	end->cpu_us = ended.cpu_us;
	end->memory_kb = ended.ending.max_rss_kb;
	end->n_refused = ended.n_refused;
	end->n_kinds = ended.n_kinds < n ? ended.n_kinds : n;
	memcpy(end->kinds, m->body + sizeof ended, end->n_kinds * sizeof end->kinds[0]);
	for (size_t i = 0; i < end->n_kinds; i++)
		end->kinds[i].name[CALL_NAME_SIZE - 1] = '\0';
}

/* The spawner's next message: its type; -ETIMEDOUT or why there is none. */
static int
receive_local(struct instance *in, int timeout_ms, struct err *e)
{
	AUTO_FREE struct message *m = malloc(sizeof *m);
	struct pollfd p = { .fd = in->local.spawner.channel, .events = POLLIN };
	int rc;

	if (m == NULL)
		return err_set(e, ENOMEM, "invoke");
	do
		rc = poll(&p, 1, timeout_ms);
	while (rc < 0 && errno == EINTR); /* stopped and continued */
	if (rc == 0)
		return err_set(e, -ETIMEDOUT, "the spawner did not answer");
	if (rc > 0)
		rc = message_receive(p.fd, m, e);
	if (rc <= 0)
		return err_set(e, -ENOTCONN, "the spawner has ended");
	if (message_check(rules, ARRAY_SIZE(rules), m, e) == NULL) {
		message_done(m);
		return -EBADMSG;
	}
	if (m->type == MSG_PROCESS_ENDED)
		take_ended(in, m, in->memory);
	return (int)m->type;
}

static int
await_ready_local(struct instance *in, struct err *e)
{
	int type = receive_local(in, LOCAL_START_MS, e);

	if (type == -ETIMEDOUT)
		return err_set(e, -ENOEXEC, "it cannot be loaded: it was not ready within %d s",
		               LOCAL_START_MS / 1000);
	if (type < 0)
		return type;
	in->requests = in->local.requests;
	in->output = in->local.output;
	in->local.requests = in->local.output = -1;
	if (type == MSG_PROCESS_READY)
		return 0;
	return err_set(e, -ENOEXEC, "it cannot be loaded: %.200s",
	               in->end.reason[0] != '\0' ? in->end.reason : in->end.how);
}

static void
take_limits(struct instance *in, const struct function_policy *p)
{
	in->wall_ms = p->wall_ms;
	in->stream_idle_ms = p->stream_idle_ms;
	in->body_max = p->body_max;
	in->output_max = p->output_max;
	in->memory = p->memory;
}

static int
start_here(struct tool *t, const struct subject *s, const struct instance_how *how, struct instance *in,
           struct err *e)
{
	const struct registry_version *v = &s->version;
	uint64_t cpu_ms = s->policy.cpu_ms;
	struct start_worker start = { .is_invoked = 1,
		                      .has_sanitizers = s->artifact.build.has_sanitizers,
		                      .is_explained = how->is_explained,
		                      .cpu_ms = cpu_ms < UINT32_MAX ? (uint32_t)cpu_ms : UINT32_MAX };
	struct local_function f = { .function = v->function,
		                    .entry = v->entry,
		                    .version = v->number,
		                    .policy = &v->policy,
		                    .artifact = s->artifact.build.artifact,
		                    .artifact_size = s->artifact.build.artifact_size,
		                    .shared_dir = subject_folder(s) };
	AUTO_FREE char *artifact = NULL;
	int rc = 0;

	if (!s->is_file)
		rc = registry_blob(t->registry, &v->artifact, &artifact, &f.artifact_size, e);
	if (rc < 0)
		return rc;
	if (!s->is_file)
		f.artifact = artifact;
	take_limits(in, &s->policy);
	tool_open_cgroup(t);
	f.cgroup = &t->cgroup;
	in->is_local = true;
	rc = local_start(&in->local, &t->config, &f, &start, e);
	in->lacks_folder = in->local.lacks_folder;
	return rc < 0 ? rc : await_ready_local(in, e);
}

static int
await_end_local(struct instance *in, int timeout_ms, struct err *e)
{
	int type = receive_local(in, timeout_ms, e);

	if (type == MSG_PROCESS_READY)
		return err_set(e, -EBADMSG, "the spawner said the same twice");
	return type < 0 ? type : 0;
}

/* ---- either ---- */

/* The one that is meant becomes the first. */
static int
choose_pool(struct pools *p, pid_t pool, struct err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		int sock = p->socks[i];

		if (p->pids[i] != pool)
			continue;
		p->socks[i] = p->socks[0];
		p->pids[i] = p->pids[0];
		p->socks[0] = sock;
		p->pids[0] = pool;
		return 0;
	}
	return err_set(e, -ENOTCONN, "pool %d has gone", (int)pool);
}

int
instance_start(struct tool *t, const struct subject *s, const struct instance_how *how, struct instance *in,
               struct err *e)
{
	int rc = 0;

	memset(in, 0, sizeof *in);
	in->requests = in->output = -1;
	if (!s->is_file)
		rc = pools_connect(t, &in->pools, e);
	if (rc == 0 && how->pool != 0)
		rc = choose_pool(&in->pools, how->pool, e);
	if (rc < 0)
		return rc;
	return in->pools.n > 0 ? start_at_pool(in, s, how, e) : start_here(t, s, how, in, e);
}

/* Whether it hears that is seen by its end. */
void
instance_begin_request(struct instance *in)
{
	const struct process_ref ref = { LOCAL_ID };
	struct err e;

	if (in->is_local && !in->has_end)
		message_send(in->local.spawner.channel, MSG_REQUEST_BEGINS, &ref, sizeof ref, NULL, 0, &e);
}

int
instance_channel(const struct instance *in)
{
	return in->is_local ? in->local.spawner.channel : in->pools.socks[0];
}

int
instance_await_end(struct instance *in, int timeout_ms, struct err *e)
{
	if (in->has_end)
		return 0;
	return in->is_local ? await_end_local(in, timeout_ms, e) : await_end_at_pool(in, timeout_ms, e);
}

void
instance_stop(struct instance *in)
{
	const struct process_ref ref = { LOCAL_ID };
	struct err e;

	if (in->has_end)
		return;
	if (in->is_local)
		message_send(in->local.spawner.channel, MSG_KILL, &ref, sizeof ref, NULL, 0, &e);
	else
		control_end(in->pools.socks[0]);
}

void
instance_done(struct instance *in)
{
	fd_close(&in->requests);
	fd_close(&in->output);
	pools_done(&in->pools);
	if (in->is_local)
		local_done(&in->local);
}
