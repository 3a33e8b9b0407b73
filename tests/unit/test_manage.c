/* test_manage.c - what reads clients of the management: forms, requests, limits of failures, jobs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "manage/entries.h"
#include "manage/limiter.h"
#include "manage/reply.h"
#include "manage/request.h"

#define HEAD(name)        "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define FILE_HEAD(name)   "Content-Disposition: form-data; name=\"code\"; filename=\"" name "\"\r\n\r\n"
#define MULTIPART         "multipart/form-data"
#define WHOLE             "--x\r\n" HEAD("route") "/a\r\n--x\r\n" FILE_HEAD("a.c") "int a;\r\n--x--\r\n"

#define DISPOSITION(what) "Content-Disposition: form-data; " what "\r\n"
#define BOUNDARY_70       "1234567890123456789012345678901234567890123456789012345678901234567890"

static void
forms_are_read_whole_or_not_at_all(void **state)
{
	static const struct {
		const char *type, *body;
		int want;
		size_t n;
	} cases[] = {
		{ MULTIPART, WHOLE, 0, 2 },
		{ MULTIPART "; boundary=x", WHOLE, 0, 2 },
		{ MULTIPART "; boundary=\"x\"", WHOLE, 0, 2 },
		{ MULTIPART "; boundary=y", WHOLE, -EBADMSG, 0 },
		{ MULTIPART, "--x--\r\n", -EBADMSG, 0 },
		{ MULTIPART, "x\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--x", -EBADMSG, 0 },
		{ MULTIPART, "--x\r\n" HEAD("a") "1\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--x\r\n" HEAD("a") "1\r\n--xy\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--x\r\n\r\n1\r\n--x--\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--x\r\n" HEAD("A") "1\r\n--x--\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--x\r\n" HEAD("") "1\r\n--x--\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--x\r\n" FILE_HEAD("../a.c") "1\r\n--x--\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--x\r\n" FILE_HEAD(".a.c") "1\r\n--x--\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--x\r\n" FILE_HEAD("-a.c") "1\r\n--x--\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--x\r\n" FILE_HEAD("a b.c") "1\r\n--x--\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--x\r\n" FILE_HEAD("") "1\r\n--x--\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--x\r\n" HEAD("a") "\r\n--x--", 0, 1 },
		{ MULTIPART, "--x\r\n" DISPOSITION("name=\"a\"; name=\"b\"") "\r\n1\r\n--x--\r\n", -EBADMSG,
		  0 },
		{ MULTIPART, "--x\r\n" DISPOSITION("name=\"a\"") HEAD("b") "1\r\n--x--\r\n", -EBADMSG, 0 },
		{ MULTIPART, "--" BOUNDARY_70 "\r\n" HEAD("a") "1\r\n--" BOUNDARY_70 "--\r\n", 0, 1 },
		{ MULTIPART, "--" BOUNDARY_70 "x\r\n" HEAD("a") "1\r\n--" BOUNDARY_70 "x--\r\n", -EBADMSG,
		  0 },
		{ MULTIPART, "--x \r\n" HEAD("a") "1\r\n--x --\r\n", -EBADMSG, 0 },
		{ "application/x-www-form-urlencoded", "a=%41+b&c=", 0, 2 },
		{ "application/x-www-form-urlencoded", "a=%4", -EBADMSG, 0 },
		{ "application/x-www-form-urlencoded", "a=%zz", -EBADMSG, 0 },
		{ "application/x-www-form-urlencoded", "=1", -EBADMSG, 0 },
		{ "application/json", "{}", -EINVAL, 0 },
		{ "", "a", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct form form;
		struct err e;
		int rc = form_read(&form, cases[i].type, cases[i].body, strlen(cases[i].body), &e);

		if (rc != cases[i].want || (rc == 0 && form.n != cases[i].n))
			fail_msg("%zu: %d", i, rc);
		form_done(&form);
	}
}

static void
a_form_has_at_most_so_many_fields(void **state)
{
	char body[FORM_PARTS_MAX * 8 + 16] = "";
	struct form form;
	struct err e;

	(void)state;
	for (int i = 0; i < FORM_PARTS_MAX; i++)
		strcat(body, "a=1&");
	assert_int_equal(form_read_query(&form, body, &e), 0);
	assert_int_equal(form.n, FORM_PARTS_MAX);
	form_done(&form);
	strcat(body, "a=1");
	assert_int_equal(form_read_query(&form, body, &e), -E2BIG);
	form_done(&form);
}

static int
read_as(const char *method, const char *path, const char *body, struct job *j, struct form *form)
{
	bool has_body = strcmp(method, "POST") == 0;
	const struct manage_request q = { method,
		                          path,
		                          has_body ? "" : body,
		                          "application/x-www-form-urlencoded",
		                          body,
		                          has_body ? strlen(body) : 0 };
	const struct form_part *files[JOB_FILES_MAX];
	const char *allow = NULL;
	struct err e;
	int status = request_read(&q, form, j, files, &allow, &e);

	form_done(form);
	return status;
}

static void
each_request_is_a_job_or_has_its_status(void **state)
{
	static const struct {
		const char *method, *path, *body;
		int want;
		enum job_verb verb;
	} cases[] = {
		{ "GET", "", "", 0, JOB_LIST },
		{ "HEAD", "/", "", 0, JOB_LIST },
		{ "GET", "/hello", "", 0, JOB_SOURCE },
		{ "GET", "/hello", "version=2", 0, JOB_SOURCE },
		{ "GET", "/hello", "version=0", 400, 0 },
		{ "GET", "/hello", "version=4294967296", 400, 0 },
		{ "GET", "/hello", "version=-1", 400, 0 },
		{ "GET", "/hello", "version=1&version=2", 400, 0 },
		{ "GET", "/hello", "memory=1M", 400, 0 },
		{ "GET", "/hello/versions", "", 0, JOB_HISTORY },
		{ "POST", "/hello/rollback", "", 0, JOB_ROLLBACK },
		{ "POST", "/hello/lock", "", 400, 0 },
		{ "POST", "/hello/lock", "reason=x%0ay", 400, 0 },
		{ "POST", "/hello/lock", "reason=x+y", 0, JOB_LOCK },
		{ "DELETE", "/hello", "", 0, JOB_REMOVE },
		{ "POST", "/hello/rollback", "name=other", 400, 0 },
		{ "POST", "/hello/rollback", "function_name=other", 400, 0 },
		{ "POST", "/hello/rollback", "entry=other", 400, 0 },
		{ "POST", "/hello/rollback", "method=GET", 400, 0 },
		{ "POST", "/hello/rollback", "reason=x", 400, 0 },
		{ "DELETE", "/hello", "name=other", 400, 0 },
		{ "GET", "", "name=hello", 400, 0 },
		{ "PUT", "", "", 405, 0 },
		{ "DELETE", "", "", 405, 0 },
		{ "POST", "/hello", "", 405, 0 },
		{ "GET", "/hello/rollback", "", 405, 0 },
		{ "GET", "/hello/other", "", 404, 0 },
		{ "GET", "/../etc", "", 404, 0 },
		{ "GET", "/--help", "", 400, 0 },
		{ "GET", "/-x", "", 400, 0 },
		{ "GET", "/Hello", "", 400, 0 },
		{ "POST", "", "route=/x", 400, 0 },
		{ "POST", "", "code=x", 400, 0 },
		{ "POST", "", "nothing=x", 400, 0 },
	};
	static struct form form;
	static struct job j;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int status = read_as(cases[i].method, cases[i].path, cases[i].body, &j, &form);

		if (status != cases[i].want || (status == 0 && j.verb != cases[i].verb))
			fail_msg("%s %s %s: %d", cases[i].method, cases[i].path, cases[i].body, status);
	}
}

static void
fields_are_in_one_place(void **state)
{
	const struct manage_request q = { "POST",      "/hello/rollback",
		                          "version=2", "application/x-www-form-urlencoded",
		                          "version=1", 9 };
	const struct form_part *files[JOB_FILES_MAX];
	static struct form form;
	static struct job j;
	const char *allow = NULL;
	struct err e;

	(void)state;
	assert_int_equal(request_read(&q, &form, &j, files, &allow, &e), 400);
	form_done(&form);
}

/* Appended with a token that is one letter. */
static void
append(struct entries *list, struct entry *entry, char token, uint32_t number)
{
	memset(entry, 0, sizeof *entry);
	entry->job.token[0] = token;
	entry->job.number = number;
	TAILQ_INSERT_TAIL(list, entry, link);
}

static void
who_asks_for_much_holds_up_himself(void **state)
{
	static struct entry of[6];
	struct entries waiting = TAILQ_HEAD_INITIALIZER(waiting), running = TAILQ_HEAD_INITIALIZER(running);

	(void)state;
	assert_null(entries_next(&waiting, &running));
	append(&running, &of[0], 'a', 1);
	append(&waiting, &of[1], 'a', 2);
	append(&waiting, &of[2], 'a', 3);
	assert_int_equal(entries_next(&waiting, &running)->job.number, 2);
	append(&waiting, &of[3], 'b', 4);
	assert_int_equal(entries_next(&waiting, &running)->job.number, 4);
	append(&running, &of[4], 'b', 5);
	assert_int_equal(entries_next(&waiting, &running)->job.number, 2);
	assert_int_equal(entries_count(&waiting, of[0].job.token), 2);
	assert_ptr_equal(entries_find(&waiting, 3), &of[2]);
	assert_null(entries_find(&waiting, 9));
}

static void
make_job(struct job *j)
{
	memset(j, 0, sizeof *j);
	j->verb = JOB_DEPLOY;
	strcpy(j->token, TOKEN_PREFIX);
	memset(j->token + strlen(TOKEN_PREFIX), 'a', 2 * TOKEN_BYTES);
	strcpy(j->function, "hello");
	strcpy(j->entry, "hello");
	strcpy(j->routes[0], "/hello");
	strcpy(j->files[0].name, "hello.c");
	j->n_routes = j->n_files = 1;
}

static void
arguments_are_fixed_but_for_values(void **state)
{
	static char text[JOB_TEXT_MAX];
	const char *to[JOB_ARGUMENTS_MAX];
	static struct job j;
	struct err e;

	(void)state;
	make_job(&j);
	strcpy(j.options[0].value, "--config=/etc/passwd");
	j.n_options = 1;
	assert_int_equal(job_check(&j, &e), 0);
	assert_int_equal(job_arguments(&j, 4, text, to, &e), 6);
	assert_string_equal(to[0], "deploy");
	assert_string_equal(to[3], "--route=/hello");
	assert_string_equal(to[4], "--memory=--config=/etc/passwd");
	assert_string_equal(to[5], "--source-fd=4:hello.c");
	assert_null(to[6]);
}

static void
what_the_front_lies_about_is_refused(void **state)
{
	static struct job good, j;
	struct err e;

	(void)state;
	make_job(&good);
	assert_int_equal(job_check(&good, &e), 0);
#define REFUSED(change)                                                                                      \
	do {                                                                                                 \
		j = good;                                                                                    \
		change;                                                                                      \
		if (job_check(&j, &e) != -EINVAL)                                                            \
			fail_msg("%s", #change);                                                             \
	} while (0)
	REFUSED(j.verb = JOB_VERBS);
	REFUSED(j.token[5] = 'X');
	REFUSED(memset(j.token, 'a', sizeof j.token));
	REFUSED(memset(j.function, 'a', sizeof j.function));
	REFUSED(strcpy(j.function, "-x"));
	REFUSED(strcpy(j.function, "a/b"));
	REFUSED(strcpy(j.entry, "a b"));
	REFUSED(strcpy(j.routes[0], "hello"));
	REFUSED(strcpy(j.routes[0], "/a b"));
	REFUSED(strcpy(j.methods, "get"));
	REFUSED(j.n_routes = JOB_ROUTES_MAX + 1);
	REFUSED(j.n_options = JOB_OPTIONS_MAX + 1);
	REFUSED(j.n_files = JOB_FILES_MAX + 1);
	REFUSED(j.n_files = 0);
	REFUSED(strcpy(j.files[0].name, "../x.c"));
	REFUSED(strcpy(j.files[0].name, ".x.c"));
	REFUSED(j.files[0].name[0] = '\0');
	REFUSED(j.files[0].size = JOB_BODY_MAX + 1);
	REFUSED(j.n_options = 1; j.options[0].row = job_n_options);
	REFUSED(j.n_options = 1; strcpy(j.options[0].value, "a\nb"));
	REFUSED(j.version = 1);
	REFUSED(j.verb = JOB_LOCK);
	REFUSED(j.verb = JOB_LIST);
#undef REFUSED
}

static void
an_address_that_fails_often_has_to_wait(void **state)
{
	static struct limiter l;

	(void)state;
	memset(&l, 0, sizeof l);
	for (int i = 0; i < LIMITER_OF_ADDRESS; i++) {
		assert_int_equal(limiter_blocks(&l, "192.0.2.1", 1000), 0);
		assert_int_equal(limiter_failed(&l, "192.0.2.1", 1000), 0);
	}
	assert_int_equal(limiter_blocks(&l, "192.0.2.1", 1000), LIMITER_WINDOW_S);
	assert_int_equal(limiter_blocks(&l, "192.0.2.1", 1000 + LIMITER_WINDOW_S - 1), 1);
	assert_int_equal(limiter_blocks(&l, "192.0.2.1", 1000 + LIMITER_WINDOW_S), 0);
	assert_int_equal(limiter_blocks(&l, "192.0.2.2", 1000), 0);
}

static void
of_too_many_addresses_the_one_that_failed_longest_ago_is_forgotten(void **state)
{
	static struct limiter l;
	char address[32];

	(void)state;
	memset(&l, 0, sizeof l);
	for (int i = 0; i < LIMITER_ADDRESSES; i++) {
		snprintf(address, sizeof address, "2001:db8::%x", i);
		limiter_failed(&l, address, 1000);
	}
	for (int i = 0; i < LIMITER_OF_ADDRESS; i++)
		limiter_failed(&l, "192.0.2.1", 1010);
	limiter_failed(&l, "192.0.2.2", 1010);
	assert_true(limiter_blocks(&l, "192.0.2.1", 1010) > 0);
}

static void
all_together_fail_no_more_than_so_often(void **state)
{
	static struct limiter l;
	char address[32];

	(void)state;
	memset(&l, 0, sizeof l);
	for (int i = 0; i < LIMITER_OF_ALL; i++) {
		snprintf(address, sizeof address, "192.0.2.%d", i);
		assert_int_equal(limiter_failed(&l, address, 1000), 0);
	}
	assert_true(limiter_failed(&l, "198.51.100.1", 1000) > 0);
	assert_int_equal(limiter_blocks(&l, "198.51.100.2", 1000), 0);
	for (int i = 0; i < 2 * LIMITER_ADDRESSES; i++) {
		snprintf(address, sizeof address, "2001:db8::%x", i);
		limiter_failed(&l, address, 2000);
	}
	assert_int_equal(l.n, LIMITER_ADDRESSES);
}

static void
pages_of_other_sites_are_refused(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(request_check_site(NULL, NULL, "a.example", &e), 0);
	assert_int_equal(request_check_site("https://a.example", "same-origin", "a.example", &e), 0);
	assert_int_equal(request_check_site(NULL, "none", "a.example", &e), 0);
	assert_int_equal(request_check_site("https://b.example", NULL, "a.example", &e), -EPERM);
	assert_int_equal(request_check_site("null", NULL, "a.example", &e), -EPERM);
	assert_int_equal(request_check_site("https://a.example", NULL, NULL, &e), -EPERM);
	assert_int_equal(request_check_site(NULL, "cross-site", "a.example", &e), -EPERM);
	assert_int_equal(request_check_site(NULL, "same-site", "a.example", &e), -EPERM);
}

static void
a_compilers_words_have_places(void **state)
{
	static const char words[] = "a.c: In function 'f':\n"
				    "a.c:4:16: error: 'x' undeclared\n"
				    "    4 | return x;\n"
				    "a.h:1:2: fatal error: none: really\n"
				    "a.c:99999999999:1: error: x\n"
				    "a.c:7:2: error: #error \xff\xc3\xa9\xc3\n"
				    "cfn-deploy: a.c: the compiler found errors";
	json_t *list = reply_diagnostics(words, strlen(words));

	(void)state;
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 2), "message")),
	                    "#error ?\xc3\xa9?");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "message")),
	                    "none: really");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "column")), 16);
	json_decref(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_read_whole_or_not_at_all),
		cmocka_unit_test(a_form_has_at_most_so_many_fields),
		cmocka_unit_test(each_request_is_a_job_or_has_its_status),
		cmocka_unit_test(fields_are_in_one_place),
		cmocka_unit_test(who_asks_for_much_holds_up_himself),
		cmocka_unit_test(arguments_are_fixed_but_for_values),
		cmocka_unit_test(what_the_front_lies_about_is_refused),
		cmocka_unit_test(an_address_that_fails_often_has_to_wait),
		cmocka_unit_test(of_too_many_addresses_the_one_that_failed_longest_ago_is_forgotten),
		cmocka_unit_test(all_together_fail_no_more_than_so_often),
		cmocka_unit_test(pages_of_other_sites_are_refused),
		cmocka_unit_test(a_compilers_words_have_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
