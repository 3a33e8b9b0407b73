/* test_function_parts.c - multipart forms, as a handler meets them. */
#include "fake_client.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "function/bounds.h"

#define TYPE       "CONTENT_TYPE=multipart/form-data; boundary=XX"
#define FIELD(n)   "Content-Disposition: form-data; name=\"" n "\"\r\n"
#define FILE_(f)   "Content-Disposition: form-data; name=\"f\"; filename=\"" f "\"\r\n"
#define PART(n, v) "--XX\r\n" FIELD(n) "\r\n" v "\r\n"
#define END        "--XX--\r\n"

/* "name(filename,type)=data|" of every part, and how it ended. */
static int
print_parts(cfn_request *q, cfn_response *r)
{
	struct cfn_part part;
	char piece[7];
	ssize_t n;
	int rc;

	while ((rc = cfn_part_next(q, &part)) > 0) {
		cfn_printf(r, "%s(%s,%s)=", part.name, part.filename ? part.filename : "-", part.type);
		while ((n = cfn_part_read(q, piece, sizeof piece)) > 0)
			cfn_write(r, piece, (size_t)n);
		cfn_printf(r, "|");
	}
	return rc == 0 ? 200
	               : cfn_error(r,
	                           rc == -EMSGSIZE ? 413
	                           : rc == -EINVAL ? 415
	                                           : 422,
	                           "%s", strerror(-rc));
}

static int
skip_parts(cfn_request *q, cfn_response *r)
{
	struct cfn_part part;
	int rc, n = 0;

	while ((rc = cfn_part_next(q, &part)) > 0)
		n++;
	return cfn_send(r, rc == 0 ? 200 : 422, NULL, "%d", n);
}

/* Whichever way its bytes come. */
static void
expect_parts(const char *type, const char *body, int status, const char *text)
{
	for (size_t piece = 0; piece < 6; piece++) {
		send_body(body);
		client.body_piece = piece;
		ask(print_parts, "REQUEST_METHOD=POST", type);
		assert_int_equal(answer_status(), status);
		if (status == 200)
			assert_string_equal(answer_body(), text);
	}
}

static void
parts_are_read_in_their_order(void **state)
{
	static const struct {
		const char *body, *text;
	} cases[] = {
		{ PART("a", "1") PART("b", "two") END, "a(-,text/plain)=1|b(-,text/plain)=two|" },
		{ PART("a", "") END, "a(-,text/plain)=|" },
		{ END, "" },
		{ "a preamble\r\n" PART("a", "1") END "an epilogue\r\n--XX", "a(-,text/plain)=1|" },
		{ "--XX \t \r\n" FIELD("a") "\r\n1\r\n--XX--", "a(-,text/plain)=1|" },
		{ PART("a", "line\r\nline\r\n-\r\n--\r\n--X\r\n\r\n--X-X") END,
		  "a(-,text/plain)=line\r\nline\r\n-\r\n--\r\n--X\r\n\r\n--X-X|" },
		{ PART("a", "\r\r\n\r\r\n") END, "a(-,text/plain)=\r\r\n\r\r\n|" },
		{ "--XX\r\nContent-type:image/png\r\n" FILE_("x.png") "X-Other: y\r\n\r\ndata\r\n" END,
		  "f(x.png,image/png)=data|" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_parts(TYPE, cases[i].body, 200, cases[i].text);
}

static void
parts_that_are_not_read_are_skipped(void **state)
{
	static char body[100 << 10];
	int n = snprintf(body, sizeof body, PART("a", "%060000d") PART("b", "2") END, 0);

	(void)state;
	assert_true(n > 60000 && (size_t)n < sizeof body);
	send_body(body);
	ask(skip_parts, "REQUEST_METHOD=POST", TYPE);
	assert_string_equal(answer_body(), "2");
}

static void
boundaries_are_tokens_or_quoted(void **state)
{
	static const struct {
		const char *type;
		int status;
	} cases[] = {
		{ "CONTENT_TYPE=Multipart/Form-Data;BOUNDARY=\"XX\"", 200 },
		{ "CONTENT_TYPE=multipart/form-data; charset=utf-8; boundary=XX", 200 },
		{ "CONTENT_TYPE=multipart/form-data; boundary=YY", 422 },
		{ "CONTENT_TYPE=multipart/form-data", 422 },
		{ "CONTENT_TYPE=multipart/form-data; boundary=", 422 },
		{ "CONTENT_TYPE=multipart/form-data; boundary=\"\"", 422 },
		{ "CONTENT_TYPE=multipart/form-data; boundary=\"XX", 422 },
		{ "CONTENT_TYPE=multipart/form-data; boundary=\"XX \"", 422 },
		{ "CONTENT_TYPE=multipart/form-data; boundary=X\xc3\xa4X", 422 },
		{ "CONTENT_TYPE=multipart/form-data; boundary=XX; boundary=XX", 422 },
		{ "CONTENT_TYPE=multipart/form-data boundary=XX", 422 },
		{ "CONTENT_TYPE=multipart/form-data-x; boundary=XX", 415 },
		{ "CONTENT_TYPE=multipart/mixed; boundary=XX", 415 },
		{ "CONTENT_TYPE=application/x-www-form-urlencoded", 415 },
		{ "CONTENT_TYPE=", 415 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_parts(cases[i].type, PART("a", "1") END, cases[i].status, "a(-,text/plain)=1|");
}

static void
a_boundary_has_at_most_70_bytes(void **state)
{
	static const char sixty[] = "123456789012345678901234567890123456789012345678901234567890";
	char type[128], body[256];

	(void)state;
	for (size_t n = 70; n <= 71; n++) {
		snprintf(type, sizeof type, "CONTENT_TYPE=multipart/form-data; boundary=%s%.*s", sixty,
		         (int)(n - 60), sixty);
		snprintf(body, sizeof body, "--%s%.*s--\r\n", sixty, (int)(n - 60), sixty);
		expect_parts(type, body, n == 70 ? 200 : 422, "");
	}
}

static void
malformed_forms_are_told(void **state)
{
	static const char *const bodies[] = {
		"",
		"no delimiter",
		"--XX",
		"--XX\r\n",
		"--XX\r\n" FIELD("a"),
		"--XX\r\n" FIELD("a") "\r\n",
		"--XX\r\n" FIELD("a") "\r\nvalue",
		"--XX\r\n" FIELD("a") "\r\nvalue\r\n--XX",
		"--XX\r\n" FIELD("a") "\r\nvalue\r\n--XX-",
		"--XXX\r\n" FIELD("a") "\r\nvalue\r\n" END,
		"--XX\n" FIELD("a") "\r\nvalue\r\n" END,
		"--XX\r\n\r\nno fields\r\n" END,
		"--XX\r\nContent-Type: text/plain\r\n\r\nno name\r\n" END,
		"--XX\r\nContent-Disposition: form-data\r\n\r\nno name\r\n" END,
		"--XX\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nv\r\n" END,
		"--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\nv\r\n" END,
		"--XX\r\nContent-Disposition: form-data; name=\"a\" x\r\n\r\nv\r\n" END,
		"--XX\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\nv\r\n" END,
		"--XX\r\n" FIELD("a") FIELD("b") "\r\nv\r\n" END,
		"--XX\r\nContent-Disposition form-data; name=\"a\"\r\n\r\nv\r\n" END,
		"--XX\r\n folded: x\r\n" FIELD("a") "\r\nv\r\n" END,
		"--XX\r\n" FIELD("a\x01") "\r\nv\r\n" END,
		"--XX\r\n" FIELD("a\nb") "\r\nv\r\n" END,
		"--XX\r\n" FIELD("\xff") "\r\nv\r\n" END,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		expect_parts(TYPE, bodies[i], 422, NULL);
}

static void
a_nul_among_the_fields_is_malformed(void **state)
{
	static const char body[] = "--XX\r\n" FIELD("a") "X: y\0\r\n\r\nv\r\n" END;

	(void)state;
	client.body = body;
	client.body_size = sizeof body - 1;
	ask(print_parts, "REQUEST_METHOD=POST", TYPE);
	assert_int_equal(answer_status(), 422);
}

static void
file_names_are_made_harmless(void **state)
{
	static const struct {
		const char *sent, *seen;
	} cases[] = {
		{ "a.txt", "a.txt" },
		{ "../../etc/passwd", "passwd" },
		{ "C:\\\\Windows\\\\a.ini", "a.ini" },
		{ "C:\\Windows\\a.ini", "a.ini" },
		{ ".htaccess", "htaccess" },
		{ "..", "" },
		{ "/", "" },
		{ "", "" },
		{ "a\\\"b", "a\"b" },
		{ "\xc3\xa4 b.txt", "\xc3\xa4 b.txt" },
	};
	char body[512], text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(body, sizeof body, "--XX\r\n" FILE_("%s") "\r\nv\r\n" END, cases[i].sent);
		snprintf(text, sizeof text, "f(%s,text/plain)=v|", cases[i].seen);
		expect_parts(TYPE, body, 200, text);
	}
}

static void
file_names_are_cut_between_characters(void **state)
{
	char name[260], body[512], text[512];

	(void)state;
	memset(name, 'a', 254);
	strcpy(name + 254, "\xc3\xa4");
	snprintf(body, sizeof body, "--XX\r\n" FILE_("%s") "\r\nv\r\n" END, name);
	snprintf(text, sizeof text, "f(%.254s,text/plain)=v|", name);
	expect_parts(TYPE, body, 200, text);
}

static void
the_fields_of_a_part_are_bounded(void **state)
{
	static const char empty[] = "--XX\r\nX: \r\n" FIELD("a") "\r\nv\r\n" END;
	static char body[16 << 10];
	/* "X: " to the empty line. */
	int room = PART_HEAD_MAX - (int)(sizeof "X: \r\n" FIELD("a") "\r\n" - 1);

	(void)state;
	assert_true(room > 0 && sizeof empty + PART_HEAD_MAX < sizeof body);
	for (int past = 0; past <= 1; past++) {
		snprintf(body, sizeof body, "--XX\r\nX: %0*d\r\n" FIELD("a") "\r\nv\r\n" END, room + past, 0);
		expect_parts(TYPE, body, past ? 413 : 200, "a(-,text/plain)=v|");
	}
}

static void
the_number_of_parts_is_bounded(void **state)
{
	static char body[PARTS_MAX * 80];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i <= PARTS_MAX; i++) {
		strcpy(body + n, END);
		send_body(body);
		ask(skip_parts, "REQUEST_METHOD=POST", TYPE);
		assert_int_equal(answer_status(), 200);
		n += (size_t)sprintf(body + n, PART("a", "1"));
	}
	strcpy(body + n, END);
	send_body(body);
	ask(skip_parts, "REQUEST_METHOD=POST", TYPE);
	assert_int_equal(answer_status(), 422);
}

static void
a_client_that_leaves_is_told(void **state)
{
	(void)state;
	send_body("--XX\r\n" FIELD("a") "\r\nval");
	client.body_breaks = true;
	ask(print_parts, "REQUEST_METHOD=POST", TYPE);
	assert_int_equal(answer_status(), 422);
	assert_non_null(strstr(client.answer, strerror(ECONNRESET)));
}

static int
read_before_next(cfn_request *q, cfn_response *r)
{
	char byte;
	ssize_t n = cfn_part_read(q, &byte, 1);
	int64_t saved = cfn_part_save(q, "/nowhere", 1);

	return cfn_send(r, n == -EINVAL && saved == -EINVAL ? 200 : 500, NULL, "x");
}

static void
nothing_is_read_before_the_first_part(void **state)
{
	(void)state;
	send_body(PART("a", "1") END);
	ask(read_before_next, "REQUEST_METHOD=POST", TYPE);
	assert_int_equal(answer_status(), 200);
}

/* ---- cfn_form ---- */

static int
print_pair(void *context, const char *name, const char *value)
{
	return cfn_printf(context, "%s=%s|", name, value);
}

static int
print_form(cfn_request *q, cfn_response *r)
{
	int rc = cfn_each(q, CFN_FORM, print_pair, r);

	return rc < 0 ? cfn_error(r, rc == -EMSGSIZE ? 413 : 422, "form") : 200;
}

static int
read_form(cfn_request *q, cfn_response *r)
{
	const char *text = cfn_form(q, "a");

	return cfn_send(r, text ? 200 : errno == EMSGSIZE ? 413 : 422, NULL, "%zu", text ? strlen(text) : 0);
}

static int
print_form_and_parts(cfn_request *q, cfn_response *r)
{
	int rc = print_form(q, r);

	return rc == 200 ? print_parts(q, r) : rc;
}

static void
the_texts_of_a_form_are_its_values(void **state)
{
	static const char body[] =
	    PART("a", "1 +%41") "--XX\r\n" FILE_("x") "\r\nfile\r\n" PART("b", "\xc3\xa4\r\nline")
		PART("a", "") END;

	(void)state;
	send_body(body);
	ask(print_form, "REQUEST_METHOD=POST", TYPE);
	assert_string_equal(answer_body(), "a=1 +%41|b=\xc3\xa4\r\nline|a=|");
	send_body(body);
	ask(print_form_and_parts, "REQUEST_METHOD=POST", TYPE);
	assert_int_equal(answer_status(), 200);
	assert_non_null(strstr(answer_body(), "a=|a(-,text/plain)=1 +%41|f(x,text/plain)=file|"));
}

static void
texts_that_are_no_text_are_malformed(void **state)
{
	static const char nul[] = PART("a", "x\0y") END;

	(void)state;
	send_body(PART("a", "\xff") END);
	ask(print_form, "REQUEST_METHOD=POST", TYPE);
	assert_int_equal(answer_status(), 422);
	client.body = nul;
	client.body_size = sizeof nul - 1;
	ask(print_form, "REQUEST_METHOD=POST", TYPE);
	assert_int_equal(answer_status(), 422);
	send_body("--XX\r\n" FIELD("a"));
	ask(print_form, "REQUEST_METHOD=POST", TYPE);
	assert_int_equal(answer_status(), 422);
}

static void
a_form_that_is_read_at_once_is_bounded(void **state)
{
	static char body[REQUEST_FORM_MAX + 2];
	int room = REQUEST_FORM_MAX - (int)(sizeof PART("a", "") END - 1);

	(void)state;
	for (int past = 0; past <= 1; past++) {
		snprintf(body, sizeof body, PART("a", "%0*d") END, room + past, 0);
		send_body(body);
		ask(read_form, "REQUEST_METHOD=POST", TYPE);
		assert_int_equal(answer_status(), past ? 413 : 200);
	}
}

/* ---- cfn_part_save, cfn_save ---- */

static char folder[] = "/tmp/cfn-parts.XXXXXX";
static int64_t save_max;
static const char *save_name;

static int
save_parts(cfn_request *q, cfn_response *r)
{
	struct cfn_part part;
	int64_t saved = -1;
	int rc;

	while ((rc = cfn_part_next(q, &part)) > 0)
		if (part.filename)
			saved = cfn_part_save(q, cfn_sprintf(q, "%s/%s", folder, save_name), save_max);
	return cfn_send(r, rc == 0 ? 200 : 422, NULL, "%lld", (long long)saved);
}

static int
save_body(cfn_request *q, cfn_response *r)
{
	const char *path = cfn_sprintf(q, "%s/%s", folder, save_name);

	return cfn_send(r, 200, NULL, "%lld", (long long)cfn_save(q, path, save_max));
}

/* What was taken as a whole may be looked at before. */
static int
save_seen_body(cfn_request *q, cfn_response *r)
{
	return cfn_body(q, NULL) ? save_body(q, r) : 500;
}

/* Five bytes, as a part and as a body. */
static const struct saver {
	cfn_handler *handler;
	const char *body;
} savers[] = {
	{ save_parts, "--XX\r\n" FILE_("x") "\r\n12345\r\n" PART("b", "") END },
	{ save_body, "12345" },
	{ save_seen_body, "12345" },
};

static size_t
count_files(void)
{
	DIR *d = opendir(folder);
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *entry; (entry = readdir(d));)
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void
expect_saved(const struct saver *saver, int64_t max, const char *answer)
{
	save_max = max;
	send_body(saver->body);
	client.body_piece = 3;
	ask(saver->handler, "REQUEST_METHOD=POST", TYPE);
	assert_string_equal(answer_body(), answer);
}

static void
expect_whole_or_nothing(const struct saver *saver)
{
	char path[128], text[8] = "", too_large[16], no_folder[16];
	struct stat st;
	FILE *f;

	snprintf(too_large, sizeof too_large, "%d", -EFBIG);
	snprintf(no_folder, sizeof no_folder, "%d", -ENOENT);
	save_name = "x";
	expect_saved(saver, 4, too_large);
	assert_int_equal(count_files(), 0);
	expect_saved(saver, 5, "5");
	assert_int_equal(count_files(), 1);
	snprintf(path, sizeof path, "%s/x", folder);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fread(text, 1, sizeof text, f), 5);
	fclose(f);
	assert_string_equal(text, "12345");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* One that fails leaves the earlier one alone. */
	expect_saved(saver, 2, too_large);
	assert_int_equal(count_files(), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 5);
	save_name = "none/x";
	expect_saved(saver, 5, no_folder);
	unlink(path);
}

static void
what_arrives_is_saved_whole_or_not_at_all(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < ARRAY_SIZE(savers); i++)
		expect_whole_or_nothing(&savers[i]);
	assert_int_equal(rmdir(folder), 0);
}

static void
a_body_that_is_announced_as_too_large_is_not_read(void **state)
{
	char too_large[16];

	(void)state;
	snprintf(too_large, sizeof too_large, "%d", -EFBIG);
	save_max = 4;
	save_name = "none/x"; /* which would be another error, later */
	send_body("12345");
	ask(save_body, "REQUEST_METHOD=POST", "CONTENT_LENGTH=5");
	assert_string_equal(answer_body(), too_large);
}

static int
save_broken_body(cfn_request *q, cfn_response *r)
{
	return cfn_send(r, cfn_save(q, "/tmp/cfn-none", 100) == -ECONNRESET ? 200 : 500, NULL, "x");
}

static void
a_body_that_breaks_off_is_not_saved(void **state)
{
	(void)state;
	send_body("12345");
	client.body_breaks = true;
	ask(save_broken_body, "REQUEST_METHOD=POST");
	assert_int_equal(answer_status(), 200);
	assert_int_equal(access("/tmp/cfn-none", F_OK), -1);
}

static int
tell_utf8(cfn_request *q, cfn_response *r)
{
	size_t n;
	const char *body = cfn_body(q, &n);

	return cfn_send(r, 200, NULL, "%d", cfn_utf8_ok(body, n));
}

static void
a_body_may_be_asked_whether_it_is_text(void **state)
{
	static const struct {
		const char *body;
		size_t n;
		const char *answer;
	} cases[] = {
		{ "", 0, "1" },     { "\xc3\xa4\n", 3, "1" }, { "\xff", 1, "0" },
		{ "\xc3", 1, "0" }, { "a\0b", 3, "0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		send_body("");
		client.body = cases[i].body;
		client.body_size = cases[i].n;
		ask(tell_utf8, "REQUEST_METHOD=POST");
		assert_string_equal(answer_body(), cases[i].answer);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_read_in_their_order),
		cmocka_unit_test(parts_that_are_not_read_are_skipped),
		cmocka_unit_test(boundaries_are_tokens_or_quoted),
		cmocka_unit_test(a_boundary_has_at_most_70_bytes),
		cmocka_unit_test(malformed_forms_are_told),
		cmocka_unit_test(a_nul_among_the_fields_is_malformed),
		cmocka_unit_test(file_names_are_made_harmless),
		cmocka_unit_test(file_names_are_cut_between_characters),
		cmocka_unit_test(the_fields_of_a_part_are_bounded),
		cmocka_unit_test(the_number_of_parts_is_bounded),
		cmocka_unit_test(a_client_that_leaves_is_told),
		cmocka_unit_test(nothing_is_read_before_the_first_part),
		cmocka_unit_test(the_texts_of_a_form_are_its_values),
		cmocka_unit_test(texts_that_are_no_text_are_malformed),
		cmocka_unit_test(a_form_that_is_read_at_once_is_bounded),
		cmocka_unit_test(what_arrives_is_saved_whole_or_not_at_all),
		cmocka_unit_test(a_body_that_is_announced_as_too_large_is_not_read),
		cmocka_unit_test(a_body_that_breaks_off_is_not_saved),
		cmocka_unit_test(a_body_may_be_asked_whether_it_is_text),
	};

	return cmocka_run_group_tests(tests, fake_begin, fake_end);
}
