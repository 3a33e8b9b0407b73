/* fake_client.h - a client and a worker's io in memory, to call handlers of a test through function_serve. */
#pragma once
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "function/function.h"
#include "function/loaded.h"

enum { FAKE_ANSWER_MAX = 1 << 20, FAKE_PARAMS_MAX = 400 };

/* What the next request is like, and what became of it. */
static struct fake_client {
	const char *body;
	size_t body_size, body_piece; /* 0: as much as is asked for */
	bool body_breaks;             /* an error instead of its end */
	size_t write_piece;           /* 0: all at once */
	long writes_left;             /* then the client is gone; -1: it stays */
	bool is_deaf;                 /* takes the answer and keeps nothing of it */
	char answer[FAKE_ANSWER_MAX];
	size_t n;
	unsigned n_reads, n_writes, n_flushes, n_lines;
	char log[8192];
	int result;
} client;

static struct function under_test;

static inline ssize_t
fake_read(void *context, void *data, size_t n)
{
	(void)context;
	client.n_reads++;
	if (n > client.body_size)
		n = client.body_size;
	if (client.body_piece && n > client.body_piece)
		n = client.body_piece;
	if (n == 0 && client.body_breaks)
		return -EIO;
	memcpy(data, client.body, n);
	client.body += n;
	client.body_size -= n;
	return (ssize_t)n;
}

static inline ssize_t
fake_write(void *context, const void *data, size_t n)
{
	(void)context;
	client.n_writes++;
	if (client.writes_left == 0)
		return -EPIPE;
	client.writes_left -= client.writes_left > 0;
	if (client.write_piece && n > client.write_piece)
		n = client.write_piece;
	if (client.is_deaf)
		return (ssize_t)n;
	assert_true(client.n + n < sizeof client.answer);
	memcpy(client.answer + client.n, data, n);
	client.n += n;
	client.answer[client.n] = '\0';
	return (ssize_t)n;
}

static inline int
fake_flush(void *context)
{
	(void)context;
	client.n_flushes++;
	return client.writes_left == 0 ? -EPIPE : 0;
}

static inline void
fake_log(void *context, const char *line, size_t n)
{
	size_t used = strlen(client.log);

	(void)context;
	assert_null(memchr(line, '\n', n));
	client.n_lines++;
	if (used + n + 2 <= sizeof client.log)
		snprintf(client.log + used, sizeof client.log - used, "%.*s\n", (int)n, line);
}

static inline void
fake_reset(void)
{
	client.body = "";
	client.body_size = client.body_piece = client.write_piece = 0;
	client.body_breaks = client.is_deaf = false;
	client.writes_left = -1;
}

static inline bool
fake_has(const char *const *params, const char *name)
{
	for (; *params; params++)
		if (strncmp(*params, name, strlen(name)) == 0)
			return true;
	return false;
}

/* One request with these params (NULL at the end) and what the three below do not say otherwise. */
static inline void
ask_function(struct function *f, const char *const *given)
{
	static const struct {
		const char *name, *param;
	} standard[] = {
		{ "REQUEST_METHOD=", "REQUEST_METHOD=GET" },
		{ "CFN_PATH=", "CFN_PATH=/p" },
		{ "CFN_REQUEST_ID=", "CFN_REQUEST_ID=r1" },
	};
	static const struct function_io io = { NULL, fake_read, fake_write, fake_flush, fake_log };
	const char *params[FAKE_PARAMS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(standard); i++)
		if (!fake_has(given, standard[i].name))
			params[n++] = standard[i].param;
	while (*given)
		params[n++] = *given++;
	params[n] = NULL;
	client.answer[0] = client.log[0] = '\0';
	client.n = client.n_reads = client.n_writes = client.n_flushes = client.n_lines = 0;
	client.result = function_serve(f, &io, (char **)params);
	fake_reset();
}

static inline void
ask_with(cfn_handler *handler, const char *const *given)
{
	under_test.handler = handler;
	under_test.n_handlers = 1;
	ask_function(&under_test, given);
}

/* ask(handler, "A=1", "B=2") */
#define ask(handler, ...) ask_with(handler, (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static inline void
send_body(const char *text)
{
	client.body = text;
	client.body_size = strlen(text);
}

static inline int
answer_status(void)
{
	int status = 0;

	sscanf(client.answer, "Status: %d", &status);
	return status;
}

static inline const char *
answer_body(void)
{
	const char *end = strstr(client.answer, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

/* The value of the first field of that name, "" when there is none. */
static inline const char *
answer_field(const char *name)
{
	static char value[8192];
	size_t n = strlen(name);
	const char *line = client.answer;

	for (; *line && *line != '\r'; line = strstr(line, "\r\n") + 2)
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			return snprintf(value, sizeof value, "%.*s", (int)strcspn(line + n + 2, "\r"),
			                line + n + 2),
			       value;
	return "";
}

static inline unsigned
answer_count(const char *name)
{
	unsigned count = 0;
	size_t n = strlen(name);

	for (const char *line = client.answer; *line && *line != '\r'; line = strstr(line, "\r\n") + 2)
		count += strncmp(line, name, n) == 0 && line[n] == ':';
	return count;
}

static inline int
fake_begin(void **state)
{
	(void)state;
	fake_reset();
	return exchange_init(&under_test.exchange);
}

static inline int
fake_end(void **state)
{
	(void)state;
	exchange_done(&under_test.exchange);
	return 0;
}
