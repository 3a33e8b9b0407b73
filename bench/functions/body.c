/* body.c - bodies: a POST is read and counted, a GET answered with 100 MiB, as bare_body.c does. */
#include <cfn.h>

enum { PIECE = 64 << 10, PIECES = 1600 };

static char piece[PIECE];

static int
take(cfn_request *q, cfn_response *r)
{
	unsigned long long sum = 0;
	ssize_t n;

	while ((n = cfn_read(q, piece, sizeof piece)) > 0)
		sum += (unsigned long long)n;
	return n < 0 ? (int)n : cfn_send(r, 200, "text/plain", "%llu\n", sum);
}

static int
give(cfn_request *q, cfn_response *r)
{
	int rc = cfn_stream(r, 200, "application/octet-stream");

	(void)q;
	for (int i = 0; i < PIECES && rc == 0; i++)
		rc = cfn_write(r, piece, sizeof piece);
	return rc;
}

CFN_ROUTES({ "POST", "/body", take }, { "GET", "/body", give });
