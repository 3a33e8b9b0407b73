/* test_registry_lock.c - a locked function is changed by nobody, until it is unlocked. */
#include "registry_rig.h"

#include <errno.h>

static int
deploys(struct fixture *f, struct err *e)
{
	int64_t id = add(f->r, "hello", "/hello", "another", e);

	return id < 0 ? (int)id : 0;
}

static int
activates(struct fixture *f, struct err *e)
{
	return registry_activate(f->r, 1, REGISTRY_KEEP_ROUTES, NULL, e);
}

static int
enables(struct fixture *f, struct err *e)
{
	return registry_set_enabled(f->r, "hello", true, NULL, e);
}

static int
disables(struct fixture *f, struct err *e)
{
	return registry_set_enabled(f->r, "hello", false, NULL, e);
}

static int
locks(struct fixture *f, struct err *e)
{
	return registry_lock(f->r, "hello", "mine now", e);
}

static int
removes(struct fixture *f, struct err *e)
{
	return registry_remove(f->r, "hello", NULL, e);
}

/* What a function sees of them changes with it. */
static int
sets_secret(struct fixture *f, struct err *e)
{
	struct registry_secret s = { .name = "KEY", .author = "me", .n_sealed = SECRET_OVERHEAD + 1 };

	return registry_set_secret(f->r, "hello", &s, e);
}

static int
removes_secret(struct fixture *f, struct err *e)
{
	return registry_remove_secret(f->r, "hello", "KEY", e);
}

/* The last one takes the function away. */
static int (*const changes[])(struct fixture *, struct err *) = {
	deploys, activates, disables, enables, sets_secret, removes_secret, locks, removes,
};

static void
a_locked_function_refuses_every_change_and_says_why(void **state)
{
	struct fixture *f = *state;
	struct registry_lock lock;
	uint64_t before, after;
	struct err e;

	assert_int_equal(add_hello(f->r, "1"), 1);
	assert_int_equal(registry_lock(f->r, "hello", "release week", &e), 0);
	assert_int_equal(registry_generation(f->r, &before, &e), 0);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		e = (struct err){ 0 };
		assert_int_equal(changes[i](f, &e), -EPERM);
		assert_non_null(strstr(e.text, "hello is locked since "));
		assert_non_null(strstr(e.text, ": release week"));
	}
	assert_int_equal(registry_generation(f->r, &after, &e), 0);
	assert_true(before == after);
	assert_int_equal(registry_lock_find(f->r, "hello", &lock, &e), 1);
	assert_string_equal(lock.reason, "release week");
	assert_true(lock.actor[0] != '\0' && lock.time > 0);
	assert_true(add(f->r, "other", "/other", "1", &e) > 0);
}

static void
an_unlocked_function_is_changed_again(void **state)
{
	struct fixture *f = *state;
	struct registry_lock lock;
	struct err e;

	assert_int_equal(add_hello(f->r, "1"), 1);
	assert_int_equal(registry_lock(f->r, "hello", "a", &e), 0);
	assert_int_equal(registry_unlock(f->r, "hello", &e), 0);
	assert_int_equal(registry_lock_find(f->r, "hello", &lock, &e), 0);
	assert_int_equal(registry_unlock(f->r, "hello", &e), -ENOENT);
	assert_int_equal(registry_unlock(f->r, "nobody", &e), -ENOENT);
	assert_int_equal(registry_lock(f->r, "nobody", "a", &e), -ENOENT);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		assert_int_equal(changes[i](f, &e), 0);
		if (changes[i] == locks)
			assert_int_equal(registry_unlock(f->r, "hello", &e), 0);
	}
}

static void
a_reason_is_a_bounded_line_of_text(void **state)
{
	struct fixture *f = *state;
	char longest[REGISTRY_LOCK_REASON_SIZE], longer[REGISTRY_LOCK_REASON_SIZE + 1];
	const struct {
		const char *reason;
		int want;
	} cases[] = {
		{ "", -EINVAL },
		{ "two\nlines", -EINVAL },
		{ "\x7f", -EINVAL },
		{ "\xff", -EINVAL },
		{ longer, -EINVAL },
		{ longest, 0 },
		{ "Gr\xc3\xbc\xc3\x9f"
		  "e",
		  0 },
	};
	struct err e;

	memset(longest, 'x', sizeof longest);
	memset(longer, 'x', sizeof longer);
	longest[sizeof longest - 1] = longer[sizeof longer - 1] = '\0';
	assert_int_equal(add_hello(f->r, "1"), 1);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(registry_lock(f->r, "hello", cases[i].reason, &e), cases[i].want);
		if (cases[i].want == 0)
			assert_int_equal(registry_unlock(f->r, "hello", &e), 0);
	}
}

struct seen {
	unsigned n_locks, n_unlocks;
};

static int
see(void *context, const struct registry_audit_row *row)
{
	struct seen *s = context;

	assert_true(row->is_good && row->follows);
	if (strcmp(row->record.event, "lock") == 0)
		s->n_locks += strcmp(row->record.detail, "why") == 0;
	s->n_unlocks += strcmp(row->record.event, "unlock") == 0;
	return 0;
}

static void
lock_and_unlock_are_rows_of_the_audit(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	uint64_t last;
	struct err e;

	assert_int_equal(add_hello(f->r, "1"), 1);
	assert_int_equal(registry_lock(f->r, "hello", "why", &e), 0);
	assert_int_equal(registry_unlock(f->r, "hello", &e), 0);
	assert_int_equal(registry_each_audit(f->r, see, &seen, &last, &e), 0);
	assert_int_equal(seen.n_locks, 1);
	assert_int_equal(seen.n_unlocks, 1);
	assert_int_equal(last, 3);
}

/* By other means: what is read is checked, and never taken for unlocked. */
static void
a_lock_that_cannot_be_read_is_no_permission(void **state)
{
	struct fixture *f = *state;
	struct err e;

	assert_int_equal(add_hello(f->r, "1"), 1);
	tamper(f, "UPDATE function SET locked_at = 1, locked_by = 'x', lock_reason = 'a' || char(10)");
	assert_int_equal(activates(f, &e), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_locked_function_refuses_every_change_and_says_why, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(an_unlocked_function_is_changed_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reason_is_a_bounded_line_of_text, setup, teardown),
		cmocka_unit_test_setup_teardown(lock_and_unlock_are_rows_of_the_audit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lock_that_cannot_be_read_is_no_permission, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
