/* test_registry_changes.c - what has changed since a reading is read by itself, or all of it is. */
#include "registry_rig.h"

#include <errno.h>

/* What was told, as text: "hello=2 " is active with this version, "hello- " is gone, "hello-7 " is gone by
 * the signed number 7. */
struct told {
	char text[16384];
	size_t n;
};

static int
take_version(void *context, const struct registry_version *v)
{
	struct told *t = context;

	t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, "%s=%u%s ", v->function, v->number,
	                         v->is_enabled ? "" : "x");
	return 0;
}

static int
take_gone(void *context, const char *function, const struct registry_activation *a)
{
	struct told *t = context;

	t->n += (size_t)snprintf(t->text + t->n, sizeof t->text - t->n, a->number > 0 ? "%s-%llu " : "%s- ",
	                         function, (unsigned long long)a->number);
	return 0;
}

static int
each_changed(struct registry *r, struct registry_mark *mark, struct told *t)
{
	struct err e;

	*t = (struct told){ .n = 0 };
	return registry_each_changed(r, mark, &(struct registry_changes){ take_version, take_gone, t }, &e);
}

static int
ignore_version(void *context, const struct registry_version *v)
{
	(void)context;
	(void)v;
	return 0;
}

static void
read_all(const struct fixture *f, struct registry_mark *mark)
{
	struct err e;

	assert_int_equal(registry_each_active(f->r, mark, ignore_version, NULL, &e), 0);
}

static void
deploy(const struct fixture *f, const char *function, const char *source)
{
	char pattern[80];
	struct err e;

	snprintf(pattern, sizeof pattern, "/%s", function);
	assert_int_equal(registry_activate(f->r, add(f->r, function, pattern, source, &e),
	                                   REGISTRY_KEEP_ROUTES, NULL, &e),
	                 0);
}

static void
change_nothing(const struct fixture *f)
{
	(void)f;
}

static void
change_version(const struct fixture *f)
{
	deploy(f, "b", "2");
}

static void
change_twice(const struct fixture *f)
{
	deploy(f, "b", "2");
	deploy(f, "b", "3");
}

static void
change_enabled(const struct fixture *f)
{
	struct err e;

	assert_int_equal(registry_set_enabled(f->r, "c", false, NULL, &e), 0);
}

static void
change_by_removal(const struct fixture *f)
{
	struct err e;

	assert_int_equal(registry_remove(f->r, "a", NULL, &e), 0);
}

static void
change_by_signed_removal(const struct fixture *f)
{
	const struct registry_activation a = { .number = 7 };
	struct err e;

	assert_int_equal(registry_remove(f->r, "a", &a, &e), 0);
}

static void
change_secret(const struct fixture *f)
{
	struct registry_secret s = { .name = "KEY", .author = "tester", .n_sealed = SECRET_OVERHEAD + 1 };
	struct err e;

	assert_int_equal(registry_set_secret(f->r, "c", &s, &e), 0);
}

/* What is not active yet, and what concerns no function, is not told of. */
static void
change_what_is_not_active(const struct fixture *f)
{
	struct err e;

	assert_true(add(f->r, "b", "/b", "2", &e) > 0);
	assert_int_equal(registry_lock(f->r, "a", "not now", &e), 0);
}

static void
functions_that_have_changed_are_told_alone(void **state)
{
	static const struct {
		void (*change)(const struct fixture *f);
		const char *told;
	} cases[] = {
		{ change_nothing, "" },       { change_version, "b=2 " },
		{ change_twice, "b=3 " },     { change_enabled, "c=1x " },
		{ change_by_removal, "a- " }, { change_by_signed_removal, "a-7 " },
		{ change_secret, "c=1 " },    { change_what_is_not_active, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static struct told t;
		struct registry_mark mark;
		void *own = NULL;

		assert_int_equal(setup(&own), 0);
		deploy(own, "a", "1");
		deploy(own, "b", "1");
		deploy(own, "c", "1");
		read_all(own, &mark);
		cases[i].change(own);
		assert_int_equal(each_changed(((struct fixture *)own)->r, &mark, &t), 0);
		assert_string_equal(t.text, cases[i].told);
		/* And not again. */
		assert_int_equal(each_changed(((struct fixture *)own)->r, &mark, &t), 0);
		assert_string_equal(t.text, "");
		teardown(&own);
	}
}

static void
what_no_audit_row_tells_makes_all_be_read(void **state)
{
	static const char *const changes[] = {
		"UPDATE state SET value = value + 1 WHERE name = 'generation'",
		"UPDATE state SET value = value - 1 WHERE name = 'generation'",
		"DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)",
		"UPDATE audit SET number = number + 1 WHERE number = (SELECT max(number) FROM audit)",
		"UPDATE audit SET event = 'deploy' WHERE number = (SELECT max(number) FROM audit)",
		"UPDATE audit SET function = '../b' WHERE number = (SELECT max(number) FROM audit)",
		"DELETE FROM audit",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		static struct told t;
		struct registry_mark mark, before;
		void *own = NULL;

		assert_int_equal(setup(&own), 0);
		deploy(own, "a", "1");
		read_all(own, &mark);
		before = mark;
		deploy(own, "a", "2");
		tamper(own, changes[i]);
		if (each_changed(((struct fixture *)own)->r, &mark, &t) != -ESTALE)
			fail_msg("not noticed: %s", changes[i]);
		assert_memory_equal(&mark, &before, sizeof mark);
		teardown(&own);
	}
}

static void
a_mark_of_no_reading_makes_all_be_read(void **state)
{
	struct registry_mark mark = { 0 };
	static struct told t;

	deploy(*state, "a", "1");
	assert_int_equal(each_changed(((struct fixture *)*state)->r, &mark, &t), -ESTALE);
}

static void
more_changes_than_the_bound_make_all_be_read(void **state)
{
	struct registry_mark mark, last;
	static struct told t;
	char name[16];

	deploy(*state, "a", "1");
	read_all(*state, &mark);
	for (int i = 0; i < REGISTRY_CHANGES_MAX; i++) {
		snprintf(name, sizeof name, "f-%d", i);
		deploy(*state, name, "1");
	}
	last = mark;
	assert_int_equal(each_changed(((struct fixture *)*state)->r, &last, &t), 0);
	assert_non_null(strstr(t.text, "f-0=1 "));
	assert_non_null(strstr(t.text, "f-63=1 "));
	deploy(*state, "a", "2");
	assert_int_equal(each_changed(((struct fixture *)*state)->r, &mark, &t), -ESTALE);
}

static void
a_damaged_version_among_the_changed_is_refused(void **state)
{
	struct registry_mark mark, before;
	static struct told t;

	deploy(*state, "a", "1");
	read_all(*state, &mark);
	before = mark;
	deploy(*state, "a", "2");
	tamper(*state, "UPDATE version SET policy = 'nonsense' WHERE number = 2");
	assert_int_equal(each_changed(((struct fixture *)*state)->r, &mark, &t), -EBADMSG);
	assert_memory_equal(&mark, &before, sizeof mark);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(functions_that_have_changed_are_told_alone),
		TEST(what_no_audit_row_tells_makes_all_be_read),
		TEST(a_mark_of_no_reading_makes_all_be_read),
		TEST(more_changes_than_the_bound_make_all_be_read),
		TEST(a_damaged_version_among_the_changed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
