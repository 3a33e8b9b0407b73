/* bare_body.c - bodies with libfcgi and nothing else: a POST is read and counted, a GET answered with 100
 * MiB. */
#include <fcgiapp.h>
#include <string.h>

enum { PIECE = 64 << 10, PIECES = 1600 };

static void
take(FCGX_Stream *in, FCGX_Stream *out, char *piece)
{
	unsigned long long sum = 0;
	int n;

	while ((n = FCGX_GetStr(piece, PIECE, in)) > 0)
		sum += (unsigned)n;
	FCGX_FPrintF(out, "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n%llu\n", sum);
}

static void
give(FCGX_Stream *out, const char *piece)
{
	FCGX_PutS("Status: 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n", out);
	for (int i = 0; i < PIECES && FCGX_PutStr(piece, PIECE, out) == PIECE; i++)
		;
}

int
main(void)
{
	static char piece[PIECE];
	FCGX_Stream *in, *out, *errors;
	FCGX_ParamArray params;

	while (FCGX_Accept(&in, &out, &errors, &params) == 0) {
		if (strcmp(FCGX_GetParam("REQUEST_METHOD", params), "POST") == 0)
			take(in, out, piece);
		else
			give(out, piece);
	}
	return 0;
}
