/* NAME.c - the divisors of a number as JSON: GET /NAME/12 */
#include <cfn.h>
#include <errno.h>
#include <stdlib.h>

/* The text of ":number" as a number from 1 to max; 0: it is something else. */
static long
read_number(const char *text, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	return errno == 0 && *end == '\0' && n >= 1 && n <= max ? n : 0;
}

static int
divisors(cfn_request *req, cfn_response *res)
{
	long n = read_number(cfn_param(req, "number"), 1000000);
	const char *comma = "";

	if (n == 0)
		return cfn_error(res, 400, "The number is one from 1 to 1000000.");
	cfn_set(res, "Content-Type", "application/json");
	cfn_printf(res, "{\"number\":%ld,\"divisors\":[", n);
	for (long i = 1; i <= n; i++) {
		if (n % i != 0)
			continue;
		cfn_printf(res, "%s%ld", comma, i);
		comma = ",";
	}
	cfn_printf(res, "]}\n");
	return 200;
}

CFN_ROUTES({ "GET", "/NAME/:number", divisors });
