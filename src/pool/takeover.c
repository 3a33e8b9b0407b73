/* takeover.c - a new pool takes the listening socket of one that runs, and ends it when it is ready itself.
 */
#include "pool/takeover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/connections.h"
#include "pool/master.h"
#include "pool/predecessors.h"
#include "pool/runner.h"

enum {
	ANSWER_MS = 5000,
	SUCCESSOR_MS = 10 * 60 * 1000, /* from the socket to the word that its new holder is ready */
};

struct candidate {
	int sock, listener;
	int metrics; /* their listener; -1: none */
	int process; /* opened before it answers, so that the number is still its own */
	pid_t pid;
	bool is_made; /* the pool made the socket, and would remove it */
	char address[LISTENER_TEXT_SIZE];
};

static void
candidate_done(struct candidate *c)
{
	fd_close(&c->sock);
	fd_close(&c->listener);
	fd_close(&c->metrics);
	fd_close(&c->process);
}

/* Takes what the answer says; a pool that is stopping says no, and is no candidate. */
static int
candidate_take(struct candidate *c, const json_t *answer, int fds[CONTROL_FDS_MAX], struct err *e)
{
	const char *address = json_string_value(json_object_get(answer, "address"));
	const char *why = json_string_value(json_object_get(answer, "error"));

	c->metrics = fds[1];
	fds[1] = -1;
	if (json_is_true(json_object_get(answer, "stopping")))
		return 0;
	if (!json_is_true(json_object_get(answer, "ok")))
		return err_set(e, -EACCES, "replace pool %d: %s", (int)c->pid, why ? why : "it refuses");
	if (!address || fds[0] < 0 || strlen(address) >= sizeof c->address)
		return err_set(e, -EBADMSG, "replace pool %d: its answer has no socket", (int)c->pid);
	snprintf(c->address, sizeof c->address, "%s", address);
	c->is_made = json_is_true(json_object_get(answer, "made"));
	c->listener = fds[0];
	fds[0] = -1;
	return 1;
}

/* 1: it has a socket to give. */
static int
candidate_ask(struct candidate *c, struct err *e)
{
	int fds[CONTROL_FDS_MAX] = { -1, -1 };
	json_t *question = json_pack("{s:s}", "command", "listener"), *answer = NULL;
	int rc = question ? control_question(c->sock, question, -1, e) : err_set(e, ENOMEM, "question");

	json_decref(question);
	c->process = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (rc == 0 && c->process < 0)
		rc = err_set(e, errno, "its process");
	if (rc == 0)
		rc = control_next(c->sock, ANSWER_MS, &answer, fds, e);
	if (rc == 0)
		rc = candidate_take(c, answer, fds, e);
	else
		err_wrap(e, "replace pool %d", (int)c->pid);
	json_decref(answer);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	return rc;
}

/* Keeps c in *best when it is the one that is meant. */
static int
candidate_compare(struct candidate *c, const char *address, struct candidate *best, struct err *e)
{
	if (address[0] != '\0' && !listener_is_at(c->address, address)) {
		log_line(LOG_NOTICE, "pool %d, which serves this registry on %s, goes on beside this one",
		         (int)c->pid, c->address);
		candidate_done(c);
		return 0;
	}
	if (best->sock >= 0) {
		candidate_done(c);
		return err_set(e, -EINVAL,
		               "replace: several pools serve this registry; say which by --listen");
	}
	*best = *c;
	return 0;
}

static int
find(const char *registry, const char *address, struct candidate *best, struct err *e)
{
	int socks[CONTROL_POOLS_MAX];
	pid_t pids[CONTROL_POOLS_MAX];
	int n = control_connect(registry, socks, pids, e), rc = n < 0 ? n : 0;

	for (int i = 0; i < n; i++) {
		struct candidate c = {
			.sock = socks[i], .listener = -1, .metrics = -1, .process = -1, .pid = pids[i]
		};

		if (rc == 0)
			rc = candidate_ask(&c, e);
		if (rc == 1)
			rc = candidate_compare(&c, address, best, e);
		else
			candidate_done(&c);
	}
	return rc;
}

int
takeover_listener(struct master *m, struct err *e)
{
	struct candidate best = { .sock = -1, .listener = -1, .metrics = -1, .process = -1 };
	int rc = find(m->config->registry, m->config->listen, &best, e);

	if (rc == 0 && best.sock < 0)
		return 0;
	if (rc == 0)
		rc = listener_adopt(best.listener, best.is_made, &m->listener, e);
	if (rc == 0 && best.metrics >= 0)
		rc = listener_adopt(best.metrics, true, &m->metrics, e);
	if (rc < 0) {
		candidate_done(&best);
		return rc;
	}
	m->takeover.sock = best.sock;
	m->takeover.process = best.process;
	return 1;
}

bool
takeover_is_shared(const struct master *m)
{
	return m->takeover.process >= 0 || predecessors_are_running(m);
}

/* The old one's end of the channel is *end. */
static int
add_predecessor(struct master *m, int *end, struct err *e)
{
	int pair[2], process = m->takeover.process;

	if (message_pair(pair, e) < 0)
		return -e->code;
	*end = pair[1];
	m->takeover.process = -1;
	return predecessors_add(m, process, pair[0], e);
}

static int
tell_to_drain(struct master *m, struct err *e)
{
	json_t *question = json_pack("{s:s,s:b}", "command", "drain", "chain", 1);
	AUTO_FD end = -1;
	int rc = question ? add_predecessor(m, &end, e) : err_set(e, ENOMEM, "question");

	if (rc == 0)
		rc = control_question(m->takeover.sock, question, end, e);
	json_decref(question);
	return rc;
}

void
takeover_finish(struct master *m)
{
	struct err e;

	connections_take_kept(m);
	if (m->takeover.sock < 0)
		return;
	if (tell_to_drain(m, &e) < 0)
		log_line(LOG_ERR, "the pool before this one goes on: %s", e.text);
	fd_close(&m->takeover.sock);
	fd_close(&m->takeover.process);
}

/* Whoever may ask may deploy, but the socket is the web server's way in: he could answer in every function's
 * place, and stop the pool. */
static bool
is_refused(struct master *m, struct control_connection *c)
{
	if (c->peer == 0 || c->peer == geteuid())
		return false;
	control_answer(m, c, control_error("only root and the user of this pool may replace it"));
	return true;
}

/* Two heirs would both serve from then on. */
static bool
has_heir(const struct master *m)
{
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		if (m->control.connections[i].watch.fd >= 0 && m->control.connections[i].is_heir)
			return true;
	return false;
}

static json_t *
why_not_now(struct master *m)
{
	json_t *answer;

	if (m->phase != PHASE_SERVING) {
		answer = control_error("it is starting or stopping");
		json_object_set_new(answer, "stopping", json_boolean(m->phase != PHASE_STARTING));
		return answer;
	}
	if (has_heir(m))
		return control_error("another pool is just taking over");
	if (predecessors_are_full(m))
		return control_error("%d pools before it still drain", PREDECESSORS_MAX);
	return NULL;
}

void
takeover_serve_listener(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	json_t *answer;

	(void)question;
	(void)fd;
	if (is_refused(m, c))
		return;
	answer = why_not_now(m);
	if (answer) {
		control_answer(m, c, answer);
		return;
	}
	c->is_heir = true;
	answer = json_pack("{s:b,s:s,s:b}", "ok", 1, "address", m->listener.text, "made",
	                   m->listener.path[0] != '\0');
	control_tell(c, answer, (int[]){ m->listener.fd, m->metrics.fd }, m->metrics.fd < 0 ? 1 : 2);
	control_done(m, c);
	timer_arm(&m->loop, &c->timer, SUCCESSOR_MS * UINT64_C(1000));
}

void
takeover_serve_drain(struct master *m, struct control_connection *c, const json_t *question, int fd)
{
	struct err e;

	if (is_refused(m, c))
		return;
	if (fd >= 0 && m->phase == PHASE_SERVING &&
	    connections_bequeath(m, fd, json_is_true(json_object_get(question, "chain")), &e) < 0)
		log_line(LOG_WARNING, "connections are closed: %s", e.text);
	log_line(LOG_NOTICE, "another pool serves from now on");
	control_answer(m, c, json_pack("{s:b}", "ok", 1));
	if (m->phase == PHASE_SERVING)
		master_drain(m);
}
