/* net_families.c - a socket of any family and type. */
#include "attempt.h"

#include <sys/socket.h>

int
main(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };

	for (int family = 0; family < AF_MAX; family++)
		for (size_t i = 0; i < sizeof types / sizeof *types; i++)
			if (socket(family, types[i] | SOCK_CLOEXEC, 0) >= 0)
				return escaped("family %d", family);
			else if (errno != EACCES)
				return escaped("family %d: %s", family, attempt_error());
	return contained("%s", attempt_error());
}
