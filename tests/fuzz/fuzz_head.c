/* fuzz_head.c - the header block of an answer: what is kept is clean, and reads the same again. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "http/http.h"

static void
field_is_clean(const struct http_field *f)
{
	static const char *const starts[] = { "x-accel-", "x-sendfile", "x-lighttpd-", "x-cfn-", "proxy-" };
	static const char *const names[] = { "connection",        "keep-alive",  "te",
		                             "trailer",           "upgrade",     "status",
		                             "transfer-encoding", "x-request-id" };

	REQUIRE(http_is_token(f->name, f->name_length) && http_is_field_value(f->value, f->value_length));
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		REQUIRE(f->name_length < strlen(starts[i]) ||
		        strncasecmp(f->name, starts[i], strlen(starts[i])) != 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		REQUIRE(!http_field_is(f, names[i]));
}

/* What a router would send on. */
static size_t
block_write(const struct http_answer_head *head, char *to)
{
	char *start = to;

	to += sprintf(to, "Status: %d\r\n", head->status);
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];

		to = mempcpy(to, f->name, f->name_length);
		to = stpcpy(to, ": ");
		to = mempcpy(to, f->value, f->value_length);
		to = stpcpy(to, "\r\n");
	}
	return (size_t)(stpcpy(to, "\r\n") - start);
}

static void
head_holds(const char *p, size_t n, const struct http_answer_head *head)
{
	static char block[2 * HTTP_HEADER_BLOCK_MAX];
	static struct http_answer_head again;

	REQUIRE(head->size <= n && head->size <= HTTP_HEADER_BLOCK_MAX && p[head->size - 1] == '\n');
	REQUIRE(head->status >= 200 && head->status <= 599 && head->content_length >= -1);
	REQUIRE(head->n_fields <= HTTP_HEADERS_MAX);
	for (size_t i = 0; i < head->n_fields; i++) {
		field_is_clean(&head->fields[i]);
		REQUIRE(head->status != 200 || !http_field_is(&head->fields[i], "Location"));
	}
	/* One byte less, and it is not whole. */
	REQUIRE(http_answer_head_read(p, head->size - 1, &again) == 0);
	n = block_write(head, block);
	if (n > HTTP_HEADER_BLOCK_MAX || head->n_fields == HTTP_HEADERS_MAX)
		return;
	REQUIRE(http_answer_head_read(block, n, &again) == 1);
	REQUIRE(again.n_fields == head->n_fields && again.status == head->status);
	REQUIRE(again.content_length == head->content_length && again.size == n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct http_answer_head head;
	int rc = http_answer_head_read((const char *)data, n, &head);

	REQUIRE(rc == 1 || rc == 0 || rc == -EBADMSG || rc == -EMSGSIZE);
	REQUIRE(rc != 0 || n < HTTP_HEADER_BLOCK_MAX);
	if (rc == 1)
		head_holds((const char *)data, n, &head);
	return 0;
}
