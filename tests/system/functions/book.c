/* book.c - a book of names in the shared folder, and some ways to fail, for test.bats. */
#include <cfn.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int
stream(cfn_request *q, cfn_response *r)
{
	cfn_stream(r, 200, "text/event-stream");
	for (int i = 0; cfn_printf(r, "data: %d\n\n", i) >= 0; i++)
		cfn_wait(q, 5);
	return 200;
}

/* So many milliseconds of CPU time, of this process from now on. */
static void
burn(const char *ms)
{
	clock_t end = clock() + atol(ms) * (CLOCKS_PER_SEC / 1000);

	while (clock() < end)
		;
}

static int
show(cfn_request *q, cfn_response *r)
{
	const char *visit = cfn_cookie(q, "visit");
	FILE *f = fopen("/names", "re");
	char names[10][100];
	int n = 0;

	while (f && n < 10 && fgets(names[n], sizeof names[n], f))
		n++;
	if (f)
		fclose(f);
	cfn_set_cookie(r, "visit", "1", -1, 0);
	cfn_set(r, "Content-Type", "text/html; charset=utf-8");
	cfn_printf(r, "<input name=\"csrf\" value=\"a+b\">\n%d names\n", n);
	for (int i = 0; i < n; i++)
		cfn_printf(r, "<li>%s", names[i]);
	cfn_printf(r, "visit %s\n", visit ? visit : "-");
	return 200;
}

static int
get(cfn_request *q, cfn_response *r)
{
	if (cfn_query(q, "log")) {
		cfn_log(q, CFN_INFO, "a line of the log");
		printf("printed \033[1m\n");
	}
	if (cfn_query(q, "hang"))
		sleep(60);
	if (cfn_query(q, "burn"))
		burn(cfn_query(q, "burn"));
	if (cfn_query(q, "stream"))
		return stream(q, r);
	if (cfn_query(q, "lines"))
		return cfn_send(r, 200, "text/plain", "first\nsecond\nthird\n");
	return show(q, r);
}

static int
parts(cfn_request *q, cfn_response *r)
{
	struct cfn_part part;
	char text[100];

	while (cfn_part_next(q, &part) == 1) {
		ssize_t n = cfn_part_read(q, text, sizeof text);

		cfn_printf(r, "%s=%.*s\n", part.name, n > 0 ? (int)n : 0, text);
	}
	return 200;
}

static int
add(cfn_request *q, cfn_response *r)
{
	const char *name = cfn_form(q, "name"), *csrf = cfn_form(q, "csrf"),
		   *twice = cfn_header(q, "X-Twice");
	FILE *f;

	if (cfn_query(q, "crash"))
		abort();
	if (cfn_query(q, "parts"))
		return parts(q, r);
	if (!name || !csrf || strcmp(csrf, "a b") != 0 || !twice || strcmp(twice, "a+ba+b") != 0)
		return cfn_error(r, 400, "not so");
	f = fopen("/names", "ae");
	if (!f)
		return cfn_error(r, 500, "no folder");
	fprintf(f, "%s\n", name);
	fclose(f);
	return cfn_redirect(r, 303, "/book");
}

static int
echo(cfn_request *q, cfn_response *r)
{
	size_t n = 0;
	const void *body = cfn_body(q, &n);

	return cfn_write(r, body, n) < 0 ? 500 : 200;
}

CFN_ROUTES({ "GET", "/book", get }, { "POST", "/book", add }, { "PUT", "/book", echo });
