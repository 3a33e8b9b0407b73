/* test_registry.c - the registry: what is written is read again, whatever happens in between. */
#include "registry_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

static void
a_version_is_read_as_it_was_written(void **state)
{
	struct fixture *f = *state;
	struct err e;
	int64_t id = add(f->r, "hello", "/hello", "int x;", &e);
	char *data;
	size_t n;

	assert_true(id > 0);
	assert_int_equal(registry_version_by_id(f->r, id, &f->v, &e), 0);
	assert_string_equal(f->v.function, "hello");
	assert_string_equal(f->v.entry, "handle");
	assert_int_equal(f->v.number, 1);
	assert_false(f->v.is_active);
	assert_int_equal(f->v.n_routes, 1);
	assert_string_equal(f->v.routes[0].pattern, "/hello");
	assert_int_equal(f->v.policy.memory, 128u << 20);
	assert_int_equal(registry_blob(f->r, &f->v.source, &data, &n, &e), 0);
	assert_string_equal(data, "int x;");
	free(data);
}

static void
unchanged_input_makes_no_version(void **state)
{
	struct fixture *f = *state;
	struct err e;

	assert_true(add(f->r, "hello", "/hello", "int x;", &e) > 0);
	assert_int_equal(add(f->r, "hello", "/hello", "int x;", &e), 0);
	assert_true(add(f->r, "hello", "/hello", "int y;", &e) > 0);
	assert_true(add(f->r, "hello", "/hello", "int x;", &e) > 0);
	assert_int_equal(registry_version_find(f->r, "hello", 0, &f->v, &e), 0);
	assert_int_equal(f->v.number, 3);
}

static void
activation_is_seen_by_another_connection(void **state)
{
	struct fixture *f = *state;
	struct registry *reader;
	uint64_t before, after;
	struct err e;
	int64_t first, second;

	assert_int_equal(registry_open(f->path, REGISTRY_READ, &reader, &e), 0);
	first = add(f->r, "hello", "/hello", "1", &e);
	second = add(f->r, "hello", "/hello", "2", &e);
	assert_int_equal(registry_activate(f->r, first, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	assert_int_equal(registry_generation(reader, &before, &e), 0);
	assert_int_equal(registry_activate(f->r, second, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	assert_int_equal(registry_generation(reader, &after, &e), 0);
	assert_true(after > before);
	assert_int_equal(registry_version_find(reader, "hello", 0, &f->v, &e), 0);
	assert_int_equal(f->v.number, 2);
	assert_true(f->v.is_active);
	assert_int_equal(registry_activate(f->r, first, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	assert_int_equal(registry_version_find(reader, "hello", 0, &f->v, &e), 0);
	assert_int_equal(f->v.number, 1);
	registry_close(reader);
}

static void
a_reader_cannot_write(void **state)
{
	struct fixture *f = *state;
	struct registry *writer = f->r;
	struct err e;

	assert_int_equal(registry_open(f->path, REGISTRY_READ, &f->r, &e), 0);
	assert_true(add(f->r, "hello", "/hello", "1", &e) < 0);
	registry_close(f->r);
	f->r = writer;
}

static void
another_functions_route_is_refused_by_name(void **state)
{
	struct fixture *f = *state;
	struct err e;
	int64_t a = add(f->r, "a", "/users/:id", "1", &e), b;

	assert_int_equal(registry_activate(f->r, a, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	assert_int_equal(add(f->r, "b", "/users/:name", "2", &e), -EEXIST);
	assert_non_null(strstr(e.text, "function 'a'"));
	/* Added before the other was active: the check at activation holds. */
	b = add(f->r, "b", "/other", "2", &e);
	assert_int_equal(registry_activate(f->r, b, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	assert_int_equal(registry_version_find(f->r, "b", 0, &f->v, &e), 0);
}

static void
a_route_is_not_dropped_silently(void **state)
{
	struct fixture *f = *state;
	struct err e;
	int64_t first = add(f->r, "a", "/one", "1", &e), second = add(f->r, "a", "/two", "2", &e);

	assert_int_equal(registry_activate(f->r, first, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	assert_int_equal(registry_activate(f->r, second, REGISTRY_KEEP_ROUTES, NULL, &e), -ENOTEMPTY);
	assert_non_null(strstr(e.text, "/one"));
	assert_int_equal(registry_activate(f->r, second, REGISTRY_REPLACE_ROUTES, NULL, &e), 0);
}

static void
functions_are_disabled_enabled_and_removed(void **state)
{
	struct fixture *f = *state;
	struct err e;
	int64_t id = add(f->r, "a", "/one", "1", &e);

	assert_int_equal(registry_activate(f->r, id, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	assert_int_equal(registry_set_enabled(f->r, "a", false, NULL, &e), 0);
	assert_int_equal(registry_version_by_id(f->r, id, &f->v, &e), 0);
	assert_false(f->v.is_enabled);
	assert_int_equal(registry_set_enabled(f->r, "b", false, NULL, &e), -ENOENT);
	assert_int_equal(registry_remove(f->r, "a", NULL, &e), 0);
	assert_int_equal(registry_version_by_id(f->r, id, &f->v, &e), -ENOENT);
	assert_int_equal(registry_remove(f->r, "a", NULL, &e), -ENOENT);
}

static void
a_sweep_keeps_the_active_and_the_newest(void **state)
{
	struct fixture *f = *state;
	struct registry_swept swept;
	struct err e;
	int64_t ids[5];

	for (int i = 0; i < 5; i++) {
		char source[2] = { (char)('0' + i), 0 };

		ids[i] = add(f->r, "a", "/one", source, &e);
	}
	assert_int_equal(registry_activate(f->r, ids[0], REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	assert_int_equal(registry_sweep(f->r, KEEP(2), &swept, &e), 0);
	assert_int_equal(swept.versions, 2);
	assert_int_equal(swept.blobs, 2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(registry_version_by_id(f->r, ids[i], &f->v, &e),
		                 i == 1 || i == 2 ? -ENOENT : 0);
	/* A number is never given twice. */
	add(f->r, "a", "/one", "9", &e);
	assert_int_equal(registry_version_find(f->r, "a", 6, &f->v, &e), 0);
}

static bool
is_second(void *context, int64_t id, const char *function, uint32_t number)
{
	assert_string_equal(function, "a");
	(void)id;
	++*(int *)context;
	return number == 2;
}

static void
a_sweep_keeps_the_way_back_what_is_young_and_what_is_needed(void **state)
{
	struct fixture *f = *state;
	int n_asked = 0;
	struct registry_retention what = { .before = INT64_MAX, .is_needed = is_second, .context = &n_asked };
	struct registry_swept swept;
	struct err e;
	int64_t id = 0;

	for (int i = 0; i < 5; i++)
		id = add(f->r, "a", "/one", (char[]){ (char)('0' + i), 0 }, &e);
	assert_int_equal(registry_activate(f->r, id, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
	what.before = 1;
	assert_int_equal(registry_sweep(f->r, &what, &swept, &e), 0);
	assert_int_equal(swept.versions, 0);
	what.before = INT64_MAX;
	what.is_trial = true;
	assert_int_equal(registry_sweep(f->r, &what, &swept, &e), 0);
	assert_int_equal(swept.versions, 2);
	assert_int_equal(n_asked, 3); /* not about the active one and the one before it */
	assert_int_equal(registry_version_find(f->r, "a", 1, &f->v, &e), 0);
	what.is_trial = false;
	assert_int_equal(registry_sweep(f->r, &what, &swept, &e), 0);
	assert_int_equal(registry_version_find(f->r, "a", 1, &f->v, &e), -ENOENT);
	assert_int_equal(registry_version_find(f->r, "a", 2, &f->v, &e), 0);
	assert_int_equal(registry_version_find(f->r, "a", 4, &f->v, &e), 0);
	what.n_functions = 1;
	what.functions = (const char *const[]){ "b" };
	assert_int_equal(registry_sweep(f->r, &what, &swept, &e), -ENOENT);
}

static void
routes_from_options_are_remembered(void **state)
{
	struct fixture *f = *state;
	static struct registry_route routes[REGISTRY_ROUTES_MAX];
	struct err e;
	size_t n = 7;

	assert_int_equal(registry_option_routes(f->r, "a", routes, &n, &e), 0);
	assert_int_equal(n, 0);
	add(f->r, "a", "/one", "1", &e);
	assert_int_equal(registry_option_routes(f->r, "a", routes, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(routes[0].pattern, "/one");
}

static void
what_is_not_a_registry_is_refused(void **state)
{
	static const struct {
		const char *sql, *bytes;
		int rc;
	} cases[] = {
		{ NULL, "this is no database at all, but long enough to be read as a header of one......",
		  -EINVAL },
		{ NULL, "", -EINVAL },
		{ "CREATE TABLE other (a)", NULL, -EINVAL },
		{ "PRAGMA application_id = 0x63666e31; PRAGMA user_version = 99; CREATE TABLE t (a)", NULL,
		  -EPROTO },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[80];
		struct registry *r;
		struct err e;

		snprintf(path, sizeof path, "%s/other%zu", f->folder, i);
		if (cases[i].sql) {
			sqlite3 *db;

			sqlite3_open(path, &db);
			assert_int_equal(sqlite3_exec(db, cases[i].sql, NULL, NULL, NULL), SQLITE_OK);
			sqlite3_close(db);
		} else {
			FILE *file = fopen(path, "w");

			fputs(cases[i].bytes, file);
			fclose(file);
		}
		assert_int_equal(registry_open(path, REGISTRY_READ, &r, &e), cases[i].rc);
		assert_int_equal(registry_open(path, REGISTRY_WRITE, &r, &e), cases[i].rc);
	}
}

static void
missing_files_folders_and_fifos_are_named(void **state)
{
	struct fixture *f = *state;
	struct registry *r;
	char path[80];
	struct err e;

	snprintf(path, sizeof path, "%s/missing", f->folder);
	assert_int_equal(registry_open(path, REGISTRY_WRITE, &r, &e), -ENOENT);
	assert_true(registry_open(f->folder, REGISTRY_READ, &r, &e) < 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(registry_open(path, REGISTRY_WRITE, &r, &e), -EINVAL);
}

static void
put_32(unsigned char *p, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(n >> (24 - 8 * i));
}

/* Beside the registry: a journal that restores nothing and names victim as its super-journal, which SQLite
 * deletes afterwards. */
static void
put_journal(const struct fixture *f, const char *victim)
{
	static const unsigned char magic[] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };
	enum { SECTOR = 512, PAGE = 4096, LOCK_PAGE = (1 << 30) / PAGE + 1 };
	unsigned char bytes[SECTOR + 256] = { 0 }, *at = bytes + SECTOR;
	char path[80];
	struct stat st;
	uint32_t sum = 0;
	size_t n = strlen(victim);
	int fd;

	assert_int_equal(stat(f->path, &st), 0);
	memcpy(bytes, magic, sizeof magic);
	put_32(bytes + 12, 1);
	put_32(bytes + 16, (uint32_t)(st.st_size / PAGE));
	put_32(bytes + 20, SECTOR);
	put_32(bytes + 24, PAGE);
	put_32(at, LOCK_PAGE);
	memcpy(at + 4, victim, n);
	for (size_t i = 0; i < n; i++)
		sum += (unsigned char)victim[i];
	put_32(at + 4 + n, (uint32_t)n);
	put_32(at + 8 + n, sum);
	memcpy(at + 12 + n, magic, sizeof magic);
	snprintf(path, sizeof path, "%s-journal", f->path);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes, SECTOR + 20 + n), 0);
	close(fd);
}

static void
a_forged_journal_deletes_nothing(void **state)
{
	struct fixture *f = *state;
	char victim[80];
	struct registry *r;
	struct err e;
	int fd;

	snprintf(victim, sizeof victim, "%s/victim", f->folder);
	fd = open(victim, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1); /* an empty one does not exist to SQLite */
	close(fd);
	registry_close(f->r);
	f->r = NULL;
	for (enum registry_mode mode = REGISTRY_READ; mode <= REGISTRY_CREATE; mode++) {
		put_journal(f, victim);
		assert_true(registry_open(f->path, mode, &r, &e) < 0);
		assert_int_equal(access(victim, F_OK), 0);
		/* The journal has gone all the same. */
		assert_int_equal(registry_open(f->path, mode, &r, &e), 0);
		registry_close(r);
	}
}

static int
ignore_version(void *context, const struct registry_version *v)
{
	(void)context;
	(void)v;
	return 0;
}

static void
tampered_columns_are_refused(void **state)
{
	static const char *const changes[] = {
		"UPDATE function SET name = '../x'",
		"UPDATE function SET name = cast(x'6100' AS TEXT)",
		"UPDATE version SET entry = 'a;b'",
		"UPDATE version SET policy = 'x'",
		"UPDATE version SET policy = '{\"memory\":\"1\"}'",
		"UPDATE version SET number = 4294967296",
		"UPDATE version SET author = 'a' || char(10) || 'b'",
		"UPDATE version SET compiler = hex(zeroblob(500))",
		"UPDATE route SET pattern = 'no-slash'",
		"UPDATE route SET pattern = '/' || hex(zeroblob(500))",
		"UPDATE route SET methods = 0",
		"UPDATE route SET methods = 4096",
		"UPDATE route SET row = -1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		void *own = NULL;
		struct fixture *f;
		struct err e;
		struct registry_mark mark;
		int64_t id;

		assert_int_equal(setup(&own), 0);
		f = own;
		id = add(f->r, "hello", "/hello", "1", &e);
		assert_int_equal(registry_activate(f->r, id, REGISTRY_KEEP_ROUTES, NULL, &e), 0);
		assert_int_equal(registry_each_active(f->r, &mark, ignore_version, NULL, &e), 0);
		tamper(f, changes[i]);
		if (registry_each_active(f->r, &mark, ignore_version, NULL, &e) != -EBADMSG)
			fail_msg("accepted: %s", changes[i]);
		teardown(&own);
	}
}

static void
a_changed_blob_does_not_match_its_digest(void **state)
{
	struct fixture *f = *state;
	struct err e;
	char *data;
	size_t n;
	int64_t id = add(f->r, "hello", "/hello", "1", &e);

	assert_int_equal(registry_version_by_id(f->r, id, &f->v, &e), 0);
	tamper(f, "UPDATE blob SET data = x'00'");
	assert_int_equal(registry_blob(f->r, &f->v.artifact, &data, &n, &e), -EBADMSG);
}

static void
a_locked_registry_says_so(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;
	struct err e;
	struct registry_mark mark;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	registry_set_patience(f->r, 1);
	assert_int_equal(registry_each_active(f->r, &mark, ignore_version, NULL, &e), -EBUSY);
	assert_int_equal(add(f->r, "hello", "/hello", "1", &e), -EBUSY);
	sqlite3_close(db);
	assert_true(add(f->r, "hello", "/hello", "1", &e) > 0);
}

static void
a_writer_killed_at_any_moment_leaves_a_whole_registry(void **state)
{
	struct fixture *f = *state;
	struct registry_mark mark;
	struct err e;

	for (int round = 0; round < 30; round++) {
		pid_t child = fork();

		if (child == 0) {
			struct fixture own = *f;

			if (registry_open(f->path, REGISTRY_WRITE, &own.r, &e) < 0)
				_exit(1);
			for (int i = 0;; i++) {
				char source[32];

				snprintf(source, sizeof source, "%d-%d", round, i);
				registry_activate(own.r, add(own.r, "hello", "/hello", source, &e),
				                  REGISTRY_KEEP_ROUTES, NULL, &e);
			}
		}
		usleep((useconds_t)(1000 + round * 1500));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		assert_int_equal(registry_each_active(f->r, &mark, ignore_version, NULL, &e), 0);
	}
	tamper(f, "PRAGMA integrity_check");
	/* On a busy machine none of them may have come so far as to activate one. */
	assert_int_equal(registry_activate(f->r, add(f->r, "hello", "/hello", "last", &e),
	                                   REGISTRY_KEEP_ROUTES, NULL, &e),
	                 0);
	assert_int_equal(registry_version_find(f->r, "hello", 0, &f->v, &e), 0);
	assert_true(f->v.is_active);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_version_is_read_as_it_was_written),
		TEST(unchanged_input_makes_no_version),
		TEST(activation_is_seen_by_another_connection),
		TEST(a_reader_cannot_write),
		TEST(another_functions_route_is_refused_by_name),
		TEST(a_route_is_not_dropped_silently),
		TEST(functions_are_disabled_enabled_and_removed),
		TEST(a_sweep_keeps_the_active_and_the_newest),
		TEST(a_sweep_keeps_the_way_back_what_is_young_and_what_is_needed),
		TEST(routes_from_options_are_remembered),
		TEST(what_is_not_a_registry_is_refused),
		TEST(missing_files_folders_and_fifos_are_named),
		TEST(tampered_columns_are_refused),
		TEST(a_forged_journal_deletes_nothing),
		TEST(a_changed_blob_does_not_match_its_digest),
		TEST(a_locked_registry_says_so),
		TEST(a_writer_killed_at_any_moment_leaves_a_whole_registry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
