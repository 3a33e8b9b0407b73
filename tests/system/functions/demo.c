/* demo.c - what the system tests ask for: one route a question. */
#include <cfn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int n_requests;

static int
hello(cfn_request *q, cfn_response *r)
{
	const char *name = cfn_query(q, "name");

	n_requests++;
	return cfn_send(r, 200, "text/plain", "Hello, %s!\n", name ? name : "world");
}

static int
count(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "request %d of this worker\n", ++n_requests);
}

/* The whole body in memory. */
static int
length(cfn_request *q, cfn_response *r)
{
	size_t n = 0;
	const void *body = cfn_body(q, &n);

	if (!body)
		return cfn_error(r, 500, "no body");
	return cfn_send(r, 200, "text/plain", "length %zu announced %lld\n", n, (long long)cfn_length(q));
}

/* The body piece by piece; every byte has to be 'a'. */
static int
pieces(cfn_request *q, cfn_response *r)
{
	long long n = 0, wrong = 0;
	char data[4096];
	ssize_t got;

	while ((got = cfn_read(q, data, sizeof data)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			wrong += data[i] != 'a';
		n += got;
	}
	if (got < 0)
		return cfn_error(r, 500, "read: %s", strerror((int)-got));
	return cfn_send(r, 200, "text/plain", "pieces %lld wrong %lld\n", n, wrong);
}

static int
nap(cfn_request *q, cfn_response *r)
{
	long ms = 100;

	cfn_query_int(q, "ms", 0, 60000, &ms);
	usleep((useconds_t)ms * 1000);
	return cfn_send(r, 200, "text/plain", "slept %ld ms\n", ms);
}

static int
request_id(cfn_request *q, cfn_response *r)
{
	return cfn_send(r, 200, "text/plain", "id %s\n", cfn_id(q));
}

static int
add_header(void *context, const char *name, const char *value)
{
	size_t *sum = context;

	sum[0]++;
	sum[1] += strlen(name) + strlen(value);
	return 0;
}

static int
headers(cfn_request *q, cfn_response *r)
{
	size_t sum[2] = { 0, 0 };

	cfn_each(q, CFN_HEADER, add_header, sum);
	return cfn_send(r, 200, "text/plain", "headers %zu bytes %zu proxy %s\n", sum[0], sum[1],
	                cfn_header(q, "Proxy") ? "yes" : "no");
}

static int
says(cfn_request *q, cfn_response *r)
{
	const char *text = cfn_query(q, "text");

	printf("on stdout: %s\n", text ? text : "");
	fflush(stdout);
	fprintf(stderr, "on stderr: %s\n", text ? text : "");
	cfn_log(q, CFN_NOTICE, "by cfn_log: %s", text ? text : "");
	return cfn_send(r, 200, "text/plain", "said\n");
}

static int
environment(cfn_request *q, cfn_response *r)
{
	const char *name = cfn_query(q, "name"), *value = name ? cfn_env(name) : NULL;

	return cfn_send(r, 200, "text/plain", "%s\n", value ? value : "(not set)");
}

static int
item(cfn_request *q, cfn_response *r)
{
	return cfn_send(r, 200, "text/plain", "%s item '%s'\n", cfn_method(q), cfn_param(q, "id"));
}

static int
rest(cfn_request *q, cfn_response *r)
{
	return cfn_send(r, 200, "text/plain", "rest '%s'\n", cfn_param(q, "*"));
}

static int
big(cfn_request *q, cfn_response *r)
{
	static const char block[1024] = { [0 ... 1023] = 'b' };
	long n = 1;
	int rc = 0;

	cfn_query_int(q, "kib", 0, 1 << 20, &n);
	while (n-- > 0 && rc == 0)
		rc = cfn_write(r, block, sizeof block);
	return rc < 0 ? cfn_error(r, 500, "too much") : 200;
}

static int
stream(cfn_request *q, cfn_response *r)
{
	long n = 3;

	cfn_query_int(q, "n", 0, 1000000, &n);
	cfn_stream(r, 200, "text/plain");
	for (long i = 1; i <= n; i++) {
		cfn_printf(r, "part %ld\n", i);
		if (cfn_flush(r) < 0 || cfn_wait(q, 50) < 0)
			return -1;
	}
	return 0;
}

static int
who(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_send(r, 200, "text/plain", "uid %d gid %d\n", (int)getuid(), (int)getgid());
}

static int
sets(cfn_request *q, cfn_response *r)
{
	(void)q;
	cfn_set(r, "X-Accel-Redirect", "/etc/passwd");
	cfn_set(r, "X-Sendfile", "/etc/passwd");
	cfn_set(r, "X-Own", "kept");
	return cfn_send(r, 201, "text/plain", "split refused: %s\n",
	                cfn_set(r, "X-Split", "a\r\nX-Injected: yes") < 0 ? "yes" : "no");
}

static int
saves(cfn_request *q, cfn_response *r)
{
	const char *name = cfn_param(q, "name");
	size_t n = 0;
	const void *body = cfn_body(q, &n);
	FILE *f = fopen(cfn_sprintf(q, "/%s", name), "w");

	if (!body || !f || fwrite(body, 1, n, f) != n || fclose(f) != 0)
		return cfn_error(r, 500, "not saved");
	return cfn_send(r, 201, "text/plain", "saved %zu\n", n);
}

static int
loads(cfn_request *q, cfn_response *r)
{
	char text[1024] = "";
	FILE *f = fopen(cfn_sprintf(q, "/%s", cfn_param(q, "name")), "r");

	if (!f)
		return cfn_error(r, 404, "no such file");
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	return cfn_send(r, 200, "text/plain", "%s", text);
}

CFN_ROUTES({ "GET", "/demo/hello", hello }, { "GET", "/demo/count", count },
           { "POST", "/demo/length", length }, { "POST PUT", "/demo/pieces", pieces },
           { "GET", "/demo/nap", nap }, { "GET", "/demo/id", request_id },
           { "GET", "/demo/headers", headers }, { "GET", "/demo/says", says },
           { "GET", "/demo/environment", environment }, { "GET DELETE", "/demo/item/:id", item },
           { "GET",
             "/demo/rest/"
             "*",
             rest },
           { "GET", "/demo/big", big }, { "GET", "/demo/stream", stream }, { "GET", "/demo/who", who },
           { "GET", "/demo/sets", sets }, { "POST", "/demo/files/:name", saves },
           { "GET", "/demo/files/:name", loads });
