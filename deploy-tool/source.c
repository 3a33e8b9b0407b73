/* source.c - the file that is deployed: read once, its language and the name of its function. */
#include "deploy-tool/source.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "config/policy.h"

static const struct source_language languages[] = {
	{ ".c", "c", "-std=gnu17", NULL },
	{ ".cc", "c++", "-std=gnu++17", "-lstdc++" },
	{ ".cpp", "c++", "-std=gnu++17", "-lstdc++" },
	{ ".cxx", "c++", "-std=gnu++17", "-lstdc++" },
};

static const struct source_language *
find_language(const char *base)
{
	size_t n = strlen(base);

	for (size_t i = 0; i < ARRAY_SIZE(languages); i++) {
		size_t suffix = strlen(languages[i].suffix);

		if (n > suffix && strcmp(base + n - suffix, languages[i].suffix) == 0)
			return &languages[i];
	}
	return NULL;
}

/* In the box the file has a name without anything that a compiler, a linker or our own search through the
 * diagnostics could take for something else. */
static void
make_box_name(struct source *s, const char *base)
{
	size_t stem = strlen(base) - strlen(s->language->suffix), n = 0;

	for (size_t i = 0; i < stem && n < SOURCE_NAME_SIZE - 8; i++)
		s->name[n++] = isalnum((unsigned char)base[i]) ? base[i] : '_';
	memcpy(s->name + n, s->language->suffix, strlen(s->language->suffix) + 1);
}

/* A C name like the file's: '-' and what else no symbol can have becomes '_'. */
static void
make_symbol(struct source *s, const char *base)
{
	size_t stem = strlen(base) - strlen(s->language->suffix), n = 0;

	if (isdigit((unsigned char)base[0]))
		s->symbol[n++] = '_';
	for (size_t i = 0; i < stem && n < SYMBOL_MAX_SIZE - 1; i++)
		s->symbol[n++] = isalnum((unsigned char)base[i]) ? base[i] : '_';
	s->symbol[n] = '\0';
}

static int
make_function(struct source *s, const char *base, const char *function, struct err *e)
{
	int stem = (int)(strlen(base) - strlen(s->language->suffix));
	char name[256];
	int rc;

	if (function != NULL)
		snprintf(name, sizeof name, "%s", function);
	else
		snprintf(name, sizeof name, "%.*s", stem, base);
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

int
source_name(struct source *s, const char *path, const char *function, struct err *e)
{
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;

	*s = (struct source){ .path = path, .language = find_language(base) };
	if (s->language == NULL)
		return err_set(e, -EINVAL, "%.160s: not a C or C++ file (.c, .cc, .cpp or .cxx)", path);
	make_box_name(s, base);
	make_symbol(s, base);
	return make_function(s, base, function, e);
}

/* O_NONBLOCK: a FIFO must not hold us before fstat() says what it is. */
static int
open_plain(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_set(e, errno, "%.160s", path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	fd_close(&fd);
	return err_set(e, -EINVAL, "%.160s: not a plain file", path);
}

int
source_read(struct source *s, const char *path, const char *function, struct err *e)
{
	AUTO_FD fd = -1;
	int rc = source_name(s, path, function, e);

	if (rc < 0)
		return rc;
	fd = open_plain(path, e);
	if (fd < 0)
		return fd;
	rc = fd_read_file(fd, SOURCE_SIZE_MAX, &s->text, &s->size, e);
	if (rc == -EFBIG)
		return err_set(e, rc, "%.160s: larger than %d MiB", path, SOURCE_SIZE_MAX >> 20);
	return rc < 0 ? err_wrap(e, "%.120s", path) : 0;
}

void
source_done(struct source *s)
{
	free_pointer(&s->text);
}
