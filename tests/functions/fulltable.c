/* fulltable.c - a table of 256 rows; LONGER makes it one too many. */
#include <cfn.h>

static int
full(cfn_request *req, cfn_response *res)
{
	(void)req;
	return cfn_send(res, 200, NULL, "full");
}

/* clang-format off */
#define ROW     { "GET", "/", full }
#define ROWS_4  ROW, ROW, ROW, ROW
#define ROWS_16 ROWS_4, ROWS_4, ROWS_4, ROWS_4
#define ROWS_64 ROWS_16, ROWS_16, ROWS_16, ROWS_16
#ifdef LONGER
CFN_ROUTES(ROWS_64, ROWS_64, ROWS_64, ROWS_64, ROW);
#else
CFN_ROUTES(ROWS_64, ROWS_64, ROWS_64, ROWS_64);
#endif
