/* accept.c - the listening socket: who may connect, how many, and what to do when there is no descriptor. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "router/router.h"

static void
address_of_ipv4(struct in_addr from, struct address *to)
{
	memset(to, 0, sizeof *to);
	to->bytes[10] = to->bytes[11] = 0xff;
	memcpy(to->bytes + 12, &from, sizeof from);
}

static int
address_parse(const char *text, struct address *to)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		address_of_ipv4(v4, to);
		return 0;
	}
	return inet_pton(AF_INET6, text, to->bytes) == 1 ? 0 : -EINVAL;
}

static int
allowed_parse(struct router *r, struct err *e)
{
	char text[sizeof r->start.allowed_clients], *rest = text, *one;

	memcpy(text, r->start.allowed_clients, sizeof text);
	while ((one = strsep(&rest, ", "))) {
		if (*one == '\0')
			continue;
		if (r->n_allowed == ALLOWED_MAX)
			return err_set(e, -E2BIG, "more than %d allowed clients", ALLOWED_MAX);
		if (address_parse(one, &r->allowed[r->n_allowed++]) < 0)
			return err_set(e, -EINVAL, "allowed client '%s' is no address", one);
	}
	return 0;
}

static bool
is_allowed(const struct router *r, const struct sockaddr_storage *from)
{
	struct address a;

	if (r->n_allowed == 0)
		return true;
	if (from->ss_family == AF_INET)
		address_of_ipv4(((const struct sockaddr_in *)from)->sin_addr, &a);
	else if (from->ss_family == AF_INET6)
		memcpy(a.bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, sizeof a.bytes);
	else
		return true; /* a unix socket's permissions are its mode's business */
	for (size_t i = 0; i < r->n_allowed; i++)
		if (memcmp(a.bytes, r->allowed[i].bytes, sizeof a.bytes) == 0)
			return true;
	return false;
}

static void
listener_pause(struct router *r, unsigned ms)
{
	if (r->is_accepting)
		epoll_ctl(r->epoll, EPOLL_CTL_DEL, r->listener.fd, NULL);
	r->listener.events = 0;
	r->is_accepting = false;
	r->accept_again_us = ms > 0 ? r->now_us + ms * 1000ULL : 0;
}

/* The connection that was idle for longest, if it holds nothing. */
static struct front *
spare_front(const struct router *r)
{
	struct front *f = TAILQ_FIRST(&r->fronts[FRONT_IDLE]);

	return f && !f->is_readable && f->n_header == 0 ? f : NULL;
}

static int
take_connection(struct router *r)
{
	struct sockaddr_storage from = { 0 };
	socklen_t n = sizeof from;
	int fd = accept4(r->listener.fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
		listener_pause(r, ACCEPT_PAUSE_MS);
	if (fd >= 0 && !is_allowed(r, &from)) {
		close(fd);
		errno = ECONNABORTED;
		fd = -1;
	}
	return fd;
}

/* True when there may be more to accept.  At the limit the spare connection makes room: web servers open a
 * new one without a word, while one that cannot connect answers 502. */
static bool
accept_one(struct router *r)
{
	bool is_full = r->n_fronts >= r->start.n_connections;
	AUTO_FD fd = -1;

	if (is_full && !spare_front(r)) {
		listener_pause(r, 0);
		return false;
	}
	fd = take_connection(r);
	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR;
	if (is_full)
		front_close(r, spare_front(r));
	if (!front_new(r, fd)) {
		listener_pause(r, ACCEPT_PAUSE_MS);
		return false;
	}
	r->counters.connections_accepted++;
	fd = -1;
	return true;
}

void
accept_given(struct router *r, int given)
{
	bool is_full = r->n_fronts >= r->start.n_connections;
	AUTO_FD fd = given;
	struct front *f;

	if (r->is_draining || (is_full && !spare_front(r)))
		return;
	if (is_full)
		front_close(r, spare_front(r));
	f = front_new(r, fd);
	if (!f)
		return;
	f->is_given = true;
	r->counters.connections_accepted++;
	fd = -1;
}

static void
listener_ready(struct router *r, struct source *s, uint32_t events)
{
	enum { ACCEPT_BATCH = 16 }; /* level-triggered: the rest is for the other routers, or the next turn */

	(void)s;
	(void)events;
	for (int i = 0; i < ACCEPT_BATCH && r->is_accepting; i++)
		if (!accept_one(r))
			return;
}

void
accept_resume(struct router *r)
{
	if (r->is_accepting || r->listener.fd < 0)
		return;
	if (r->n_fronts >= r->start.n_connections && !spare_front(r))
		return;
	r->accept_again_us = 0;
	r->is_accepting = loop_watch(r, &r->listener, EPOLLIN | EPOLLEXCLUSIVE) == 0;
}

void
accept_stop(struct router *r)
{
	loop_forget(r, &r->plain_listener);
	loop_forget(r, &r->listener);
	r->is_accepting = false;
	r->accept_again_us = 0;
}

int
accept_open(struct router *r, int listener, struct err *e)
{
	struct sockaddr_storage own = { 0 };
	socklen_t n = sizeof own;
	int rc = allowed_parse(r, e), on = 1;

	if (rc < 0)
		return rc;
	r->listener.fd = listener;
	r->listener.ready = listener_ready;
	if (getsockname(listener, (struct sockaddr *)&own, &n) < 0)
		return err_set(e, errno, "listening socket");
	r->is_tcp = own.ss_family == AF_INET || own.ss_family == AF_INET6;
	/* Accepted sockets inherit it. */
	if (r->is_tcp && setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
		return err_set(e, errno, "TCP_NODELAY");
	accept_resume(r);
	return r->is_accepting ? 0 : err_set(e, errno, "watch the listening socket");
}
