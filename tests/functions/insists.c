/* insists.c - a constructor that goes on making refused calls. */
#include <cfn.h>

#include <sys/ptrace.h>

CFN_EXPORT cfn_handler hello;

__attribute__((constructor)) static void
insist(void)
{
	for (;;)
		ptrace(PTRACE_TRACEME, 0, 0, 0);
}

int
hello(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "hello\n");
}
