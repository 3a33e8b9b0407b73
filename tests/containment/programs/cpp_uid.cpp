/* cpp_uid.cpp - user privilege: uid 1000, not root. */
#include "attempt.h"

#include <unistd.h>

int
main()
{
	return getuid() == 1000 && geteuid() == 1000 ? contained("1000") : escaped("%u", getuid());
}
