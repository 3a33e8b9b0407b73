/* connections.c - web servers' connections that outlive a pool. */
#include "pool/connections.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/predecessors.h"
#include "pool/routers.h"
#include "pool/supervisor.h"

enum { FINISH_MS = 1000 };

/* A router may have been taken over: anything else than a connection could harm the next one. */
static bool
is_connection(int fd)
{
	int type = 0, on = 0;
	socklen_t size = sizeof type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM)
		return false;
	size = sizeof on;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && !on;
}

/* To one router after the other. */
void
connections_take(struct master *m, int fd)
{
	static size_t next;

	if (!is_connection(fd) || fd_set_blocking(fd, 0) < 0)
		return;
	for (size_t i = 0; i < m->n_routers; i++) {
		struct router *r = &m->routers[next++ % m->n_routers];

		if (!router_is_serving(r))
			continue;
		channel_send(&r->channel, MSG_GIVEN, NULL, 0, &fd, 1);
		return;
	}
}

static void
on_end(struct master *m, void *owner, const struct err *why)
{
	(void)owner;
	(void)why;
	channel_close(&m->heir);
}

/* It has nothing to say. */
static void
on_message(struct master *m, void *owner, struct message *message)
{
	(void)message;
	on_end(m, owner, NULL);
}

bool
connections_have_heir(const struct master *m)
{
	return m->heir.watch.fd >= 0 || supervisor_keeps();
}

int
connections_bequeath(struct master *m, int sock, bool is_chained, struct err *e)
{
	int own = fcntl(sock, F_DUPFD_CLOEXEC, 3);

	if (own < 0)
		return err_set(e, errno, "heir");
	m->heir = (struct channel){ .owner = m, .on_message = on_message, .on_end = on_end };
	if (channel_open(&m->heir, &m->loop, own, e) < 0)
		return -e->code;
	if (is_chained)
		predecessors_bequeath(m, &m->heir);
	return 0;
}

void
connections_leave(struct master *m, int fd)
{
	if (m->phase != PHASE_DRAINING || !is_connection(fd))
		return;
	if (m->heir.watch.fd >= 0)
		channel_send(&m->heir, HERITAGE_CONNECTION, NULL, 0, &fd, 1);
	else if (supervisor_keeps())
		supervisor_keep(fd, LISTENER_KEPT_NAME);
}

/* The supervisor has copies, which would keep a connection open that is closed here. */
void
connections_take_kept(struct master *m)
{
	if (m->listener.n_kept == 0)
		return;
	for (int i = 0; i < m->listener.n_kept; i++) {
		int fd = LISTENER_KEPT_FD + i;

		connections_take(m, fd);
		fd_close(&fd);
	}
	log_line(LOG_NOTICE, "%d connections were kept by the supervisor", m->listener.n_kept);
	m->listener.n_kept = 0;
	supervisor_keep_no_more(LISTENER_KEPT_NAME);
}

void
connections_close(struct master *m)
{
	if (m->phase == PHASE_STOPPED)
		channel_finish(&m->heir, FINISH_MS);
}
