/* test_trust.c - keys.d, what an activation's signature is over and is worth, and the highest numbers seen.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "http/http.h"
#include "trust/activation.h"
#include "trust/keys.h"
#include "trust/numbers.h"

struct fixture {
	char folder[32], keys[64], pem[KEY_FILE_MAX];
	struct private_key key;
	struct keys trusted;
	struct numbers numbers;
	struct registry_version v;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e;

	strcpy(f->folder, "/tmp/cfn-test-XXXXXX");
	if (!mkdtemp(f->folder) || key_make(&f->key, &e) < 0 ||
	    key_format_public(&f->key.public, f->pem, sizeof f->pem, &e) < 0)
		return -1;
	snprintf(f->keys, sizeof f->keys, "%s/keys.d", f->folder);
	f->numbers.folder = -1;
	*state = f;
	return mkdir(f->keys, 0755);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	keys_done(&f->trusted);
	numbers_close(&f->numbers);
	snprintf(command, sizeof command, "rm -rf %s", f->folder);
	if (system(command) != 0)
		return -1;
	free(f);
	return 0;
}

/* path: below the test's folder. */
static void
put(const struct fixture *f, const char *path, const char *text)
{
	char whole[128];
	AUTO_FD fd = -1;

	snprintf(whole, sizeof whole, "%s/%s", f->folder, path);
	fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void
put_key(const struct fixture *f, const char *name, const char *rules, const char *pem)
{
	char path[96], text[KEYS_FILE_MAX];

	snprintf(path, sizeof path, "keys.d/%s", name);
	snprintf(text, sizeof text, "%s%s", rules, pem);
	put(f, path, text);
}

static int
read_keys(struct fixture *f, struct err *e)
{
	return keys_read(&f->trusted, f->keys, geteuid(), e);
}

static void
no_key_requires_no_signature_and_a_revoked_one_still_does(void **state)
{
	struct fixture *f = *state;
	struct err e;

	put(f, "keys.d/README", "words");
	assert_int_equal(read_keys(f, &e), 0);
	assert_int_equal(f->trusted.n, 0);
	assert_false(f->trusted.is_required);
	put(f, "keys.d/alice.revoked", "anything");
	assert_int_equal(read_keys(f, &e), 0);
	assert_int_equal(f->trusted.n, 0);
	assert_true(f->trusted.is_required);
	rmdir(f->keys);
	snprintf(f->keys, sizeof f->keys, "%s/none", f->folder);
	assert_int_equal(read_keys(f, &e), -ENOENT);
	assert_true(f->trusted.is_required); /* what was read last holds */
}

static void
a_key_is_read_with_its_rules_by_name(void **state)
{
	struct fixture *f = *state;
	struct private_key other;
	char pem[KEY_FILE_MAX];
	struct err e;

	assert_int_equal(key_make(&other, &e), 0);
	assert_int_equal(key_format_public(&other.public, pem, sizeof pem, &e), 0);
	put_key(f, "zoe.pub", "# her words\n\n  route=/shop/*\r\nroute = /cart \n function\t= shop-*\n",
	        f->pem);
	put_key(f, "alice.pub", "route = *\n", pem);
	assert_int_equal(read_keys(f, &e), 0);
	assert_int_equal(f->trusted.n, 2);
	assert_string_equal(f->trusted.rows[0].name, "alice");
	assert_memory_equal(&f->trusted.rows[0].public, &other.public, KEY_SIZE);
	assert_int_equal(f->trusted.rows[1].n_rules, 3);
	assert_string_equal(f->trusted.rows[1].rules[1].value, "/cart");
}

static void
what_a_key_may_sign_is_what_its_rules_say(void **state)
{
	static const struct {
		enum key_rule_kind kind;
		const char *value;
		bool may;
	} cases[] = {
		{ KEY_ROUTE, "/shop/:id", true }, { KEY_ROUTE, "/shop/*", true },
		{ KEY_ROUTE, "/cart", true },     { KEY_ROUTE, "/cart/x", false },
		{ KEY_ROUTE, "/shop", false },    { KEY_ROUTE, "/shopper", false },
		{ KEY_ROUTE, "/*", false },       { KEY_ROUTE, "/", false },
		{ KEY_FUNCTION, "shop", true },   { KEY_FUNCTION, "shop-a", true },
		{ KEY_FUNCTION, "shop-", true },  { KEY_FUNCTION, "shopa", false },
		{ KEY_FUNCTION, "hello", false }, { KEY_SHARED, "anything", true },
	};
	struct fixture *f = *state;
	struct err e;

	put_key(f, "a.pub", "route = /shop/*\nroute = /cart\nfunction = shop\nfunction = shop-*\n", f->pem);
	assert_int_equal(read_keys(f, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (key_may_sign(&f->trusted.rows[0], cases[i].kind, cases[i].value) != cases[i].may)
			fail_msg("%s", cases[i].value);
}

static void
malformed_key_files_are_refused_by_name_and_line(void **state)
{
	static const struct {
		const char *rules, *behind, *words;
	} cases[] = {
		{ "", "", "route" },
		{ "function = a\n", "", "route" },
		{ "routes = /a\n", "", "unknown key 'routes'" },
		{ "route\n", "", "line 1" },
		{ "# x\n\nroute = a\n", "", "line 3" },
		{ "route = /a/../b\n", "", "line 1" },
		{ "route =\n", "", "line 1" },
		{ "route = /a*\n", "", "line 1" },
		{ "route = *\nfunction = ../a\n", "", "line 2" },
		{ "route = *\nfunction = A\n", "", "line 2" },
		{ "route = *\nshared = a*b\n", "", "line 2" },
		/* A line behind the block counts as one before it. */
		{ "route = /a\n", "words\n", "line 5" },
		{ "route = /a\n", "-----BEGIN PUBLIC KEY-----\n", "line 5" },
	};
	struct fixture *f = *state;
	char pem[2 * KEY_FILE_MAX];
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(pem, sizeof pem, "%s%s", f->pem, cases[i].behind);
		put_key(f, "bad.pub", cases[i].rules, pem);
		assert_int_equal(read_keys(f, &e), -EBADMSG);
		if (!strstr(e.text, "bad.pub") || !strstr(e.text, cases[i].words))
			fail_msg("case %zu: %s", i, e.text);
	}
	put(f, "keys.d/bad.pub", "route = *\n");
	assert_int_equal(read_keys(f, &e), -EBADMSG);
	put_key(f, "bad.pub", "route = *\n", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
	assert_int_equal(read_keys(f, &e), -EBADMSG);
}

static void
rules_behind_the_block_count(void **state)
{
	struct fixture *f = *state;
	char pem[KEY_FILE_MAX + 64];
	struct err e;

	snprintf(pem, sizeof pem, "%sroute = /a\n", f->pem);
	put_key(f, "a.pub", "", pem);
	assert_int_equal(read_keys(f, &e), 0);
	assert_false(key_may_sign(&f->trusted.rows[0], KEY_ROUTE, "/b"));
}

/* Every byte of a good file lost or changed. */
static void
a_damaged_key_file_is_no_crash(void **state)
{
	struct fixture *f = *state;
	char text[KEY_FILE_MAX + 64], damaged[sizeof text];
	struct trusted_key row = { 0 };
	struct err e;
	size_t n;

	n = (size_t)snprintf(text, sizeof text, "route = /a/*\n%sshared = b\n", f->pem);
	for (size_t i = 0; i < n; i++) {
		static const char changes[] = { 0, '\n', '=', '*', '-', (char)0xff };

		for (size_t c = 0; c < sizeof changes; c++) {
			memcpy(damaged, text, n + 1);
			damaged[i] = changes[c];
			if (keys_parse(&row, damaged, n, &e) == 0)
				free(row.text);
		}
		if (keys_parse(&row, text, i, &e) == 0)
			free(row.text);
	}
}

static void
the_limits_of_keys_hold(void **state)
{
	struct fixture *f = *state;
	char rules[KEYS_FILE_MAX] = "", name[32];
	struct err e;

	for (int i = 0; i < KEYS_RULES_MAX; i++)
		strcat(rules, "route = /a\n");
	put_key(f, "a.pub", rules, f->pem);
	assert_int_equal(read_keys(f, &e), 0);
	strcat(rules, "route = /a\n");
	put_key(f, "a.pub", rules, f->pem);
	assert_int_equal(read_keys(f, &e), -EBADMSG);
	for (int i = 0; i <= KEYS_MAX; i++) {
		struct private_key key;

		assert_int_equal(key_make(&key, &e), 0);
		assert_int_equal(key_format_public(&key.public, f->pem, sizeof f->pem, &e), 0);
		snprintf(name, sizeof name, "k%d.pub", i);
		if (i == KEYS_MAX)
			assert_int_equal(read_keys(f, &e), 0);
		put_key(f, i == 0 ? "a.pub" : name, "route = *\n", f->pem);
	}
	assert_int_equal(read_keys(f, &e), -E2BIG);
}

static void
what_others_could_have_written_is_not_trusted(void **state)
{
	struct fixture *f = *state;
	char file[96];
	struct err e;

	put_key(f, "a.pub", "route = *\n", f->pem);
	snprintf(file, sizeof file, "%s/a.pub", f->keys);
	assert_int_equal(read_keys(f, &e), 0);
	assert_int_equal(chmod(file, 0664), 0);
	assert_int_equal(read_keys(f, &e), -EPERM);
	assert_int_equal(chmod(file, 0646), 0);
	assert_int_equal(read_keys(f, &e), -EPERM);
	assert_int_equal(chmod(file, 0644), 0);
	assert_int_equal(chmod(f->keys, 0775), 0);
	assert_int_equal(read_keys(f, &e), -EPERM);
	assert_int_equal(chmod(f->keys, 0755), 0);
	assert_int_equal(chmod(f->folder, 0777), 0); /* who may rename the folder has it too */
	assert_int_equal(read_keys(f, &e), -EPERM);
	assert_int_equal(chmod(f->folder, 0755), 0);
	assert_int_equal(read_keys(f, &e), 0);
	assert_int_equal(keys_read(&f->trusted, f->keys, 4321, &e), geteuid() == 0 ? 0 : -EPERM);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("/dev/null", file), 0);
	assert_int_equal(read_keys(f, &e), -ELOOP);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_int_equal(read_keys(f, &e), -EINVAL);
}

/* A link is as good as the folder that it stands in. */
static void
a_link_that_others_could_turn_elsewhere_is_not_followed(void **state)
{
	struct fixture *f = *state;
	char inner[96], link[96], outer[96];
	struct err e;

	put_key(f, "a.pub", "route = *\n", f->pem);
	snprintf(inner, sizeof inner, "%s/inner", f->folder);
	snprintf(link, sizeof link, "%s/inner/link", f->folder);
	snprintf(outer, sizeof outer, "%s/outer", f->folder);
	assert_int_equal(mkdir(inner, 0755), 0);
	assert_int_equal(symlink("../keys.d/.", link), 0);
	assert_int_equal(symlink(link, outer), 0);
	for (const char *const *path = (const char *const[]){ link, outer, NULL }; *path; path++) {
		assert_int_equal(chmod(inner, 0755), 0);
		assert_int_equal(keys_read(&f->trusted, *path, geteuid(), &e), 0);
		assert_int_equal(f->trusted.n, 1);
		assert_int_equal(chmod(inner, 0775), 0);
		assert_int_equal(keys_read(&f->trusted, *path, geteuid(), &e), -EPERM);
		assert_non_null(strstr(e.text, "/inner: others may write it"));
	}
	assert_int_equal(unlink(outer), 0);
	assert_int_equal(symlink("outer", outer), 0);
	assert_int_equal(keys_read(&f->trusted, outer, geteuid(), &e), -ELOOP);
}

static void
one_key_has_one_name(void **state)
{
	struct fixture *f = *state;
	struct err e;

	put_key(f, "a.pub", "route = /a\n", f->pem);
	put_key(f, "b.pub", "route = *\n", f->pem);
	assert_int_equal(read_keys(f, &e), -EBADMSG);
}

static void
the_stamp_tells_that_something_changed(void **state)
{
	struct fixture *f = *state;
	uint64_t first, second;

	put_key(f, "a.pub", "route = /a\n", f->pem);
	first = keys_stamp(f->keys);
	assert_true(first != 0);
	assert_true(keys_stamp(f->keys) == first);
	put_key(f, "a.pub", "route = /ab\n", f->pem);
	second = keys_stamp(f->keys);
	assert_true(second != first);
	put(f, "keys.d/b.revoked", "");
	assert_true(keys_stamp(f->keys) != second);
	assert_int_equal(keys_stamp("/nowhere/at/all"), 0);
}

/* ---- activations ---- */

static void
fill_version(struct registry_version *v)
{
	*v = (struct registry_version){
		.number = 3,
		.function = "shop",
		.entry = "handle",
		.is_enabled = true,
		.n_routes = 2,
		.routes = { { HTTP_GET, 0, "/shop" }, { HTTP_POST, 1, "/shop/:id" } },
	};
	policy_init(&v->policy);
	v->activation = (struct registry_activation){ .number = 17, .version = 3, .is_enabled = true };
}

/* One change a case, of all that decides what runs. */
static bool
change(struct registry_version *v, int i)
{
	struct registry_route first = v->routes[0];

	switch (i) {
	case 0:
		v->function[0] = 'x';
		return true;
	case 1:
		v->number++;
		return true;
	case 2:
		v->activation.number++;
		return true;
	case 3:
		v->activation.is_enabled = false;
		return true;
	case 4:
		v->entry[0] = '\0';
		return true;
	case 5:
		v->artifact.bytes[31] = 1;
		return true;
	case 6:
		v->source.bytes[0] = 1;
		return true;
	case 7:
		v->debug.bytes[0] = 1;
		return true;
	case 8:
		v->policy_text.bytes[9] = 1;
		return true;
	case 9:
		v->routes[1].methods |= HTTP_GET;
		return true;
	case 10:
		v->routes[0].index = 1;
		return true;
	case 11:
		v->routes[1].pattern[1] = 'x';
		return true;
	case 12:
		v->n_routes--;
		return true;
	case 13:
		v->routes[v->n_routes++] = (struct registry_route){ HTTP_GET, 0, "/x" };
		return true;
	case 14:
		v->routes[0] = v->routes[1];
		v->routes[1] = first;
		return true;
	default:
		return false;
	}
}

static int
check(struct fixture *f, const struct registry_version *v, struct err *e)
{
	const struct activation_subject s = { v->function, v->policy.shared, v->n_routes, v->routes };
	const struct trusted_key *signer = NULL;
	struct digest d;
	int rc;

	assert_int_equal(activation_digest(v, &v->activation, &d, e), 0);
	rc = activation_check(&f->trusted, &v->activation, &d, &s, &signer, e);
	assert_true((rc == 0) == (signer != NULL));
	return rc;
}

static void
sign(struct fixture *f, struct registry_version *v)
{
	struct digest d;
	struct err e;

	assert_int_equal(activation_digest(v, &v->activation, &d, &e), 0);
	assert_int_equal(activation_sign(&f->key, &d, &v->activation, &e), 0);
}

static void
trust(struct fixture *f, const char *rules)
{
	struct err e;

	put_key(f, "alice.pub", rules, f->pem);
	assert_int_equal(read_keys(f, &e), 0);
}

static void
a_signature_is_over_everything_that_decides_what_runs(void **state)
{
	struct fixture *f = *state;
	struct err e;

	trust(f, "route = *\n");
	fill_version(&f->v);
	sign(f, &f->v);
	assert_int_equal(check(f, &f->v, &e), 0);
	for (int i = 0;; i++) {
		struct registry_version changed = f->v;

		if (!change(&changed, i))
			break;
		if (check(f, &changed, &e) != -EKEYREJECTED)
			fail_msg("change %d is not noticed", i);
	}
}

static void
a_key_signs_what_its_rules_say_and_no_more(void **state)
{
	static const struct {
		const char *rules, *shared;
		int rc;
	} cases[] = {
		{ "route = *\n", "", 0 },
		{ "route = /shop\nroute = /shop/*\n", "", 0 },
		{ "route = /shop/*\n", "", -EACCES },
		{ "route = *\nfunction = shop\n", "", 0 },
		{ "route = *\nfunction = cart\n", "", -EACCES },
		{ "route = *\nshared = notes\n", "", 0 },
		{ "route = *\nshared = notes\n", "notes", 0 },
		{ "route = *\nshared = notes\n", "others", -EACCES },
	};
	struct fixture *f = *state;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fill_version(&f->v);
		strcpy(f->v.policy.shared, cases[i].shared);
		trust(f, cases[i].rules);
		sign(f, &f->v);
		if (check(f, &f->v, &e) != cases[i].rc)
			fail_msg("case %zu", i);
	}
}

static void
what_is_not_signed_by_a_trusted_key_is_refused(void **state)
{
	struct fixture *f = *state;
	struct private_key trusted = f->key;
	struct err e;

	trust(f, "route = *\n");
	fill_version(&f->v);
	f->v.activation.number = 0;
	assert_int_equal(check(f, &f->v, &e), -ENOKEY);
	fill_version(&f->v);
	assert_int_equal(key_make(&f->key, &e), 0);
	sign(f, &f->v);
	assert_int_equal(check(f, &f->v, &e), -ENOKEY);
	/* The id of the trusted one beside another's signature. */
	assert_int_equal(key_id_of(&trusted.public, &f->v.activation.key, &e), 0);
	assert_int_equal(check(f, &f->v, &e), -EKEYREJECTED);
}

static void
a_removal_is_no_activation(void **state)
{
	struct fixture *f = *state;
	const struct activation_subject s = { "shop", "", 0, NULL };
	struct registry_activation a = { .number = 17 };
	const struct trusted_key *signer;
	struct digest d, other;
	struct err e;

	trust(f, "route = /shop\n");
	assert_int_equal(activation_digest_removal("shop", &a, &d, &e), 0);
	assert_int_equal(activation_sign(&f->key, &d, &a, &e), 0);
	assert_int_equal(activation_check(&f->trusted, &a, &d, &s, &signer, &e), 0);
	assert_int_equal(activation_digest_removal("cart", &a, &other, &e), 0);
	assert_int_equal(activation_check(&f->trusted, &a, &other, &s, &signer, &e), -EKEYREJECTED);
	a.number++;
	assert_int_equal(activation_digest_removal("shop", &a, &other, &e), 0);
	assert_int_equal(activation_check(&f->trusted, &a, &other, &s, &signer, &e), -EKEYREJECTED);
}

static void
a_number_follows_the_last_one_and_the_clock(void **state)
{
	uint64_t first = activation_number_after(0);

	(void)state;
	/* An older registry does not know the last one, which may be of the same second. */
	usleep(2000);
	assert_true(activation_number_after(0) > first);
	assert_true(activation_number_after(0) > UINT64_C(1700000000000));
	assert_true(activation_number_after(0) < REGISTRY_NUMBER_MAX / 4);
	assert_true(activation_number_after(REGISTRY_NUMBER_MAX - 1) == REGISTRY_NUMBER_MAX);
}

/* ---- numbers ---- */

static struct digest
digest(unsigned char byte)
{
	struct digest d;

	memset(d.bytes, byte, sizeof d.bytes);
	return d;
}

static void
see(struct fixture *f, const char *function, uint64_t number, unsigned char byte)
{
	struct digest d = digest(byte);
	struct err e;

	assert_int_equal(numbers_note(&f->numbers, function, number, &d, &e), 0);
	assert_int_equal(numbers_save(&f->numbers, &e), 0);
}

static int
ask(const struct fixture *f, const char *function, uint64_t number, unsigned char byte)
{
	struct digest d = digest(byte);
	struct err e;

	return numbers_check(&f->numbers, function, number, &d, &e);
}

static void
reopen(struct fixture *f)
{
	struct err e;

	numbers_close(&f->numbers);
	assert_int_equal(numbers_open(&f->numbers, f->folder, &e), 0);
}

static void
an_older_number_and_another_of_the_same_are_refused(void **state)
{
	struct fixture *f = *state;

	reopen(f);
	see(f, "a", 10, 1);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(ask(f, "a", 10, 1), 0);
		assert_int_equal(ask(f, "a", 11, 2), 0);
		assert_int_equal(ask(f, "a", 9, 1), -ESTALE);
		assert_int_equal(ask(f, "a", 10, 2), -ESTALE);
		assert_int_equal(ask(f, "b", 1, 1), 0);
		reopen(f);
	}
}

static void
a_number_that_leaves_nobody_one_above_it_is_refused(void **state)
{
	const uint64_t now = (uint64_t)clock_wall_ms(), day = NUMBERS_AHEAD_MAX;
	struct fixture *f = *state;

	reopen(f);
	assert_int_equal(ask(f, "a", now + day, 1), 0);
	assert_int_equal(ask(f, "a", now + day + 60 * 1000, 1), -ERANGE);
	assert_int_equal(ask(f, "a", REGISTRY_NUMBER_MAX, 1), -ERANGE);
	see(f, "a", 10, 1);
	assert_int_equal(ask(f, "a", REGISTRY_NUMBER_MAX, 1), -ERANGE);
	/* Where a wrong clock has been, the next one is above it, and what was seen stays good. */
	see(f, "b", now + 9 * day, 1);
	assert_int_equal(ask(f, "b", now + 9 * day, 1), 0);
	assert_int_equal(ask(f, "b", now + 10 * day, 2), 0);
	assert_int_equal(ask(f, "b", now + 10 * day + 1, 2), -ERANGE);
}

static void
two_pools_keep_the_highest_of_both(void **state)
{
	struct fixture *f = *state;
	struct numbers other;
	struct digest d = digest(2);
	struct err e;

	reopen(f);
	assert_int_equal(numbers_open(&other, f->folder, &e), 0);
	assert_int_equal(numbers_note(&other, "a", 12, &d, &e), 0);
	assert_int_equal(numbers_save(&other, &e), 0);
	see(f, "a", 10, 1);
	see(f, "b", 5, 1);
	assert_int_equal(ask(f, "a", 11, 1), -ESTALE);
	assert_int_equal(numbers_refresh(&other, &e), 0);
	assert_int_equal(numbers_check(&other, "b", 4, &d, &e), -ESTALE);
	numbers_close(&other);
	reopen(f);
	assert_int_equal(ask(f, "a", 12, 2), 0);
	assert_int_equal(ask(f, "a", 10, 1), -ESTALE);
}

static void
a_line_that_was_being_written_is_no_line(void **state)
{
	struct fixture *f = *state;
	char path[64], torn[300];
	AUTO_FD fd = -1;

	reopen(f);
	see(f, "a", 10, 1);
	snprintf(path, sizeof path, "%s/activations", f->folder);
	fd = open(path, O_WRONLY | O_APPEND);
	memset(torn, '9', sizeof torn);
	assert_int_equal(fd_write_all(fd, torn, sizeof torn), 0);
	reopen(f);
	assert_int_equal(ask(f, "a", 10, 1), 0);
	see(f, "b", 3, 3);
	reopen(f);
	assert_int_equal(ask(f, "b", 2, 3), -ESTALE);
	assert_int_equal(ask(f, "a", 9, 1), -ESTALE);
}

static void
a_file_that_is_taken_away_is_forgotten(void **state)
{
	struct fixture *f = *state;
	char path[64];
	struct err e;

	reopen(f);
	see(f, "a", 10, 1);
	snprintf(path, sizeof path, "%s/activations", f->folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(numbers_refresh(&f->numbers, &e), 0);
	assert_int_equal(ask(f, "a", 9, 1), 0);
	see(f, "a", 9, 1);
	assert_int_equal(ask(f, "a", 8, 1), -ESTALE);
}

static void
a_damaged_file_of_numbers_is_refused_by_its_line(void **state)
{
	static const char *const lines[] = {
		"x", "1", "1 00", "0 %s a", "-1 %s a", "1 %s ", "1 %s", "1  %s a"
	};
	struct fixture *f = *state;
	char text[512], line[256], digits[DIGEST_TEXT_SIZE];
	struct digest d = digest(1);
	struct err e;

	digest_format(&d, digits);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(line, sizeof line, lines[i], digits);
#pragma GCC diagnostic pop
		snprintf(text, sizeof text, "# words\n1 %s a\n%s\n", digits, line);
		put(f, "activations", text);
		if (numbers_open(&f->numbers, f->folder, &e) != -EBADMSG || !strstr(e.text, "line 3"))
			fail_msg("line '%s': %s", line, e.text);
	}
}

static void
a_folder_that_others_may_write_is_refused(void **state)
{
	struct fixture *f = *state;
	struct err e;

	assert_int_equal(chmod(f->folder, 0770), 0);
	assert_int_equal(numbers_open(&f->numbers, f->folder, &e), -EPERM);
	assert_int_equal(numbers_open_to_read(&f->numbers, f->folder, &e), 0);
}

/* More lines than a file keeps: it is written anew, and says the same. */
static void
many_activations_make_no_large_file(void **state)
{
	struct fixture *f = *state;
	struct digest d = digest(1);
	char path[64];
	struct stat st;
	struct err e;

	reopen(f);
	for (uint64_t round = 1; round <= 20; round++) {
		for (uint64_t i = 1; i <= 100; i++)
			assert_int_equal(numbers_note(&f->numbers, "a", round * 100 + i, &d, &e), 0);
		assert_int_equal(numbers_save(&f->numbers, &e), 0);
	}
	snprintf(path, sizeof path, "%s/activations", f->folder);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 1200 * 80);
	assert_int_equal(ask(f, "a", 2100, 1), 0);
	assert_int_equal(ask(f, "a", 2099, 1), -ESTALE);
	reopen(f);
	assert_int_equal(ask(f, "a", 2099, 1), -ESTALE);
}

static void
writers_at_once_lose_no_line(void **state)
{
	enum { N = 8, EACH = 100 };
	struct fixture *f = *state;
	pid_t children[N];

	for (int i = 0; i < N; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			char name[16];

			reopen(f);
			snprintf(name, sizeof name, "f%d", i);
			for (uint64_t n = 1; n <= EACH; n++)
				see(f, name, n, 1);
			_exit(0);
		}
	}
	for (int i = 0; i < N; i++) {
		int status = -1;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	reopen(f);
	for (int i = 0; i < N; i++) {
		char name[16];

		snprintf(name, sizeof name, "f%d", i);
		assert_int_equal(ask(f, name, EACH - 1, 1), -ESTALE);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(no_key_requires_no_signature_and_a_revoked_one_still_does),
		TEST(a_key_is_read_with_its_rules_by_name),
		TEST(what_a_key_may_sign_is_what_its_rules_say),
		TEST(malformed_key_files_are_refused_by_name_and_line),
		TEST(rules_behind_the_block_count),
		TEST(a_damaged_key_file_is_no_crash),
		TEST(the_limits_of_keys_hold),
		TEST(what_others_could_have_written_is_not_trusted),
		TEST(a_link_that_others_could_turn_elsewhere_is_not_followed),
		TEST(one_key_has_one_name),
		TEST(the_stamp_tells_that_something_changed),
		TEST(a_signature_is_over_everything_that_decides_what_runs),
		TEST(a_key_signs_what_its_rules_say_and_no_more),
		TEST(what_is_not_signed_by_a_trusted_key_is_refused),
		TEST(a_removal_is_no_activation),
		TEST(a_number_follows_the_last_one_and_the_clock),
		TEST(an_older_number_and_another_of_the_same_are_refused),
		TEST(a_number_that_leaves_nobody_one_above_it_is_refused),
		TEST(two_pools_keep_the_highest_of_both),
		TEST(a_line_that_was_being_written_is_no_line),
		TEST(a_file_that_is_taken_away_is_forgotten),
		TEST(a_damaged_file_of_numbers_is_refused_by_its_line),
		TEST(a_folder_that_others_may_write_is_refused),
		TEST(many_activations_make_no_large_file),
		TEST(writers_at_once_lose_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
