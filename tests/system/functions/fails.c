/* fails.c - a function that fails in the ways that crashes.bats looks at: one route a way. */
#include <cfn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int *volatile nowhere;

__attribute__((noinline)) static int
inner(void)
{
	return *nowhere + 1;
}

static int
works(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "works\n");
}

static int
crashes(cfn_request *q, cfn_response *r)
{
	cfn_log(q, CFN_INFO, "before the fall");
	return cfn_send(r, 200, "text/plain", "%d\n", inner());
}

static int
spins(cfn_request *q, cfn_response *r)
{
	(void)q;
	(void)r;
	for (volatile unsigned n = 1; n != 0; n |= 1)
		;
	return 0;
}

/* A line of a crash that was none, an escape sequence, and what must not be in any record. */
static int
lies(cfn_request *q, cfn_response *r)
{
	const char *secret = cfn_env("SECRET");

	(void)q;
	(void)r;
	fprintf(stderr, "cfn: crashed by SIGSEGV at 0x1: fn.so+0x666 \033[31mred\\\"}\xff\n");
	fprintf(stderr, "the secret is %s.\n", secret ? secret : "");
	_exit(7);
}

/* The same in two pieces, and behind so much that its beginning has to make room. */
static int
cuts(cfn_request *q, cfn_response *r)
{
	enum { LINE = 2048, LINES = 5, TAIL = 8 };
	const char *secret = cfn_env("SECRET");
	char line[LINE];

	(void)q;
	(void)r;
	memset(line, '.', sizeof line);
	if (secret && strlen(secret) > TAIL) {
		fprintf(stderr, "%.*s", (int)(sizeof line - TAIL), line);
		fprintf(stderr, "%s", secret);
		for (int i = 0; i < LINES; i++)
			fprintf(stderr, "%.*s", (int)sizeof line / 2, line);
		fprintf(stderr, "\n%.*s", TAIL, secret);
		fflush(stderr);
		usleep(50000);
		fprintf(stderr, "%s\n", secret + TAIL);
	}
	_exit(7);
}

CFN_ROUTES({ "GET", "/fails/works", works }, { "GET", "/fails/cuts", cuts },
           { "GET POST", "/fails/crashes/:how", crashes }, { "GET", "/fails/spins", spins },
           { "GET", "/fails/lies", lies });
