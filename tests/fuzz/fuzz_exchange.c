/* fuzz_exchange.c - a worker's messages to cfn-deploy invoke: bounded, and an answer is whole or there is
 * none.
 *
 * The input is messages, each behind its length in two bytes; the request's id is 1. */
#include <string.h>

#include "deploy-tool/exchange.h"
#include "fuzz.h"

enum { OUTPUT_MAX = 1000 };

struct seen {
	size_t n_streams, n_body, n_log, n_input;
};

static void
take_stream(void *context, const struct http_answer_head *head)
{
	struct seen *seen = context;

	REQUIRE(head->is_stream && head->status >= 200 && head->status <= 599);
	REQUIRE(seen->n_streams++ == 0 && seen->n_body == 0);
}

static void
take_body(void *context, const char *p, size_t n)
{
	struct seen *seen = context;

	REQUIRE(seen->n_streams == 1 && p != NULL);
	seen->n_body += n;
}

static void
take_log(void *context, const char *p, size_t n)
{
	(void)p;
	((struct seen *)context)->n_log += n;
}

static void
answer_holds(const struct exchange *x, const struct seen *seen)
{
	struct http_answer_head head;
	const char *body;
	size_t n = 0;
	enum cause cause;

	REQUIRE(buf_used(&x->answer) <= OUTPUT_MAX + HTTP_HEADER_BLOCK_MAX);
	REQUIRE(seen->n_body + seen->n_log <= seen->n_input);
	if (!x->is_over)
		return;
	cause = exchange_answer(x, &head, &body, &n);
	REQUIRE(cause == CAUSE_NONE || cause == CAUSE_BAD_RESPONSE);
	if (cause == CAUSE_NONE)
		REQUIRE(x->is_stream ? n == 0 : head.size + n <= buf_used(&x->answer));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct seen seen = { .n_input = n };
	const struct exchange_sink sink = { &seen, take_stream, take_body, take_log };
	struct exchange x;
	enum cause cause = CAUSE_NONE;

	exchange_init(&x, 1, OUTPUT_MAX, &sink);
	x.sent.has_begun = true;
	while (n >= 2 && cause == CAUSE_NONE) {
		size_t length = (size_t)data[0] << 8 | data[1];

		data += 2;
		n -= 2;
		length = length < n ? length : n;
		cause = exchange_message(&x, data, length);
		REQUIRE(cause == CAUSE_NONE || cause == CAUSE_BAD_RESPONSE || cause == CAUSE_OUTPUT_LIMIT);
		answer_holds(&x, &seen);
		data += length;
		n -= length;
	}
	exchange_done(&x);
	return 0;
}
