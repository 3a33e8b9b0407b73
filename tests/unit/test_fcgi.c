/* test_fcgi.c - records, name-value pairs, GET_VALUES. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/fcgi.h"

static void
a_header_survives_its_bytes(void **state)
{
	static const struct {
		unsigned char bytes[FCGI_HEADER_SIZE];
		struct fcgi_header header;
	} cases[] = {
		{ { 1, 5, 0, 1, 0, 0, 0, 0 }, { 1, FCGI_STDIN, 1, 0, 0 } },
		{ { 1, 4, 0x12, 0x34, 0x56, 0x78, 7, 0 }, { 1, FCGI_PARAMS, 0x1234, 0x5678, 7 } },
		{ { 0, 0, 0, 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 } },
		{ { 255, 255, 255, 255, 255, 255, 255, 0 }, { 255, 255, 65535, 65535, 255 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned char bytes[FCGI_HEADER_SIZE];
		struct fcgi_header h;

		fcgi_header_read(cases[i].bytes, &h);
		assert_int_equal(h.version, cases[i].header.version);
		assert_int_equal(h.type, cases[i].header.type);
		assert_int_equal(h.id, cases[i].header.id);
		assert_int_equal(h.content, cases[i].header.content);
		assert_int_equal(h.padding, cases[i].header.padding);
		fcgi_header_write(bytes, &h);
		assert_memory_equal(bytes, cases[i].bytes, sizeof bytes);
	}
}

static void
types_have_the_numbers_of_the_specification(void **state)
{
	(void)state;
	assert_int_equal(FCGI_BEGIN_REQUEST, 1);
	assert_int_equal(FCGI_END_REQUEST, 3);
	assert_int_equal(FCGI_STDERR, 7);
	assert_int_equal(FCGI_GET_VALUES, 9);
	assert_int_equal(FCGI_UNKNOWN_TYPE, 11);
	assert_int_equal(FCGI_UNKNOWN_ROLE, 3);
}

static void
a_record_is_read_when_its_last_byte_is_there(void **state)
{
	static const struct fcgi_header headers[] = {
		{ 1, FCGI_STDIN, 1, 0, 0 },
		{ 1, FCGI_STDIN, 1, 5, 3 },
		{ 9, 99, 0, 1, 0 },
		{ 1, FCGI_STDIN, 1, FCGI_CONTENT_MAX, FCGI_PADDING_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		size_t size = FCGI_HEADER_SIZE + (size_t)headers[i].content + headers[i].padding;
		unsigned char *bytes = calloc(1, size); /* its own size: a sanitizer sees a byte beyond */
		const unsigned char *content = NULL;
		struct fcgi_header h;

		fcgi_header_write(bytes, &headers[i]);
		for (size_t n = 0; n < size && n < 16; n++)
			assert_int_equal(fcgi_record_read(bytes, n, &h, &content), 0);
		assert_int_equal(fcgi_record_read(bytes, size - 1, &h, &content), 0);
		assert_null(content);
		assert_int_equal(fcgi_record_read(bytes, size, &h, &content), size);
		assert_ptr_equal(content, bytes + FCGI_HEADER_SIZE);
		assert_int_equal(h.type, headers[i].type);
		free(bytes);
	}
	assert_int_equal(FCGI_RECORD_MAX, 8 + 65535 + 255);
}

static void
the_bodies_of_fixed_form_survive_their_bytes(void **state)
{
	static const struct {
		uint32_t status;
		bool is_whole;
	} ends[] = { { 0, true },
		     { FCGI_BROKEN_OFF, false },
		     { FCGI_SAID_CAUSE, false },
		     { FCGI_SAID_CAUSE + 1, true } };
	static const unsigned char begin[8] = { 0x12, 0x34, 1 }, end[8] = { 0x81, 2, 3, 4, 3, 5, 6, 7 };
	unsigned char bytes[8];
	struct fcgi_begin b;
	struct fcgi_end e;

	(void)state;
	assert_int_equal(fcgi_begin_read(begin, 8, &b), 0);
	assert_int_equal(b.role, 0x1234);
	assert_int_equal(b.flags, FCGI_KEEP_CONN);
	fcgi_begin_write(bytes, &b);
	assert_memory_equal(bytes, begin, 8);
	assert_int_equal(fcgi_end_read(end, 8, &e), 0);
	assert_true(e.app_status == 0x81020304);
	assert_int_equal(e.protocol_status, FCGI_UNKNOWN_ROLE);
	assert_int_equal(e.memory_kb, 0x050607);
	fcgi_end_write(bytes, &e);
	assert_memory_equal(bytes, end, 8);
	e.memory_kb = FCGI_MEMORY_KB_MAX + 1;
	fcgi_end_write(bytes, &e);
	assert_memory_equal(bytes + 5, "\xff\xff\xff", 3);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		assert_int_equal(fcgi_end_is_whole(&(struct fcgi_end){ .app_status = ends[i].status }),
		                 ends[i].is_whole);
}

static void
a_body_of_fixed_form_that_is_short_is_refused(void **state)
{
	static const unsigned char bytes[8];
	struct fcgi_begin b;
	struct fcgi_end e;

	(void)state;
	for (size_t n = 0; n < 8; n++) {
		assert_int_equal(fcgi_begin_read(bytes, n, &b), -EBADMSG);
		assert_int_equal(fcgi_end_read(bytes, n, &e), -EBADMSG);
	}
}

static void
pairs_of_every_length_survive_their_bytes(void **state)
{
	static const size_t lengths[] = { 0, 1, 127, 128, 255, 256, 65535, 65536 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths) * ARRAY_SIZE(lengths); i++) {
		size_t name_length = lengths[i / ARRAY_SIZE(lengths)],
		       value_length = lengths[i % ARRAY_SIZE(lengths)];
		size_t size = fcgi_pair_size(name_length, value_length), n = size;
		char *text = malloc(name_length + value_length + 1);
		unsigned char *bytes = malloc(size);
		const unsigned char *p = bytes;
		struct fcgi_pair pair = { text, text + name_length, name_length, value_length };

		memset(text, 'n', name_length);
		memset(text + name_length, 'v', value_length);
		assert_int_equal(fcgi_pair_write(bytes, &pair), size);
		assert_int_equal(fcgi_pair_next(&p, &n, &pair), 1);
		assert_int_equal(pair.name_length, name_length);
		assert_int_equal(pair.value_length, value_length);
		assert_memory_equal(pair.name, text, name_length);
		assert_memory_equal(pair.value, text + name_length, value_length);
		assert_int_equal(n, 0);
		assert_ptr_equal(p, bytes + size);
		assert_int_equal(fcgi_pair_next(&p, &n, &pair), 0);
		free(bytes);
		free(text);
	}
}

static void
a_length_takes_four_bytes_from_128_on(void **state)
{
	(void)state;
	assert_int_equal(fcgi_pair_size(127, 127), 2 + 254);
	assert_int_equal(fcgi_pair_size(128, 127), 5 + 255);
	assert_int_equal(fcgi_pair_size(128, 128), 8 + 256);
}

static void
a_length_over_31_bits_has_no_size(void **state)
{
	(void)state;
	assert_true(fcgi_pair_size(0x7fffffff, 0) == 5 + (size_t)0x7fffffff);
	assert_int_equal(fcgi_pair_size((size_t)0x7fffffff + 1, 0), 0);
	assert_int_equal(fcgi_pair_size(0, (size_t)0x7fffffff + 1), 0);
}

static void
a_pair_that_reaches_past_the_end_is_refused(void **state)
{
	static const struct {
		size_t n;
		unsigned char bytes[12];
	} cases[] = {
		{ 1, { 0 } },              /* no length of a value */
		{ 1, { 0x80 } },           /* a quarter of a length */
		{ 3, { 0x80, 0, 0 } },     /* three quarters */
		{ 4, { 0x80, 0, 0, 1 } },  /* no length of a value */
		{ 2, { 1, 0 } },           /* no name */
		{ 2, { 0, 1 } },           /* no value */
		{ 4, { 1, 2, 'n', 'v' } }, /* a value short by one */
		{ 8,
		  { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		    0xff } }, /* 2^31-1 each: the sum wraps in 32 bits */
		{ 6, { 1, 0xff, 0xff, 0xff, 0xff, 'n' } },
		{ 5, { 0xff, 0xff, 0xff, 0xff, 0 } },
		{ 5, { 0, 0x80, 0, 0, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned char *bytes = malloc(cases[i].n);
		const unsigned char *p = bytes;
		size_t n = cases[i].n;
		struct fcgi_pair pair = { 0 };

		memcpy(bytes, cases[i].bytes, n);
		assert_int_equal(fcgi_pair_next(&p, &n, &pair), -EBADMSG);
		assert_ptr_equal(p, bytes);
		assert_int_equal(n, cases[i].n);
		assert_null(pair.name);
		free(bytes);
	}
}

/* Appends a pair to the content; the bytes then. */
static size_t
ask(unsigned char *content, size_t used, const char *name)
{
	struct fcgi_pair pair = { name, NULL, strlen(name), 0 };

	return used + fcgi_pair_write(content + used, &pair);
}

static void
values_are_answered_each_once(void **state)
{
	static const unsigned char want[] = "\1\12\0\0\0\45\0\0"
					    "\16\3FCGI_MAX_CONNS256"
					    "\17\1FCGI_MPXS_CONNS0";
	const struct fcgi_values values = { 256, 64 };
	unsigned char content[256], record[256];
	size_t n = 0;

	(void)state;
	n = ask(content, n, "FCGI_MPXS_CONNS");
	n = ask(content, n, "FCGI_MAX_CONNS");
	n = ask(content, n, "FCGI_MAX_CONN");
	n = ask(content, n, "FCGI_MAX_CONNS");
	n = ask(content, n, "");
	assert_int_equal(fcgi_get_values(content, n, &values, record, sizeof record), sizeof want - 1);
	assert_memory_equal(record, want, sizeof want - 1);
}

static void
a_hundred_pairs_get_three_values(void **state)
{
	static const char *const names[] = { "FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS", "OTHER" };
	const struct fcgi_values values = { 4294967295U, 4294967295U };
	unsigned char content[2048], record[128];
	const unsigned char *p = record + FCGI_HEADER_SIZE;
	struct fcgi_pair pair;
	size_t n = 0, n_pairs = 0, left;
	int size;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		n = ask(content, n, names[i % ARRAY_SIZE(names)]);
	size = fcgi_get_values(content, n, &values, record, sizeof record);
	assert_true(size > FCGI_HEADER_SIZE);
	left = (size_t)size - FCGI_HEADER_SIZE;
	while (fcgi_pair_next(&p, &left, &pair) == 1)
		n_pairs++;
	assert_int_equal(n_pairs, 3);
	assert_int_equal(left, 0);
	/* Room for exactly that, and for a byte less. */
	assert_int_equal(fcgi_get_values(content, n, &values, record, (size_t)size), size);
	assert_int_equal(fcgi_get_values(content, n, &values, record, (size_t)size - 1), -ENOSPC);
	assert_int_equal(fcgi_get_values(content, n, &values, record, FCGI_HEADER_SIZE - 1), -ENOSPC);
}

static void
no_values_get_an_empty_answer_and_malformed_ones_none(void **state)
{
	static const unsigned char cut[] = { 14, 0, 'F' };
	const struct fcgi_values values = { 1, 1 };
	unsigned char record[64];

	(void)state;
	assert_int_equal(fcgi_get_values(cut, 0, &values, record, sizeof record), FCGI_HEADER_SIZE);
	assert_int_equal(fcgi_get_values(cut, sizeof cut, &values, record, sizeof record), -EBADMSG);
}

/* What a request of these sizes becomes, put together again. */
struct arrived {
	unsigned char params[5 * FCGI_MESSAGE_MAX], body[5 * FCGI_MESSAGE_MAX];
	size_t n_params, n_body, n_messages;
	bool has_begun, has_params_end, has_body_end;
};

static void
take_record(struct arrived *a, const struct fcgi_header *h, const unsigned char *content)
{
	unsigned char *to = h->type == FCGI_PARAMS ? a->params + a->n_params : a->body + a->n_body;

	assert_int_equal(h->id, 77);
	if (h->type == FCGI_BEGIN_REQUEST) {
		a->has_begun = true;
		return;
	}
	assert_true(h->type == FCGI_PARAMS || h->type == FCGI_STDIN);
	assert_true(h->type == FCGI_PARAMS ? !a->has_params_end : a->has_params_end && !a->has_body_end);
	memcpy(to, content, h->content);
	if (h->type == FCGI_PARAMS)
		a->n_params += h->content;
	else
		a->n_body += h->content;
	a->has_params_end = a->has_params_end || (h->type == FCGI_PARAMS && h->content == 0);
	a->has_body_end = a->has_body_end || (h->type == FCGI_STDIN && h->content == 0);
}

static void
send_all(const struct fcgi_request *q, struct arrived *a)
{
	struct fcgi_progress at = { 0 };
	unsigned char message[FCGI_MESSAGE_MAX];
	size_t n;

	memset(a, 0, sizeof *a);
	while ((n = fcgi_request_message(q, &at, message, &at)) > 0) {
		const unsigned char *p = message, *content;
		struct fcgi_header h;

		a->n_messages++;
		while (n > 0) {
			size_t size = fcgi_record_read(p, n, &h, &content);

			assert_true(size > 0);
			take_record(a, &h, content);
			p += size;
			n -= size;
		}
	}
	assert_true(at.is_done);
}

static void
a_request_of_any_size_is_whole_records_in_each_message(void **state)
{
	enum { MAX = FCGI_MESSAGE_MAX };
	static const size_t sizes[] = { 0,        1,        MAX - 49, MAX - 48, MAX - 41, MAX - 40, MAX - 32,
		                        MAX - 24, MAX - 16, MAX - 8,  MAX,      MAX + 1,  4 * MAX };
	static unsigned char bytes[5 * MAX];
	static struct arrived a;

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251);
	for (size_t i = 0; i < ARRAY_SIZE(sizes) * ARRAY_SIZE(sizes); i++) {
		size_t n_params = sizes[i % ARRAY_SIZE(sizes)], n_body = sizes[i / ARRAY_SIZE(sizes)];
		size_t part = n_params / 3;
		const struct fcgi_request q = { .id = 77,
			                        .is_complete = true,
			                        .params = { { (const char *)bytes, part },
			                                    { (const char *)bytes + part, n_params - part } },
			                        .body = (const char *)bytes,
			                        .n_body = n_body };

		send_all(&q, &a);
		assert_true(a.has_begun && a.has_params_end && a.has_body_end);
		assert_int_equal(a.n_params, n_params);
		assert_int_equal(a.n_body, n_body);
		assert_memory_equal(a.params, bytes, n_params);
		assert_memory_equal(a.body, bytes, n_body);
		assert_true(a.n_messages <= (n_params + n_body) / (FCGI_MESSAGE_MAX - 64) + 2);
	}
}

static void
a_body_that_is_not_complete_has_no_end_yet(void **state)
{
	struct fcgi_request q = { .id = 1, .body = "abc", .n_body = 3 };
	struct fcgi_progress at = { 0 };
	unsigned char message[FCGI_MESSAGE_MAX];

	(void)state;
	assert_true(fcgi_request_message(&q, &at, message, &at) > 0);
	assert_false(at.is_done);
	assert_int_equal(fcgi_request_message(&q, &at, message, &at), 0);
	q.is_complete = true;
	assert_int_equal(fcgi_request_message(&q, &at, message, &at), FCGI_HEADER_SIZE);
	assert_true(at.is_done);
	assert_int_equal(fcgi_abort_message(1, message), FCGI_HEADER_SIZE);
	assert_int_equal(message[1], FCGI_ABORT_REQUEST);
}

static void
a_request_that_one_message_holds_has_its_size(void **state)
{
	static const size_t sizes[] = {
		0, 1, 100, 8000, FCGI_MESSAGE_MAX - 8 * FCGI_HEADER_SIZE, FCGI_MESSAGE_MAX
	};
	static const char bytes[FCGI_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes) * ARRAY_SIZE(sizes); i++) {
		struct fcgi_request q = { .id = 1,
			                  .is_complete = true,
			                  .params = { { bytes, sizes[i % ARRAY_SIZE(sizes)] } },
			                  .body = bytes,
			                  .n_body = sizes[i / ARRAY_SIZE(sizes)] };
		struct fcgi_progress at = { 0 };
		unsigned char message[FCGI_MESSAGE_MAX];
		size_t n = fcgi_request_message(&q, &at, message, &at);

		assert_int_equal(fcgi_request_size(&q), at.is_done ? n : 0);
		q.is_complete = false;
		assert_int_equal(fcgi_request_size(&q), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_survives_its_bytes),
		cmocka_unit_test(types_have_the_numbers_of_the_specification),
		cmocka_unit_test(a_record_is_read_when_its_last_byte_is_there),
		cmocka_unit_test(the_bodies_of_fixed_form_survive_their_bytes),
		cmocka_unit_test(a_body_of_fixed_form_that_is_short_is_refused),
		cmocka_unit_test(pairs_of_every_length_survive_their_bytes),
		cmocka_unit_test(a_length_takes_four_bytes_from_128_on),
		cmocka_unit_test(a_length_over_31_bits_has_no_size),
		cmocka_unit_test(a_pair_that_reaches_past_the_end_is_refused),
		cmocka_unit_test(values_are_answered_each_once),
		cmocka_unit_test(a_hundred_pairs_get_three_values),
		cmocka_unit_test(no_values_get_an_empty_answer_and_malformed_ones_none),
		cmocka_unit_test(a_request_of_any_size_is_whole_records_in_each_message),
		cmocka_unit_test(a_body_that_is_not_complete_has_no_end_yet),
		cmocka_unit_test(a_request_that_one_message_holds_has_its_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
