/* manifest.c - cfn.ini: sections of functions, read by libinih; its keys are deploy's own options. */
#include "deploy-tool/manifest.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/macros.h"
#include "config/policy.h"

static const char section_prefix[] = "function ", env_prefix[] = "env.";

struct manifest_text {
	struct manifest_text *next;
	char bytes[];
};

struct reading {
	struct manifest *manifest;
	const char *text, *end;
	int line, sections; /* read so far */
	int section_line;   /* 0: the last section has a key */
	struct err first;   /* of the first line that is wrong */
	int first_line;
};

static int
wrong(struct reading *r, int line, const struct err *e)
{
	if (r->first.code == 0) {
		r->first = *e;
		r->first_line = line;
	}
	return 0;
}

/* ---- what libinih would cut without a word ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The bytes of the name that the line begins with: "[name]" or "name =". */
static size_t
word_length(const char *line, size_t n)
{
	bool is_section = n > 0 && line[0] == '[';
	const char *ends = is_section ? "]" : "=:";
	size_t i = is_section ? 1 : 0, first = i;

	while (i < n && strchr(ends, line[i]) == NULL)
		i++;
	while (i > first && is_blank(line[i - 1]))
		i--;
	return i - first;
}

/* Where no value can go on, a line with blanks in front is a section to libinih, and none to us. */
static bool
is_hidden_section(const struct reading *r, const char *line, size_t n)
{
	size_t i = 0;

	if (r->section_line == 0 && r->sections > 0)
		return false;
	while (i < n && strchr(" \t\r\v\f", line[i]) != NULL)
		i++;
	return i > 0 && i < n && line[i] == '[';
}

static void
check_line(struct reading *r, const char *line, size_t n)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct err e;

	if (memchr(line, '\0', n) != NULL)
		err_set(&e, -EINVAL, "a NUL byte");
	else if (r->line == 1 && n >= sizeof mark - 1 && memcmp(line, mark, sizeof mark - 1) == 0)
		err_set(&e, -EINVAL, "a byte order mark");
	else if (is_hidden_section(r, line, n))
		err_set(&e, -EINVAL, "a section begins its line");
	else if (n > MANIFEST_LINE_MAX)
		err_set(&e, -EINVAL,
		        "longer than %d bytes; a key may be said again, or go on in lines that "
		        "begin with a blank",
		        MANIFEST_LINE_MAX);
	else if (n > 0 && strchr(" \t;#", line[0]) == NULL && word_length(line, n) > MANIFEST_WORD_MAX)
		err_set(&e, -EINVAL, "a name longer than %d bytes", MANIFEST_WORD_MAX);
	else
		return;
	wrong(r, r->line, &e);
}

static void
end_section(struct reading *r)
{
	struct err e;

	if (r->section_line > 0) {
		err_set(&e, -EINVAL, "a section without keys");
		wrong(r, r->section_line, &e);
	}
	r->section_line = 0;
}

/* One line for libinih, as fgets(3); the end at the first that is wrong. */
static char *
next_line(char *to, int size, void *context)
{
	struct reading *r = context;
	size_t left = (size_t)(r->end - r->text), n;
	const char *newline = memchr(r->text, '\n', left);

	if (left == 0 || r->first.code != 0)
		return NULL;
	n = newline != NULL ? (size_t)(newline - r->text) : left;
	r->line++;
	check_line(r, r->text, n);
	if (r->first.code != 0)
		return NULL;
	if (r->text[0] == '[') {
		end_section(r);
		r->section_line = r->line;
		r->sections++;
	}
	snprintf(to, (size_t)size, "%.*s\n", (int)n, r->text);
	r->text += n + (newline != NULL);
	return to;
}

/* ---- functions and their keys ---- */

/* One text of two and what is between them. */
static char *
keep_text(struct manifest *m, const char *a, const char *between, const char *b)
{
	size_t size = strlen(a) + strlen(between) + strlen(b) + 1;
	struct manifest_text *text = malloc(sizeof *text + size);

	if (text == NULL)
		return NULL;
	snprintf(text->bytes, size, "%s%s%s", a, between, b);
	text->next = m->texts;
	m->texts = text;
	return text->bytes;
}

static int
begin_function(struct reading *r, const char *name, struct manifest_function **f, struct err *e)
{
	struct manifest *m = r->manifest;
	int rc = policy_check_name(name, e);

	if (rc < 0)
		return rc;
	if (m->n == MANIFEST_FUNCTIONS_MAX)
		return err_set(e, -E2BIG, "more than %d functions", MANIFEST_FUNCTIONS_MAX);
	*f = calloc(1, sizeof **f);
	if (*f == NULL)
		return err_set(e, ENOMEM, "manifest");
	m->functions[m->n++] = *f;
	snprintf((*f)->name, sizeof(*f)->name, "%s", name);
	(*f)->line = r->section_line;
	(*f)->sections = r->sections;
	return 0;
}

static int
find_function(struct reading *r, const char *name, struct manifest_function **f, struct err *e)
{
	struct manifest *m = r->manifest;

	for (size_t i = 0; i < m->n; i++) {
		*f = m->functions[i];
		if (strcmp((*f)->name, name) != 0)
			continue;
		if ((*f)->sections == r->sections)
			return 0;
		return err_set(e, -EEXIST, "[function %s] is there twice; first in line %d", name,
		               (*f)->line);
	}
	return begin_function(r, name, f, e);
}

static int
append(struct argument_list *list, const char *text, struct err *e)
{
	if (list->n == ARGUMENTS_MAX)
		return err_set(e, -E2BIG, "more than %d of them", ARGUMENTS_MAX);
	list->items[list->n++] = text;
	return text != NULL ? 0 : err_set(e, ENOMEM, "manifest");
}

/* Blanks part paths; what a comment begins behind them is none. */
static int
add_sources(struct manifest *m, struct argument_list *list, const char *value, struct err *e)
{
	char path[MANIFEST_LINE_MAX + 1];
	int rc = 0;

	while (rc == 0) {
		size_t n;

		value += strspn(value, " \t");
		n = strcspn(value, " \t");
		if (n == 0 || value[0] == ';')
			break;
		snprintf(path, sizeof path, "%.*s", (int)n, value);
		rc = append(list, keep_text(m, path, "", ""), e);
		value += n;
	}
	return rc;
}

/* A limit may be written as in cfn.conf: "pm.max_children". */
static bool
is_key(const char *option, const char *key)
{
	while (*option != '\0' && (*option == *key || (*option == '-' && (*key == '.' || *key == '_')))) {
		option++;
		key++;
	}
	return *option == '\0' && *key == '\0';
}

static int
set_flag(bool *flag, const char *value, struct err *e)
{
	bool is_yes = strcmp(value, "yes") == 0;

	if (!is_yes && strcmp(value, "no") != 0)
		return err_set(e, -EINVAL, "'%.40s' is not yes or no", value);
	*flag = is_yes;
	return 0;
}

static int
set_option(struct manifest *m, const struct argument_row *row, void *field, const char *value, struct err *e)
{
	const char **text = field;

	if (row->kind == ARGUMENT_FLAG)
		return set_flag(field, value, e);
	if (row->kind == ARGUMENT_LIST)
		return append(field, keep_text(m, value, "", ""), e);
	if (*text != NULL)
		return err_set(e, -EEXIST, "is there twice");
	*text = keep_text(m, value, "", "");
	return *text != NULL ? 0 : err_set(e, ENOMEM, "manifest");
}

static int
find_and_set(struct manifest *m, struct manifest_function *f, const char *key, const char *value,
             struct err *e)
{
	const struct argument_row *limits;
	size_t n_limits = limits_options(&limits);
	const struct argument_table tables[] = {
		{ deploy_options + DEPLOY_CALL_OPTIONS, deploy_n_options - DEPLOY_CALL_OPTIONS, &f->options },
		{ limits, n_limits, &f->limits },
	};

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (size_t i = 0; i < tables[t].n; i++)
			if (is_key(tables[t].rows[i].name, key))
				return set_option(m, &tables[t].rows[i],
				                  (char *)tables[t].target + tables[t].rows[i].offset, value,
				                  e) < 0
				           ? err_wrap(e, "%.64s", key)
				           : 0;
	return err_set(e, -EINVAL, "unknown key '%.64s'", key);
}

static int
set_key(struct reading *r, struct manifest_function *f, const char *key, const char *value, struct err *e)
{
	struct manifest *m = r->manifest;
	size_t prefix = sizeof env_prefix - 1;

	if (strcmp(key, "source") == 0)
		return add_sources(m, &f->sources, value, e);
	if (strncmp(key, env_prefix, prefix) == 0)
		return append(&f->options.env, keep_text(m, key + prefix, "=", value), e);
	return find_and_set(m, f, key, value, e);
}

/* libinih's convention: 1 is good, 0 an error in this line. */
static int
on_key(void *context, const char *section, const char *key, const char *value)
{
	struct reading *r = context;
	size_t prefix = sizeof section_prefix - 1;
	struct manifest_function *f = NULL;
	struct err e;
	int rc;

	if (strncmp(section, section_prefix, prefix) != 0)
		rc = err_set(&e, -EINVAL, "'%.64s' is in no section [function NAME]", key);
	else
		rc = find_function(r, section + prefix + strspn(section + prefix, " \t"), &f, &e);
	r->section_line = 0;
	if (rc == 0)
		rc = set_key(r, f, key, value, &e);
	return rc == 0 ? 1 : wrong(r, r->line, &e);
}

static int
check_functions(const struct manifest *m, const char *path, struct err *e)
{
	if (m->n == 0)
		return err_set(e, -EINVAL, "%.160s: no [function NAME] in it", path);
	for (size_t i = 0; i < m->n; i++)
		if (m->functions[i]->sources.n == 0)
			return err_set(e, -EINVAL, "%.160s:%d: [function %s] has no source", path,
			               m->functions[i]->line, m->functions[i]->name);
	return 0;
}

int
manifest_read(struct manifest *m, const char *path, const char *text, size_t n, struct err *e)
{
	struct reading r = { .manifest = m, .text = text, .end = text + n };
	char shown[160];
	int line;

	*m = (struct manifest){ 0 };
	log_escape(shown, sizeof shown, path, strlen(path));
	if (n > MANIFEST_SIZE_MAX)
		return err_set(e, -EFBIG, "%s: larger than %d KiB", shown, MANIFEST_SIZE_MAX / 1024);
	line = ini_parse_stream(next_line, &r, on_key, &r);
	end_section(&r);
	if (line != 0 && (r.first.code == 0 || line < r.first_line))
		return err_set(e, -EINVAL, "%s:%d: not a line of the form KEY = VALUE", shown,
		               line < 0 ? 0 : line);
	if (r.first.code != 0)
		return err_set(e, -EINVAL, "%s:%d: %s", shown, r.first_line, r.first.text);
	return check_functions(m, shown, e);
}

void
manifest_done(struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		free_pointer(&m->functions[i]);
	while (m->texts != NULL) {
		struct manifest_text *next = m->texts->next;

		free(m->texts);
		m->texts = next;
	}
	m->n = 0;
}
