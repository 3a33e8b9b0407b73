/* control_server.c - connections of the control socket: who may ask, one question at a time, bounded. */
#include "pool/control_server.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/invocations.h"
#include "pool/master.h"

static void
question_is_over(struct control_connection *c)
{
	c->wait = CONTROL_NOTHING;
	c->vote = NULL;
	c->copy_id = 0;
	c->invocation = NULL;
}

static void
connection_close(struct master *m, struct control_connection *c)
{
	/* A copy that nobody waits for could wait for its data for ever. */
	if (c->wait == CONTROL_COPY)
		spawner_kill(m, c->copy_id);
	if (c->wait == CONTROL_INVOKE)
		invocation_abandon(m, c->invocation);
	timer_cancel(&m->loop, &c->timer);
	loop_forget(&m->loop, &c->watch);
	fd_close(&c->watch.fd);
	question_is_over(c);
}

json_t *
control_error(const char *fmt, ...)
{
	char text[REASON_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	/* Texts of a loader may hold any bytes. */
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			*p = '?';
	return json_pack("{s:b,s:s}", "ok", 0, "error", text);
}

void
control_tell(struct control_connection *c, json_t *answer, const int *fds, size_t n_fds)
{
	struct err e;
	int rc = answer ? control_send(c->watch.fd, answer, fds, n_fds, &e) : -ENOMEM;

	json_decref(answer);
	/* An asker that does not read: the end of the connection tells it. */
	if (rc < 0)
		shutdown(c->watch.fd, SHUT_RDWR);
}

void
control_done(struct master *m, struct control_connection *c)
{
	question_is_over(c);
	if (c->has_ended)
		connection_close(m, c);
	else
		timer_arm(&m->loop, &c->timer, CONTROL_IDLE_MS * UINT64_C(1000));
}

void
control_answer(struct master *m, struct control_connection *c, json_t *answer)
{
	control_tell(c, answer, NULL, 0);
	control_done(m, c);
}

static void
connection_is_idle(void *context, void *owner)
{
	struct master *m = context;

	connection_close(m, owner);
}

/* The asker may have closed the connection or only its direction, and finds out when it reads.  Not watched
 * any more: the end would be there in every turn. */
static void
end_invocation(struct master *m, struct control_connection *c)
{
	loop_forget(&m->loop, &c->watch);
	c->has_ended = true;
	timer_arm(&m->loop, &c->timer, CONTROL_IDLE_MS * UINT64_C(1000));
	invocation_stop(m, c->invocation);
}

static void
serve_connection(void *context, void *owner, uint32_t events)
{
	struct master *m = context;
	struct control_connection *c = owner;
	json_t *question = NULL;
	struct err e;
	int fd = -1, rc;

	(void)events;
	rc = control_receive(c->watch.fd, &question, &fd, &e);
	if (rc == -EAGAIN)
		return;
	/* While another one is open it is no question, and its answer would end that one. */
	if (rc == -EBADMSG && c->wait == CONTROL_NOTHING) {
		control_answer(m, c, control_error("%s", e.text));
		return;
	}
	if (rc == 0 && c->wait == CONTROL_INVOKE) {
		end_invocation(m, c);
		return;
	}
	if (rc <= 0 || c->wait != CONTROL_NOTHING) {
		fd_close(&fd);
		json_decref(question);
		connection_close(m, c);
		return;
	}
	timer_arm(&m->loop, &c->timer, CONTROL_IDLE_MS * UINT64_C(1000));
	control_serve(m, c, question, fd);
	json_decref(question);
}

/* SO_PEERGROUPS: the supplementary groups that the peer had when it connected. */
static bool
peer_has_group(int sock, gid_t group)
{
	gid_t groups[256];
	socklen_t size = sizeof groups;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof *groups; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* Whoever may write the registry may ask; the modes of folder and socket say the same. */
static bool
may_ask(const struct master *m, int sock, uid_t *who)
{
	struct ucred peer;
	socklen_t size = sizeof peer;
	struct stat st;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	*who = peer.uid;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	if (stat(m->config->registry, &st) < 0)
		return false;
	if (peer.uid == st.st_uid)
		return true;
	return st.st_mode & S_IWGRP && (peer.gid == st.st_gid || peer_has_group(sock, st.st_gid));
}

static struct control_connection *
free_connection(struct control_server *s)
{
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		if (s->connections[i].watch.fd < 0)
			return &s->connections[i];
	return NULL;
}

static void
serve_listener(void *context, void *owner, uint32_t events)
{
	struct master *m = context;
	struct control_server *s = &m->control;
	struct control_connection *c = free_connection(s);
	AUTO_FD sock = accept4(s->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct err e;
	uid_t peer;

	(void)owner;
	(void)events;
	if (sock < 0)
		return;
	if (!may_ask(m, sock, &peer) || !c) {
		json_t *answer = control_error(c ? "not allowed to ask this pool"
		                                 : "too many connections to this pool; try again");

		if (answer)
			control_send(sock, answer, NULL, 0, &e);
		json_decref(answer);
		return;
	}
	c->peer = peer;
	c->has_ended = c->is_heir = false;
	c->watch = (struct watch){ .fd = sock, .serve = serve_connection, .owner = c };
	c->timer = (struct timer){ .fire = connection_is_idle, .owner = c };
	if (loop_watch(&m->loop, &c->watch, EPOLLIN, &e) < 0) {
		c->watch.fd = -1;
		return;
	}
	sock = -1;
	timer_arm(&m->loop, &c->timer, CONTROL_IDLE_MS * UINT64_C(1000));
}

static void
counters_are_late(void *context, void *owner)
{
	struct master *m = context;

	(void)owner;
	control_counters_came(m);
}

static void
tokens_are_late(void *context, void *owner)
{
	struct master *m = context;

	(void)owner;
	control_tokens_taken(m);
}

int
control_server_open(struct master *m, struct err *e)
{
	struct control_server *s = &m->control;

	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		s->connections[i].watch.fd = -1;
	s->counters = (struct timer){ .fire = counters_are_late };
	s->pokes = (struct timer){ .fire = tokens_are_late };
	s->listener =
	    (struct watch){ .fd = control_listen(m->config->registry, s->path, e), .serve = serve_listener };
	if (s->listener.fd < 0)
		return -e->code;
	return loop_watch(&m->loop, &s->listener, EPOLLIN, e);
}

void
control_server_close(struct master *m)
{
	struct control_server *s = &m->control;

	if (s->listener.fd < 0)
		return;
	for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
		if (s->connections[i].watch.fd >= 0)
			connection_close(m, &s->connections[i]);
	loop_forget(&m->loop, &s->listener);
	fd_close(&s->listener.fd);
	unlink(s->path);
}
