/* test_audit.c - entries of an audit chain, the chain in its files, its signed head. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/head.h"
#include "audit/lines.h"
#include "base/fd.h"

struct place {
	char path[64];
	int folder;
};

static int
place_open(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	snprintf(p->path, sizeof p->path, "/tmp/cfn-audit-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->folder = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->folder >= 0);
	*state = p;
	return 0;
}

static int
place_close(void **state)
{
	static const char *const names[] = { "audit.head", "audit.key", "audit.pub" };
	struct place *p = *state;
	char name[AUDIT_FILE_NAME_SIZE];

	for (unsigned i = 0; i < 12; i++) {
		audit_file_name(name, i);
		unlinkat(p->folder, name, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlinkat(p->folder, names[i], 0);
	close(p->folder);
	rmdir(p->path);
	free(p);
	return 0;
}

static struct audit_record
sample(const char *event)
{
	struct audit_record r = { .time_ms = INT64_C(1700000000123), .version = 3, .count = 7 };

	snprintf(r.event, sizeof r.event, "%s", event);
	snprintf(r.function, sizeof r.function, "hello");
	return r;
}

static void
append(struct audit_log *l, size_t n)
{
	struct err e;

	for (size_t i = 0; i < n; i++) {
		struct audit_record r = sample("crash");

		assert_int_equal(audit_log_append(l, &r, 1, &e), 0);
	}
}

static void
open_log(struct place *p, struct audit_log *l)
{
	struct err e = { 0 };
	int rc = audit_log_open(l, p->folder, &e);

	if (rc < 0)
		fail_msg("%s", e.text);
}

/* The file as text; the caller's. */
static char *
read_name(struct place *p, const char *name, size_t *n)
{
	int fd = openat(p->folder, name, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	struct err e;

	assert_true(fd >= 0);
	assert_int_equal(fd_read_file(fd, 1 << 20, &text, n, &e), 0);
	close(fd);
	return text;
}

static void
write_name(struct place *p, const char *name, const char *text, size_t n)
{
	int fd = openat(p->folder, name, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, n), 0);
	close(fd);
}

/* The last entry of audit.log. */
static struct audit_record
last_entry(struct place *p)
{
	struct audit_record r = { 0 };
	struct digest previous, hash;
	size_t n;
	char *text = read_name(p, "audit.log", &n), *line;
	struct err e;

	assert_true(n > 0);
	assert_int_equal(text[n - 1], '\n');
	line = memrchr(text, '\n', n - 1);
	line = line ? line + 1 : text;
	assert_int_equal(audit_parse(line, (size_t)(text + n - 1 - line), &r, &previous, &hash, &e), 0);
	free(text);
	return r;
}

/* ---- entries ---- */

static void
an_entry_reads_back_as_it_was_written(void **state)
{
	struct audit_record r = sample("kill"), back;
	struct digest zero = { 0 }, hash, previous, again;
	char line[AUDIT_LINE_SIZE];
	struct err e;
	int n;

	(void)state;
	r.number = 42;
	r.uid = 1000;
	snprintf(r.actor, sizeof r.actor, "ada");
	snprintf(r.cause, sizeof r.cause, "wall_time_limit");
	snprintf(r.syscall, sizeof r.syscall, "ptrace");
	snprintf(r.request, sizeof r.request, "0123456789abcdef");
	snprintf(r.detail, sizeof r.detail, "a \"quote\", a \\ and \303\244");
	n = audit_format(&r, &zero, line, &hash, &e);
	assert_true(n > 0);
	assert_int_equal(line[n - 1], '\n');
	assert_int_equal(audit_parse(line, (size_t)n - 1, &back, &previous, &again, &e), 0);
	assert_memory_equal(&r, &back, sizeof r);
	assert_memory_equal(&hash, &again, sizeof hash);
	assert_memory_equal(&previous, &zero, sizeof zero);
}

static void
the_longest_entry_of_the_worst_bytes_is_one_line(void **state)
{
	struct digest zero = { 0 }, hash, previous;
	char line[AUDIT_LINE_SIZE];
	struct audit_record r, back;
	struct err e;
	int n;

	(void)state;
	for (int c = 1; c < 256; c++) {
		memset(&r, c, sizeof r);
		r.number = INT64_MAX;
		r.uid = r.version = UINT32_MAX;
		r.count = INT64_MAX;
		r.time_ms = INT64_MAX;
		n = audit_format(&r, &zero, line, &hash, &e);
		assert_true(n > 0);
		assert_ptr_equal(memchr(line, '\n', (size_t)n), line + n - 1);
		assert_int_equal(audit_parse(line, (size_t)n - 1, &back, &previous, &hash, &e), 0);
	}
}

static void
a_line_with_any_byte_changed_is_refused(void **state)
{
	struct audit_record r = sample("crash"), back;
	struct digest zero = { 0 }, hash, previous;
	char line[AUDIT_LINE_SIZE];
	struct err e;
	int n;

	(void)state;
	r.number = 1;
	n = audit_format(&r, &zero, line, &hash, &e) - 1;
	for (int i = 0; i < n; i++) {
		line[i] ^= 1;
		assert_int_equal(audit_parse(line, (size_t)n, &back, &previous, &hash, &e), -EBADMSG);
		line[i] ^= 1;
		assert_int_equal(audit_parse(line, (size_t)i, &back, &previous, &hash, &e), -EBADMSG);
	}
	assert_int_equal(audit_parse(line, (size_t)n, &back, &previous, &hash, &e), 0);
}

/* With the right hash: what only one who makes lines of his own can write. */
static void
a_line_that_is_hashed_well_and_says_nonsense_is_refused(void **state)
{
	static const char time[] = "\"time\":\"2026-01-31T12:00:00.000Z\"";
	static const char zeros[] =
	    "\"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\"";
	static const char *const wrong[] = {
		"[1",
		"{",
		"x",
		"{\"number\":0",
		"{\"number\":-1",
		"{\"number\":\"1\"",
		"{\"number\":1.5",
		"{\"number\":1,\"number\":1",
		"{\"number\":1,\"version\":4294967296",
		"{\"number\":1,\"count\":-1",
		"{\"number\":1,\"event\":5",
		"{\"number\":1,\"uid\":99999999999",
		"{\"number\":99999999999999999999",
		"{\"number\":1,\"function\":[[[[[[[[\"x\"]]]]]]]]",
	};
	char line[AUDIT_LINE_SIZE], hex[DIGEST_TEXT_SIZE];
	struct audit_record back;
	struct digest hash, previous;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		int n = snprintf(line, sizeof line, "%s,%s,%s", wrong[i], time, zeros);

		assert_int_equal(digest_of(line, (size_t)n, &hash, &e), 0);
		digest_format(&hash, hex);
		n += snprintf(line + n, sizeof line - (size_t)n, ",\"hash\":\"%s\"}", hex);
		assert_int_equal(audit_parse(line, (size_t)n, &back, &previous, &hash, &e), -EBADMSG);
		assert_null(strstr(e.text, "hash is not that"));
	}
}

/* ---- the chain ---- */

static void
entries_are_numbered_and_go_on_after_a_close(void **state)
{
	struct place *p = *state;
	struct audit_log l;

	open_log(p, &l);
	append(&l, 3);
	audit_log_close(&l);
	open_log(p, &l);
	append(&l, 1);
	assert_int_equal(l.last.number, 4);
	audit_log_close(&l);
	assert_int_equal(last_entry(p).number, 4);
}

static void
a_torn_last_line_is_cut_off_and_the_cut_is_an_entry(void **state)
{
	struct place *p = *state;
	struct audit_record r;
	struct audit_log l;
	size_t n;
	char *text;

	open_log(p, &l);
	append(&l, 3);
	audit_log_close(&l);
	text = read_name(p, "audit.log", &n);
	for (size_t cut = n - 1; cut > n - 40; cut -= 13) {
		write_name(p, "audit.log", text, cut);
		open_log(p, &l);
		r = last_entry(p);
		assert_string_equal(r.event, "repaired");
		assert_int_equal(r.number, 3);
		append(&l, 1);
		audit_log_close(&l);
		open_log(p, &l);
		assert_int_equal(l.last.number, 4);
		audit_log_close(&l);
	}
	free(text);
}

/* What is put where the last line was, and that the chain goes on whatever it is. */
static void
a_file_that_ends_with_anything_is_put_aside(void **state)
{
	static const char *const ends[] = { "\n", "x\n", "{}\n", "{\"number\":5,\n", "x" };
	struct place *p = *state;
	struct audit_log l;
	size_t n;
	char *text;

	open_log(p, &l);
	append(&l, 3);
	audit_log_close(&l);
	text = read_name(p, "audit.log", &n);
	text = realloc(text, n + 9000);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t length = strlen(ends[i]);

		/* The last one: longer than any line. */
		memset(text + n, 'x', 9000);
		memcpy(text + n, ends[i], length);
		write_name(p, "audit.log", text, i + 1 < ARRAY_SIZE(ends) ? n + length : n + 9000);
		open_log(p, &l);
		append(&l, 1);
		assert_int_equal(last_entry(p).number, l.last.number);
		audit_log_close(&l);
		open_log(p, &l);
		assert_string_equal(last_entry(p).event, "crash");
		audit_log_close(&l);
	}
	free(text);
}

static void
numbers_of_signed_entries_that_are_gone_are_not_given_again(void **state)
{
	struct place *p = *state;
	struct audit_record r;
	struct private_key k;
	struct audit_log l;
	struct err e;
	size_t n;
	char *two;

	assert_int_equal(audit_key_open(p->path, &k, &e), 0);
	open_log(p, &l);
	append(&l, 2);
	two = read_name(p, "audit.log", &n);
	append(&l, 3);
	assert_int_equal(audit_head_sign(&l, &k, &e), 0);
	audit_log_close(&l);
	write_name(p, "audit.log", "", 0);
	open_log(p, &l);
	r = last_entry(p);
	assert_string_equal(r.event, "repaired");
	assert_int_equal(r.number, 6);
	audit_log_close(&l);
	/* What is left ends with an entry, of a smaller number. */
	write_name(p, "audit.log", two, n);
	free(two);
	open_log(p, &l);
	r = last_entry(p);
	assert_string_equal(r.event, "repaired");
	assert_int_equal(r.number, 6);
	audit_log_close(&l);
}

static void
entries_changed_behind_a_running_pool_are_not_taken_for_its_own(void **state)
{
	struct place *p = *state;
	struct audit_log l, other;
	struct audit_record r;
	struct err e;
	size_t n;
	char *text;

	open_log(p, &l);
	append(&l, 2);
	text = read_name(p, "audit.log", &n);
	append(&l, 3);
	/* Somebody cuts three entries off and writes others in their place. */
	write_name(p, "audit.log", text, n);
	free(text);
	unlinkat(p->folder, "audit.head", 0);
	open_log(p, &other);
	r = sample("kill");
	for (int i = 0; i < 6; i++)
		assert_int_equal(audit_log_append(&other, &r, 1, &e), 0);
	audit_log_close(&other);
	append(&l, 1);
	assert_int_equal(last_entry(p).number, 10);
	text = read_name(p, "audit.log", &n);
	assert_non_null(strstr(text, "\"event\":\"repaired\""));
	free(text);
	audit_log_close(&l);
}

static void
two_pools_write_one_chain(void **state)
{
	struct place *p = *state;
	struct audit_log a, b;

	open_log(p, &a);
	open_log(p, &b);
	for (int i = 0; i < 5; i++) {
		append(&a, 1);
		append(&b, 2);
	}
	assert_int_equal(last_entry(p).number, 15);
	a.max_size = b.max_size = 1000;
	for (int i = 0; i < 10; i++) {
		append(&a, 1);
		append(&b, 2);
	}
	audit_log_close(&a);
	audit_log_close(&b);
	open_log(p, &a);
	assert_string_equal(last_entry(p).event, "crash");
	audit_log_close(&a);
}

static void
a_log_that_another_holds_is_not_waited_for(void **state)
{
	struct place *p = *state;
	struct audit_record r = sample("crash");
	struct audit_log l, other;
	struct err e;
	int fd;

	open_log(p, &l);
	fd = openat(p->folder, "audit.head", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(audit_log_append(&l, &r, 1, &e), -EAGAIN);
	assert_int_equal(audit_log_open(&other, p->folder, &e), -EAGAIN);
	close(fd);
	append(&l, 1);
	assert_int_equal(l.last.number, 1);
	audit_log_close(&l);
}

static void
a_long_log_is_rotated_and_few_files_are_kept(void **state)
{
	struct place *p = *state;
	struct audit_record r;
	struct audit_log l;
	struct stat st;
	char *text;
	size_t n;

	open_log(p, &l);
	l.max_size = 1000;
	l.n_files = 2;
	append(&l, 40);
	audit_log_close(&l);
	assert_int_equal(fstatat(p->folder, "audit.log.2", &st, 0), 0);
	assert_int_equal(fstatat(p->folder, "audit.log.3", &st, 0), -1);
	assert_int_equal(fstatat(p->folder, "audit.log", &st, 0), 0);
	assert_int_equal(st.st_mode & 0137, 0);
	assert_true(st.st_size < 1000 + AUDIT_LINE_SIZE);
	/* The newest file begins by saying which entry is the oldest. */
	text = read_name(p, "audit.log.2", &n);
	assert_true(sscanf(text, "{\"number\":%lu", (unsigned long *)&r.number) == 1);
	free(text);
	text = read_name(p, "audit.log", &n);
	assert_non_null(strstr(text, "\"event\":\"rotated\""));
	snprintf(r.detail, sizeof r.detail, "\"count\":%lu,", (unsigned long)r.number);
	assert_non_null(strstr(text, r.detail));
	free(text);
}

static void
a_batch_that_does_not_fit_leaves_nothing(void **state)
{
	struct audit_record records[3] = { sample("a"), sample("b"), sample("c") };
	struct place *p = *state;
	struct rlimit was, tight;
	struct audit_log l;
	struct stat st;
	struct err e;

	signal(SIGXFSZ, SIG_IGN);
	open_log(p, &l);
	append(&l, 1);
	assert_int_equal(fstat(l.fd, &st), 0);
	getrlimit(RLIMIT_FSIZE, &was);
	tight = (struct rlimit){ (rlim_t)st.st_size + 300, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(audit_log_append(&l, records, 3, &e), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(last_entry(p).number, 1);
	assert_int_equal(audit_log_append(&l, records, 3, &e), 0);
	assert_int_equal(last_entry(p).number, 4);
	audit_log_close(&l);
}

/* ---- the head ---- */

static void
the_head_is_good_for_its_key_alone(void **state)
{
	struct place *p = *state;
	struct audit_signed_head head;
	struct private_key k, other;
	struct public_key public;
	char path[128];
	struct audit_log l;
	struct err e;
	char *text;
	size_t n;

	assert_int_equal(audit_key_open(p->path, &k, &e), 0);
	assert_int_equal(key_make(&other, &e), 0);
	open_log(p, &l);
	assert_int_equal(audit_head_read(l.lock, &head, &e), -ENOENT);
	append(&l, 2);
	assert_int_equal(audit_head_sign(&l, &k, &e), 0);
	assert_int_equal(audit_head_read(l.lock, &head, &e), 0);
	assert_int_equal(head.head.number, 2);
	snprintf(path, sizeof path, "%s/audit.pub", p->path);
	assert_int_equal(audit_key_read_public(path, &public, &e), 0);
	assert_int_equal(audit_head_check(&head, &public, &e), 0);
	assert_int_equal(audit_head_check(&head, &other.public, &e), -EBADMSG);
	text = read_name(p, "audit.head", &n);
	for (size_t i = 0; i < n - 1; i++) {
		text[i] ^= 1;
		write_name(p, "audit.head", text, n);
		assert_true(audit_head_read(l.lock, &head, &e) < 0 ||
		            audit_head_check(&head, &public, &e) == -EBADMSG);
		text[i] ^= 1;
	}
	free(text);
	audit_log_close(&l);
}

static void
the_key_is_made_once_and_kept_from_others(void **state)
{
	struct place *p = *state;
	struct private_key a, b;
	struct stat st;
	struct err e;

	assert_int_equal(audit_key_open(p->path, &a, &e), 0);
	assert_int_equal(audit_key_open(p->path, &b, &e), 0);
	assert_memory_equal(&a, &b, sizeof a);
	assert_int_equal(fstatat(p->folder, "audit.key", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fchmodat(p->folder, "audit.key", 0644, 0), 0);
	assert_int_equal(audit_key_open(p->path, &b, &e), -EPERM);
}

int
main(void)
{
#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, place_open, place_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_reads_back_as_it_was_written),
		cmocka_unit_test(the_longest_entry_of_the_worst_bytes_is_one_line),
		cmocka_unit_test(a_line_with_any_byte_changed_is_refused),
		cmocka_unit_test(a_line_that_is_hashed_well_and_says_nonsense_is_refused),
		IN_A_PLACE(entries_are_numbered_and_go_on_after_a_close),
		IN_A_PLACE(a_torn_last_line_is_cut_off_and_the_cut_is_an_entry),
		IN_A_PLACE(a_file_that_ends_with_anything_is_put_aside),
		IN_A_PLACE(numbers_of_signed_entries_that_are_gone_are_not_given_again),
		IN_A_PLACE(entries_changed_behind_a_running_pool_are_not_taken_for_its_own),
		IN_A_PLACE(two_pools_write_one_chain),
		IN_A_PLACE(a_log_that_another_holds_is_not_waited_for),
		IN_A_PLACE(a_long_log_is_rotated_and_few_files_are_kept),
		IN_A_PLACE(a_batch_that_does_not_fit_leaves_nothing),
		IN_A_PLACE(the_head_is_good_for_its_key_alone),
		IN_A_PLACE(the_key_is_made_once_and_kept_from_others),
	};
#undef IN_A_PLACE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
