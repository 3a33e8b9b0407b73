/* key_trusted.c - `cfn-deploy key trust`, `revoke` and `list`: the folder of the keys that the pools trust.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "deploy-tool/key_call.h"
#include "deploy-tool/report.h"

static int
read_public(const char *path, struct public_key *k, struct err *e)
{
	AUTO_FD fd = -1;
	AUTO_FREE char *text = NULL;
	size_t n;
	int rc;

	if (strcmp(path, "-") == 0) {
		char piped[KEY_FILE_MAX];
		ssize_t got = fd_read_all(STDIN_FILENO, piped, sizeof piped);

		return got < 0 ? err_set(e, (int)-got, "standard input")
		               : key_parse_public(piped, (size_t)got, k, e);
	}
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "%s", path);
	rc = fd_read_file(fd, KEY_FILE_MAX, &text, &n, e);
	if (rc == 0)
		rc = key_parse_public(text, n, k, e);
	return rc < 0 ? err_wrap(e, "%s", path) : 0;
}

static int
format_trusted(const struct key_options *o, const struct public_key *k, struct buf *text, struct err *e)
{
	char pem[KEY_FILE_MAX], id_text[KEY_ID_TEXT_SIZE];
	struct key_id id;
	int rc = key_format_public(k, pem, sizeof pem, e);

	if (rc < 0 || key_id_of(k, &id, e) < 0)
		return -e->code;
	key_id_format(&id, id_text);
	rc = buf_printf(text, "# key %s, and what it may sign; see cfn-deploy(1)\n", id_text);
	if (rc == 0 && o->rules[KEY_ROUTE].n == 0)
		rc = buf_printf(text, "route = *\n");
	for (enum key_rule_kind kind = 0; kind < KEY_RULE_KINDS; kind++)
		for (size_t i = 0; rc == 0 && i < o->rules[kind].n; i++) {
			if (key_rule_check(kind, o->rules[kind].items[i], e) < 0)
				return -e->code;
			rc = buf_printf(text, "%s = %s\n", key_rule_word(kind), o->rules[kind].items[i]);
		}
	if (rc == 0)
		rc = buf_append(text, pem, strlen(pem));
	return rc < 0 ? err_set(e, -rc, "key") : 0;
}

/* A new file in the folder, whole or not at all; its name has to be free. */
static int
put_file(int folder, const char *name, const struct buf *text, struct err *e)
{
	char fresh[NAME_MAX_SIZE + 16];
	AUTO_FD fd = -1;
	int rc;

	snprintf(fresh, sizeof fresh, ".%s.new", name);
	unlinkat(folder, fresh, 0);
	fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_set(e, errno, "write %s", name);
	rc = fd_write_all(fd, buf_head(text), buf_used(text));
	if (rc == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || linkat(folder, fresh, folder, name, 0) < 0))
		rc = -errno;
	unlinkat(folder, fresh, 0);
	if (rc == 0 && fsync(folder) < 0)
		rc = -errno;
	return rc < 0 ? err_set(e, -rc, "write %s", name) : 0;
}

/* What a pool would say to the folder as it is now; a file that it would refuse is taken away again. */
static int
check_folder(const struct tool *t, int folder, const char *name, struct err *e)
{
	struct keys keys = { 0 };
	int rc = signing_keys(t, &keys, e);

	keys_done(&keys);
	if (rc < 0)
		unlinkat(folder, name, 0);
	return rc;
}

static int
open_folder(const struct tool *t, bool is_made, struct err *e)
{
	const char *path = t->config.keys_dir;
	int fd;

	if (is_made && tool_make_folder_of(path, 0755, e) < 0)
		return -e->code;
	if (is_made && mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_set(e, errno, "make the folder %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "keys folder %s", path) : fd;
}

static int
trust(const struct key_call *c, const struct public_key *k, struct err *e)
{
	char name[NAME_MAX_SIZE + 8];
	AUTO_FD folder = -1;
	struct buf text;
	int rc;

	buf_init(&text, KEYS_FILE_MAX);
	snprintf(name, sizeof name, "%s.pub", c->arguments[0]);
	rc = format_trusted(c->options, k, &text, e);
	if (rc == 0)
		rc = folder = open_folder(c->tool, true, e);
	if (rc >= 0)
		rc = put_file(folder, name, &text, e);
	if (rc < 0 && folder >= 0)
		err_wrap(e, "keys folder %s", c->tool->config.keys_dir);
	if (rc == 0)
		rc = check_folder(c->tool, folder, name, e);
	buf_done(&text);
	return rc;
}

static int
report_key(const struct tool *t, const char *name, const char *what)
{
	size_t n = pools_tell(t);

	if (t->json)
		return tool_print_json(json_pack("{s:s, s:s, s:s, s:I}", "name", name, "change", what,
		                                 "folder", t->config.keys_dir, "pools", (json_int_t)n));
	printf("key %s: %s (%s, %zu pool%s)\n", name, what, t->config.keys_dir, n,
	       n == 1 ? " knows" : "s know");
	return tool_flush();
}

int
key_trust(const struct key_call *c)
{
	struct public_key k;
	struct err e;
	int rc = tool_configure(c->tool, true);

	if (rc != 0)
		return rc;
	if (policy_check_name(c->arguments[0], &e) < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	rc = read_public(c->arguments[1], &k, &e);
	if (rc == 0)
		rc = trust(c, &k, &e);
	return rc < 0 ? tool_fail(&e) : report_key(c->tool, c->arguments[0], "trusted");
}

int
key_revoke(const struct key_call *c)
{
	char name[NAME_MAX_SIZE + 8], revoked[NAME_MAX_SIZE + 16];
	AUTO_FD folder = -1;
	struct err e;
	int rc = tool_configure(c->tool, true);

	if (rc != 0)
		return rc;
	if (policy_check_name(c->arguments[0], &e) < 0)
		return tool_fail_as(EX_USAGE, "%s", e.text);
	snprintf(name, sizeof name, "%s.pub", c->arguments[0]);
	snprintf(revoked, sizeof revoked, "%s.revoked", c->arguments[0]);
	folder = open_folder(c->tool, false, &e);
	if (folder < 0)
		return tool_fail(&e);
	if (renameat(folder, name, folder, revoked) < 0 || fsync(folder) < 0) {
		err_set(&e, errno, "revoke %s/%s", c->tool->config.keys_dir, name);
		return tool_fail(&e);
	}
	return report_key(c->tool, c->arguments[0], "revoked");
}

/* The values of one kind, with blanks between them; "*" when any may be signed. */
static void
list_rules(const struct trusted_key *k, enum key_rule_kind kind, char *text, size_t size)
{
	size_t n = 0;

	snprintf(text, size, "*");
	for (size_t i = 0; i < k->n_rules && n < size; i++)
		if (k->rules[i].kind == kind)
			n +=
			    (size_t)snprintf(text + n, size - n, "%s%s", n > 0 ? " " : "", k->rules[i].value);
}

static json_t *
rules_json(const struct trusted_key *k, enum key_rule_kind kind)
{
	json_t *list = json_array();

	for (size_t i = 0; i < k->n_rules; i++)
		if (k->rules[i].kind == kind)
			json_array_append_new(list, json_string(k->rules[i].value));
	if (json_array_size(list) == 0)
		json_array_append_new(list, json_string("*"));
	return list;
}

static int
print_keys_json(const struct tool *t, const struct keys *keys)
{
	json_t *list = json_array();
	char id[KEY_ID_TEXT_SIZE];

	for (size_t i = 0; i < keys->n; i++) {
		const struct trusted_key *k = &keys->rows[i];

		key_id_format(&k->id, id);
		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", k->name, "key", id,
		                                      "routes", rules_json(k, KEY_ROUTE), "functions",
		                                      rules_json(k, KEY_FUNCTION), "shared",
		                                      rules_json(k, KEY_SHARED)));
	}
	return tool_print_json(json_pack("{s:s, s:b, s:o}", "folder", t->config.keys_dir, "required",
	                                 (int)keys->is_required, "keys", list));
}

static int
print_keys(const struct tool *t, const struct keys *keys)
{
	static const char *const headings[] = { "NAME", "KEY", "ROUTES", "FUNCTIONS", "SHARED" };
	char cells[KEY_RULE_KINDS][COLUMNS_CELL_SIZE], id[KEY_ID_TEXT_SIZE];
	struct columns table;

	columns_init(&table, headings, ARRAY_SIZE(headings));
	for (size_t i = 0; i < keys->n; i++) {
		const struct trusted_key *k = &keys->rows[i];

		key_id_format(&k->id, id);
		for (enum key_rule_kind kind = 0; kind < KEY_RULE_KINDS; kind++)
			list_rules(k, kind, cells[kind], sizeof cells[kind]);
		columns_add(&table, (const char *const[]){ k->name, id, cells[KEY_ROUTE], cells[KEY_FUNCTION],
		                                           cells[KEY_SHARED] });
	}
	if (keys->n > 0)
		columns_print(&table);
	else
		printf("no key is trusted in %s; signatures are %srequired\n", t->config.keys_dir,
		       keys->is_required ? "" : "not ");
	columns_done(&table);
	return tool_flush();
}

int
key_list(const struct key_call *c)
{
	struct keys keys = { 0 };
	struct err e;
	int rc = tool_configure(c->tool, true);

	if (rc != 0)
		return rc;
	if (signing_keys(c->tool, &keys, &e) < 0)
		return tool_fail(&e);
	rc = c->tool->json ? print_keys_json(c->tool, &keys) : print_keys(c->tool, &keys);
	keys_done(&keys);
	return rc;
}
