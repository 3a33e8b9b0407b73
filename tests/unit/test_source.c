/* test_source.c - files that are deployed: what is taken, what is refused, and the archive of them. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "deploy-tool/source.h"
#include "deploy-tool/source_archive.h"

/* The working folder of every test, empty at its beginning. */
static char place[] = "/tmp/cfnu.XXXXXX";

static int
enter_place(void **state)
{
	(void)state;
	strcpy(place, "/tmp/cfnu.XXXXXX");
	return mkdtemp(place) == NULL || chdir(place) < 0;
}

static int
leave_place(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", place);
	return chdir("/") < 0 || system(command) != 0;
}

static void
put(const char *path, const char *text)
{
	char folder[512];
	FILE *file;

	for (const char *p = strchr(path, '/'); p != NULL; p = strchr(p + 1, '/')) {
		snprintf(folder, sizeof folder, "%.*s", (int)(p - path), path);
		if (folder[0] != '\0')
			mkdir(folder, 0700);
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void
put_size(const char *path, off_t size)
{
	put(path, "");
	assert_int_equal(truncate(path, size), 0);
}

static struct source source;

static int
read_wish(const struct source_wish *wish, struct err *e)
{
	memset(&source, 0, sizeof source);
	*e = (struct err){ 0 };
	return source_read(&source, wish, e);
}

#define READ(e, ...)                                                                                         \
	read_wish(&(struct source_wish){ .folder = AT_FDCWD,                                                 \
	                                 .n = ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })),            \
	                                 .paths = (const char *const[]){ __VA_ARGS__ } },                    \
	          e)

/* The names of all files, in their order. */
static const char *
names(void)
{
	static char text[SOURCE_FILES_MAX * SOURCE_NAME_SIZE];

	text[0] = '\0';
	for (size_t i = 0; i < source.n; i++)
		sprintf(text + strlen(text), "%s%s", i > 0 ? " " : "", source.files[i].name);
	return text;
}

static void
a_file_names_its_function(void **state)
{
	static const struct {
		const char *path, *function, *want, *symbol, *box, *language;
	} cases[] = {
		{ "hello.c", NULL, "hello", "hello", "hello.c", "c" },
		{ "a b/my-func.cc", NULL, "my-func", "my_func", "my-func.cc", "c++" },
		{ "Hello.c", NULL, NULL, "", "", "" },
		{ "Hello.c", "hello", "hello", "Hello", "Hello.c", "c" },
		{ "2d.cpp", NULL, "2d", "_2d", "2d.cpp", "c++" },
		{ "x.so.c", NULL, NULL, "", "", "" },
		{ "-o.c", "o", "o", "_o", "_o.c", "c" },
		{ "@o.c", "o", "o", "_o", "_o.c", "c" },
		{ ".h.c", "o", "o", "_h", "_h.c", "c" },
		{ "a\n=,b.cxx", "ab", "ab", "a___b", "a___b.cxx", "c++" },
		{ "hello.h", NULL, NULL, "", "", "" },
		{ "hello", NULL, NULL, "", "", "" },
		{ ".c", NULL, NULL, "", "", "" },
		{ "hello.c", "../x", NULL, "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct source_wish wish = {
			.folder = AT_FDCWD, .n = 1, .paths = &cases[i].path, .function = cases[i].function
		};
		struct err e;

		put(cases[i].path, "int x;\n");
		if (cases[i].want == NULL) {
			assert_int_equal(read_wish(&wish, &e), -EINVAL);
			source_done(&source);
			continue;
		}
		assert_int_equal(read_wish(&wish, &e), 0);
		assert_string_equal(source.function, cases[i].want);
		assert_string_equal(source.symbol, cases[i].symbol);
		assert_string_equal(names(), cases[i].box);
		assert_string_equal(source.files[0].language->language, cases[i].language);
		assert_string_equal(source.files[0].path, cases[i].path);
		source_done(&source);
	}
}

static void
a_functions_name_has_its_longest_length_and_no_more(void **state)
{
	static const char many[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	char path[80];
	struct err e;

	(void)state;
	snprintf(path, sizeof path, "%.*s.c", 64, many);
	put(path, "");
	assert_int_equal(READ(&e, path), 0);
	assert_int_equal(strlen(source.function), 64);
	source_done(&source);
	snprintf(path, sizeof path, "%.*s.c", 65, many);
	put(path, "");
	assert_int_equal(READ(&e, path), -EINVAL);
	assert_non_null(strstr(e.text, "--function NAME"));
}

static void
several_files_are_named_below_their_common_folder(void **state)
{
	struct err e;
	char absolute[64];

	(void)state;
	put("f/src/b.cpp", "b");
	put("f/src/a.c", "a");
	put("f/include/x.h", "x");
	snprintf(absolute, sizeof absolute, "%s/f/include/x.h", place);
	assert_int_equal(READ(&e, "f/src/b.cpp", "./f//src/a.c", "f/include/x.h"), 0);
	assert_string_equal(names(), "include/x.h src/a.c src/b.cpp");
	assert_string_equal(source.function, "b");
	assert_string_equal(source.path, "f/src/b.cpp");
	assert_string_equal(source.files[1].path, "./f//src/a.c");
	source_done(&source);
	assert_int_equal(chdir("f"), 0);
	assert_int_equal(READ(&e, "../f/src/a.c", "../f/include/x.h"), 0);
	assert_string_equal(names(), "include/x.h src/a.c");
	source_done(&source);
	assert_int_equal(READ(&e, "src/a.c", "../f/include/x.h"), -EINVAL);
	assert_non_null(strstr(e.text, "below one folder"));
	source_done(&source);
	assert_int_equal(READ(&e, "src/a.c", "src/../src/a.c"), -EINVAL);
	source_done(&source);
	assert_int_equal(READ(&e, "src/a.c", "./src/a.c"), -EEXIST);
	source_done(&source);
	assert_int_equal(READ(&e, "include/x.h"), -EINVAL);
	source_done(&source);
	assert_int_equal(READ(&e, "src/a.c", "include"), -EINVAL);
	source_done(&source);
	assert_int_equal(READ(&e, "src/a.c", absolute), -EINVAL);
	assert_non_null(strstr(e.text, "below one folder"));
	source_done(&source);
}

static void
a_folder_is_its_sources_and_headers(void **state)
{
	static const char *const left_out[] = {
		"f/.hidden.c", "f/.git/x.c",  "f/tests/t.c", "f/a.o",           "f/libx.so",       "f/README",
		"f/a.c~",      "f/build/b.c", "f/Makefile",  "f/sub/tests/u.c", "f/sub/page.html",
	};
	struct err e;

	(void)state;
	put("f/z.c", "");
	put("f/a.cc", "");
	put("f/sub/deep/x.h", "");
	put("f/sub/table.def", "");
	put("f/tests.c", "");
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		put(left_out[i], "left out");
	assert_int_equal(symlink("/etc/shadow", "f/.link"), 0);
	assert_int_equal(READ(&e, "f/"), 0);
	assert_string_equal(names(), "a.cc sub/deep/x.h sub/table.def tests.c z.c");
	assert_string_equal(source.function, "f");
	assert_string_equal(source.path, "f");
	assert_string_equal(source.files[1].path, "f/sub/deep/x.h");
	source_done(&source);
	assert_int_equal(chdir("f"), 0);
	assert_int_equal(READ(&e, "."), 0);
	assert_string_equal(source.function, "f");
	source_done(&source);
	assert_int_equal(chdir(place), 0);
	assert_int_equal(READ(&e, "f/sub"), -ENOENT);
	source_done(&source);
}

static void
make_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(a.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
}

static void
links_and_special_files_are_refused(void **state)
{
	struct err e;

	(void)state;
	put("link/f.c", "");
	put("fifo/f.c", "");
	put("socket/f.c", "");
	put("folder/f.c", "");
	assert_int_equal(symlink("/etc/shadow", "link/x.c"), 0);
	assert_int_equal(mkfifo("fifo/x.c", 0600), 0);
	make_socket("socket/x.c");
	assert_int_equal(symlink("/etc", "folder/sub"), 0);
	for (size_t i = 0; i < 4; i++) {
		const char *path = (const char *const[]){ "link", "fifo", "socket", "folder" }[i];
		char file[64];

		assert_int_equal(READ(&e, path), -EINVAL);
		source_done(&source);
		snprintf(file, sizeof file, "%s/x.c", path);
		assert_int_not_equal(READ(&e, file), 0);
		source_done(&source);
	}
	assert_int_equal(symlink("folder", "folder2"), 0);
	assert_int_equal(READ(&e, "folder2"), -EINVAL);
	assert_int_equal(READ(&e, "/dev/zero"), -EINVAL);
	put("file", "");
	assert_int_equal(READ(&e, "file/x.c"), -ENOTDIR);
}

static void
what_is_confined_leads_nowhere_else(void **state)
{
	static const struct {
		const char *path;
		int rc;
	} cases[] = {
		{ "in/f.c", 0 },
		{ "../out/f.c", -EINVAL },
		{ "in/../../out/f.c", -EINVAL },
		{ "/etc/passwd", -EINVAL },
		{ "way/f.c", -EINVAL },
		{ "-", -ENOENT },
	};
	AUTO_FD folder = -1;
	struct err e;

	(void)state;
	put("m/in/f.c", "");
	put("out/f.c", "");
	assert_int_equal(symlink("../out", "m/way"), 0);
	folder = open("m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct source_wish wish = { folder, "m/", true, 1, &cases[i].path, "f" };

		assert_int_equal(read_wish(&wish, &e), cases[i].rc);
		source_done(&source);
	}
}

static void
as_large_as_the_limit_and_not_one_byte_more(void **state)
{
	char path[32];
	struct err e;

	(void)state;
	put_size("a.c", SOURCE_SIZE_MAX);
	assert_int_equal(READ(&e, "a.c"), 0);
	assert_int_equal(source.total, SOURCE_SIZE_MAX);
	source_done(&source);
	put_size("a.c", SOURCE_SIZE_MAX + 1);
	assert_int_equal(READ(&e, "a.c"), -EFBIG);
	put_size("a.c", (off_t)1 << 30);
	assert_int_equal(READ(&e, "a.c"), -EFBIG);
	for (int i = 0; i < SOURCE_TOTAL_MAX / SOURCE_SIZE_MAX; i++) {
		snprintf(path, sizeof path, "t/f%d.c", i);
		put_size(path, SOURCE_SIZE_MAX);
	}
	assert_int_equal(READ(&e, "t"), 0);
	source_done(&source);
	put("t/more.h", "x");
	assert_int_equal(READ(&e, "t"), -EFBIG);
	source_done(&source);
}

static void
as_many_files_and_entries_as_the_limit_and_not_one_more(void **state)
{
	char path[64];
	struct err e;

	(void)state;
	for (int i = 0; i < SOURCE_FILES_MAX; i++) {
		snprintf(path, sizeof path, "many/f%d.c", i);
		put(path, "");
	}
	assert_int_equal(READ(&e, "many"), 0);
	assert_int_equal(source.n, SOURCE_FILES_MAX);
	source_done(&source);
	put("many/more.h", "");
	assert_int_equal(READ(&e, "many"), -E2BIG);
	source_done(&source);
	put("entries/f.c", "");
	for (int i = 1; i < SOURCE_ENTRIES_MAX; i++) {
		snprintf(path, sizeof path, "entries/x%d", i);
		put(path, "");
	}
	assert_int_equal(READ(&e, "entries"), 0);
	source_done(&source);
	put("entries/more", "");
	assert_int_equal(READ(&e, "entries"), -E2BIG);
	source_done(&source);
}

static void
as_deep_and_as_long_as_the_limit_and_not_one_more(void **state)
{
	char path[256] = "d", name[SOURCE_NAME_SIZE + 8];
	struct err e;

	(void)state;
	put("d/f.c", "");
	for (int i = 0; i < SOURCE_DEPTH_MAX; i++)
		strcat(path, "/s");
	strcat(path, "/x.h");
	put(path, "");
	assert_int_equal(READ(&e, "d"), 0);
	assert_int_equal(source.n, 2);
	source_done(&source);
	*strrchr(path, '/') = '\0';
	strcat(path, "/s/x.h");
	put(path, "");
	assert_int_equal(READ(&e, "d"), -E2BIG);
	source_done(&source);
	put("l/f.c", "");
	snprintf(name, sizeof name, "l/%0*d.h", SOURCE_NAME_SIZE - 3, 0);
	put(name, "");
	assert_int_equal(READ(&e, "l"), 0);
	source_done(&source);
	snprintf(name, sizeof name, "l/%0*d.h", SOURCE_NAME_SIZE - 2, 0);
	put(name, "");
	assert_int_equal(READ(&e, "l"), -EINVAL);
	source_done(&source);
}

static void
a_header_with_a_name_that_nothing_could_include_is_refused(void **state)
{
	static const char *const cases[] = { "n/a b.h", "n/-x.h", "n/@x.h", "n/sub dir/x.c", "n/\033[2J.h" };
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put("n/f.c", "");
		put(cases[i], "");
		assert_int_equal(READ(&e, "n"), -EINVAL);
		source_done(&source);
		unlink(cases[i]);
	}
	put("n/a b.c", "");
	put("n/a_b.c", "");
	unlink("n/sub dir/x.c");
	rmdir("n/sub dir");
	assert_int_equal(READ(&e, "n"), -EEXIST);
	source_done(&source);
}

static int
write_down(void *context, const struct source_packed *f)
{
	char *text = context;

	sprintf(text + strlen(text), "%s=%.*s;", f->name, (int)f->size, f->text);
	return 0;
}

static void
the_same_files_make_the_same_archive(void **state)
{
	AUTO_FREE char *first = NULL, *second = NULL;
	size_t n = 0, m = 0;
	char text[256] = "";
	struct err e;

	(void)state;
	put("f/b.c", "the second");
	put("f/a/x.h", "");
	assert_int_equal(READ(&e, "f"), 0);
	assert_int_equal(source_pack(&source, &first, &n, &e), 0);
	source_done(&source);
	assert_int_equal(chmod("f/b.c", 0400), 0);
	assert_int_equal(READ(&e, "./f/b.c", "f/a/x.h"), 0);
	assert_int_equal(source_pack(&source, &second, &m, &e), 0);
	source_done(&source);
	assert_int_equal(n, m);
	assert_memory_equal(first, second, n);
	assert_int_equal(source_unpack(first, n, "-", write_down, text, &e), 0);
	assert_string_equal(text, "a/x.h=;b.c=the second;");
	/* A tar that anybody has reads it. */
	put("t.tar", "");
	AUTO_FD fd = open("t.tar", O_WRONLY | O_CLOEXEC);
	assert_int_equal(fd_write_all(fd, first, n), 0);
	assert_int_equal(system("tar -tf t.tar | tr '\\n' ' ' | grep -qx 'a/x.h b.c '"), 0);
	assert_int_equal(system("[ \"$(tar -xOf t.tar b.c)\" = 'the second' ]"), 0);
}

static void
an_archive_with_any_byte_changed_is_refused_or_other_text(void **state)
{
	AUTO_FREE char *data = NULL;
	char text[4096];
	size_t n = 0;
	struct err e;

	(void)state;
	put("f/b.c", "text");
	assert_int_equal(READ(&e, "f"), 0);
	assert_int_equal(source_pack(&source, &data, &n, &e), 0);
	source_done(&source);
	for (size_t i = 0; i < n; i++) {
		bool is_text = i >= 512 && i < 516, is_magic = i >= 257 && i < 263;
		int rc;

		text[0] = '\0';
		data[i] ^= 1;
		rc = source_unpack(data, n, "plain", write_down, text, &e);
		data[i] ^= 1;
		assert_int_equal(rc, is_text || is_magic ? 0 : -EBADMSG);
		if (is_magic)
			assert_memory_equal(text, "plain=", 6);
	}
	for (size_t i = 512; i < n; i++)
		assert_int_equal(source_unpack(data, i, "plain", write_down, text, &e), -EBADMSG);
}

static void
a_blob_of_before_is_one_file(void **state)
{
	char text[64] = "";
	struct err e;

	(void)state;
	assert_int_equal(source_unpack("int x;", 6, "hello.c", write_down, text, &e), 0);
	assert_string_equal(text, "hello.c=int x;;");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_place, leave_place)
	const struct CMUnitTest tests[] = {
		TEST(a_file_names_its_function),
		TEST(a_functions_name_has_its_longest_length_and_no_more),
		TEST(several_files_are_named_below_their_common_folder),
		TEST(a_folder_is_its_sources_and_headers),
		TEST(links_and_special_files_are_refused),
		TEST(what_is_confined_leads_nowhere_else),
		TEST(as_large_as_the_limit_and_not_one_byte_more),
		TEST(as_many_files_and_entries_as_the_limit_and_not_one_more),
		TEST(as_deep_and_as_long_as_the_limit_and_not_one_more),
		TEST(a_header_with_a_name_that_nothing_could_include_is_refused),
		TEST(the_same_files_make_the_same_archive),
		TEST(an_archive_with_any_byte_changed_is_refused_or_other_text),
		TEST(a_blob_of_before_is_one_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
