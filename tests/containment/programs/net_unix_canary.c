/* net_unix_canary.c - reaches a socket of the host by its abstract name: connected, or from a pair. */
#include "attempt.h"

#include <sys/socket.h>
#include <sys/un.h>

int
main(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + sizeof "\0cfn-canary" - 1;
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), pair[2];

	memcpy(name.sun_path, "\0cfn-canary", sizeof "\0cfn-canary" - 1);
	if (sock >= 0)
		return connect(sock, (struct sockaddr *)&name, length) == 0
		           ? escaped("connected")
		           : contained("connect %s", attempt_error());
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == 0 &&
	    sendto(pair[0], "x", 1, 0, (struct sockaddr *)&name, length) == 1)
		return escaped("sent");
	return contained("%s", attempt_error());
}
