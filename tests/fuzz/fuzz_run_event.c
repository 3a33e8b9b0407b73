/* fuzz_run_event.c - a stream of events of a run. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "run/event.h"

/* Touches every byte that an event says is there. */
volatile unsigned bytes_read; /* keeps the reads, which the sanitizers look at */

static unsigned
bytes_sum(const char *data, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (unsigned char)data[i];
	return sum;
}

static void
event_check(const struct run_event *e)
{
	const struct run_report *r = &e->report;

	REQUIRE(e->type >= RUN_EVENT_COMPILING && e->type < RUN_EVENT_TYPES && e->index < RUN_INDEX_MAX);
	REQUIRE(r->status < RUN_STATUSES && e->n <= RUN_OUTPUT_FILE_MAX);
	REQUIRE(strlen(r->message) < sizeof r->message && strlen(r->syscall) < sizeof r->syscall);
	REQUIRE((e->type == RUN_EVENT_FILE) == (e->name != NULL));
	REQUIRE(!e->name || run_event_name_is_good(e->name));
	REQUIRE(r->size_out <= r->n_out && r->size_err <= r->n_err);
	bytes_read +=
	    bytes_sum(e->data, e->n) + bytes_sum(r->out, r->size_out) + bytes_sum(r->err, r->size_err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct run_event event;
	struct buf in;
	size_t piece;
	int rc = 0;

	buf_init(&in, 16384);
	while (n > 0 && rc >= 0) {
		piece = n > 100 ? 100 : n;
		if (buf_append(&in, data, piece) < 0)
			break;
		data += piece;
		n -= piece;
		while ((rc = run_event_read(&in, &event)) > 0)
			event_check(&event);
		REQUIRE(rc == 0 || rc == -EBADMSG);
	}
	buf_done(&in);
	return 0;
}
