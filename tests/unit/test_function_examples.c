/* test_function_examples.c - the example functions answer.  What they do with a shared folder is tried in a
 * sandbox, where it is "/". */
#include "fake_client.h"

#include <dlfcn.h>

#define EXAMPLES "examples/functions/"

static const struct {
	const char *path, *entry;
	const char *params[5];
	const char *body;
	int status;
	const char *answer; /* a part of it */
} cases[] = {
	{ EXAMPLES "hello/hello.fn", "hello", { "QUERY_STRING=name=Ada" }, "", 200, "Hello, Ada!\n" },
	{ EXAMPLES "hello/hello.fn", "hello", { NULL }, "", 200, "Hello, world!\n" },
	{ EXAMPLES "echo/echo.fn",
	  "echo",
	  { "QUERY_STRING=a=b+c", "HTTP_X_Y=z", "HTTP_COOKIE=k=v" },
	  "the body",
	  200,
	  "GET /p\nrequest r1\nquery\n  a: b c\nheader\n  x-y: z\n  cookie: k=v\ncookies\n  k: v\nbody\nthe "
	  "body" },
	{ EXAMPLES "primes/primes.fn", "", { "CFN_ROUTE=0", "QUERY_STRING=n=0" }, "", 200, "\"primes\":0}" },
	{ EXAMPLES "primes/primes.fn", "", { "CFN_ROUTE=0", "QUERY_STRING=n=1" }, "", 200, "\"primes\":0}" },
	{ EXAMPLES "primes/primes.fn", "", { "CFN_ROUTE=0", "QUERY_STRING=n=2" }, "", 200, "\"primes\":1}" },
	{ EXAMPLES "primes/primes.fn", "", { "CFN_ROUTE=0", "QUERY_STRING=n=3" }, "", 200, "\"primes\":2}" },
	{ EXAMPLES "primes/primes.fn", "", { "CFN_ROUTE=0", "QUERY_STRING=n=25" }, "", 200, "\"primes\":9}" },
	{ EXAMPLES "primes/primes.fn",
	  "",
	  { "CFN_ROUTE=0", "QUERY_STRING=n=49" },
	  "",
	  200,
	  "\"primes\":15}" },
	{ EXAMPLES "primes/primes.fn", "", { "CFN_ROUTE=0" }, "", 200, "\"primes\":78498}" },
	{ EXAMPLES "primes/primes.fn", "", { "CFN_ROUTE=0", "QUERY_STRING=n=-1" }, "", 400, "n is a number" },
	{ EXAMPLES "primes/primes.fn",
	  "",
	  { "CFN_ROUTE=0", "QUERY_STRING=n=1099511627776" },
	  "",
	  400,
	  "n is a number" },
	{ EXAMPLES "clock/clock.fn", "", { "CFN_ROUTE=0" }, "", 200, "new EventSource" },
	{ EXAMPLES "clock/clock.fn",
	  "",
	  { "CFN_ROUTE=1", "QUERY_STRING=n=1" },
	  "",
	  200,
	  "event: tick\ndata: " },
	{ EXAMPLES "clock/clock.fn", "", { "CFN_ROUTE=1", "QUERY_STRING=n=x" }, "", 400, "n is a number" },
	{ EXAMPLES "wordcount/wordcount.fn", "", { "CFN_ROUTE=0" }, "B a, b!", 200, "     2 b\n     1 a\n" },
	{ EXAMPLES "wordcount/wordcount.fn",
	  "",
	  { "CFN_ROUTE=0", "QUERY_STRING=top=1" },
	  "x y x",
	  200,
	  "     2 x\n" },
	{ EXAMPLES "wordcount/wordcount.fn", "", { "CFN_ROUTE=0" }, "", 200, "" },
	{ EXAMPLES "upload/upload.fn", "", { "CFN_ROUTE=3", "CFN_PARAM_name=.x" }, "", 400, "A name is" },
	{ EXAMPLES "upload/upload.fn",
	  "",
	  { "CFN_ROUTE=3", "CFN_PARAM_name=cfn-none", "CONTENT_LENGTH=4194305" },
	  "",
	  413,
	  "at most" },
	{ EXAMPLES "upload/upload.fn", "", { "CFN_ROUTE=2", "CFN_PARAM_name=.x" }, "", 404, "no such file" },
};

static void
each_example_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct function *f;
		struct err e;

		if (function_load(cases[i].path, cases[i].entry, &f, &e) < 0 || function_start(f, &e) < 0)
			fail_msg("%s: %s", cases[i].path, e.text);
		send_body(cases[i].body);
		ask_function(f, cases[i].params);
		if (answer_status() != cases[i].status || !strstr(answer_body(), cases[i].answer))
			fail_msg("%s, case %zu:\n%s", cases[i].path, i, client.answer);
		assert_int_equal(client.result, 0);
		function_unload(f);
	}
}

static int
load_the_stub(void **state)
{
	(void)state;
	fake_reset();
	return dlopen("./libcfn.so.1", RTLD_NOW | RTLD_LOCAL) ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_example_answers),
	};

	return cmocka_run_group_tests(tests, load_the_stub, NULL);
}
