/* source.c - the files that are deployed: what they are called, and what they hold. */
#include "deploy-tool/source.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/macros.h"
#include "config/policy.h"

static const struct source_language languages[] = {
	{ ".c", "c", "-std=gnu17", NULL },
	{ ".cc", "c++", "-std=gnu++17", "-lstdc++" },
	{ ".cpp", "c++", "-std=gnu++17", "-lstdc++" },
	{ ".cxx", "c++", "-std=gnu++17", "-lstdc++" },
	{ ".h", NULL, NULL, NULL },
	{ ".hh", NULL, NULL, NULL },
	{ ".hpp", NULL, NULL, NULL },
	{ ".hxx", NULL, NULL, NULL },
	{ ".inc", NULL, NULL, NULL },
	{ ".def", NULL, NULL, NULL },
};

const struct source_language *
source_language(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(languages); i++) {
		size_t suffix = strlen(languages[i].suffix);

		if (n > suffix && name[n - suffix - 1] != '/' &&
		    strcmp(name + n - suffix, languages[i].suffix) == 0)
			return &languages[i];
	}
	return NULL;
}

/* ---- names ---- */

/* A C name like the file's: '-' and what else no symbol can have becomes '_'. */
static void
make_symbol(struct source *s, const char *base, size_t stem)
{
	size_t n = 0;

	if (isdigit((unsigned char)base[0]))
		s->symbol[n++] = '_';
	for (size_t i = 0; i < stem && n < SYMBOL_MAX_SIZE - 1; i++)
		s->symbol[n++] = isalnum((unsigned char)base[i]) ? base[i] : '_';
	s->symbol[n] = '\0';
}

int
source_name(struct source *s, const char *base, size_t stem, const char *function, struct err *e)
{
	char name[256];
	int rc;

	make_symbol(s, base, stem);
	if (function != NULL)
		snprintf(name, sizeof name, "%s", function);
	else
		snprintf(name, sizeof name, "%.*s", (int)stem, base);
	rc = policy_check_name(name, e);
	if (rc < 0 && function == NULL)
		return err_set(
		    e, rc,
		    "'%.80s' is no name of a function (1 to 64 of a-z, 0-9, '_' and '-', beginning with "
		    "a letter or digit); give one with --function NAME",
		    name);
	if (rc < 0)
		return err_wrap(e, "--function");
	snprintf(s->function, sizeof s->function, "%.*s", NAME_MAX_SIZE - 1, name);
	return 0;
}

/* Nothing that a compiler, a linker or our own search through the diagnostics could take for something else.
 */
static bool
is_plain(const char *name, size_t i)
{
	bool is_first = i == 0 || name[i - 1] == '/';

	return isalnum((unsigned char)name[i]) || name[i] == '_' ||
	       (!is_first && (name[i] == '-' || name[i] == '.' || name[i] == '+' || name[i] == '/'));
}

bool
source_is_name(const char *name)
{
	size_t i = 0;

	while (name[i] != '\0' && is_plain(name, i))
		i++;
	return i > 0 && i < SOURCE_NAME_SIZE && name[i] == '\0' && name[i - 1] != '/';
}

/* A source may be called otherwise in the box; what is included may not, or it would not be found. */
static int
set_name(struct source_file *f, const char *name, const char *path, struct err *e)
{
	const char *slash = strrchr(name, '/');
	size_t n = strlen(name), base = slash != NULL ? (size_t)(slash - name) + 1 : 0;

	if (n >= sizeof f->name)
		return err_set(e, -EINVAL, "%.120s: a name of more than %d bytes", path,
		               SOURCE_NAME_SIZE - 1);
	for (size_t i = 0; i < n; i++) {
		bool may_change = i >= base && f->language->language != NULL;

		if (!is_plain(name, i) && !may_change)
			return err_set(e, -EINVAL,
			               "%.120s: folders and headers have names of A-Z, a-z, 0-9, '_', and "
			               "behind the first '-', '.' and '+'",
			               path);
		f->name[i] = is_plain(name, i) ? name[i] : '_';
	}
	f->name[n] = '\0';
	return 0;
}

/* ---- what they hold ---- */

/* Until its end, whatever it is: a descriptor, not a name, says what is read. */
static int
read_text(struct source_file *f, int fd, const char *path, struct err *e)
{
	AUTO_FREE char *text = malloc(SOURCE_SIZE_MAX + 1);
	char *less;
	ssize_t n;

	if (text == NULL)
		return err_set(e, ENOMEM, "%.120s", path);
	n = fd_read_all(fd, text, SOURCE_SIZE_MAX + 1);
	if (n < 0)
		return err_set(e, (int)-n, "%.120s", path);
	if (n > SOURCE_SIZE_MAX)
		return err_set(e, -EFBIG, "%.120s: larger than %d MiB", path, SOURCE_SIZE_MAX >> 20);
	less = realloc(text, (size_t)n + 1);
	f->text = less != NULL ? less : text;
	text = NULL;
	f->text[n] = '\0';
	f->size = (size_t)n;
	return 0;
}

/* Where it belongs by name; -1: there is one of this name. */
static ssize_t
find_place(const struct source *s, const char *name)
{
	size_t i = 0;

	while (i < s->n && strcmp(s->files[i].name, name) < 0)
		i++;
	return i < s->n && strcmp(s->files[i].name, name) == 0 ? -1 : (ssize_t)i;
}

static int
fill(struct source *s, struct source_file *f, int fd, const char *path, struct err *e)
{
	int rc = read_text(f, fd, path, e);

	if (rc < 0)
		return rc;
	if (f->size > SOURCE_TOTAL_MAX - s->total)
		return err_set(e, -EFBIG, "the files are larger than %d MiB together",
		               SOURCE_TOTAL_MAX >> 20);
	f->path = strdup(path);
	return f->path != NULL ? 0 : err_set(e, ENOMEM, "%.120s", path);
}

static void
free_file(struct source_file *f)
{
	free_pointer(&f->path);
	free_pointer(&f->text);
}

int
source_add(struct source *s, int fd, const char *name, const char *path, struct err *e)
{
	struct source_file f = { .language = source_language(name) };
	ssize_t place;
	int rc;

	if (f.language == NULL)
		return err_set(e, -EINVAL, "%.120s: not a C or C++ file (.c, .cc, .cpp or .cxx) nor a header",
		               path);
	if (s->n == SOURCE_FILES_MAX)
		return err_set(e, -E2BIG, "more than %d files", SOURCE_FILES_MAX);
	rc = set_name(&f, name, path, e);
	if (rc < 0)
		return rc;
	place = find_place(s, f.name);
	if (place < 0)
		return err_set(e, -EEXIST, "%.120s: there are two files that are called %.99s", path, f.name);
	rc = fill(s, &f, fd, path, e);
	if (rc < 0) {
		free_file(&f);
		return rc;
	}
	memmove(&s->files[place + 1], &s->files[place], (s->n - (size_t)place) * sizeof f);
	s->files[place] = f;
	s->total += f.size;
	s->n++;
	return 0;
}

void
source_done(struct source *s)
{
	for (size_t i = 0; i < s->n; i++)
		free_file(&s->files[i]);
	s->n = 0;
}
