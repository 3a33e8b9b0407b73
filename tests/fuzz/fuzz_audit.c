/* fuzz_audit.c - lines of an audit log: each line of a file is met once, and one that is taken is what would
 * be written. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/lines.h"
#include "fuzz.h"

static void
line_holds(const char *text, size_t n)
{
	static char again[AUDIT_LINE_SIZE];
	struct audit_record record;
	struct digest previous, hash, made;
	struct err e = { 0 };
	int length;

	REQUIRE(n < AUDIT_LINE_SIZE && !memchr(text, '\n', n));
	if (audit_parse(text, n, &record, &previous, &hash, &e) < 0) {
		REQUIRE(e.text[0] != '\0');
		return;
	}
	REQUIRE(line_number(text, n) == record.number);
	length = audit_format(&record, &previous, again, &made, &e);
	REQUIRE(length == (int)n + 1 && memcmp(again, text, n) == 0);
	REQUIRE(memcmp(&made, &hash, sizeof hash) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct lines l;
	int fd = memfd_create("audit", MFD_CLOEXEC), kind;
	off_t before = 0;
	const char *text;
	struct err e;
	size_t size;

	REQUIRE(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	lines_open(&l, fd, 0);
	while ((kind = lines_next(&l, &text, &size, &e)) > LINE_END) {
		REQUIRE(l.at > before || kind == LINE_TORN);
		before = l.at;
		if (kind == LINE_WHOLE)
			line_holds(text, size);
		if (kind == LINE_TORN)
			break;
	}
	REQUIRE(kind >= 0);
	close(fd);
	return 0;
}
