/* test_function_session.c - a handler's session and the tokens of its forms. */
#include "fake_client.h"

#include "session/limits.h"

#define ID    "00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"

static char token[256], text[8192];
static int results[64];

static int
tells(cfn_request *q, cfn_response *r)
{
	const char *user = cfn_session(q, "user"), *none = cfn_session(q, "none");

	return cfn_send(r, 200, "text/plain", "%s %s", user ? user : "-",
	                none ? none : strerrorname_np(errno));
}

static void
a_session_is_read_as_it_was_written(void **state)
{
	static const struct {
		const char *param, *user;
	} cases[] = {
		{ "X=", "- ENOENT" },
		{ "CFN_SESSION=" ID, "- ENOENT" },
		{ "CFN_SESSION=" ID "&user=ada&b=2", "ada ENOENT" },
		{ "CFN_SESSION=" ID "&user=a+b%26%3D%0A%2B\xc3\xa9", "a b&=\n+\xc3\xa9 ENOENT" },
		{ "CFN_SESSION=0011", "- ENOENT" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask(tells, cases[i].param);
		assert_int_equal(answer_status(), 200);
		assert_string_equal(answer_body(), cases[i].user);
		assert_string_equal(answer_field("X-CFN-Session"), "");
		assert_string_equal(answer_field("Cache-Control"), "private, no-store");
	}
	ask(tells, "CFN_SESSION=" ID, "CFN_SESSION=" OTHER);
	assert_int_equal(answer_status(), 400);
}

static int
sets(cfn_request *q, cfn_response *r)
{
	results[0] = cfn_session_set(q, r, "user", "Ada L\n&=+%\xc3\xa9");
	results[1] = cfn_session_set(q, r, "b", "2");
	results[2] = cfn_session_set(q, r, "b", NULL);
	snprintf(text, sizeof text, "%s", cfn_session(q, "user"));
	return 200;
}

static void
what_is_set_leaves_behind_the_id_that_came(void **state)
{
	const char *field;

	(void)state;
	ask(sets, "CFN_SESSION=" ID "&old=1&user=x");
	assert_int_equal(results[0] | results[1] | results[2], 0);
	assert_string_equal(text, "Ada L\n&=+%\xc3\xa9");
	assert_string_equal(answer_field("X-CFN-Session"), ID "&old=1&user=Ada+L%0A%26%3D%2B%25\xc3\xa9");
	ask(sets, "X=");
	field = answer_field("X-CFN-Session");
	assert_int_equal(strspn(field, "0123456789abcdef"), SESSION_ID_SIZE);
	assert_string_equal(field + SESSION_ID_SIZE, "&user=Ada+L%0A%26%3D%2B%25\xc3\xa9");
	assert_int_equal(answer_count("X-CFN-Session"), 1);
}

static int
renews(cfn_request *q, cfn_response *r)
{
	results[0] = cfn_session_new(q, r);
	results[1] = cfn_session(q, "user") == NULL;
	return 200;
}

static void
a_new_session_is_empty_and_has_another_id(void **state)
{
	(void)state;
	ask(renews, "CFN_SESSION=" ID "&user=ada");
	assert_int_equal(results[0], 0);
	assert_true(results[1]);
	assert_int_equal(strlen(answer_field("X-CFN-Session")), SESSION_ID_SIZE);
	assert_string_not_equal(answer_field("X-CFN-Session"), ID);
}

static int
removes(cfn_request *q, cfn_response *r)
{
	results[0] = cfn_session_set(q, r, "user", NULL);
	return 200;
}

static void
nothing_begins_by_being_removed(void **state)
{
	(void)state;
	ask(removes, "X=");
	assert_int_equal(results[0], 0);
	assert_int_equal(answer_count("X-CFN-Session"), 0);
	ask(removes, "CFN_SESSION=" ID "&user=ada&a=1");
	assert_string_equal(answer_field("X-CFN-Session"), ID "&a=1");
}

static void
a_session_that_is_due_is_renewed_when_it_is_used(void **state)
{
	(void)state;
	ask(tells, "CFN_SESSION=" ID "&user=ada", "CFN_SESSION_DUE=1");
	assert_string_equal(answer_field("X-CFN-Session"), ID "&user=ada");
	ask(sets, "CFN_SESSION=" ID "&user=ada", "CFN_SESSION_DUE=1");
	assert_int_equal(answer_count("X-CFN-Session"), 1);
}

static int
ignores(cfn_request *q, cfn_response *r)
{
	(void)q;
	return cfn_cache(r, 60, 0);
}

static void
who_does_not_look_at_the_session_may_be_cached(void **state)
{
	(void)state;
	ask(ignores, "CFN_SESSION=" ID, "CFN_SESSION_DUE=1");
	assert_int_equal(answer_count("X-CFN-Session"), 0);
	assert_string_equal(answer_field("Cache-Control"), "public, max-age=60");
}

static int
caches(cfn_request *q, cfn_response *r)
{
	cfn_session(q, "a");
	return cfn_set(r, "Cache-Control", "private, max-age=5");
}

static void
what_the_handler_says_of_caches_holds(void **state)
{
	(void)state;
	ask(caches, "X=");
	assert_string_equal(answer_field("Cache-Control"), "private, max-age=5");
	assert_int_equal(answer_count("Cache-Control"), 1);
}

static int
tries(cfn_request *q, cfn_response *r)
{
	char longest[SESSION_NAME_MAX + 2], value[SESSION_DATA_MAX];
	size_t n = 0;

	memset(longest, 'n', sizeof longest);
	longest[SESSION_NAME_MAX + 1] = '\0';
	results[n++] = cfn_session_set(q, r, longest, "x");
	longest[SESSION_NAME_MAX] = '\0';
	results[n++] = cfn_session_set(q, r, longest, "x");
	results[n++] = cfn_session_set(q, r, longest, NULL);
	results[n++] = cfn_session_set(q, r, "", "x");
	results[n++] = cfn_session_set(q, r, NULL, "x");
	results[n++] = cfn_session_set(q, r, "a\nb", "x");
	results[n++] = cfn_session_set(q, r, "a", "\xff");
	/* "&v=" and what is left. */
	memset(value, 'v', sizeof value);
	value[SESSION_DATA_MAX - 3] = '\0';
	results[n++] = cfn_session_set(q, r, "v", value);
	value[SESSION_DATA_MAX - 4] = '\n';
	results[n++] = cfn_session_set(q, r, "v", value);
	value[SESSION_DATA_MAX - 4] = 'v';
	value[SESSION_DATA_MAX - 3] = 'v';
	value[SESSION_DATA_MAX - 2] = '\0';
	results[n++] = cfn_session_set(q, r, "v", value);
	return 200;
}

static void
a_session_has_its_bounds(void **state)
{
	const int want[] = { -EINVAL, 0, 0, -EINVAL, -EINVAL, -EINVAL, -EINVAL, 0, -E2BIG, -E2BIG };

	(void)state;
	ask(tries, "X=");
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(results[i], want[i]);
	/* What was too much has changed nothing. */
	assert_int_equal(strlen(answer_field("X-CFN-Session")), SESSION_TEXT_MAX);
}

static int
fills(cfn_request *q, cfn_response *r)
{
	for (int i = 0; i <= SESSION_KEYS_MAX; i++)
		results[i] = cfn_session_set(q, r, cfn_sprintf(q, "k%d", i), "x");
	return 200;
}

static void
a_session_has_so_many_names(void **state)
{
	(void)state;
	ask(fills, "X=");
	for (int i = 0; i < SESSION_KEYS_MAX; i++)
		assert_int_equal(results[i], 0);
	assert_int_equal(results[SESSION_KEYS_MAX], -E2BIG);
}

static int
fails(cfn_request *q, cfn_response *r)
{
	cfn_session_set(q, r, "user", "x");
	return -EIO;
}

static int
streams(cfn_request *q, cfn_response *r)
{
	results[0] = cfn_session_set(q, r, "user", "x");
	cfn_stream(r, 200, "text/plain");
	results[1] = cfn_session_set(q, r, "user", "late");
	results[2] = cfn_session_new(q, r);
	results[3] = cfn_csrf(q) != NULL;
	return 200;
}

static void
a_handler_that_fails_changes_no_session(void **state)
{
	(void)state;
	ask(fails, "X=");
	assert_int_equal(answer_status(), 500);
	assert_int_equal(answer_count("X-CFN-Session"), 0);
}

static void
what_has_left_cannot_be_changed(void **state)
{
	(void)state;
	ask(streams, "X=");
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], -EALREADY);
	assert_int_equal(results[2], -EALREADY);
	assert_true(results[3]);
	assert_string_equal(answer_field("X-CFN-Session") + SESSION_ID_SIZE, "&user=x");
}

static int
shows_token(cfn_request *q, cfn_response *r)
{
	(void)r;
	snprintf(token, sizeof token, "%s", cfn_csrf(q));
	return 200;
}

static int
checks_token(cfn_request *q, cfn_response *r)
{
	(void)r;
	return cfn_csrf_ok(q) ? 200 : 403;
}

static void
a_token_is_good_in_its_session_alone(void **state)
{
	char header[512], form[512], first[256];

	(void)state;
	ask(shows_token, "CFN_SESSION=" ID);
	assert_int_equal(answer_count("X-CFN-Session"), 0);
	strcpy(first, token);
	ask(shows_token, "CFN_SESSION=" ID);
	/* Another mask in each answer. */
	assert_string_not_equal(first, token);
	snprintf(header, sizeof header, "HTTP_X_CSRF_TOKEN=%s", first);
	ask(checks_token, "CFN_SESSION=" ID, header);
	assert_int_equal(answer_status(), 200);
	ask(checks_token, "CFN_SESSION=" OTHER, header);
	assert_int_equal(answer_status(), 403);
	ask(checks_token, header);
	assert_int_equal(answer_status(), 403);
	snprintf(form, sizeof form, "a=1&csrf=%s", token);
	send_body(form);
	ask(checks_token, "CFN_SESSION=" ID, "REQUEST_METHOD=POST",
	    "CONTENT_TYPE=application/x-www-form-urlencoded");
	assert_int_equal(answer_status(), 200);
	for (size_t i = strlen("HTTP_X_CSRF_TOKEN="); header[i]; i++) {
		char was = header[i];

		header[i] = was == '0' ? '1' : '0';
		ask(checks_token, "CFN_SESSION=" ID, header);
		assert_int_equal(answer_status(), 403);
		header[i] = '\0';
		ask(checks_token, "CFN_SESSION=" ID, header);
		assert_int_equal(answer_status(), 403);
		header[i] = was;
	}
}

static void
a_token_begins_a_session(void **state)
{
	char session[256], header[512];

	(void)state;
	ask(shows_token, "X=");
	assert_int_equal(strlen(answer_field("X-CFN-Session")), SESSION_ID_SIZE);
	snprintf(session, sizeof session, "CFN_SESSION=%.*s", SESSION_ID_SIZE, answer_field("X-CFN-Session"));
	snprintf(header, sizeof header, "HTTP_X_CSRF_TOKEN=%s", token);
	ask(checks_token, session, header);
	assert_int_equal(answer_status(), 200);
}

static int
logs_in(cfn_request *q, cfn_response *r)
{
	cfn_session_new(q, r);
	return cfn_csrf_ok(q) ? 200 : 403;
}

static void
a_token_is_checked_against_the_session_that_came(void **state)
{
	char header[512];

	(void)state;
	ask(shows_token, "CFN_SESSION=" ID);
	snprintf(header, sizeof header, "HTTP_X_CSRF_TOKEN=%s", token);
	ask(logs_in, "CFN_SESSION=" ID, header);
	assert_int_equal(answer_status(), 200);
}

static int
names_a_session(cfn_request *q, cfn_response *r)
{
	(void)q;
	results[0] = cfn_set_cookie(r, "cfn-x", "1", -1, 0);
	results[1] = cfn_set_cookie(r, "__Host-cfn-x", "1", -1, 0);
	results[2] = cfn_set(r, "X-CFN-Session", ID);
	results[3] = cfn_set_cookie(r, "cfnx", "1", -1, 0);
	return 200;
}

static void
a_handler_sets_no_cookie_of_a_sessions_name(void **state)
{
	(void)state;
	ask(names_a_session, "X=");
	assert_int_equal(results[0], -EPERM);
	assert_int_equal(results[1], -EPERM);
	assert_int_equal(results[2], -EPERM);
	assert_int_equal(results[3], 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_begin, fake_end)
	const struct CMUnitTest tests[] = {
		TEST(a_session_is_read_as_it_was_written),
		TEST(what_is_set_leaves_behind_the_id_that_came),
		TEST(a_new_session_is_empty_and_has_another_id),
		TEST(nothing_begins_by_being_removed),
		TEST(a_session_that_is_due_is_renewed_when_it_is_used),
		TEST(who_does_not_look_at_the_session_may_be_cached),
		TEST(what_the_handler_says_of_caches_holds),
		TEST(a_session_has_its_bounds),
		TEST(a_session_has_so_many_names),
		TEST(a_handler_that_fails_changes_no_session),
		TEST(what_has_left_cannot_be_changed),
		TEST(a_token_is_good_in_its_session_alone),
		TEST(a_token_begins_a_session),
		TEST(a_token_is_checked_against_the_session_that_came),
		TEST(a_handler_sets_no_cookie_of_a_sessions_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
