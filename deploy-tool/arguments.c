/* arguments.c - options of a command line as tables. */
#include "deploy-tool/arguments.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 30 };

struct found {
	const struct argument_row *row;
	void *field;
};

static bool
is_row(const struct argument_row *row, const char *text, size_t n)
{
	if (text[0] == '-' && text[1] != '-')
		return row->letter != 0 && text[1] == row->letter && text[2] == '\0';
	return n > 2 && strlen(row->name) == n - 2 && strncmp(text + 2, row->name, n - 2) == 0;
}

static bool
find(const struct argument_table *tables, size_t n_tables, const char *text, struct found *found)
{
	size_t n = strcspn(text, "=");

	for (size_t t = 0; t < n_tables; t++) {
		for (size_t i = 0; i < tables[t].n; i++) {
			const struct argument_row *row = &tables[t].rows[i];

			if (!is_row(row, text, n))
				continue;
			found->row = row;
			found->field = (char *)tables[t].target + row->offset;
			return true;
		}
	}
	return false;
}

static int
list_append(struct argument_list *list, const char *text, struct err *e)
{
	if (list->n == ARGUMENTS_MAX)
		return err_set(e, -EINVAL, "more than %d arguments", ARGUMENTS_MAX);
	list->items[list->n++] = text;
	return 0;
}

/* arguments[0] is the option; the number of arguments that it took. */
static int
take(const struct found *found, const char *const *arguments, struct err *e)
{
	const char *equals = arguments[0][1] == '-' ? strchr(arguments[0], '=') : NULL;
	const char *value = equals != NULL ? equals + 1 : arguments[1];
	const char **text = found->field;
	int rc = equals != NULL ? 1 : 2;

	if (found->row->kind == ARGUMENT_FLAG) {
		if (equals != NULL)
			return err_set(e, -EINVAL, "option --%s takes no value", found->row->name);
		*(bool *)found->field = true;
		return 1;
	}
	if (value == NULL)
		return err_set(e, -EINVAL, "option --%s needs %s", found->row->name, found->row->argument);
	if (found->row->kind == ARGUMENT_LIST)
		return list_append(found->field, value, e) < 0 ? -EINVAL : rc;
	*text = value;
	return rc;
}

int
arguments_read(const struct argument_table *tables, size_t n_tables, const char *const *arguments,
               struct argument_list *rest, struct err *e)
{
	bool is_ended = false;
	struct found found;
	int i = 0, taken;

	while (arguments[i] != NULL) {
		const char *text = arguments[i];

		if (!is_ended && text[0] == '-' && text[1] != '\0' && strcmp(text, "--") != 0) {
			if (!find(tables, n_tables, text, &found))
				return err_set(e, -EINVAL, "unknown option '%.80s'", text);
			taken = take(&found, arguments + i, e);
			if (taken < 0)
				return taken;
			i += taken;
			continue;
		}
		if (rest == NULL)
			return i;
		i++;
		if (!is_ended && text[0] == '-' && text[1] == '-')
			is_ended = true;
		else if (list_append(rest, text, e) < 0)
			return -EINVAL;
	}
	return i;
}

struct written {
	const char **to;
	size_t max, *n;
};

/* value: NULL for a flag. */
static int
write_one(const struct written *w, const struct argument_row *row, const char *value, struct err *e)
{
	char *text = NULL;

	if (*w->n == w->max)
		return err_set(e, -E2BIG, "more than %zu options", w->max);
	if (asprintf(&text, "--%s%s%s", row->name, value != NULL ? "=" : "", value != NULL ? value : "") < 0)
		return err_set(e, ENOMEM, "option --%s", row->name);
	w->to[(*w->n)++] = text;
	w->to[*w->n] = NULL;
	return 0;
}

static int
write_row(const struct written *w, const struct argument_row *row, const void *field, struct err *e)
{
	const struct argument_list *list = field;
	const char *const *text = field;
	const bool *flag = field;
	int rc = 0;

	switch (row->kind) {
	case ARGUMENT_FLAG:
		return *flag ? write_one(w, row, NULL, e) : 0;
	case ARGUMENT_TEXT:
		return *text != NULL ? write_one(w, row, *text, e) : 0;
	case ARGUMENT_LIST:
		for (size_t i = 0; rc == 0 && i < list->n; i++)
			rc = write_one(w, row, list->items[i], e);
	}
	return rc;
}

int
arguments_write(const struct argument_table *tables, size_t n_tables, const char **to, size_t max, size_t *n,
                struct err *e)
{
	const struct written w = { to, max, n };

	to[*n] = NULL;
	for (size_t t = 0; t < n_tables; t++)
		for (size_t i = 0; i < tables[t].n; i++) {
			const struct argument_row *row = &tables[t].rows[i];
			int rc = write_row(&w, row, (const char *)tables[t].target + row->offset, e);

			if (rc < 0)
				return rc;
		}
	return 0;
}

void
arguments_print(const struct argument_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char left[64];

		snprintf(left, sizeof left, "--%s %s", rows[i].name,
		         rows[i].argument != NULL ? rows[i].argument : "");
		printf("  %-*s %s\n", HELP_COLUMN, left, rows[i].help);
	}
}
