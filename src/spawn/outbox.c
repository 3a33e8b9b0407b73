/* outbox.c - what the spawner has to say to the master: never lost, never waited for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "spawn/spawn.h"

struct outgoing {
	struct outgoing *next;
	uint32_t type;
	int fd;
	size_t length;
	unsigned char body[];
};

static int
watch_master(struct spawn *s, uint32_t events, struct err *e)
{
	struct epoll_event event = { .events = events, .data.ptr = &s->on_master };

	return epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->master, &event) < 0 ? err_set(e, errno, "epoll") : 0;
}

static int
send_one(struct spawn *s, const struct outgoing *o, struct err *e)
{
	return message_send(s->master, o->type, o->body, o->length, &o->fd, o->fd >= 0 ? 1 : 0, e);
}

int
outbox_flush(struct spawn *s, struct err *e)
{
	while (s->first) {
		struct outgoing *o = s->first;
		int rc = send_one(s, o, e);

		if (rc == -EAGAIN)
			return watch_master(s, EPOLLIN | EPOLLOUT, e);
		if (rc < 0)
			return rc;
		s->first = o->next;
		fd_close(&o->fd);
		free(o);
	}
	s->last = NULL;
	return watch_master(s, EPOLLIN, e);
}

int
outbox_post(struct spawn *s, uint32_t type, const void *body, size_t length, int fd, struct err *e)
{
	struct outgoing *o = malloc(sizeof *o + length);

	if (!o) {
		fd_close(&fd);
		return err_set(e, ENOMEM, "message to the master");
	}
	*o = (struct outgoing){ .type = type, .fd = fd, .length = length };
	memcpy(o->body, body, length);
	if (s->last)
		s->last->next = o;
	else
		s->first = o;
	s->last = o;
	return outbox_flush(s, e);
}
