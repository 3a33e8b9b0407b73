/* bare_fcgi.c - hello with libfcgi and nothing else: what the benches compare with.  Run by a CGI starter it
 * is a CGI program with the same answer. */
#include <fcgiapp.h>
#include <stdio.h>

static const char answer[] =
    "Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, world!\n";

int
main(void)
{
	FCGX_Stream *in, *out, *errors;
	FCGX_ParamArray params;

	if (FCGX_IsCGI())
		return fputs(answer, stdout) < 0;
	while (FCGX_Accept(&in, &out, &errors, &params) == 0)
		FCGX_PutStr(answer, sizeof answer - 1, out);
	return 0;
}
