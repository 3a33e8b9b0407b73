/* language.c - the file of a language: one table of keys, read by libinih. */
#include "run/language.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "base/options.h"
#include "base/utf8.h"
#include "base/words.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

struct reading {
	struct run_language *language;
	const char *text; /* not yet read */
	size_t n;
	int line;          /* how many were read */
	unsigned long set; /* the keys that were there: bits of their places in the table */
	int first_line;    /* the first that is wrong, and why */
	struct err first;
};

struct key {
	const char *name;
	int (*set)(const struct key *key, void *to, const char *value, struct err *e);
	size_t offset, size;
	uint64_t least, most; /* of a size or number; 0 is always none of its own */
	bool is_list;         /* lines with this key add up */
	bool is_needed;
};

static int
set_text(const struct key *key, void *to, const char *value, struct err *e)
{
	size_t n = strlen(value);

	if (n >= key->size)
		return err_set(e, -EINVAL, "%s: longer than %zu bytes", key->name, key->size - 1);
	if (strstr(value, "  "))
		return err_set(e, -EINVAL, "%s: words have one space between them", key->name);
	memcpy(to, value, n + 1);
	return 0;
}

static int
set_command(const struct key *key, void *to, const char *value, struct err *e)
{
	size_t n;

	if (value[0] != '/')
		return err_set(e, -EINVAL, "%s: '%.64s' does not begin with an absolute path", key->name,
		               value);
	for (const char *at = value, *word; (word = run_command_next(&at, &n));)
		if (memchr(word, '\'', n) || (*at != ' ' && *at != '\0'))
			return err_set(e, -EINVAL, "%s: a quote that neither begins nor ends a word",
			               key->name);
	return set_text(key, to, value, e);
}

/* Absolute, and nowhere upwards: n bytes. */
static bool
is_plain_path(const char *path, size_t n)
{
	size_t step;

	if (n < 2 || path[0] != '/' || path[n - 1] == '/')
		return false;
	for (size_t at = 1; at < n; at += step + 1) {
		step = 0;
		while (at + step < n && path[at + step] != '/')
			step++;
		if (step == 0 || (step == 1 && path[at] == '.') ||
		    (step == 2 && path[at] == '.' && path[at + 1] == '.'))
			return false;
	}
	return true;
}

static int
set_root(const struct key *key, void *to, const char *value, struct err *e)
{
	if (!is_plain_path(value, strlen(value)))
		return err_set(e, -EINVAL, "%s: '%.64s' is not the plain path of a folder", key->name, value);
	return set_text(key, to, value, e);
}

static int
set_in_range(const struct key *key, uint64_t *to, uint64_t value, struct err *e)
{
	if (value < key->least || value > key->most)
		return err_set(e, -EINVAL, "%s: from %llu to %llu", key->name, (unsigned long long)key->least,
		               (unsigned long long)key->most);
	*to = value;
	return 0;
}

static int
set_size(const struct key *key, void *to, const char *value, struct err *e)
{
	uint64_t bytes;

	if (option_parse_size(value, &bytes) < 0)
		return err_set(e, -EINVAL, "%s: '%.64s' is not a size such as 512M", key->name, value);
	return set_in_range(key, to, bytes, e);
}

static int
set_number(const struct key *key, void *to, const char *value, struct err *e)
{
	uint64_t number;

	if (option_parse_number(value, &number) < 0)
		return err_set(e, -EINVAL, "%s: '%.64s' is not a number", key->name, value);
	return set_in_range(key, to, number, e);
}

static int
set_answer(const struct key *key, void *to, const char *value, struct err *e)
{
	bool *answer = to;

	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return err_set(e, -EINVAL, "%s: yes or no, not '%.64s'", key->name, value);
	*answer = value[0] == 'y';
	return 0;
}

/* Behind those of earlier lines. */
static int
add_words(const struct key *key, void *to, const char *value, struct err *e)
{
	char *words = to;
	size_t used = strlen(words), n = strlen(value), space = used > 0 && n > 0;

	if (strstr(value, "  "))
		return err_set(e, -EINVAL, "%s: words have one space between them", key->name);
	if (used + space + n >= key->size)
		return err_set(e, -EINVAL, "%s: longer than %zu bytes", key->name, key->size - 1);
	if (space > 0)
		words[used] = ' ';
	memcpy(words + used + space, value, n + 1);
	return 0;
}

static int
add_tools(const struct key *key, void *to, const char *value, struct err *e)
{
	const char *at = value, *word;
	size_t n;

	while ((word = words_next(&at, &n)))
		if (!is_plain_path(word, n))
			return err_set(e, -EINVAL, "%s: '%.*s' is not a plain path", key->name,
			               (int)(n < 64 ? n : 64), word);
	return add_words(key, to, value, e);
}

/* Where a box has something of its own, which what lies below would give away or hide. */
static bool
is_of_the_box(const char *path, size_t n)
{
	static const char *const own[] = { "/dev", "/proc", "/program", "/tmp", "/work" };

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		size_t length = strlen(own[i]);

		if (n >= length && strncmp(path, own[i], length) == 0 && (n == length || path[length] == '/'))
			return true;
	}
	return false;
}

static int
add_paths(const struct key *key, void *to, const char *value, struct err *e)
{
	const char *at = value, *word;
	size_t n;

	while ((word = words_next(&at, &n)))
		if (!is_plain_path(word, n) || is_of_the_box(word, n))
			return err_set(e, -EINVAL, "%s: '%.*s' cannot be shown in a box", key->name,
			               (int)(n < 64 ? n : 64), word);
	if (words_count(to) + words_count(value) > RUN_LANGUAGE_SYSTEM_MAX)
		return err_set(e, -EINVAL, "%s: more than %d paths", key->name, RUN_LANGUAGE_SYSTEM_MAX);
	return add_words(key, to, value, e);
}

static int
add_variables(const struct key *key, void *to, const char *value, struct err *e)
{
	const char *at = value, *word;
	size_t n;

	while ((word = words_next(&at, &n)))
		if (word[0] == '=' || !memchr(word, '=', n))
			return err_set(e, -EINVAL, "%s: '%.*s' is not NAME=VALUE", key->name,
			               (int)(n < 64 ? n : 64), word);
	return add_words(key, to, value, e);
}

static int
add_endings(const struct key *key, void *to, const char *value, struct err *e)
{
	const char *at = value, *word;
	size_t n;

	while ((word = words_next(&at, &n)))
		if (word[0] != '.' || n == 1 || memchr(word + 1, '.', n - 1) || memchr(word, '/', n))
			return err_set(e, -EINVAL, "%s: '%.*s' is not an ending", key->name,
			               (int)(n < 64 ? n : 64), word);
	return add_words(key, to, value, e);
}

static const struct key keys[] = {
#define KEY(key, function, field, ...)                                                                       \
	{                                                                                                    \
		.name = key, .set = function, .offset = offsetof(struct run_language, field),                \
		.size = sizeof((struct run_language *)0)->field, __VA_ARGS__                                 \
	}
	KEY("name", set_text, name, .is_needed = true),
	KEY("aliases", add_words, aliases, .is_list = true),
	KEY("source", set_text, source, .is_needed = true),
	KEY("endings", add_endings, endings, .is_list = true),
	KEY("compile", set_command, compile),
	KEY("run", set_command, run, .is_needed = true),
	KEY("version", set_command, version),
	KEY("options", add_words, options, .is_list = true),
	KEY("needs", add_tools, needs, .is_list = true),
	KEY("system", add_paths, system, .is_list = true),
	KEY("environment", add_variables, environment, .is_list = true),
	KEY("headers", add_words, headers, .is_list = true),
	KEY("root", set_root, root),
	KEY("proc_self_exe", set_answer, has_proc_self_exe),
	KEY("memory", set_size, program.memory, .least = 4 * MIB, .most = 64 * GIB),
	KEY("processes", set_number, program.processes, .least = 1, .most = RUN_PROCESSES_MOST),
	KEY("address_space", set_size, program.address_space, .least = 4 * MIB, .most = 65536 * GIB),
	KEY("compile_memory", set_size, compiler.memory, .least = 4 * MIB, .most = 64 * GIB),
	KEY("compile_processes", set_number, compiler.processes, .least = 1, .most = RUN_PROCESSES_MOST),
	KEY("compile_address_space", set_size, compiler.address_space, .least = 4 * MIB, .most = 65536 * GIB),
#undef KEY
};

static const struct run_language defaults = {
	.program = { .memory = 128 * MIB, .processes = 32 },
	.compiler = { .memory = 512 * MIB, .processes = 64 },
};

static const struct key *
find_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static bool
is_shown(const char *text)
{
	if (!utf8_is_valid(text, strlen(text)))
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static int
set_key(struct reading *r, const char *name, const char *value, struct err *e)
{
	const struct key *key = find_key(name);
	unsigned long bit = key ? 1UL << (key - keys) : 0;

	if (!is_shown(name) || !is_shown(value))
		return err_set(e, -EINVAL, "a tab, another control character or no UTF-8");
	if (!key)
		return err_set(e, -EINVAL, "unknown key '%.64s'", name);
	if ((r->set & bit) && !key->is_list)
		return err_set(e, -EINVAL, "%s: it is there twice", name);
	r->set |= bit;
	return key->set(key, (char *)r->language + key->offset, value, e);
}

static void
note(struct reading *r, const struct err *e)
{
	if (r->first_line != 0)
		return;
	r->first_line = r->line;
	r->first = *e;
}

/* libinih's convention: 1 is good, 0 an error in this line. */
static int
on_line(void *context, const char *section, const char *name, const char *value)
{
	struct reading *r = context;
	struct err e = { 0 };
	int rc = section[0] != '\0' ? err_set(&e, -EINVAL, "there are no sections here")
	                            : set_key(r, name, value, &e);

	if (rc < 0)
		note(r, &e);
	return rc == 0;
}

/* As fgets(3).  A line that does not fit would go on as the next one. */
static char *
next_line(char *line, int size, void *context)
{
	struct reading *r = context;
	const char *end = memchr(r->text, '\n', r->n);
	size_t n = end ? (size_t)(end - r->text) + 1 : r->n;
	struct err e;

	if (n == 0)
		return NULL;
	r->line++;
	if (n > RUN_LANGUAGE_LINE_MAX + 1 || n >= (size_t)size) {
		err_set(&e, -EINVAL, "longer than %d bytes", RUN_LANGUAGE_LINE_MAX);
		note(r, &e);
		return NULL;
	}
	memcpy(line, r->text, n);
	line[n] = '\0';
	r->text += n;
	r->n -= n;
	return line;
}

static int
check(const struct reading *r, struct err *e)
{
	const struct run_language *l = r->language;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].is_needed && *((const char *)l + keys[i].offset) == '\0')
			return err_set(e, -EINVAL, "%s: it is missing", keys[i].name);
	if (strchr(l->source, '/') || l->source[0] == '.' || !strrchr(l->source, '.'))
		return err_set(e, -EINVAL, "source: '%s' is not a file's name with an ending", l->source);
	return 0;
}

int
run_language_parse(struct run_language *l, const char *text, size_t n, int *line, struct err *e)
{
	struct reading r = { .language = l, .text = text, .n = n };

	*l = defaults;
	*line = 0;
	if (n > RUN_LANGUAGE_FILE_MAX || memchr(text, '\0', n))
		return err_set(e, -EINVAL, "over %d bytes, or a NUL among them", RUN_LANGUAGE_FILE_MAX);
	*line = ini_parse_stream(next_line, &r, on_line, &r);
	if (*line < 0)
		return err_set(e, ENOMEM, "parse");
	if (*line > 0 && (r.first_line == 0 || *line < r.first_line))
		return err_set(e, -EINVAL, "not a line of the form KEY = VALUE");
	*line = r.first_line;
	if (r.first_line > 0)
		return err_set(e, -EINVAL, "%s", r.first.text);
	return check(&r, e);
}
