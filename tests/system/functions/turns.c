/* turns.c - takes one of so many places for a while; 500 when all are taken. */
#include <cfn.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int
take(cfn_request *q, cfn_response *r)
{
	char place[16];
	long n = 1;

	cfn_query_int(q, "n", 1, 9, &n);
	for (long i = 0; i < n; i++) {
		snprintf(place, sizeof place, "/place%ld", i);
		if (close(open(place, O_CREAT | O_EXCL | O_WRONLY, 0600)) < 0)
			continue;
		cfn_wait(q, 10);
		unlink(place);
		return cfn_send(r, 200, "text/plain", "in turn, VERSION\n");
	}
	return cfn_send(r, 500, "text/plain", "no place\n");
}

/* Holds a place as long as it is open. */
static int
hold(cfn_request *q, cfn_response *r)
{
	if (close(open("/place0", O_CREAT | O_EXCL | O_WRONLY, 0600)) < 0)
		return cfn_send(r, 500, "text/plain", "no place\n");
	cfn_stream(r, 200, "text/plain");
	cfn_printf(r, "held\n");
	while (cfn_wait(q, 60000) == 0)
		;
	unlink("/place0");
	return 0;
}

CFN_ROUTES({ "GET", "/turns", take }, { "GET", "/turns/hold", hold });
