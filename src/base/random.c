/* random.c - random bytes; apart from digest.c so that a confined process needs no libcrypto. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/digest.h"

void
random_bytes(void *p, size_t n)
{
	char *to = p;

	while (n > 0) {
		ssize_t got = getrandom(to, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			abort(); /* ids that can be guessed would be worse */
		to += got;
		n -= (size_t)got;
	}
}
