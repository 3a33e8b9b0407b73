/* test_activation.c - signed activations in the registry, and registries from before there were any. */
#include "registry_rig.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

static struct registry_activation
activation(uint64_t number, uint32_t version, bool is_enabled)
{
	struct registry_activation a = { .number = number, .version = version, .is_enabled = is_enabled };

	memset(a.key.bytes, 7, sizeof a.key.bytes);
	memset(a.signature.bytes, (int)(number & 0xff), sizeof a.signature.bytes);
	return a;
}

static int64_t
ask(const struct fixture *f, const char *sql)
{
	sqlite3_stmt *row;
	sqlite3 *db;
	int64_t value;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(row), SQLITE_ROW);
	value = sqlite3_column_int64(row, 0);
	sqlite3_finalize(row);
	sqlite3_close(db);
	return value;
}

static void
a_signed_activation_is_read_as_it_was_written(void **state)
{
	struct fixture *f = *state;
	struct registry_activation a = activation(REGISTRY_NUMBER_MAX, 1, true);
	int64_t id = add_hello(f->r, "1");
	uint64_t last = 7;
	struct err e;

	assert_int_equal(registry_last_activation(f->r, "hello", &last, &e), 0);
	assert_int_equal(last, 0);
	assert_int_equal(registry_activate(f->r, id, REGISTRY_KEEP_ROUTES, &a, &e), 0);
	assert_int_equal(registry_version_by_id(f->r, id, &f->v, &e), 0);
	assert_memory_equal(&f->v.activation.key, &a.key, sizeof a.key);
	assert_memory_equal(&f->v.activation.signature, &a.signature, sizeof a.signature);
	assert_int_equal(f->v.activation.number, a.number);
	assert_int_equal(f->v.activation.version, 1);
	assert_true(f->v.activation.is_enabled);
	assert_int_equal(registry_last_activation(f->r, "hello", &last, &e), 0);
	assert_int_equal(last, REGISTRY_NUMBER_MAX);
}

static void
a_version_has_its_own_newest_activation(void **state)
{
	static const struct {
		uint64_t number;
		uint32_t version;
	} order[] = { { 10, 1 }, { 11, 2 }, { 12, 1 } };
	struct fixture *f = *state;
	int64_t ids[] = { 0, add_hello(f->r, "1"), add_hello(f->r, "2"), add_hello(f->r, "3") };
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		struct registry_activation a = activation(order[i].number, order[i].version, true);

		assert_int_equal(registry_activate(f->r, ids[order[i].version], REGISTRY_KEEP_ROUTES, &a, &e),
		                 0);
	}
	assert_int_equal(registry_version_by_id(f->r, ids[1], &f->v, &e), 0);
	assert_int_equal(f->v.activation.number, 12);
	assert_int_equal(registry_version_by_id(f->r, ids[2], &f->v, &e), 0);
	assert_int_equal(f->v.activation.number, 11);
	assert_int_equal(registry_version_by_id(f->r, ids[3], &f->v, &e), 0);
	assert_int_equal(f->v.activation.number, 0);
}

static void
what_was_signed_and_is_not_true_any_more_is_refused(void **state)
{
	static const struct {
		uint64_t number;
		uint32_t version;
		bool is_enabled;
	} wrong[] = {
		{ 5, 2, true },                       /* not above the last one */
		{ 4, 2, true },                       /* below it */
		{ REGISTRY_NUMBER_MAX + 1, 2, true }, /* too large */
		{ 6, 1, true },                       /* another version */
		{ 6, 2, false },                      /* the function is enabled */
	};
	struct fixture *f = *state;
	int64_t first = add_hello(f->r, "1"), second = add_hello(f->r, "2");
	struct registry_activation a = activation(5, 1, true);
	struct err e;

	assert_int_equal(registry_activate(f->r, first, REGISTRY_KEEP_ROUTES, &a, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		a = activation(wrong[i].number, wrong[i].version, wrong[i].is_enabled);
		assert_int_equal(registry_activate(f->r, second, REGISTRY_KEEP_ROUTES, &a, &e), -EAGAIN);
	}
	assert_int_equal(registry_version_by_id(f->r, first, &f->v, &e), 0);
	assert_true(f->v.is_active);
	a = activation(6, 2, true);
	assert_int_equal(registry_set_enabled(f->r, "hello", true, &a, &e), -EAGAIN);
	a = activation(6, 1, true);
	assert_int_equal(registry_set_enabled(f->r, "hello", false, &a, &e), -EAGAIN);
	assert_int_equal(registry_remove(f->r, "hello", &a, &e), -EAGAIN);
	a.is_enabled = false;
	assert_int_equal(registry_set_enabled(f->r, "hello", false, &a, &e), 0);
}

static int
take_removed(void *context, const char *function, const struct registry_activation *a)
{
	uint64_t *number = context;

	assert_string_equal(function, "hello");
	assert_int_equal(a->version, 0);
	*number = a->number;
	return 0;
}

static void
a_removal_outlives_its_function_until_it_is_deployed_again(void **state)
{
	struct fixture *f = *state;
	struct registry_activation a = activation(1, 1, true), removal = activation(2, 0, false),
				   again = activation(3, 1, true);
	uint64_t number = 0;
	struct err e;

	assert_int_equal(registry_activate(f->r, add_hello(f->r, "1"), REGISTRY_KEEP_ROUTES, &a, &e), 0);
	assert_int_equal(registry_each_removed(f->r, take_removed, &number, &e), 0);
	assert_int_equal(number, 0);
	assert_int_equal(registry_remove(f->r, "hello", &removal, &e), 0);
	assert_int_equal(registry_each_removed(f->r, take_removed, &number, &e), 0);
	assert_int_equal(number, 2);
	assert_int_equal(registry_activate(f->r, add_hello(f->r, "1"), REGISTRY_KEEP_ROUTES, &again, &e), 0);
	number = 0;
	assert_int_equal(registry_each_removed(f->r, take_removed, &number, &e), 0);
	assert_int_equal(number, 0);
}

static void
a_sweep_keeps_what_a_signature_still_says(void **state)
{
	struct fixture *f = *state;
	int64_t first = add_hello(f->r, "1"), second = add_hello(f->r, "2");
	struct registry_activation rows[] = { activation(1, 1, true), activation(2, 2, true),
		                              activation(3, 1, true), activation(4, 2, true) };
	struct registry_activation removal = activation(5, 0, false);
	struct registry_swept swept;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(registry_activate(f->r, i % 2 ? second : first, REGISTRY_KEEP_ROUTES,
		                                   &rows[i], &e),
		                 0);
	assert_int_equal(registry_sweep(f->r, KEEP(5), &swept, &e), 0);
	assert_int_equal(ask(f, "SELECT sum(number) FROM activation"), 3 + 4);
	assert_int_equal(registry_activate(f->r, add_hello(f->r, "3"), REGISTRY_REPLACE_ROUTES, NULL, &e), 0);
	assert_int_equal(registry_sweep(f->r, KEEP(1), &swept, &e), 0);
	assert_int_equal(ask(f, "SELECT sum(number) FROM activation"), 4);
	assert_int_equal(registry_remove(f->r, "hello", &removal, &e), 0);
	assert_int_equal(registry_sweep(f->r, KEEP(1), &swept, &e), 0);
	assert_int_equal(ask(f, "SELECT sum(number) FROM activation"), 5);
}

/* The digest that is signed is of the text, so the text must be what is read. */
static void
the_digest_of_a_policy_is_that_of_its_text(void **state)
{
	struct fixture *f = *state;
	int64_t id = add_hello(f->r, "1");
	struct digest d;
	struct err e;

	tamper(f, "UPDATE version SET policy = '{\"memory\":\"64M\"}'");
	assert_int_equal(digest_of("{\"memory\":\"64M\"}", 16, &d, &e), 0);
	assert_int_equal(registry_version_by_id(f->r, id, &f->v, &e), 0);
	assert_int_equal(f->v.policy.memory, 64 << 20);
	assert_memory_equal(&f->v.policy_text, &d, sizeof d);
}

static void
tampered_activations_are_refused(void **state)
{
	static const char *const changes[] = {
		"UPDATE activation SET number = -1",       "UPDATE activation SET number = 9007199254740992",
		"UPDATE activation SET is_enabled = 2",    "UPDATE activation SET key = x'00'",
		"UPDATE activation SET key = zeroblob(9)", "UPDATE activation SET signature = zeroblob(63)",
		"UPDATE activation SET signature = x''",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct registry_activation a = activation(1, 1, true);
		char sql[160];
		void *own = NULL;
		struct fixture *f;
		struct err e;
		int64_t id;

		assert_int_equal(setup(&own), 0);
		f = own;
		id = add_hello(f->r, "1");
		assert_int_equal(registry_activate(f->r, id, REGISTRY_KEEP_ROUTES, &a, &e), 0);
		snprintf(sql, sizeof sql, "PRAGMA ignore_check_constraints = ON; %s", changes[i]);
		tamper(f, sql);
		if (registry_version_by_id(f->r, id, &f->v, &e) != -EBADMSG)
			fail_msg("accepted: %s", changes[i]);
		tamper(f, "PRAGMA ignore_check_constraints = ON; UPDATE activation SET version = 0");
		if (registry_each_removed(f->r, take_removed, &(uint64_t){ 0 }, &e) != -EBADMSG)
			fail_msg("accepted as a removal: %s", changes[i]);
		teardown(&own);
	}
}

/* As the program before wrote it, with one function; never to be changed. */
static const char schema_1[] =
    "PRAGMA application_id = 0x63666e31; PRAGMA user_version = 1;"
    "CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO state VALUES ('generation', 2);"
    "CREATE TABLE blob (digest BLOB PRIMARY KEY CHECK (length(digest) = 32), data BLOB NOT NULL) STRICT;"
    "CREATE TABLE function (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),"
    " is_enabled INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),"
    " active_version INTEGER REFERENCES version (id) DEFERRABLE INITIALLY DEFERRED,"
    " last_number INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE version (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " function_id INTEGER NOT NULL REFERENCES function (id) ON DELETE CASCADE,"
    " number INTEGER NOT NULL CHECK (number > 0), identity BLOB NOT NULL CHECK (length(identity) = 32),"
    " entry TEXT NOT NULL, artifact BLOB NOT NULL REFERENCES blob (digest),"
    " source BLOB NOT NULL REFERENCES blob (digest), debug BLOB NOT NULL REFERENCES blob (digest),"
    " policy TEXT NOT NULL, compiler TEXT NOT NULL, flags TEXT NOT NULL, source_name TEXT NOT NULL,"
    " author TEXT NOT NULL, routes_from_options INTEGER NOT NULL, created_at INTEGER NOT NULL,"
    " UNIQUE (function_id, number)) STRICT;"
    "CREATE TABLE route (version_id INTEGER NOT NULL REFERENCES version (id) ON DELETE CASCADE,"
    " position INTEGER NOT NULL, methods INTEGER NOT NULL, pattern TEXT NOT NULL, row INTEGER NOT NULL,"
    " PRIMARY KEY (version_id, position)) STRICT, WITHOUT ROWID;"
    "INSERT INTO blob VALUES (zeroblob(32), x'');"
    "INSERT INTO function (id, name, active_version, last_number) VALUES (1, 'hello', 1, 1);"
    "INSERT INTO version VALUES (1, 1, 1, zeroblob(32), 'handle', zeroblob(32), zeroblob(32), zeroblob(32),"
    " '{}', 'gcc', '-O2', 'f.c', 'tester', 0, 0);"
    "INSERT INTO route VALUES (1, 0, 1, '/hello', 0);";

static void
make_schema_1(struct fixture *f)
{
	registry_close(f->r);
	f->r = NULL;
	unlink(f->path);
	tamper(f, schema_1);
}

static int
count(void *context, const struct registry_version *v)
{
	assert_string_equal(v->function, "hello");
	assert_int_equal(v->activation.number, 0);
	++*(int *)context;
	return 0;
}

static void
an_older_registry_is_read_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct registry_mark mark;
	uint64_t number = 7;
	int n = 0;
	struct err e;

	make_schema_1(f);
	assert_int_equal(registry_open(f->path, REGISTRY_READ, &f->r, &e), 0);
	assert_int_equal(registry_each_active(f->r, &mark, count, &n, &e), 0);
	assert_int_equal(registry_each_function(f->r, count, &n, &e), 0);
	assert_int_equal(registry_each_version(f->r, "hello", count, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_int_equal(registry_last_activation(f->r, "hello", &number, &e), 0);
	assert_int_equal(number, 0);
	assert_int_equal(registry_each_removed(f->r, take_removed, &number, &e), 0);
	assert_int_equal(ask(f, "PRAGMA user_version"), 1);
}

static void
a_reader_goes_on_when_a_writer_brings_the_registry_up_to_date(void **state)
{
	struct fixture *f = *state;
	struct registry_activation a = activation(1, 1, true);
	struct registry *writer;
	struct err e;

	make_schema_1(f);
	assert_int_equal(registry_open(f->path, REGISTRY_READ, &f->r, &e), 0);
	assert_int_equal(registry_version_by_id(f->r, 1, &f->v, &e), 0);
	assert_int_equal(registry_open(f->path, REGISTRY_WRITE, &writer, &e), 0);
	assert_int_equal(ask(f, "PRAGMA user_version"), REGISTRY_SCHEMA);
	assert_int_equal(registry_activate(writer, 1, REGISTRY_KEEP_ROUTES, &a, &e), 0);
	registry_close(writer);
	assert_int_equal(registry_version_by_id(f->r, 1, &f->v, &e), 0);
	assert_int_equal(f->v.activation.number, 1);
}

static void
writers_that_meet_an_older_registry_together_all_get_it(void **state)
{
	enum { N = 8 };
	struct fixture *f = *state;
	pid_t children[N];

	make_schema_1(f);
	for (int i = 0; i < N; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct registry *r;
			struct err e;

			_exit(registry_open(f->path, REGISTRY_WRITE, &r, &e) < 0);
		}
	}
	for (int i = 0; i < N; i++) {
		int status = -1;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(ask(f, "PRAGMA user_version"), REGISTRY_SCHEMA);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_signed_activation_is_read_as_it_was_written),
		TEST(a_version_has_its_own_newest_activation),
		TEST(what_was_signed_and_is_not_true_any_more_is_refused),
		TEST(a_removal_outlives_its_function_until_it_is_deployed_again),
		TEST(a_sweep_keeps_what_a_signature_still_says),
		TEST(the_digest_of_a_policy_is_that_of_its_text),
		TEST(tampered_activations_are_refused),
		TEST(an_older_registry_is_read_as_it_is),
		TEST(a_reader_goes_on_when_a_writer_brings_the_registry_up_to_date),
		TEST(writers_that_meet_an_older_registry_together_all_get_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
