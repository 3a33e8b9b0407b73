/* keys.c - the folder keys.d: whose signatures count, and for what. */
#include "trust/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/table.h"
#include "config/policy.h"
#include "route/snapshot.h"
#include "trust/path.h"

static const char *const words[KEY_RULE_KINDS] = {
	[KEY_ROUTE] = "route",
	[KEY_FUNCTION] = "function",
	[KEY_SHARED] = "shared",
};

const char *
key_rule_word(enum key_rule_kind kind)
{
	return words[kind];
}

/* A name, or the beginning of one with '*' behind it. */
static int
check_name(const char *value, struct err *e)
{
	size_t n = strlen(value);
	char name[NAME_MAX_SIZE];

	if (n == 0 || n >= sizeof name || value[n - 1] != '*')
		return policy_check_name(value, e);
	memcpy(name, value, n - 1);
	name[n - 1] = '\0';
	return policy_check_name(name, e);
}

int
key_rule_check(enum key_rule_kind kind, const char *value, struct err *e)
{
	if (strcmp(value, "*") == 0)
		return 0;
	return kind == KEY_ROUTE ? route_pattern_check(value, e) : check_name(value, e);
}

static bool
is_allowed(enum key_rule_kind kind, const char *rule, const char *value)
{
	size_t n = strlen(rule);

	if (strcmp(rule, "*") == 0)
		return true;
	if (kind == KEY_ROUTE)
		return route_pattern_covers(rule, value);
	if (n > 0 && rule[n - 1] == '*')
		return strncmp(rule, value, n - 1) == 0;
	return strcmp(rule, value) == 0;
}

const struct trusted_key *
keys_find(const struct keys *k, const struct key_id *id)
{
	for (size_t i = 0; i < k->n; i++)
		if (memcmp(&k->rows[i].id, id, sizeof *id) == 0)
			return &k->rows[i];
	return NULL;
}

bool
key_may_sign(const struct trusted_key *k, enum key_rule_kind kind, const char *value)
{
	bool has_rule = false;

	for (size_t i = 0; i < k->n_rules; i++) {
		if (k->rules[i].kind != kind)
			continue;
		has_rule = true;
		if (is_allowed(kind, k->rules[i].value, value))
			return true;
	}
	return !has_rule;
}

static char *
trim(char *text)
{
	size_t n;

	text += strspn(text, " \t");
	n = strlen(text);
	while (n > 0 && strchr(" \t\r", text[n - 1]))
		text[--n] = '\0';
	return text;
}

/* Whatever it is called where it was found. */
static int
malformed(struct err *e)
{
	e->code = EBADMSG;
	return -EBADMSG;
}

static int
add_rule(struct trusted_key *k, char *line, struct err *e)
{
	char *value = line, *word = trim(strsep(&value, "="));

	if (!value)
		return err_set(e, -EBADMSG, "not a line of the form KEY = VALUE");
	value = trim(value);
	for (enum key_rule_kind kind = 0; kind < KEY_RULE_KINDS; kind++) {
		if (strcmp(word, words[kind]) != 0)
			continue;
		if (k->n_rules == KEYS_RULES_MAX)
			return err_set(e, -EBADMSG, "more than %d lines that say what it may sign",
			               KEYS_RULES_MAX);
		if (key_rule_check(kind, value, e) < 0)
			return malformed(e);
		k->rules[k->n_rules++] = (struct key_rule){ kind, value };
		return 0;
	}
	return err_set(e, -EBADMSG, "unknown key '%.40s': route, function and shared are known", word);
}

/* Every line of text that is neither empty nor a comment. */
static int
add_rules(struct trusted_key *k, char *text, int number, struct err *e)
{
	for (char *line; (line = strsep(&text, "\n")); number++) {
		line = trim(line);
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (add_rule(k, line, e) < 0)
			return err_wrap(e, "line %d", number);
	}
	return 0;
}

static int
count_lines(const char *text, const char *end)
{
	int n = 1;

	for (; text < end; text++)
		n += *text == '\n';
	return n;
}

static bool
has_route_rule(const struct trusted_key *k)
{
	for (size_t i = 0; i < k->n_rules; i++)
		if (k->rules[i].kind == KEY_ROUTE)
			return true;
	return false;
}

/* The PEM block is cut out, so that what stands before it and behind it are lines alike: none is passed over
 * in silence. */
static int
take_key(struct trusted_key *k, struct err *e)
{
	static const char begin[] = "-----BEGIN PUBLIC KEY-----", end[] = "-----END PUBLIC KEY-----";
	char *block = strstr(k->text, begin), *behind = block ? strstr(block, end) : NULL;
	int rc, number;

	if (!behind)
		return err_set(e, -EBADMSG, "no block of a PUBLIC KEY in it");
	behind += strlen(end);
	rc = key_parse_public(block, (size_t)(behind - block), &k->public, e);
	if (rc == 0)
		rc = key_id_of(&k->public, &k->id, e);
	if (rc < 0)
		return malformed(e);
	number = count_lines(k->text, behind);
	*block = '\0';
	rc = add_rules(k, k->text, 1, e);
	if (rc == 0)
		rc = add_rules(k, behind, number, e);
	if (rc == 0 && !has_route_rule(k))
		rc = err_set(e, -EBADMSG, "no line 'route = PATTERN' says what it may sign; '*' is any");
	return rc;
}

int
keys_parse(struct trusted_key *k, const char *text, size_t n, struct err *e)
{
	int rc;

	k->n_rules = 0;
	k->text = NULL;
	if (memchr(text, '\0', n))
		return err_set(e, -EBADMSG, "not text");
	k->text = strndup(text, n);
	if (!k->text)
		return err_set(e, ENOMEM, "keys");
	rc = take_key(k, e);
	if (rc < 0)
		free_pointer(&k->text);
	return rc;
}

void
keys_done(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->rows[i].text);
	free(k->rows);
	*k = (struct keys){ 0 };
}

static int
read_file(struct trusted_key *k, int folder, const char *name, uid_t owner, struct err *e)
{
	AUTO_FD fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	struct stat st;
	size_t n;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "open");
	rc = path_check_one(&st, owner, e);
	if (rc == 0)
		rc = fd_read_file(fd, KEYS_FILE_MAX, &text, &n, e);
	return rc < 0 ? rc : keys_parse(k, text, n, e);
}

static bool
ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m && strcmp(name + n - m, suffix) == 0;
}

static int
check_twin(const struct keys *k, const struct trusted_key *row, struct err *e)
{
	for (size_t i = 0; i < k->n; i++)
		if (memcmp(&k->rows[i].public, &row->public, sizeof row->public) == 0)
			return err_set(e, -EBADMSG, "the same key is in %s.pub", k->rows[i].name);
	return 0;
}

/* "NAME.pub" */
static int
add_file(struct keys *k, int folder, const char *file, uid_t owner, struct err *e)
{
	struct trusted_key *row = &k->rows[k->n];
	size_t n = strlen(file) - strlen(".pub");
	int rc;

	if (k->n == KEYS_MAX)
		return err_set(e, -E2BIG, "more than %d keys", KEYS_MAX);
	snprintf(row->name, sizeof row->name, "%.*s", (int)n, file);
	if (n >= sizeof row->name || policy_check_name(row->name, e) < 0)
		return err_set(e, -EBADMSG, "the file's name is not NAME.pub, with a NAME as of a function");
	rc = read_file(row, folder, file, owner, e);
	if (rc < 0)
		return rc;
	rc = check_twin(k, row, e);
	if (rc < 0)
		free_pointer(&row->text);
	else
		k->n++;
	return rc;
}

static int
add_all(struct keys *k, DIR *files, const char *folder, uid_t owner, struct err *e)
{
	const struct dirent *entry;

	while (errno = 0, (entry = readdir(files))) {
		const char *name = entry->d_name;
		bool is_key = ends_with(name, ".pub");

		k->is_required |= is_key || ends_with(name, ".revoked");
		if (is_key && add_file(k, dirfd(files), name, owner, e) < 0)
			return err_wrap(e, "key %s/%.80s", folder, name);
	}
	return errno ? err_set(e, errno, "keys folder %s", folder) : 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct trusted_key *)a)->name, ((const struct trusted_key *)b)->name);
}

int
keys_read(struct keys *k, const char *folder, uid_t owner, struct err *e)
{
	struct keys fresh = { .rows = calloc(KEYS_MAX, sizeof *fresh.rows) };
	DIR *files = NULL;
	int rc = fresh.rows ? 0 : err_set(e, ENOMEM, "keys");

	/* Who could write here, or lead elsewhere, could make himself trusted. */
	if (rc == 0 && path_check(folder, owner, e) < 0)
		rc = err_wrap(e, "keys folder");
	if (rc == 0) {
		files = opendir(folder);
		rc = files ? add_all(&fresh, files, folder, owner, e)
		           : err_set(e, errno, "keys folder %s", folder);
	}
	if (files)
		closedir(files);
	if (rc < 0) {
		keys_done(&fresh);
		return rc;
	}
	qsort(fresh.rows, fresh.n, sizeof *fresh.rows, by_name);
	keys_done(k);
	*k = fresh;
	return 0;
}

/* In any order: what readdir(3) gives has none. */
static uint64_t
stamp_of(int folder, const char *name)
{
	char text[512];
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 1;
	snprintf(text, sizeof text, "%s %ju %jd %o %u %jd.%ld %jd.%ld", name, (uintmax_t)st.st_ino,
	         (intmax_t)st.st_size, st.st_mode, st.st_uid, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
	         (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return table_key_of(text) | 1;
}

uint64_t
keys_stamp(const char *folder)
{
	DIR *files = opendir(folder);
	const struct dirent *entry;
	uint64_t stamp = 0;

	if (!files)
		return 0;
	for (size_t n = 0; n < 4 * (size_t)KEYS_MAX && (entry = readdir(files)); n++)
		if (strcmp(entry->d_name, "..") != 0)
			stamp += stamp_of(dirfd(files), entry->d_name);
	closedir(files);
	return stamp | 1;
}
