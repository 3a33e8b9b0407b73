/* links.c - libraries that a function is linked with. */
#include "deploy-tool/links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/words.h"

/* Where the linker in the compiler's box looks. */
static const char *const folders[] = {
#if defined(__x86_64__)
	"/usr/lib/x86_64-linux-gnu",
	"/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
	"/usr/lib/aarch64-linux-gnu",
	"/lib/aarch64-linux-gnu",
#endif
	"/usr/lib64",
	"/lib64",
	"/usr/lib",
	"/lib",
};

static bool
is_installed(const char *file)
{
	char path[LIBRARY_FILE_SIZE + 64];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof path, "%s/%s", folders[i], file);
		if (access(path, R_OK) == 0)
			return true;
	}
	return false;
}

static int
check_installed(const struct libraries *l, const char *names, struct err *e)
{
	const char *name;
	size_t n;

	while ((name = words_next(&names, &n))) {
		const struct library *row = libraries_find(l, name, n);

		if (row == NULL || is_installed(row->file))
			continue;
		return err_set(e, -ENOENT, "library '%s' (%s) is not installed%s%s", row->name, row->file,
		               row->package[0] != '\0' ? ": apt-get install " : "", row->package);
	}
	return 0;
}

int
links_resolve(const struct config *c, const char *names, char files[LIBRARIES_TEXT_SIZE], struct err *e)
{
	int rc = libraries_resolve(&c->libraries, names, files, e);

	return rc < 0 ? rc : check_installed(&c->libraries, names, e);
}

static bool
says(const struct build *b, const char *words)
{
	return buf_used(&b->diagnostics) > 0 &&
	       memmem(buf_head(&b->diagnostics), buf_used(&b->diagnostics), words, strlen(words)) != NULL;
}

static void
print_packages(const struct libraries *l, const char *names)
{
	fputs("cfn-deploy: the headers of libraries are in packages:", stderr);
	for (size_t i = 0; i < l->n; i++) {
		const struct library *row = &l->rows[i];

		if (row->package[0] != '\0' && words_have(names, row->name, strlen(row->name)))
			fprintf(stderr, " %s", row->package);
	}
	fputc('\n', stderr);
}

/* How what is missing begins, and whose it is.  Of m no prefix tells. */
static const struct {
	const char *symbol, *library;
} owners[] = {
	{ "sqlite3_", "sqlite3" },
	{ "json_", "jansson" },
	{ "EVP_", "crypto" },
	{ "RAND_", "crypto" },
	{ "HMAC", "crypto" },
	{ "SHA", "crypto" },
	{ "CRYPTO_", "crypto" },
	{ "deflate", "z" },
	{ "inflate", "z" },
	{ "compress", "z" },
	{ "uncompress", "z" },
	{ "crc32", "z" },
	{ "adler32", "z" },
	{ "gz", "z" },
	{ "pow'", "m" },
	{ "sqrt", "m" },
	{ "sin", "m" },
	{ "cos", "m" },
	{ "tan", "m" },
	{ "exp", "m" },
	{ "log", "m" },
	{ "floor", "m" },
	{ "ceil", "m" },
	{ "fmod", "m" },
	{ "round", "m" },
	{ "atan", "m" },
	{ "hypot", "m" },
	{ "cbrt", "m" },
};

/* Adds the libraries that would help to names.  How many. */
static size_t
find_missing(const struct libraries *l, const struct build *b, char names[LIBRARIES_TEXT_SIZE])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
		const char *name = owners[i].library;
		size_t length = strlen(name);
		char words[64];

		snprintf(words, sizeof words, "undefined reference to `%s", owners[i].symbol);
		if (libraries_find(l, name, length) != NULL && !words_have(names, name, length) &&
		    says(b, words) && words_add(names, LIBRARIES_TEXT_SIZE, name, length) == 0)
			n++;
	}
	return n;
}

static void
print_missing(char names[LIBRARIES_TEXT_SIZE])
{
	for (char *p = names; *p != '\0'; p++)
		if (*p == ' ')
			*p = ',';
	fprintf(stderr, "cfn-deploy: what is missing is in libraries; link them with --link %s\n", names);
}

static void
print_names(const struct libraries *l)
{
	fputs("cfn-deploy: libraries are linked with --link NAME,NAME...; there are:", stderr);
	for (size_t i = 0; i < l->n; i++)
		fprintf(stderr, " %s", l->rows[i].name);
	fputc('\n', stderr);
}

void
links_advise(const struct config *c, const char *names, const struct build *b)
{
	char all[LIBRARIES_TEXT_SIZE];

	if (names[0] != '\0' && says(b, ".h: No such file or directory"))
		print_packages(&c->libraries, names);
	if (!says(b, "undefined reference to"))
		return;
	snprintf(all, sizeof all, "%s", names);
	if (find_missing(&c->libraries, b, all) > 0)
		print_missing(all);
	else
		print_names(&c->libraries);
}
