/* test_tokens.c - tokens: their text, their scopes, the sealed list, the registry's rows, their signatures.
 */
#include "registry_rig.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hex.h"
#include "token/sealed.h"
#include "token/text.h"
#include "trust/token.h"

static void
a_token_has_a_form_that_is_found_again(void **state)
{
	char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE];
	struct digest hash, same;
	struct err e;

	(void)state;
	token_make(text);
	token_make(other);
	assert_int_equal(strlen(text), TOKEN_LENGTH);
	assert_int_equal(strncmp(text, "cfn_", 4), 0);
	assert_string_not_equal(text, other);
	assert_true(token_is_text(text, TOKEN_LENGTH));
	assert_false(token_is_text(text, TOKEN_LENGTH - 1));
	text[TOKEN_LENGTH - 1] = 'g';
	assert_false(token_is_text(text, TOKEN_LENGTH));
	text[TOKEN_LENGTH - 1] = 'A';
	assert_false(token_is_text(text, TOKEN_LENGTH));
	text[TOKEN_LENGTH - 1] = '\0';
	assert_false(token_is_text(text, TOKEN_LENGTH));
	memcpy(other, "CFN_", 4);
	assert_false(token_is_text(other, TOKEN_LENGTH));
	/* What sha256sum says of it. */
	memset(text, 'a', sizeof text);
	memcpy(text, "cfn_", 4);
	token_hash(text, &hash);
	assert_int_equal(digest_of(text, 68, &same, &e), 0);
	assert_memory_equal(&hash, &same, sizeof hash);
}

static void
scopes_are_words_of_a_table(void **state)
{
	static const struct {
		const char *word;
		int want;
	} cases[] = {
		{ "call:hello", 0 },        { "call:*", 0 },
		{ "deploy:/a*", 0 },        { "deploy:/a/:id/*", 0 },
		{ "deploy:/a", 0 },         { "deploy:*", 0 },
		{ "deploy", -EINVAL },      { "deploy:", -EINVAL },
		{ "deploy:a", -EINVAL },    { "deploy:/a*b", -EINVAL },
		{ "deploy:/a b", -EINVAL }, { "deploy:/a**", -EINVAL },
		{ "call:a-b_9", 0 },        { "call", -EINVAL },
		{ "call:", -EINVAL },       { "", -EINVAL },
		{ "call:Hello", -EINVAL },  { "call:he*", -EINVAL },
		{ ":", -EINVAL },           { "run", 0 },
		{ "run:", -EINVAL },        { "run:x", -EINVAL },
		{ "RUN", -EINVAL },         { "running", -EINVAL },
		{ "cal:x", -EINVAL },       { "calls:x", -EINVAL },
		{ "call:a b", -EINVAL },    { "call:a:b", -EINVAL },
		{ "call:a\nb", -EINVAL },   { "CALL:a", -EINVAL },
	};
	char text[TOKEN_SCOPES_TEXT_SIZE] = "", word[200];
	struct token_grant scopes[TOKEN_SCOPES_MAX];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (token_scope_parse(cases[i].word, &scopes[0], &e) != cases[i].want)
			fail_msg("'%s'", cases[i].word);
	memset(word, 'a', sizeof word);
	memcpy(word, "call:", 5);
	word[5 + 64] = '\0';
	assert_int_equal(token_scope_parse(word, &scopes[0], &e), 0);
	word[5 + 64] = 'a';
	for (size_t n = 65; n < 100; n++) {
		word[5 + n] = '\0';
		assert_int_equal(token_scope_parse(word, &scopes[0], &e), -EINVAL);
		word[5 + n] = 'a';
	}
	for (int i = 0; i < TOKEN_SCOPES_MAX; i++) {
		snprintf(word, sizeof word, "call:%02d%s", i,
		         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
		assert_int_equal(token_scopes_add(text, word, &e), 0);
		assert_int_equal(token_scopes_add(text, word, &e), 0);
	}
	assert_int_equal(token_scopes_read(text, scopes, &e), TOKEN_SCOPES_MAX);
	assert_string_equal(scopes[63].subject, word + 5);
	assert_int_equal(token_scopes_add(text, "call:one-more", &e), -E2BIG);
}

static void
texts_of_scopes_that_nobody_made_are_refused(void **state)
{
	static const char *const cases[] = {
		"",
		" ",
		"call:a ",
		" call:a",
		"call:a  call:b",
		"call:a call:a",
		"call:a,call:b",
		"call:a\tcall:b",
		"run:*",
		"call:a run run",
	};
	struct token_grant scopes[TOKEN_SCOPES_MAX];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (token_scopes_read(cases[i], scopes, &e) != -EBADMSG)
			fail_msg("accepted: '%s'", cases[i]);
	assert_int_equal(token_scopes_read("call:a call:*", scopes, &e), 2);
	assert_int_equal(token_scopes_read("call:a run", scopes, &e), 2);
	assert_int_equal(scopes[1].kind, TOKEN_RUN);
}

/* ---- the sealed list ---- */

static struct token_row
row(uint32_t number, uint32_t first, uint32_t n)
{
	struct token_row r = { .first_grant = first, .n_grants = n };
	struct err e;

	assert_int_equal(digest_of(&number, sizeof number, &r.hash, &e), 0);
	snprintf(r.name, sizeof r.name, "t%u", number);
	return r;
}

static struct token_grant
grant(const char *subject)
{
	struct token_grant g = { .kind = TOKEN_CALL };

	snprintf(g.subject, sizeof g.subject, "%s", subject);
	return g;
}

static void
every_token_of_many_is_found_and_no_other(void **state)
{
	static struct token_row rows[TOKENS_MAX + 1];
	const struct token_grant grants[] = { grant("a"), grant("b"), grant("*") };
	struct tokens *t;
	struct err e;
	AUTO_FD fd = -1;

	(void)state;
	for (uint32_t i = 0; i <= TOKENS_MAX; i++)
		rows[i] = row(i, i % 3, 1);
	fd = tokens_seal(rows, TOKENS_MAX, grants, 3, &e);
	assert_true(fd >= 0);
	assert_int_equal(tokens_map(fd, &t, &e), 0);
	assert_int_equal(tokens_n(t), TOKENS_MAX);
	for (uint32_t i = 0; i < TOKENS_MAX; i++) {
		const struct token_row *found = tokens_find(t, &rows[i].hash);

		assert_non_null(found);
		assert_string_equal(found->name, rows[i].name);
		assert_int_equal(tokens_allow(t, found, TOKEN_CALL, "a"), i % 3 != 1);
		assert_int_equal(tokens_allow(t, found, TOKEN_CALL, "b"), i % 3 != 0);
		assert_int_equal(tokens_allow(t, found, TOKEN_CALL, "ab"), i % 3 == 2);
		/* The last bit counts, too. */
		rows[i].hash.bytes[31] ^= 1;
		assert_null(tokens_find(t, &rows[i].hash));
	}
	assert_null(tokens_find(t, &rows[TOKENS_MAX].hash));
	tokens_unmap(t);
	assert_int_equal(tokens_seal(rows, TOKENS_MAX + 1, grants, 3, &e), -E2BIG);
}

static void
no_tokens_are_a_list_as_well(void **state)
{
	struct token_row any = row(1, 0, 0);
	struct tokens *t;
	struct err e;
	AUTO_FD fd = tokens_seal(NULL, 0, NULL, 0, &e);

	(void)state;
	assert_int_equal(tokens_map(fd, &t, &e), 0);
	assert_null(tokens_find(t, &any.hash));
	assert_null(tokens_find(NULL, &any.hash));
	tokens_unmap(t);
}

static void
of_two_rows_with_one_hash_none_counts(void **state)
{
	struct token_row rows[] = { row(1, 0, 0), row(2, 0, 0), row(2, 0, 0), row(2, 0, 0), row(3, 0, 0) };
	struct tokens *t;
	struct err e;
	AUTO_FD fd = tokens_seal(rows, 5, NULL, 0, &e);

	(void)state;
	assert_int_equal(tokens_map(fd, &t, &e), 0);
	assert_int_equal(tokens_n(t), 2);
	assert_non_null(tokens_find(t, &rows[0].hash));
	assert_null(tokens_find(t, &rows[1].hash));
	assert_non_null(tokens_find(t, &rows[4].hash));
	tokens_unmap(t);
}

/* Hashes that somebody chose, equal but for their end. */
static void
hashes_that_were_chosen_are_found_all_the_same(void **state)
{
	static struct token_row rows[1000];
	struct tokens *t;
	struct err e;
	AUTO_FD fd = -1;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		rows[i] = (struct token_row){ .name = "x" };
		rows[i].hash.bytes[30] = (unsigned char)(i >> 8);
		rows[i].hash.bytes[31] = (unsigned char)i;
	}
	fd = tokens_seal(rows, 1000, NULL, 0, &e);
	assert_int_equal(tokens_map(fd, &t, &e), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_non_null(tokens_find(t, &rows[i].hash));
	tokens_unmap(t);
}

static void
a_damaged_list_is_refused(void **state)
{
	struct token_row rows[] = { row(1, 0, 1), row(2, 0, 1) };
	const struct token_grant one = grant("a");
	unsigned char data[sizeof rows + sizeof one + 16];
	size_t refused = 0;
	struct tokens *t;
	struct err e;
	AUTO_FD fd = tokens_seal(rows, 2, &one, 1, &e);

	(void)state;
	assert_int_equal(pread(fd, data, sizeof data, 0), sizeof data);
	for (size_t i = 0; i < sizeof data; i++) {
		AUTO_FD bad = -1;

		data[i] ^= 0xff;
		bad = fd_sealed_memory("test", data, sizeof data, &e);
		if (tokens_map(bad, &t, &e) == 0) {
			tokens_find(t, &rows[0].hash);
			for (size_t n = 0; n < 2; n++)
				tokens_allow(t,
				             tokens_find(t, &rows[1].hash) ? tokens_find(t, &rows[1].hash)
				                                           : &(struct token_row){ 0 },
				             TOKEN_CALL, "a");
			tokens_unmap(t);
		} else {
			assert_int_equal(e.code, EBADMSG);
			refused++;
		}
		data[i] ^= 0xff;
	}
	/* At least what says how much there is, where, and in which order. */
	assert_true(refused > 16 + 2 * 8);
	for (size_t n = 1; n < sizeof data; n++) {
		AUTO_FD cut = fd_sealed_memory("test", data, n, &e);

		assert_int_equal(tokens_map(cut, &t, &e), -EBADMSG);
	}
}

static void
a_list_that_could_change_is_refused(void **state)
{
	struct tokens *t;
	struct err e;
	AUTO_FD fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(tokens_map(fd, &t, &e), -EPERM);
}

static void
scopes_that_are_not_there_are_refused(void **state)
{
	const struct token_grant one = grant("a");
	struct token_row bad[] = { row(1, 0, 2), row(1, 2, 0), row(1, UINT32_MAX, 2), row(1, 1, UINT32_MAX) };
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(tokens_seal(&bad[i], 1, &one, 1, &e), -EINVAL);
}

/* ---- the registry ---- */

static struct registry_token
token(const char *name)
{
	struct registry_token t = { .created_at = 1000, .author = "tester", .scopes = "call:hello" };
	struct err e;

	snprintf(t.name, sizeof t.name, "%s", name);
	assert_int_equal(digest_of(name, strlen(name), &t.hash, &e), 0);
	return t;
}

struct seen {
	size_t n, n_bad;
	struct registry_token last;
	char why[240];
};

static int
take(void *context, const struct registry_token *t, const struct err *why)
{
	struct seen *s = context;

	if (t) {
		s->n++;
		s->last = *t;
	} else {
		s->n_bad++;
		memcpy(s->why, why->text, sizeof s->why);
	}
	return 0;
}

static struct seen
look(struct fixture *f)
{
	struct seen s = { 0 };
	struct err e;

	assert_int_equal(registry_each_token(f->r, take, &s, &e), 0);
	return s;
}

static void
a_token_is_kept_until_it_is_revoked(void **state)
{
	struct fixture *f = *state;
	struct registry_token t = token("ci");
	uint64_t before, between, after;
	struct seen s;
	struct err e;

	t.expires_at = 2000;
	assert_int_equal(registry_tokens_stamp(f->r, &before, &e), 0);
	assert_int_equal(registry_add_token(f->r, &t, &e), 0);
	assert_int_equal(registry_tokens_stamp(f->r, &between, &e), 0);
	s = look(f);
	assert_int_equal(s.n, 1);
	assert_memory_equal(&s.last, &t, sizeof t);
	assert_int_equal(registry_add_token(f->r, &t, &e), -EEXIST);
	assert_int_equal(registry_remove_token(f->r, "other", &e), -ENOENT);
	assert_int_equal(registry_remove_token(f->r, "' OR 1", &e), -EINVAL);
	assert_int_equal(registry_remove_token(f->r, "ci", &e), 0);
	assert_int_equal(registry_tokens_stamp(f->r, &after, &e), 0);
	assert_int_equal(look(f).n, 0);
	assert_true(before != between && between != after && before != after);
}

static int
take_event(void *context, const struct registry_audit_row *r)
{
	char *text = context;

	sprintf(text + strlen(text), "%s %s;", r->record.event, r->record.detail);
	assert_true(r->is_good && r->follows);
	return 0;
}

static void
every_change_of_a_token_is_an_audit_row(void **state)
{
	struct fixture *f = *state;
	struct registry_token t = token("ci");
	char text[1024] = "";
	uint64_t last;
	struct err e;

	assert_int_equal(registry_add_token(f->r, &t, &e), 0);
	assert_int_equal(registry_add_token(f->r, &t, &e), -EEXIST);
	assert_int_equal(registry_remove_token(f->r, "ci", &e), 0);
	assert_int_equal(registry_remove_token(f->r, "ci", &e), -ENOENT);
	assert_int_equal(registry_each_audit(f->r, take_event, text, &last, &e), 0);
	assert_string_equal(text, "token_create token ci: call:hello;token_revoke token ci;");
	/* Neither is there without the other. */
	tamper(f, "UPDATE audit SET hash = x'00' WHERE 0; DROP TABLE audit");
	assert_true(registry_add_token(f->r, &t, &e) < 0);
	assert_int_equal(look(f).n, 0);
}

static void
a_damaged_token_takes_nothing_from_the_others(void **state)
{
	static const char *const changes[] = {
		"name = 'B'",
		"name = ''",
		"hash = x'00'",
		"scopes = 'run:x'",
		"scopes = ''",
		"scopes = 'call:a\n'",
		"created_at = -1",
		"expires_at = -1",
		"author = 'a' || char(10)",
		"key = x'00'",
		"signature = NULL, key = x'0000000000000000'",
		"name = 'b' || char(0) || 'c'",
		"scopes = 'call:*' || char(0)",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		void *own = NULL;
		struct registry_token a = token("a"), b = token("b");
		char sql[200];
		struct seen s;
		struct err e;
		struct fixture *f;

		assert_int_equal(setup(&own), 0);
		f = own;
		assert_int_equal(registry_add_token(f->r, &a, &e), 0);
		assert_int_equal(registry_add_token(f->r, &b, &e), 0);
		snprintf(sql, sizeof sql,
		         "PRAGMA ignore_check_constraints = ON; UPDATE token SET %s WHERE name = 'b'",
		         changes[i]);
		tamper(f, sql);
		s = look(f);
		if (s.n != 1 || s.n_bad != 1 || strcmp(s.last.name, "a") != 0)
			fail_msg("%s: %zu good, %zu bad (%s)", changes[i], s.n, s.n_bad, s.why);
		teardown(&own);
	}
}

static void
so_many_tokens_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct registry_token t = token("one-more");
	char sql[512];
	struct err e;

	snprintf(sql, sizeof sql,
	         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
	         " INSERT INTO token SELECT 't' || i, randomblob(32), 'call:*', 1, 0, 'x', NULL, NULL FROM n",
	         TOKENS_MAX);
	tamper(f, sql);
	assert_int_equal(look(f).n, TOKENS_MAX);
	assert_int_equal(registry_add_token(f->r, &t, &e), -EMFILE);
	assert_int_equal(registry_remove_token(f->r, "t7", &e), 0);
	assert_int_equal(registry_add_token(f->r, &t, &e), 0);
}

static void
a_registry_from_before_there_were_tokens_has_none_and_gets_them(void **state)
{
	struct fixture *f = *state;
	struct registry_token t = token("ci");
	uint64_t stamp = 9;
	struct err e;

	registry_close(f->r);
	tamper(f, "DROP TABLE token; DROP TABLE secret; DELETE FROM state WHERE name = 'tokens'; PRAGMA "
	          "user_version = 3;"
	          "ALTER TABLE function DROP COLUMN locked_at; ALTER TABLE function DROP COLUMN locked_by;"
	          "ALTER TABLE function DROP COLUMN lock_reason");
	assert_int_equal(registry_open(f->path, REGISTRY_READ, &f->r, &e), 0);
	assert_int_equal(look(f).n, 0);
	assert_int_equal(registry_tokens_stamp(f->r, &stamp, &e), 0);
	assert_int_equal(stamp, 0);
	registry_close(f->r);
	assert_int_equal(registry_open(f->path, REGISTRY_WRITE, &f->r, &e), 0);
	assert_int_equal(registry_add_token(f->r, &t, &e), 0);
	assert_int_equal(look(f).n, 1);
}

/* ---- signatures ---- */

static void
a_signature_is_over_all_that_a_token_opens(void **state)
{
	static const struct {
		size_t at, size;
	} fields[] = {
#define FIELD(name) { offsetof(struct registry_token, name), sizeof(((struct registry_token *)0)->name) }
		FIELD(hash),
		FIELD(created_at),
		FIELD(expires_at),
		FIELD(signature),
#undef FIELD
	};
	struct private_key key, other;
	struct trusted_key trusted = { .name = "k" };
	struct keys keys = { .n = 1, .rows = &trusted, .is_required = true };
	const struct trusted_key *signer = NULL;
	struct registry_token t = token("ci"), changed;
	struct err e;

	(void)state;
	assert_int_equal(key_make(&key, &e), 0);
	assert_int_equal(key_make(&other, &e), 0);
	trusted.public = key.public;
	assert_int_equal(key_id_of(&key.public, &trusted.id, &e), 0);
	assert_int_equal(token_check(&keys, &t, &signer, &e), -ENOKEY);
	assert_int_equal(token_sign(&other, &t, &e), 0);
	assert_int_equal(token_check(&keys, &t, &signer, &e), -ENOKEY);
	/* Under the name of the trusted key it is worth no more. */
	t.key = trusted.id;
	assert_int_equal(token_check(&keys, &t, &signer, &e), -EKEYREJECTED);
	assert_int_equal(token_sign(&key, &t, &e), 0);
	assert_int_equal(token_check(&keys, &t, &signer, &e), 0);
	assert_ptr_equal(signer, &trusted);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		changed = t;
		((unsigned char *)&changed)[fields[i].at] ^= 1;
		if (token_check(&keys, &changed, &signer, &e) != -EKEYREJECTED)
			fail_msg("field %zu", i);
	}
	changed = t;
	strcpy(changed.name, "cj");
	assert_int_equal(token_check(&keys, &changed, &signer, &e), -EKEYREJECTED);
	changed = t;
	strcpy(changed.scopes, "call:*");
	assert_int_equal(token_check(&keys, &changed, &signer, &e), -EKEYREJECTED);
}

static void
a_key_opens_what_it_could_deploy(void **state)
{
	struct key_rule rules[] = { { KEY_ROUTE, "/shop/*" }, { KEY_FUNCTION, "shop*" } };
	struct trusted_key all = { .name = "all" }, shop = { .name = "shop", .n_rules = 2 };
	struct registry_route routes[] = { { .methods = HTTP_GET, .pattern = "/shop/cart" },
		                           { .methods = HTTP_GET, .pattern = "/admin" } };

	(void)state;
	memcpy(shop.rules, rules, sizeof rules);
	assert_true(token_key_may_open(&all, "anything", routes, 2));
	assert_true(token_key_may_open_all(&all));
	assert_true(token_key_may_open(&shop, "shop-cart", routes, 1));
	assert_false(token_key_may_open(&shop, "shop-cart", routes, 2));
	assert_false(token_key_may_open(&shop, "other", routes, 1));
	assert_false(token_key_may_open_all(&shop));
	/* Each rule alone is too narrow for all. */
	shop.n_rules = 1;
	assert_false(token_key_may_open_all(&shop));
	shop.rules[0] = rules[1];
	assert_false(token_key_may_open_all(&shop));
	shop.rules[0] = (struct key_rule){ KEY_ROUTE, "/*" };
	assert_true(token_key_may_open_all(&shop));
}

int
main(void)
{
#define ON_A_REGISTRY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_has_a_form_that_is_found_again),
		cmocka_unit_test(scopes_are_words_of_a_table),
		cmocka_unit_test(texts_of_scopes_that_nobody_made_are_refused),
		cmocka_unit_test(every_token_of_many_is_found_and_no_other),
		cmocka_unit_test(no_tokens_are_a_list_as_well),
		cmocka_unit_test(of_two_rows_with_one_hash_none_counts),
		cmocka_unit_test(hashes_that_were_chosen_are_found_all_the_same),
		cmocka_unit_test(a_damaged_list_is_refused),
		cmocka_unit_test(a_list_that_could_change_is_refused),
		cmocka_unit_test(scopes_that_are_not_there_are_refused),
		ON_A_REGISTRY(a_token_is_kept_until_it_is_revoked),
		ON_A_REGISTRY(every_change_of_a_token_is_an_audit_row),
		ON_A_REGISTRY(a_damaged_token_takes_nothing_from_the_others),
		ON_A_REGISTRY(so_many_tokens_and_no_more),
		ON_A_REGISTRY(a_registry_from_before_there_were_tokens_has_none_and_gets_them),
		cmocka_unit_test(a_signature_is_over_all_that_a_token_opens),
		cmocka_unit_test(a_key_opens_what_it_could_deploy),
	};
#undef ON_A_REGISTRY

	return cmocka_run_group_tests(tests, NULL, NULL);
}
