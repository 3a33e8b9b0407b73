/* test_registry_audit.c - the registry's audit rows: one for every change, in its transaction, chained. */
#include "registry_rig.h"

#include <errno.h>
#include <unistd.h>

#include "base/fd.h"

/* Rows as "EVENT FUNCTION VERSION", one line each, those that are damaged or do not follow marked. */
struct listing {
	char text[1024];
	uint64_t first_bad;
};

static int
list_row(void *context, const struct registry_audit_row *row)
{
	struct listing *l = context;
	size_t n = strlen(l->text);

	if ((!row->is_good || !row->follows) && l->first_bad == 0)
		l->first_bad = row->record.number;
	snprintf(l->text + n, sizeof l->text - n, "%s %s %u\n", row->record.event, row->record.function,
	         row->record.version);
	return 0;
}

static struct listing
list(struct fixture *f, uint64_t *last)
{
	struct listing l = { 0 };
	struct err e;

	assert_int_equal(registry_each_audit(f->r, list_row, &l, last, &e), 0);
	return l;
}

/* v1, v2, back to v1, disabled, enabled, swept, removed. */
static void
change_everything(struct fixture *f)
{
	struct registry_swept swept;
	int64_t first, second;
	struct err e;

	first = add_hello(f->r, "1");
	assert_int_equal(registry_activate(f->r, first, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	second = add_hello(f->r, "2");
	assert_int_equal(registry_activate(f->r, second, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	assert_int_equal(registry_activate(f->r, first, REGISTRY_REPLACE_ROUTES, NULL, &e), 0);
	assert_int_equal(registry_set_enabled(f->r, "hello", false, NULL, &e), 0);
	assert_int_equal(registry_set_enabled(f->r, "hello", true, NULL, &e), 0);
	assert_int_equal(registry_sweep(f->r, KEEP(0), &swept, &e), 0);
	assert_int_equal(registry_remove(f->r, "hello", NULL, &e), 0);
}

static void
every_change_is_a_row(void **state)
{
	struct fixture *f = *state;
	struct audit_head head;
	struct listing l;
	uint64_t last;
	struct err e;

	change_everything(f);
	l = list(f, &last);
	assert_string_equal(l.text,
	                    "deploy hello 1\nactivate hello 1\ndeploy hello 2\nactivate hello 2\n"
	                    "rollback hello 1\ndisable hello 0\nenable hello 0\ngc  0\nremove hello 0\n");
	assert_int_equal(l.first_bad, 0);
	assert_int_equal(last, 9);
	assert_int_equal(registry_audit_head(f->r, &head, &e), 0);
	assert_int_equal(head.number, 9);
	assert_int_equal(registry_audit_last(f->r, "hello", AUDIT_ENABLE, &last, &e), 0);
	assert_int_equal(last, 7);
	assert_int_equal(registry_audit_last(f->r, "other", AUDIT_ENABLE, &last, &e), 0);
	assert_int_equal(last, 0);
}

static int
look_at_actor(void *context, const struct registry_audit_row *row)
{
	(void)context;
	assert_int_equal(row->record.uid, getuid());
	assert_true(row->record.actor[0] != '\0');
	assert_non_null(strstr(row->record.detail, "artifact "));
	return 0;
}

static void
a_row_says_who_and_what(void **state)
{
	struct fixture *f = *state;
	uint64_t last;
	struct err e;

	assert_true(add_hello(f->r, "1") > 0);
	assert_int_equal(registry_each_audit(f->r, look_at_actor, NULL, &last, &e), 0);
	assert_int_equal(last, 1);
}

static void
a_change_that_is_refused_is_no_row(void **state)
{
	struct fixture *f = *state;
	struct registry_swept swept;
	uint64_t last;
	struct err e;

	assert_true(add_hello(f->r, "1") > 0);
	assert_int_equal(add_hello(f->r, "1"), 0); /* unchanged */
	assert_int_equal(registry_activate(f->r, 99, REGISTRY_KEEP_ROUTES, NULL, &e), -ENOENT);
	assert_int_equal(registry_set_enabled(f->r, "other", true, NULL, &e), -ENOENT);
	assert_int_equal(registry_remove(f->r, "other", NULL, &e), -ENOENT);
	assert_int_equal(registry_sweep(f->r, KEEP(5), &swept, &e), 0);
	assert_string_equal(list(f, &last).text, "deploy hello 1\n");
}

/* The other way round: without its row no change is made. */
static void
a_change_whose_row_cannot_be_written_is_not_made(void **state)
{
	struct fixture *f = *state;
	int64_t id = add_hello(f->r, "1");
	uint64_t before, after;
	struct err e;

	assert_int_equal(registry_activate(f->r, id, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	assert_int_equal(registry_generation(f->r, &before, &e), 0);
	tamper(f, "UPDATE audit SET number = 9223372036854775807 WHERE number = 2");
	assert_int_equal(registry_set_enabled(f->r, "hello", false, NULL, &e), -EBADMSG);
	assert_int_equal(registry_remove(f->r, "hello", NULL, &e), -EBADMSG);
	assert_int_equal(add_hello(f->r, "2"), -EBADMSG);
	assert_int_equal(registry_generation(f->r, &after, &e), 0);
	assert_int_equal(before, after);
	assert_int_equal(registry_version_find(f->r, "hello", 0, &f->v, &e), 0);
	assert_true(f->v.is_enabled && f->v.number == 1);
}

static void
what_is_changed_or_gone_is_seen(void **state)
{
	static const struct {
		const char *sql;
		uint64_t first_bad, last; /* 0: not by the rows alone */
	} cases[] = {
		{ "UPDATE audit SET actor = 'nobody' WHERE number = 3", 3, 9 },
		{ "UPDATE audit SET time = time + 1 WHERE number = 3", 3, 9 },
		{ "UPDATE audit SET uid = 12345 WHERE number = 3", 3, 9 },
		{ "UPDATE audit SET detail = char(10) WHERE number = 3", 3, 9 },
		{ "UPDATE audit SET event = printf('%500s', 'x') WHERE number = 3", 3, 9 },
		{ "UPDATE audit SET hash = zeroblob(32) WHERE number = 3", 3, 9 },
		{ "UPDATE audit SET version = -1 WHERE number = 3", 3, 9 },
		{ "DELETE FROM audit WHERE number = 3", 4, 9 },
		{ "DELETE FROM audit WHERE number < 3", 3, 9 },
		{ "UPDATE audit SET number = 99 WHERE number = 3;"
		  "UPDATE audit SET number = 3 WHERE number = 4;"
		  "UPDATE audit SET number = 4 WHERE number = 99",
		  3, 9 },
		{ "DELETE FROM audit WHERE number = 9", 0, 9 },
		{ "DELETE FROM audit", 0, 9 },
	};
	struct fixture *f = *state;
	uint64_t last;

	change_everything(f);
	tamper(f, "CREATE TABLE kept AS SELECT * FROM audit");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		tamper(f, cases[i].sql);
		assert_int_equal(list(f, &last).first_bad, cases[i].first_bad);
		assert_int_equal(last, cases[i].last);
		tamper(f, "DELETE FROM audit; INSERT INTO audit SELECT * FROM kept");
		assert_int_equal(list(f, &last).first_bad, 0);
	}
}

/* As a pool sees it that runs on a registry which no writer has brought up to date. */
static void
an_older_registry_has_no_rows_and_gets_them(void **state)
{
	struct fixture *f = *state;
	struct registry *reader;
	struct audit_head head;
	uint64_t last;
	struct err e;

	registry_close(f->r);
	tamper(f, "DROP TABLE audit; DROP TABLE token; DROP TABLE secret; DELETE FROM state WHERE name <> "
	          "'generation'; PRAGMA "
	          "user_version = 2;"
	          "ALTER TABLE function DROP COLUMN locked_at; ALTER TABLE function DROP COLUMN locked_by;"
	          "ALTER TABLE function DROP COLUMN lock_reason");
	assert_int_equal(registry_open(f->path, REGISTRY_READ, &reader, &e), 0);
	assert_int_equal(registry_audit_head(reader, &head, &e), 0);
	assert_int_equal(head.number, 0);
	assert_int_equal(registry_audit_last(reader, "hello", AUDIT_ENABLE, &last, &e), 0);
	assert_int_equal(last, 0);
	assert_int_equal(registry_open(f->path, REGISTRY_WRITE, &f->r, &e), 0);
	assert_true(add_hello(f->r, "1") > 0);
	assert_int_equal(registry_audit_head(reader, &head, &e), 0);
	assert_int_equal(head.number, 1);
	registry_close(reader);
}

int
main(void)
{
#define ON_A_REGISTRY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ON_A_REGISTRY(every_change_is_a_row),
		ON_A_REGISTRY(a_row_says_who_and_what),
		ON_A_REGISTRY(a_change_that_is_refused_is_no_row),
		ON_A_REGISTRY(a_change_whose_row_cannot_be_written_is_not_made),
		ON_A_REGISTRY(what_is_changed_or_gone_is_seen),
		ON_A_REGISTRY(an_older_registry_has_no_rows_and_gets_them),
	};
#undef ON_A_REGISTRY

	return cmocka_run_group_tests(tests, NULL, NULL);
}
