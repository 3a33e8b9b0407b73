/* cpp_socket.cpp - network isolation: socket(AF_INET, SOCK_STREAM, 0) gives -1. */
#include "attempt.h"

#include <sys/socket.h>

int
main()
{
	int sock = socket(AF_INET, SOCK_STREAM, 0);

	return sock == -1 ? contained("%s", attempt_error()) : escaped("socket %d", sock);
}
