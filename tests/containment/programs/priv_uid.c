/* priv_uid.c - who it is: real, effective, saved. */
#include "attempt.h"

#include <unistd.h>

int
main(void)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
		return broken("%s", attempt_error());
	if (!u[0] || !u[1] || !u[2] || !g[0] || !g[1] || !g[2])
		return escaped("%u,%u,%u %u,%u,%u", u[0], u[1], u[2], g[0], g[1], g[2]);
	return contained("%u,%u,%u %u,%u,%u", u[0], u[1], u[2], g[0], g[1], g[2]);
}
