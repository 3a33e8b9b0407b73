/* message.h - one message with descriptors over a SOCK_SEQPACKET socket. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum {
	MESSAGE_BODY_MAX = 60 * 1024, /* below the default socket buffer, so that one send never splits */
	MESSAGE_FDS_MAX = 12,
};

struct message {
	uint32_t type;
	size_t length; /* bytes in body */
	size_t n_fds;
	int fds[MESSAGE_FDS_MAX]; /* owned by the message until message_take_fd */
	pid_t pid;                /* sender, in the receiver's pid namespace; 0 unless SO_PASSCRED is set */
	_Alignas(16) unsigned char body[MESSAGE_BODY_MAX];
};

/* Sends one message; the descriptors stay the caller's.  -EAGAIN when a non-blocking socket is full. */
int message_send(int sock, uint32_t type, const void *body, size_t length, const int *fds, size_t n_fds,
                 struct err *e);

/* Receives one.  1; 0 at the end of the stream; -EAGAIN when there is none (*e is not filled);
 * -EBADMSG when it is too short or too long; -EMFILE when it is whole but for descriptors that this process
 * had no room for.  Its descriptors are closed then. */
int message_receive(int sock, struct message *m, struct err *e);

/* Takes descriptor i out of the message; -1 when there is none. */
int message_take_fd(struct message *m, size_t i);

/* Closes the descriptors that nobody took. */
void message_done(struct message *m);

/* What a peer may say.  A table of these is the whole permission of a less trusted peer. */
struct message_rule {
	uint32_t type;
	size_t min_length, max_length;
	size_t min_fds, max_fds;
};

/* The rule that m satisfies, or NULL with *e filled: the peer has broken the protocol. */
const struct message_rule *message_check(const struct message_rule *rules, size_t n_rules,
                                         const struct message *m, struct err *e);

/* A connected pair, CLOEXEC.  0 or -errno. */
int message_pair(int pair[2], struct err *e);
