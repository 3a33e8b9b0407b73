/* test_registry_apply.c - several changes of what is active are one, or none. */
#include "registry_rig.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* The pattern of the active version; "" when there is none. */
static const char *
active(struct fixture *f, const char *function)
{
	struct err e;

	if (registry_version_find(f->r, function, 0, &f->v, &e) < 0 || !f->v.is_active)
		return "";
	return f->v.routes[0].pattern;
}

static struct registry_change
activation(int64_t id)
{
	return (struct registry_change){ .version_id = id, .how = REGISTRY_REPLACE_ROUTES };
}

static uint64_t
generation(struct fixture *f)
{
	uint64_t value = 0;
	struct err e;

	assert_int_equal(registry_generation(f->r, &value, &e), 0);
	return value;
}

static int
count_row(void *context, const struct registry_audit_row *row)
{
	assert_true(row->is_good && row->follows);
	++*(int *)context;
	return 0;
}

static int
audit_rows(struct fixture *f)
{
	uint64_t last;
	struct err e;
	int n = 0;

	assert_int_equal(registry_each_audit(f->r, count_row, &n, &last, &e), 0);
	return n;
}

static void
a_route_goes_from_one_function_to_another(void **state)
{
	struct fixture *f = *state;
	struct registry_change changes[3];
	size_t failed;
	struct err e;
	int rows;

	changes[0] = activation(add(f->r, "a", "/x", "1", &e));
	changes[1] = activation(add(f->r, "b", "/y", "1", &e));
	changes[2] = activation(add(f->r, "c", "/z", "1", &e));
	assert_int_equal(registry_apply(f->r, changes, 3, false, &failed, &e), 0);
	assert_int_equal(add(f->r, "b", "/x", "2", &e), -EEXIST);
	changes[0] = activation(add_any(f->r, "b", "/x", "2", true, &e));
	changes[1] = activation(add_any(f->r, "a", "/y", "2", true, &e));
	changes[2] = (struct registry_change){ .removed = "c" };
	assert_int_equal(registry_activate(f->r, changes[0].version_id, REGISTRY_REPLACE_ROUTES, NULL, &e),
	                 -EEXIST);
	rows = audit_rows(f);
	assert_int_equal(registry_apply(f->r, changes, 3, false, &failed, &e), 0);
	assert_string_equal(active(f, "a"), "/y");
	assert_string_equal(active(f, "b"), "/x");
	assert_string_equal(active(f, "c"), "");
	assert_int_equal(audit_rows(f), rows + 3);
}

static void
one_that_fails_leaves_all_as_they_were(void **state)
{
	struct fixture *f = *state;
	struct registry_change changes[2];
	uint64_t before;
	size_t failed = 9;
	struct err e;
	int rows;

	changes[0] = activation(add(f->r, "a", "/x", "1", &e));
	changes[1] = activation(add(f->r, "b", "/y", "1", &e));
	assert_int_equal(registry_apply(f->r, changes, 2, false, &failed, &e), 0);
	changes[0] = activation(add(f->r, "b", "/b", "2", &e));
	changes[1] = activation(add_any(f->r, "c", "/x", "1", true, &e));
	before = generation(f);
	rows = audit_rows(f);
	assert_int_equal(registry_apply(f->r, changes, 2, false, &failed, &e), -EEXIST);
	assert_int_equal(failed, 1);
	assert_non_null(strstr(e.text, "function 'a'"));
	changes[1] = (struct registry_change){ .removed = "nobody" };
	assert_int_equal(registry_apply(f->r, changes, 2, false, &failed, &e), -ENOENT);
	assert_int_equal(registry_lock(f->r, "a", "not now", &e), 0);
	changes[1] = (struct registry_change){ .removed = "a" };
	assert_int_equal(registry_apply(f->r, changes, 2, false, &failed, &e), -EPERM);
	assert_string_equal(active(f, "b"), "/y");
	assert_string_equal(active(f, "c"), "");
	assert_int_equal(generation(f), before);
	assert_int_equal(audit_rows(f), rows + 1);
}

static void
a_trial_changes_nothing_and_says_what_would_fail(void **state)
{
	struct fixture *f = *state;
	struct registry_change changes[2];
	uint64_t before;
	size_t failed;
	struct err e;

	changes[0] = activation(add_any(f->r, "a", "/x", "1", true, &e));
	changes[1] = activation(add_any(f->r, "b", "/x", "1", true, &e));
	before = generation(f);
	assert_int_equal(registry_apply(f->r, changes, 1, true, &failed, &e), 0);
	assert_int_equal(registry_apply(f->r, changes, 2, true, &failed, &e), -EEXIST);
	assert_string_equal(active(f, "a"), "");
	assert_int_equal(generation(f), before);
	assert_int_equal(registry_apply(f->r, changes, 1, false, &failed, &e), 0);
	assert_string_equal(active(f, "a"), "/x");
}

/* Two sets of versions are made active in turn by a process that is killed at any moment. */
static void
a_writer_that_is_killed_leaves_one_set_of_all(void **state)
{
	enum { ROUNDS = 40, FUNCTIONS = 3 };
	static const char *const names[FUNCTIONS] = { "a", "b", "c" };
	struct fixture *f = *state;
	struct registry_change sets[2][FUNCTIONS];
	size_t failed;
	struct err e;

	for (size_t i = 0; i < FUNCTIONS; i++) {
		sets[0][i] = activation(add_any(f->r, names[i], "/one", "1", true, &e));
		sets[1][i] = activation(add_any(f->r, names[i], "/two", "2", true, &e));
	}
	tamper(f, "UPDATE route SET pattern = pattern || version_id");
	assert_int_equal(registry_apply(f->r, sets[0], FUNCTIONS, false, &failed, &e), 0);
	for (int round = 0; round < ROUNDS; round++) {
		char first = 0;
		pid_t pid = fork();

		if (pid == 0) {
			struct registry *r;

			if (registry_open(f->path, REGISTRY_WRITE, &r, &e) == 0)
				for (int i = 0;; i++)
					registry_apply(r, sets[i % 2], FUNCTIONS, false, &failed, &e);
			_exit(1);
		}
		usleep(3000 + 500 * (unsigned)round);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		for (size_t i = 0; i < FUNCTIONS; i++) {
			const char *pattern = active(f, names[i]);

			assert_true(pattern[0] != '\0');
			assert_true(first == 0 || first == pattern[1]);
			first = pattern[1];
		}
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_route_goes_from_one_function_to_another),
		TEST(one_that_fails_leaves_all_as_they_were),
		TEST(a_trial_changes_nothing_and_says_what_would_fail),
		TEST(a_writer_that_is_killed_leaves_one_set_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
