/* test_signature.c - keys, their files, and signatures. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hex.h"
#include "base/signature.h"

struct fixture {
	char folder[32], path[64];
	struct private_key key;
	struct digest digest;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e;

	strcpy(f->folder, "/tmp/cfn-test-XXXXXX");
	if (!mkdtemp(f->folder) || key_make(&f->key, &e) < 0 || digest_of("abc", 3, &f->digest, &e) < 0)
		return -1;
	snprintf(f->path, sizeof f->path, "%s/key", f->folder);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	snprintf(command, sizeof command, "rm -rf %s", f->folder);
	if (system(command) != 0)
		return -1;
	free(f);
	return 0;
}

static void
put_file(const char *path, const char *text, mode_t mode)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

/* RFC 8032, 7.1, test 1: the public key of this seed. */
static void
a_key_is_that_of_the_rfc(void **state)
{
	static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
				  "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
				  "-----END PRIVATE KEY-----\n";
	struct fixture *f = *state;
	char text[2 * KEY_SIZE + 1];
	struct err e;

	put_file(f->path, pem, 0600);
	assert_int_equal(key_read(&f->key, f->path, &e), 0);
	hex_format(f->key.public.bytes, KEY_SIZE, text);
	assert_string_equal(text, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

static void
a_signature_holds_for_its_key_domain_and_digest_alone(void **state)
{
	struct fixture *f = *state;
	struct private_key other;
	struct digest wrong = f->digest;
	struct signature s, changed;
	struct err e;

	assert_int_equal(key_make(&other, &e), 0);
	assert_int_equal(signature_make(&f->key, "one", &f->digest, &s, &e), 0);
	assert_int_equal(signature_check(&f->key.public, "one", &f->digest, &s, &e), 0);
	assert_int_equal(signature_check(&f->key.public, "on", &f->digest, &s, &e), -EBADMSG);
	assert_int_equal(signature_check(&f->key.public, "one2", &f->digest, &s, &e), -EBADMSG);
	assert_int_equal(signature_check(&other.public, "one", &f->digest, &s, &e), -EBADMSG);
	wrong.bytes[31] ^= 1;
	assert_int_equal(signature_check(&f->key.public, "one", &wrong, &s, &e), -EBADMSG);
	for (size_t i = 0; i < SIGNATURE_SIZE; i++) {
		changed = s;
		changed.bytes[i] ^= 0x10;
		assert_int_equal(signature_check(&f->key.public, "one", &f->digest, &changed, &e), -EBADMSG);
	}
}

static void
a_domain_has_its_limit(void **state)
{
	struct fixture *f = *state;
	char domain[SIGNATURE_DOMAIN_MAX + 1] = "";
	struct signature s;
	struct err e;

	memset(domain, 'd', SIGNATURE_DOMAIN_MAX - 1);
	assert_int_equal(signature_make(&f->key, domain, &f->digest, &s, &e), 0);
	assert_int_equal(signature_check(&f->key.public, domain, &f->digest, &s, &e), 0);
	domain[SIGNATURE_DOMAIN_MAX - 1] = 'd';
	assert_int_equal(signature_make(&f->key, domain, &f->digest, &s, &e), -EIO);
	assert_int_equal(signature_check(&f->key.public, domain, &f->digest, &s, &e), -EIO);
}

static void
a_key_is_read_as_it_was_written_and_never_overwritten(void **state)
{
	struct fixture *f = *state;
	struct private_key back;
	struct stat st;
	struct err e;

	assert_int_equal(key_write(&f->key, f->path, &e), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(key_read(&back, f->path, &e), 0);
	assert_memory_equal(&back, &f->key, sizeof back);
	assert_int_equal(key_make(&f->key, &e), 0);
	assert_int_equal(key_write(&f->key, f->path, &e), -EEXIST);
	assert_int_equal(key_read(&f->key, f->path, &e), 0);
	assert_memory_equal(&back, &f->key, sizeof back);
}

static void
a_private_key_that_others_may_read_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0644, 0666 };
	struct fixture *f = *state;
	struct err e;

	assert_int_equal(key_write(&f->key, f->path, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(f->path, modes[i]), 0);
		assert_int_equal(key_read(&f->key, f->path, &e), -EPERM);
	}
	assert_int_equal(chmod(f->path, 0400), 0);
	assert_int_equal(key_read(&f->key, f->path, &e), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(f->path, 12345, 0), 0);
		assert_int_equal(key_read(&f->key, f->path, &e), -EPERM);
	}
}

/* A passphrase must not be asked for on the terminal. */
static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
				"MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgDuDUaNFCCyAICCAAw\n"
				"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEECd1viOwoCI7w1KQ+l4OYzUEQMa6\n"
				"Qn1fFn75LY1toauJQcC+Lu8d3t9C6ZnrvLGuecOX0uoVFjT2aK9QAa2O+6TomqWd\n"
				"uEco1/2PPRXOaxySF6U=\n"
				"-----END ENCRYPTED PRIVATE KEY-----\n";

static void
what_is_no_private_key_is_refused(void **state)
{
	static const char ec[] = "-----BEGIN PRIVATE KEY-----\n"
				 "MC4CAQAwBQYDK2VuBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
				 "-----END PRIVATE KEY-----\n"; /* X25519 */
	static const char *const texts[] = { "",
		                             "x",
		                             encrypted,
		                             ec,
		                             "-----BEGIN PRIVATE KEY-----\n",
		                             "-----BEGIN PRIVATE KEY-----\nAAAA\n"
		                             "-----END PRIVATE KEY-----\n" };
	struct fixture *f = *state;
	char large[KEY_FILE_MAX + 2] = "";
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		put_file(f->path, texts[i], 0600);
		assert_int_equal(key_read(&f->key, f->path, &e), -EINVAL);
		unlink(f->path);
	}
	memset(large, 'x', KEY_FILE_MAX + 1);
	put_file(f->path, large, 0600);
	assert_int_equal(key_read(&f->key, f->path, &e), -EFBIG);
	unlink(f->path);
	assert_int_equal(key_read(&f->key, f->path, &e), -ENOENT);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(key_read(&f->key, f->path, &e), -EINVAL);
	unlink(f->path);
	assert_int_equal(symlink("/dev/zero", f->path), 0);
	assert_int_equal(key_read(&f->key, f->path, &e), -ELOOP);
	assert_int_equal(key_write(&f->key, f->path, &e), -EEXIST);
}

static void
a_public_key_is_read_as_it_was_formatted(void **state)
{
	struct fixture *f = *state;
	char text[KEY_FILE_MAX], behind[KEY_FILE_MAX + 64];
	struct public_key back;
	struct err e;

	assert_int_equal(key_format_public(&f->key.public, text, sizeof text, &e), 0);
	assert_int_equal(key_parse_public(text, strlen(text), &back, &e), 0);
	assert_memory_equal(&back, &f->key.public, sizeof back);
	snprintf(behind, sizeof behind, "# words\nroutes = /*\n%s", text);
	assert_int_equal(key_parse_public(behind, strlen(behind), &back, &e), 0);
	assert_memory_equal(&back, &f->key.public, sizeof back);
	assert_int_equal(key_format_public(&f->key.public, text, 100, &e), -ENOSPC);
}

/* Every byte of a good block lost, doubled or changed: an error, or another key, never a crash. */
static void
a_damaged_public_key_is_no_crash(void **state)
{
	struct fixture *f = *state;
	char text[KEY_FILE_MAX], damaged[KEY_FILE_MAX + 1];
	struct public_key back;
	struct err e;
	size_t n;

	assert_int_equal(key_format_public(&f->key.public, text, sizeof text, &e), 0);
	n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		memcpy(damaged, text, n + 1);
		damaged[i] = (char)(damaged[i] ^ 0x15);
		key_parse_public(damaged, n, &back, &e);
		key_parse_public(text, i, &back, &e);
		memcpy(damaged + i, text + i + 1, n - i);
		key_parse_public(damaged, n - 1, &back, &e);
	}
	assert_int_equal(key_parse_public("", 0, &back, &e), -EINVAL);
	assert_int_equal(key_parse_public("x\0y", 3, &back, &e), -EINVAL);
	assert_int_equal(key_parse_public(encrypted, strlen(encrypted), &back, &e), -EINVAL);
}

static void
an_id_is_the_beginning_of_the_public_keys_digest(void **state)
{
	struct public_key zero = { { 0 } };
	char text[KEY_ID_TEXT_SIZE];
	struct key_id id;
	struct err e;

	(void)state;
	assert_int_equal(key_id_of(&zero, &id, &e), 0);
	key_id_format(&id, text);
	assert_string_equal(text, "66687aadf862bd77");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_key_is_that_of_the_rfc),
		TEST(a_signature_holds_for_its_key_domain_and_digest_alone),
		TEST(a_domain_has_its_limit),
		TEST(a_key_is_read_as_it_was_written_and_never_overwritten),
		TEST(a_private_key_that_others_may_read_is_refused),
		TEST(what_is_no_private_key_is_refused),
		TEST(a_public_key_is_read_as_it_was_formatted),
		TEST(a_damaged_public_key_is_no_crash),
		TEST(an_id_is_the_beginning_of_the_public_keys_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
