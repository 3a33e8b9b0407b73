/* message.c - one message with descriptors over a SOCK_SEQPACKET socket. */
#include "ipc/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fd.h"

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX) + CMSG_SPACE(sizeof(struct ucred))];
};

static void
attach_fds(struct msghdr *h, union control *control, const int *fds, size_t n_fds)
{
	struct cmsghdr *c;

	memset(control, 0, sizeof *control);
	h->msg_control = control->space;
	h->msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
}

int
message_send(int sock, uint32_t type, const void *body, size_t length, const int *fds, size_t n_fds,
             struct err *e)
{
	struct iovec parts[2] = { { &type, sizeof type }, { (void *)(uintptr_t)body, length } };
	struct msghdr h = { .msg_iov = parts, .msg_iovlen = 2 };
	union control control;

	if (length > MESSAGE_BODY_MAX || n_fds > MESSAGE_FDS_MAX)
		return err_set(e, EMSGSIZE, "send message %u", type);
	if (n_fds > 0)
		attach_fds(&h, &control, fds, n_fds);
	for (;;) {
		if (sendmsg(sock, &h, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		return err_set(e, errno, "send message %u", type);
	}
}

/* Without credentials their room holds descriptors, too: more than a message may have are closed. */
static void
take_fds(struct message *m, const unsigned char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, data + i * sizeof fd, sizeof fd);
		if (m->n_fds < MESSAGE_FDS_MAX)
			m->fds[m->n_fds++] = fd;
		else
			fd_close(&fd);
	}
}

/* Everything that the kernel attached is taken over first, so that nothing leaks on an error. */
static void
take_control(struct msghdr *h, struct message *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t size = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS) {
			take_fds(m, CMSG_DATA(c), size / sizeof(int));
		} else if (c->cmsg_type == SCM_CREDENTIALS && size == sizeof(struct ucred)) {
			struct ucred from;

			memcpy(&from, CMSG_DATA(c), sizeof from);
			m->pid = from.pid;
		}
	}
}

int
message_receive(int sock, struct message *m, struct err *e)
{
	union control control;
	struct iovec parts[2] = { { &m->type, sizeof m->type }, { m->body, sizeof m->body } };
	struct msghdr h = { .msg_iov = parts,
		            .msg_iovlen = 2,
		            .msg_control = control.space,
		            .msg_controllen = sizeof control.space };
	ssize_t n;

	m->n_fds = 0;
	m->length = 0;
	m->pid = 0;
	/* A peer that ended without having read all is told by ECONNRESET, once, and before its last words.
	 */
	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return -EAGAIN;
	if (n < 0)
		return err_set(e, errno, "receive message");
	take_control(&h, m);
	if (n == 0) {
		/* An empty message looks like the end, but may carry descriptors. */
		message_done(m);
		return 0;
	}
	if ((size_t)n < sizeof m->type || h.msg_flags & MSG_TRUNC) {
		message_done(m);
		return err_set(e, -EBADMSG, "message cut short");
	}
	m->length = (size_t)n - sizeof m->type;
	if (h.msg_flags & MSG_CTRUNC) {
		message_done(m);
		return err_set(e, -EMFILE, "no descriptors left for those of a message");
	}
	return 1;
}

int
message_take_fd(struct message *m, size_t i)
{
	int fd;

	if (i >= m->n_fds)
		return -1;
	fd = m->fds[i];
	m->fds[i] = -1;
	return fd;
}

void
message_done(struct message *m)
{
	for (size_t i = 0; i < m->n_fds; i++)
		fd_close(&m->fds[i]);
	m->n_fds = 0;
}

const struct message_rule *
message_check(const struct message_rule *rules, size_t n_rules, const struct message *m, struct err *e)
{
	for (size_t i = 0; i < n_rules; i++) {
		const struct message_rule *r = &rules[i];

		if (r->type != m->type)
			continue;
		if (m->length < r->min_length || m->length > r->max_length || m->n_fds < r->min_fds ||
		    m->n_fds > r->max_fds)
			break;
		return r;
	}
	err_set(e, -EBADMSG, "message %u with %zu bytes and %zu descriptors is not allowed", m->type,
	        m->length, m->n_fds);
	return NULL;
}

int
message_pair(int pair[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, errno, "socketpair");
	return 0;
}
