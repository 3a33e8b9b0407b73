/* fuzz_run_result.c - events in any order: refused, or a document that can be written. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/buf.h"
#include "fuzz.h"
#include "run/result.h"

static void
event_tell(const struct run_event *event, struct run_voice *voice)
{
	json_t *d = run_event_json(event, RUN_ENCODING_UTF8, voice);

	REQUIRE(d != NULL && run_event_word(event) != NULL);
	json_decref(d);
}

static void
result_tell(const struct run_result *result)
{
	json_t *d = run_result_json(result, &(const struct run_facts){ .id = "1", .created_us = 1 });
	char *text = json_dumps(d, JSON_COMPACT);

	REQUIRE(d != NULL && text != NULL);
	free(text);
	json_decref(d);
}

/* The first byte says what the job is like; the rest are events as they are written. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct run_job job = { .language = "C", .n_cases = 1, .limits = { .output = 8, .output_end = 4 } };
	struct run_voice voice = { .n_waiting = { 0 } };
	struct run_result *result;
	struct run_event event;
	struct buf in;
	int rc = 0;

	if (n == 0)
		return 0;
	job.has_cases = data[0] & 1;
	job.n_cases = job.has_cases ? 3 : 1;
	job.is_merged = data[0] & 2;
	result = run_result_new(&job);
	buf_init(&in, 1 << 20);
	REQUIRE(result != NULL);
	if (buf_append(&in, data + 1, n - 1) == 0)
		while (rc == 0 && run_event_read(&in, &event) > 0) {
			event_tell(&event, &voice);
			rc = run_result_take(result, &event);
			REQUIRE(rc == 0 || rc == -EBADMSG);
		}
	result_tell(result);
	run_result_free(result);
	buf_done(&in);
	return 0;
}
