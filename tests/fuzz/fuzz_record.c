/* fuzz_record.c - a stream of FastCGI records. */
#include <errno.h>
#include <string.h>

#include "fcgi/fcgi.h"
#include "fuzz.h"

static void
bodies_read(const unsigned char *content, const struct fcgi_header *h)
{
	const struct fcgi_values values = { 100, 100 };
	unsigned char answer[128], bytes[8];
	struct fcgi_begin begin;
	struct fcgi_end end;
	int n = fcgi_get_values(content, h->content, &values, answer, sizeof answer);

	REQUIRE(n == -EBADMSG || (n >= FCGI_HEADER_SIZE && n <= (int)sizeof answer));
	if (fcgi_begin_read(content, h->content, &begin) == 0) {
		fcgi_begin_write(bytes, &begin);
		REQUIRE(memcmp(bytes, content, 3) == 0);
	}
	if (fcgi_end_read(content, h->content, &end) == 0) {
		fcgi_end_write(bytes, &end);
		REQUIRE(memcmp(bytes, content, 5) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const unsigned char *content;
	struct fcgi_header h;
	size_t size;

	while ((size = fcgi_record_read(data, n, &h, &content)) > 0) {
		unsigned char bytes[FCGI_HEADER_SIZE];

		REQUIRE(size <= n && size <= FCGI_RECORD_MAX);
		REQUIRE(content == data + FCGI_HEADER_SIZE && h.content <= size - FCGI_HEADER_SIZE);
		fcgi_header_write(bytes, &h);
		REQUIRE(memcmp(bytes, data, FCGI_HEADER_SIZE - 1) == 0);
		bodies_read(content, &h);
		data += size;
		n -= size;
	}
	return 0;
}
