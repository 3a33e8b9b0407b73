/* event_json.c - what a run says, for those who listen to it. */
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/utf8.h"
#include "run/result_parts.h"

static json_t *
index_json(const struct run_event *event)
{
	return json_pack("{s:I}", "case", (json_int_t)event->index);
}

json_t *
run_usage_json(const struct run_usage *usage)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "memory_bytes", (json_int_t)usage->memory, "cpu_ms",
	                 (json_int_t)(usage->cpu_us / 1000), "wall_ms", (json_int_t)(usage->wall_us / 1000),
	                 "processes", (json_int_t)usage->processes);
}

static json_t *
compiling_json(const struct run_event *event, enum run_encoding encoding)
{
	(void)event;
	(void)encoding;
	return json_pack("{s:s}", "state", "started");
}

static json_t *
compiled_json(const struct run_event *event, enum run_encoding encoding)
{
	json_t *object = json_pack("{s:s, s:b}", "state", "ended", "cached", event->report.is_cached);

	if (object && report_put(object, &event->report, encoding, false) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *
case_json(const struct run_event *event, enum run_encoding encoding)
{
	(void)encoding;
	return index_json(event);
}

static json_t *
usage_json(const struct run_event *event, enum run_encoding encoding)
{
	json_t *object = index_json(event);

	(void)encoding;
	if (object && json_object_update_new(object, run_usage_json(&event->usage)) == 0)
		return object;
	json_decref(object);
	return NULL;
}

/* Its streams were told as they came, and are in the result. */
static json_t *
case_ended_json(const struct run_event *event, enum run_encoding encoding)
{
	json_t *object = index_json(event);

	(void)encoding;
	if (object && report_put_verdict(object, &event->report) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *
file_json(const struct run_event *event, enum run_encoding encoding)
{
	json_t *object = json_pack("{s:I, s:s, s:I}", "case", (json_int_t)event->index, "name", event->name,
	                           "bytes", (json_int_t)event->n);

	if (object && put_text(object, "content", event->data, event->n, encoding) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *
ended_json(const struct run_event *event, enum run_encoding encoding)
{
	(void)encoding;
	return json_pack("{s:s, s:o}", "status", run_status_word(event->report.status), "message",
	                 text_or_null(event->report.message));
}

static const struct {
	const char *word;
	json_t *(*make)(const struct run_event *event, enum run_encoding encoding);
} rows[RUN_EVENT_TYPES] = {
	[RUN_EVENT_COMPILING] = { "compile", compiling_json },
	[RUN_EVENT_COMPILED] = { "compile", compiled_json },
	[RUN_EVENT_CASE] = { "case", case_json },
	[RUN_EVENT_OUTPUT] = { "stdout", NULL },
	[RUN_EVENT_USAGE] = { "usage", usage_json },
	[RUN_EVENT_CASE_ENDED] = { "case_end", case_ended_json },
	[RUN_EVENT_FILE] = { "file", file_json },
	[RUN_EVENT_ENDED] = { "end", ended_json },
};

const char *
run_event_word(const struct run_event *event)
{
	return event->type == RUN_EVENT_OUTPUT && event->stream == 2 ? "stderr" : rows[event->type].word;
}

/* What waited and what came, less the beginning of a character that has not come to its end: that waits. */
static json_t *
output_json(const struct run_event *event, enum run_encoding encoding, struct run_voice *voice)
{
	size_t stream = event->stream == 2, n = voice->n_waiting[stream] + event->n, later;
	AUTO_FREE char *data = malloc(n + 1);
	json_t *object = data ? index_json(event) : NULL;

	if (!object)
		return NULL;
	memcpy(data, voice->waiting[stream], voice->n_waiting[stream]);
	memcpy(data + voice->n_waiting[stream], event->data, event->n);
	later = encoding == RUN_ENCODING_UTF8 ? utf8_unfinished(data, n) : 0;
	memcpy(voice->waiting[stream], data + n - later, later);
	voice->n_waiting[stream] = later;
	if (put_text(object, "data", data, n - later, encoding) == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *
run_event_json(const struct run_event *event, enum run_encoding encoding, struct run_voice *voice)
{
	if (event->type == RUN_EVENT_CASE)
		*voice = (struct run_voice){ .n_waiting = { 0 } };
	if (event->type == RUN_EVENT_OUTPUT)
		return output_json(event, encoding, voice);
	return rows[event->type].make(event, encoding);
}
