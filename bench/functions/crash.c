/* crash.c - ends at once, or when it was asked first ?ms= milliseconds ago; before that it answers. */
#include <cfn.h>
#include <stdlib.h>
#include <time.h>

static long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int
crash(cfn_request *q, cfn_response *r)
{
	static long first;
	const char *ms = cfn_query(q, "ms");

	if (first == 0)
		first = now_ms();
	if (now_ms() - first >= (ms ? atol(ms) : 0))
		abort();
	return cfn_send(r, 200, "text/plain", "not yet\n");
}
