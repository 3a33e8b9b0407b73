/* test_session.c - sealed cookies: what opens them, and what does not. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "session/session.h"

#define ID       "00112233445566778899aabbccddeeff"
#define OTHER_ID "ffeeddccbbaa99887766554433221100"

enum { NOW = 1900000000, IDLE = 1000, LENGTH = 5000 };

static const struct session_place http = { "shop", false, IDLE, LENGTH };

static void
open_sessions(struct sessions *s)
{
	struct err e;

	assert_int_equal(sessions_open(s, &e), 0);
	session_keys_make(&s->keys);
}

/* What the browser sends back: name and value of a Set-Cookie. */
static void
cookie_of(struct sessions *s, const struct session_place *place, const char *text, int64_t now_s,
          char cookie[SESSION_FIELD_SIZE])
{
	int n = session_field(s, place, NULL, text, strlen(text), now_s, cookie);

	assert_true(n > 0);
	assert_int_equal((size_t)n, strlen(cookie));
	*strchr(cookie, ';') = '\0';
}

static bool
finds(struct sessions *s, const struct session_place *place, const char *field, int64_t now_s,
      const char *text)
{
	struct session found;

	if (!session_find(s, place, field, strlen(field), now_s, &found))
		return false;
	assert_string_equal(found.text, text);
	assert_int_equal(found.n, strlen(text));
	return true;
}

static void
a_session_comes_back_as_it_was(void **state)
{
	char longest[SESSION_TEXT_MAX + 1], cookie[SESSION_FIELD_SIZE];
	const char *const texts[] = { ID, ID "&user=ada", ID "&a=1&b=%26&c=\xc3\xa9", longest };
	struct sessions s;

	(void)state;
	snprintf(longest, sizeof longest, "%s&%0*d", ID, SESSION_DATA_MAX - 1, 0);
	open_sessions(&s);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cookie_of(&s, &http, texts[i], NOW, cookie);
		assert_true(strlen(cookie) <= SESSION_COOKIE_MAX);
		assert_true(finds(&s, &http, cookie, NOW, texts[i]));
	}
	sessions_close(&s);
}

static void
the_cookie_says_how_it_is_to_be_kept(void **state)
{
	static const struct {
		bool is_secure;
		const char *start, *end;
	} cases[] = {
		{ false, "cfn-shop=", "; Path=/; Max-Age=1000; HttpOnly; SameSite=Lax" },
		{ true, "__Host-cfn-shop=", "; Path=/; Max-Age=1000; Secure; HttpOnly; SameSite=Lax" },
	};
	struct sessions s;

	(void)state;
	open_sessions(&s);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct session_place place = { "shop", cases[i].is_secure, IDLE, LENGTH };
		char field[SESSION_FIELD_SIZE];

		assert_true(session_field(&s, &place, NULL, ID, strlen(ID), NOW, field) > 0);
		assert_memory_equal(field, cases[i].start, strlen(cases[i].start));
		assert_string_equal(strchr(field, ';'), cases[i].end);
	}
	sessions_close(&s);
}

static void
a_cookie_with_any_character_changed_is_none(void **state)
{
	static const char letters[] = "Az09-_=. ";
	char cookie[SESSION_FIELD_SIZE];
	struct sessions s;

	(void)state;
	open_sessions(&s);
	cookie_of(&s, &http, ID "&user=ada", NOW, cookie);
	for (size_t i = 0; i < strlen(cookie); i++) {
		char was = cookie[i];

		for (size_t j = 0; j < sizeof letters - 1; j++) {
			if (letters[j] == was)
				continue;
			cookie[i] = letters[j];
			/* A blank before the name is no part of it. */
			assert_false(finds(&s, &http, cookie, NOW, ""));
		}
		cookie[i] = was;
	}
	assert_true(finds(&s, &http, cookie, NOW, ID "&user=ada"));
	sessions_close(&s);
}

static void
a_cookie_with_any_bit_flipped_is_none(void **state)
{
	char cookie[SESSION_FIELD_SIZE], flipped[SESSION_FIELD_SIZE];
	unsigned char bytes[SESSION_COOKIE_MAX];
	struct sessions s;
	int n;

	(void)state;
	open_sessions(&s);
	cookie_of(&s, &http, ID "&user=ada", NOW, cookie);
	n = base64_decode(BASE64_URL, cookie + 9, strlen(cookie + 9), bytes, sizeof bytes);
	assert_true(n > 0);
	for (int i = 0; i < 8 * n; i++) {
		bytes[i / 8] ^= (unsigned char)(1U << i % 8);
		memcpy(flipped, cookie, 9);
		flipped[9 + base64_encode(BASE64_URL, bytes, (size_t)n, flipped + 9)] = '\0';
		assert_false(finds(&s, &http, flipped, NOW, ""));
		bytes[i / 8] ^= (unsigned char)(1U << i % 8);
	}
	sessions_close(&s);
}

static void
a_cookie_that_is_cut_or_longer_is_none(void **state)
{
	char cookie[SESSION_FIELD_SIZE];
	struct sessions s;
	size_t n;

	(void)state;
	open_sessions(&s);
	cookie_of(&s, &http, ID "&user=ada", NOW, cookie);
	n = strlen(cookie);
	strcpy(cookie + n, "A");
	assert_false(finds(&s, &http, cookie, NOW, ""));
	for (; n > 0; n--) {
		cookie[n - 1] = '\0';
		assert_false(finds(&s, &http, cookie, NOW, ""));
	}
	sessions_close(&s);
}

static void
a_cookie_is_of_its_place_alone(void **state)
{
	static const struct session_place places[] = {
		{ "shop", true, IDLE, LENGTH },
		{ "shop2", false, IDLE, LENGTH },
		{ "sho", false, IDLE, LENGTH },
		{ "admin", false, IDLE, LENGTH },
	};
	char cookie[SESSION_FIELD_SIZE], renamed[2 * SESSION_FIELD_SIZE];
	struct sessions s, other;

	(void)state;
	open_sessions(&s);
	open_sessions(&other);
	cookie_of(&s, &http, ID, NOW, cookie);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		assert_false(finds(&s, &places[i], cookie, NOW, ""));
		/* Under the name that this place has for its own. */
		snprintf(renamed, sizeof renamed, "%s%s=%s", places[i].is_secure ? "__Host-cfn-" : "cfn-",
		         places[i].function, cookie + strlen("cfn-shop="));
		assert_false(finds(&s, &places[i], renamed, NOW, ""));
	}
	assert_false(finds(&other, &http, cookie, NOW, ""));
	sessions_close(&s);
	sessions_close(&other);
}

static void
a_session_ends_by_both_clocks(void **state)
{
	static const struct {
		int64_t begun, sealed, now;
		bool is_found, is_due;
	} cases[] = {
		{ NOW, NOW, NOW, true, false },
		{ NOW, NOW, NOW + IDLE / 2 - 1, true, false },
		{ NOW, NOW, NOW + IDLE / 2, true, true },
		{ NOW, NOW, NOW + IDLE - 1, true, true },
		{ NOW, NOW, NOW + IDLE, false, false },
		{ NOW, NOW + LENGTH - 10, NOW + LENGTH - 1, true, false },
		{ NOW, NOW + LENGTH - 10, NOW + LENGTH, false, false },
		{ NOW, NOW, NOW - SESSION_AHEAD_MAX_S, true, false },
		{ NOW, NOW, NOW - SESSION_AHEAD_MAX_S - 1, false, false },
	};
	struct sessions s;

	(void)state;
	open_sessions(&s);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct session was = { .begun_s = cases[i].begun, .text = ID };
		char field[SESSION_FIELD_SIZE];
		struct session found;
		size_t n;

		assert_true(session_field(&s, &http, &was, ID, strlen(ID), cases[i].sealed, field) > 0);
		n = strcspn(field, ";");
		assert_int_equal(session_find(&s, &http, field, n, cases[i].now, &found), cases[i].is_found);
		if (!cases[i].is_found)
			continue;
		assert_int_equal(found.is_due, cases[i].is_due);
		assert_int_equal(found.begun_s, cases[i].begun);
	}
	sessions_close(&s);
}

static void
another_id_is_another_session(void **state)
{
	const struct session was = { .begun_s = NOW - LENGTH + 10, .text = ID };
	char field[SESSION_FIELD_SIZE];
	struct sessions s;

	(void)state;
	open_sessions(&s);
	assert_true(session_field(&s, &http, &was, ID, strlen(ID), NOW, field) > 0);
	assert_non_null(strstr(field, "; Max-Age=10;"));
	assert_true(session_field(&s, &http, &was, OTHER_ID, strlen(OTHER_ID), NOW, field) > 0);
	assert_non_null(strstr(field, "; Max-Age=1000;"));
	sessions_close(&s);
}

static void
a_rotated_key_opens_one_rotation_more(void **state)
{
	char cookie[SESSION_FIELD_SIZE];
	struct session found;
	struct sessions s;

	(void)state;
	open_sessions(&s);
	cookie_of(&s, &http, ID, NOW, cookie);
	session_keys_rotate(&s.keys);
	assert_true(session_find(&s, &http, cookie, strlen(cookie), NOW, &found));
	assert_true(found.is_due);
	session_keys_rotate(&s.keys);
	assert_false(finds(&s, &http, cookie, NOW, ""));
	s.keys = (struct session_keys){ 0 };
	assert_int_equal(session_field(&s, &http, NULL, ID, strlen(ID), NOW, cookie), -ENOKEY);
	sessions_close(&s);
}

static void
the_first_good_one_of_four_counts(void **state)
{
	char first[SESSION_FIELD_SIZE], second[SESSION_FIELD_SIZE], field[4 * SESSION_FIELD_SIZE];
	struct sessions s;

	(void)state;
	open_sessions(&s);
	cookie_of(&s, &http, ID "&n=1", NOW, first);
	cookie_of(&s, &http, ID "&n=2", NOW, second);
	snprintf(field, sizeof field, "a=b; %s;%s", first, second);
	assert_true(finds(&s, &http, field, NOW, ID "&n=1"));
	snprintf(field, sizeof field, "cfn-shop=x;cfn-shop=;cfn-shop;x; %s ; %s", second, first);
	assert_true(finds(&s, &http, field, NOW, ID "&n=2"));
	snprintf(field, sizeof field, "cfn-shop=x;cfn-shop=;cfn-shop;cfn-shop=y; %s", second);
	assert_false(finds(&s, &http, field, NOW, ""));
	sessions_close(&s);
}

static void
texts_are_checked_before_they_are_sealed(void **state)
{
	char longer[SESSION_TEXT_MAX + 2], field[SESSION_FIELD_SIZE];
	const char *const texts[] = {
		"",       "user=ada",    "0011",
		ID "x",   ID "user=ada", "00112233445566778899AABBCCDDEEFF",
		ID "&\n", ID "&a=\x7f",  ID "&a=\xc3",
		longer,
	};
	struct sessions s;

	(void)state;
	snprintf(longer, sizeof longer, "%s&%0*d", ID, SESSION_DATA_MAX, 0);
	open_sessions(&s);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_false(session_text_is_good(texts[i], strlen(texts[i])));
		assert_int_equal(session_field(&s, &http, NULL, texts[i], strlen(texts[i]), NOW, field),
		                 -EBADMSG);
	}
	assert_false(session_text_is_good(ID "&\0", SESSION_ID_SIZE + 2));
	sessions_close(&s);
}

static void
every_session_is_hidden_and_nothing_else(void **state)
{
	static const struct {
		const char *field, *want;
	} cases[] = {
		{ "", "" },
		{ "a=1; b=2", "a=1; b=2" },
		{ "cfn-x=1", "       " },
		{ "a=1; cfn-x=secret; b=2", "a=1;             ; b=2" },
		{ "a=1;__Host-cfn-x=s;cfn-y=t", "a=1;              ;       " },
		{ "xcfn-x=1; cfn=2; __host-cfn-x=3", "xcfn-x=1; cfn=2; __host-cfn-x=3" },
		{ "cfn-x;  cfn-; =cfn-x=1", "     ;      ; =       " },
		{ "a=cfn-x=1; ;;cfn-x==;", "a=cfn-x=1; ;;       ;" },
		{ "=cfn-x=1", "=       " },
		{ "= ,=\t=__Host-cfn-x=1; b=2", "= ,=\t=              ; b=2" },
		{ "a=b, cfn-x=1; b=2", "a=b,        ; b=2" },
		{ "a=b,cfn-x=1, c=3;b=2", "a=b,            ;b=2" },
		{ "a=b cfn-x=1\t__Host-cfn-x=2", "a=b                       " },
		{ "a= cfn-x", "a=      " },
		{ "a=cfn-note; b==cfn-x=1; c=/cfn-", "a=cfn-note; b==cfn-x=1; c=/cfn-" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char field[64];

		strcpy(field, cases[i].field);
		session_hide(field, strlen(field));
		assert_string_equal(field, cases[i].want);
	}
}

static void
who_sets_a_session_is_seen(void **state)
{
	static const struct {
		const char *value;
		bool is_one;
	} cases[] = {
		{ "a=1; Path=/", false },   { "", false },
		{ "cfn=1", false },         { "cfn-x=1", true },
		{ "__Host-cfn-x=1", true }, { " \tcfn-x=1", true },
		{ "=cfn-x=1", true },       { "= =__Host-cfn-x=1", true },
		{ "x=cfn-x=1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(session_is_set_by(cases[i].value, strlen(cases[i].value)), cases[i].is_one);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_comes_back_as_it_was),
		cmocka_unit_test(the_cookie_says_how_it_is_to_be_kept),
		cmocka_unit_test(a_cookie_with_any_character_changed_is_none),
		cmocka_unit_test(a_cookie_with_any_bit_flipped_is_none),
		cmocka_unit_test(a_cookie_that_is_cut_or_longer_is_none),
		cmocka_unit_test(a_cookie_is_of_its_place_alone),
		cmocka_unit_test(a_session_ends_by_both_clocks),
		cmocka_unit_test(another_id_is_another_session),
		cmocka_unit_test(a_rotated_key_opens_one_rotation_more),
		cmocka_unit_test(the_first_good_one_of_four_counts),
		cmocka_unit_test(texts_are_checked_before_they_are_sealed),
		cmocka_unit_test(every_session_is_hidden_and_nothing_else),
		cmocka_unit_test(who_sets_a_session_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
