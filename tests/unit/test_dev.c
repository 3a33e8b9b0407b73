/* test_dev.c - what `cfn-deploy dev` shows and writes: pages, records as they pass, exchanges as tests. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/scratch.h"
#include "deploy-tool/arguments.h"
#include "deploy-tool/dev_page.h"
#include "deploy-tool/dev_recorder.h"
#include "deploy-tool/dev_records.h"

enum { NOW = 1700000000 }; /* 2023-11-14T22:13:20Z */

static const char *
text_of(struct buf *b)
{
	assert_int_equal(buf_append(b, "", 1), 0);
	return buf_head(b);
}

/* ---- the page ---- */

static void
words_are_text_in_the_page_and_too_many_are_cut(void **state)
{
	char *words = calloc(1, DEV_PAGE_WORDS_MAX + 2);
	struct buf page;

	(void)state;
	buf_init(&page, 1 << 20);
	assert_int_equal(dev_page_write(&page, 7, "<script>\"a\" & 'b'", 17), 0);
	text_of(&page);
	assert_null(strstr(buf_head(&page), "<script>\""));
	assert_non_null(strstr(buf_head(&page), "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;"));
	assert_non_null(strstr(buf_head(&page), "+t!=7)"));
	assert_true(strncmp(buf_head(&page), "Status: 500 ", 12) == 0);
	for (size_t past = 0; past < 2; past++) {
		memset(words, 'w', DEV_PAGE_WORDS_MAX + past);
		buf_clear(&page);
		assert_int_equal(dev_page_write(&page, 7, words, DEV_PAGE_WORDS_MAX + past), 0);
		assert_int_equal(strstr(text_of(&page), "[...]") != NULL, past);
	}
	buf_done(&page);
	free(words);
}

/* ---- records ---- */

struct seen {
	struct buf text;
	size_t n_ends;
};

static void
see(void *context, const struct fcgi_header *h, const char *p, size_t n)
{
	struct seen *s = context;

	assert_int_equal(h->id, 3);
	assert_int_equal(buf_append(&s->text, p, n), 0);
	s->n_ends += n == 0;
}

static void
records_are_the_same_however_they_are_cut(void **state)
{
	static const size_t sizes[] = { 0, 1, FCGI_CONTENT_MAX, FCGI_CONTENT_MAX + 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t cut = 1; cut < 20; cut += 3) {
			struct buf content, bytes;
			struct records r = { 0 };
			struct seen s = { 0 };

			buf_init(&content, 1 << 20);
			buf_init(&bytes, 1 << 20);
			buf_init(&s.text, 1 << 20);
			memset(buf_reserve(&content, sizes[i] + 1), 'c', sizes[i]);
			buf_commit(&content, sizes[i]);
			assert_int_equal(records_write(&bytes, FCGI_STDOUT, 3, &content, true), 0);
			for (size_t at = 0; at < buf_used(&bytes); at += cut) {
				size_t left = buf_used(&bytes) - at;

				records_feed(&r, buf_head(&bytes) + at, left < cut ? left : cut, see, &s);
			}
			assert_int_equal(buf_used(&s.text), sizes[i]);
			assert_int_equal(s.n_ends, 1);
			buf_done(&content);
			buf_done(&bytes);
			buf_done(&s.text);
		}
}

/* ---- what varies ---- */

static const struct {
	const char *text;
	bool varies;
} texts[] = {
	{ "", false },
	{ "Hello, Ada!", false },
	{ "{\"number\":12,\"divisors\":[1,2,3,4,6,12]}", false },
	{ "a-long-word-of-letters-alone", false },
	{ "1234567890123456789", false },
	{ "at 12:34:56", true },
	{ "at 12:34", false },
	{ "on 2023-11-14", true },
	{ "on 2022-11-14", false },
	{ "1700000001", true },
	{ "1700000001999", true },
	{ "1600000001", false },
	{ "id=0123456789abcdef", true },
	{ "id=0123456789abcde", false },
	{ "this is request-7 of many", true },
	{ "token dGhpcyBpcyBhIHNlY3JldDEyMw==", true },
};

static void
what_may_be_another_the_next_time_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (recorder_varies(texts[i].text, strlen(texts[i].text), "request-7", NOW) !=
		    texts[i].varies)
			fail_msg("'%s'", texts[i].text);
}

/* ---- exchanges ---- */

struct rig {
	char folder[64], path[128];
	struct recorder recorder;
	struct buf params, body, answer;
};

static void
rig_open(struct rig *r)
{
	struct err e;

	strcpy(r->folder, "/tmp/cfn-dev-test-XXXXXX");
	assert_non_null(mkdtemp(r->folder));
	snprintf(r->path, sizeof r->path, "%s/it.http", r->folder);
	assert_int_equal(recorder_open(&r->recorder, r->path, &e), 0);
}

static void
rig_close(struct rig *r)
{
	char command[128];

	recorder_close(&r->recorder);
	snprintf(command, sizeof command, "rm -rf '%s'", r->folder);
	assert_int_equal(system(command), 0);
}

static void
add_param(struct buf *to, const char *name, const char *value)
{
	const struct fcgi_pair pair = { name, value, strlen(name), strlen(value) };
	size_t n = fcgi_pair_size(pair.name_length, pair.value_length);

	fcgi_pair_write((unsigned char *)buf_reserve(to, n), &pair);
	buf_commit(to, n);
}

/* What one exchange is written as: a path, a body, an answer. */
static int
record(struct rig *r, const char *uri, const char *body, const char *answer)
{
	const struct exchange_copy x = { &r->params, &r->body, &r->answer, false };
	struct err e;
	int rc;

	buf_init(&r->params, 1 << 16);
	buf_init(&r->body, 1 << 16);
	buf_init(&r->answer, 1 << 16);
	add_param(&r->params, "REQUEST_METHOD", "POST");
	add_param(&r->params, "REQUEST_URI", uri);
	add_param(&r->params, "HTTP_COOKIE", "secret=1");
	add_param(&r->params, "HTTP_X_OWN_FIELD", "5");
	assert_int_equal(buf_append(&r->body, body, strlen(body)), 0);
	assert_int_equal(buf_append(&r->answer, answer, strlen(answer)), 0);
	rc = recorder_add(&r->recorder, &x, &e);
	buf_done(&r->params);
	buf_done(&r->body);
	buf_done(&r->answer);
	return rc;
}

static void
expect_file(const char *folder, const char *name, const char *expected)
{
	char path[192], *text = NULL;
	struct err e;
	size_t n;
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fd_read_file(fileno(file), 1 << 20, &text, &n, &e), 0);
	assert_string_equal(text, expected);
	free(text);
	fclose(file);
}

#define OK(body)    "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\n" body
#define HEAD(uri)   "POST " uri "\nX-Own-Field: 5\n"
#define ANSWER(end) "\nHTTP 200\nContent-Type: text/plain\n" end

static const struct {
	const char *uri, *body, *answer, *expected, *file;
} exchanges[] = {
	{ "/a", "", OK("one"), HEAD("/a") ANSWER("\none\n"), NULL },
	{ "/a", "x=1", OK("one\ntwo\n"), HEAD("/a") "\nx=1\n" ANSWER("\none\ntwo\n"), NULL },
	/* What would be read as something else. */
	{ "/a", "", OK("/regular/"), HEAD("/a") ANSWER(""), NULL },
	{ "/a", "", OK("one\n\nGET /b\n"), HEAD("/a") ANSWER(""), NULL },
	{ "/a", "", OK("one\n# two\n"), HEAD("/a") ANSWER(""), NULL },
	{ "/a", "", OK("{{one}}"), HEAD("/a") ANSWER(""), NULL },
	{ "/a", "", OK("one\r\ntwo"), HEAD("/a") ANSWER(""), NULL },
	{ "/a", "", OK("\x80"), HEAD("/a") ANSWER(""), NULL },
	{ "/a", "one\nHTTP 200\n", OK("one"), HEAD("/a") "\n< it-1.body\n" ANSWER("\none\n"),
	  "one\nHTTP 200\n" },
	{ "/a", "one\n", OK("one"), HEAD("/a") "\n< it-1.body\n" ANSWER("\none\n"), "one\n" },
	{ "/a", "< one", OK("one"), HEAD("/a") "\n< it-1.body\n" ANSWER("\none\n"), "< one" },
	/* A stream; a redirect. */
	{ "/a", "", "Content-Type: text/plain\r\n\r\none", HEAD("/a") ANSWER(""), NULL },
	{ "/a", "", "Status: 303 See Other\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
	  HEAD("/a") "\nHTTP 303\nLocation: /b\n", NULL },
};

static void
an_exchange_is_written_as_it_will_be_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(exchanges); i++) {
		struct rig r = { 0 };

		rig_open(&r);
		assert_int_equal(record(&r, exchanges[i].uri, exchanges[i].body, exchanges[i].answer), 0);
		expect_file(r.folder, "it.http", exchanges[i].expected);
		if (exchanges[i].file != NULL)
			expect_file(r.folder, "it-1.body", exchanges[i].file);
		rig_close(&r);
	}
}

static void
what_is_no_exchange_for_a_test_is_left_out(void **state)
{
	struct rig r = { 0 };

	(void)state;
	rig_open(&r);
	assert_int_equal(record(&r, "/favicon.ico", "", OK("one")), 1);
	assert_int_equal(record(&r, "*", "", OK("one")), 1);
	assert_int_equal(record(&r, "/a", "", "no head"), 1);
	expect_file(r.folder, "it.http", "");
	rig_close(&r);
}

static void
a_hidden_token_becomes_a_variable(void **state)
{
	static const char form[] = "Content-Length: 9\r\n\r\n<input name=\"t\" "
				   "value=\"0123456789abcdef\"><input name=\"n\" value=\"5\">";
	struct rig r = { 0 };

	(void)state;
	rig_open(&r);
	assert_int_equal(record(&r, "/a", "", form), 0);
	assert_int_equal(record(&r, "/a?t=0123456789abcdef", "t=0123456789abcdef&n=5", OK("one")), 0);
	expect_file(r.folder, "it.http",
	            HEAD("/a") "\nHTTP 200\n@t = /name=\"t\" value=\"([^\"]*)\"/\n"
	                       "\n" HEAD("/a?t={{t}}") "\nt={{t}}&n=5\n" ANSWER("\none\n"));
	rig_close(&r);
}

/* ---- options ---- */

struct target {
	bool flag, other;
	const char *text, *none;
	struct argument_list list;
};

static void
options_are_written_as_they_were_read(void **state)
{
	static const struct argument_row rows[] = {
		{ "flag", 'f', ARGUMENT_FLAG, offsetof(struct target, flag), NULL, "" },
		{ "other", 0, ARGUMENT_FLAG, offsetof(struct target, other), NULL, "" },
		{ "text", 0, ARGUMENT_TEXT, offsetof(struct target, text), "T", "" },
		{ "none", 0, ARGUMENT_TEXT, offsetof(struct target, none), "T", "" },
		{ "list", 0, ARGUMENT_LIST, offsetof(struct target, list), "L", "" },
	};
	static const char *const given[] = { "--list", "a b", "-f", "--text=--x", "--list=", NULL };
	static const char *const expected[] = { "--flag", "--text=--x", "--list=a b", "--list=" };
	struct target target = { 0 };
	const struct argument_table table = { rows, ARRAY_SIZE(rows), &target };
	const char *to[ARRAY_SIZE(expected) + 1];
	size_t n = 0;
	struct err e;

	(void)state;
	assert_int_equal(arguments_read(&table, 1, given, NULL, &e), 5);
	assert_int_equal(arguments_write(&table, 1, to, ARRAY_SIZE(expected), &n, &e), 0);
	assert_int_equal(n, ARRAY_SIZE(expected));
	assert_null(to[n]);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(to[i], expected[i]);
		free_pointer(&to[i]);
	}
	n = 0;
	assert_int_equal(arguments_write(&table, 1, to, ARRAY_SIZE(expected) - 1, &n, &e), -E2BIG);
	for (size_t i = 0; i < n; i++)
		free_pointer(&to[i]);
}

/* ---- what is removed ---- */

static unsigned n_modes_by_name;

/* In place of the C library's. */
int
fchmodat(int folder, const char *name, mode_t mode, int flags)
{
	n_modes_by_name++;
	return flags == 0 ? (int)syscall(SYS_fchmodat, folder, name, mode) : -1;
}

/* Between a look and a change somebody who owns the folder puts a link in its place. */
static void
root_removes_what_others_own_without_changing_a_mode_by_name(void **state)
{
	static const char *const below[] = { "a", "a/b", "a/b/c", "a/b/c/d" };
	const struct scratch all = { .empty = { .st_mode = 0700 }, .n_inodes = 100 };
	char path[] = "/tmp/cfn-test-XXXXXX";
	struct stat st;
	AUTO_FD fd = -1;

	(void)state;
	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(below); i++)
		assert_int_equal(mkdirat(fd, below[i], 0700), 0);
	assert_int_equal(symlinkat("/", fd, "a/b/link"), 0);
	for (size_t i = ARRAY_SIZE(below); i-- > 0;)
		assert_int_equal(syscall(SYS_fchmodat, fd, below[i], 0), 0);
	n_modes_by_name = 0;
	assert_int_equal(scratch_empty(&all, fd), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(stat("/", &st), 0);
	assert_int_not_equal(st.st_mode & 07777, 0700);
	assert_int_equal(n_modes_by_name > 0, geteuid() != 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_text_in_the_page_and_too_many_are_cut),
		cmocka_unit_test(records_are_the_same_however_they_are_cut),
		cmocka_unit_test(what_may_be_another_the_next_time_is_known),
		cmocka_unit_test(an_exchange_is_written_as_it_will_be_read),
		cmocka_unit_test(what_is_no_exchange_for_a_test_is_left_out),
		cmocka_unit_test(a_hidden_token_becomes_a_variable),
		cmocka_unit_test(options_are_written_as_they_were_read),
		cmocka_unit_test(root_removes_what_others_own_without_changing_a_mode_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
