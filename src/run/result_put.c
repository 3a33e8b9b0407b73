/* result_put.c - the fields of one report. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/macros.h"
#include "base/utf8.h"
#include "run/result_parts.h"

json_t *
text_or_null(const char *text)
{
	char copy[RUN_MESSAGE_SIZE];

	if (!text || !*text)
		return json_null();
	utf8_copy(copy, sizeof copy, text);
	return json_string_nocheck(copy);
}

json_t *
number_or_null(uint64_t number)
{
	return number > 0 ? json_integer((json_int_t)number) : json_null();
}

static json_t *
base64_json(const char *data, size_t n)
{
	AUTO_FREE char *text = malloc(BASE64_SIZE(n) + 1);

	return text ? json_stringn_nocheck(text, base64_encode(BASE64_PLAIN, data, n, text)) : NULL;
}

int
put_text(json_t *object, const char *name, const char *data, size_t n, enum run_encoding encoding)
{
	bool is_text = encoding == RUN_ENCODING_UTF8 && utf8_is_valid(data, n);
	char name_of_encoding[32];

	snprintf(name_of_encoding, sizeof name_of_encoding, "%s_encoding", name);
	if (json_object_set_new(object, name,
	                        is_text ? json_stringn_nocheck(data, n) : base64_json(data, n)) < 0)
		return -1;
	return json_object_set_new(object, name_of_encoding, json_string(is_text ? "utf-8" : "base64"));
}

static int
put_stream(json_t *object, const char *name, const char *data, size_t n, uint64_t n_came,
           enum run_encoding encoding)
{
	char name_of_bytes[32];

	snprintf(name_of_bytes, sizeof name_of_bytes, "%s_bytes", name);
	if (put_text(object, name, data ? data : "", data ? n : 0, encoding) < 0)
		return -1;
	return json_object_set_new(object, name_of_bytes, json_integer((json_int_t)n_came));
}

static int
put_streams(json_t *object, const struct run_report *r, enum run_encoding encoding, bool is_merged)
{
	if (put_stream(object, is_merged ? "output" : "stdout", r->out, r->size_out, r->n_out, encoding) < 0)
		return -1;
	if (!is_merged && put_stream(object, "stderr", r->err, r->size_err, r->n_err, encoding) < 0)
		return -1;
	return json_object_set_new(object, "truncated",
	                           json_boolean(r->n_out > r->size_out || r->n_err > r->size_err));
}

/* "SIGSEGV"; those without a name by their number: "SIG34". */
static json_t *
signal_json(int number)
{
	const char *name = sigabbrev_np(number);
	char text[32];

	if (name)
		snprintf(text, sizeof text, "SIG%s", name);
	else
		snprintf(text, sizeof text, "SIG%d", number);
	return json_string(text);
}

static int
put_ending(json_t *object, const struct ending *ending)
{
	bool is_exit = ending->code == CLD_EXITED;
	bool is_signal = ending->code == CLD_KILLED || ending->code == CLD_DUMPED;

	return json_object_update_new(
	    object,
	    json_pack("{s:o, s:o, s:o}", "exit_code", is_exit ? json_integer(ending->status) : json_null(),
	              "signal", is_signal ? signal_json(ending->status) : json_null(), "signal_number",
	              is_signal ? json_integer(ending->status) : json_null()));
}

int
report_put_usage(json_t *object, const struct run_report *r)
{
	return json_object_update_new(object, json_pack("{s:I, s:I, s:o, s:o}", "cpu_ms",
	                                                (json_int_t)(r->cpu_us / 1000), "wall_ms",
	                                                (json_int_t)(r->wall_us / 1000), "memory_peak_bytes",
	                                                number_or_null(r->memory_peak), "processes_peak",
	                                                number_or_null(r->processes_peak)));
}

int
report_put_verdict(json_t *object, const struct run_report *r)
{
	if (json_object_set_new(object, "status", json_string(run_status_word(r->status))) < 0 ||
	    json_object_set_new(object, "message", text_or_null(r->message)) < 0)
		return -1;
	if (put_ending(object, &r->ending) < 0 ||
	    json_object_set_new(object, "syscall", text_or_null(r->syscall)) < 0)
		return -1;
	return report_put_usage(object, r);
}

int
report_put(json_t *object, const struct run_report *r, enum run_encoding encoding, bool is_merged)
{
	return report_put_verdict(object, r) < 0 ? -1 : put_streams(object, r, encoding, is_merged);
}
