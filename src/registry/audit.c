/* audit.c - the registry's audit rows: written in the transaction of the change that they record, and read.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "registry/sql.h"

enum { AUDIT_SCHEMA = 3 }; /* an older registry has no rows */

void
audit_actor(char actor[AUDIT_NAME_SIZE])
{
	char buffer[4096];
	struct passwd entry, *user = NULL;
	uid_t uid = getuid();

	if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &user) == 0 && user && user->pw_name[0])
		log_escape(actor, AUDIT_NAME_SIZE, user->pw_name, strlen(user->pw_name));
	else
		snprintf(actor, AUDIT_NAME_SIZE, "uid %u", uid);
}

/* 1 when there are rows, 0 in a registry that a writer has not brought up to date. */
static int
has_rows(struct registry *r, struct err *e)
{
	int64_t schema = 0;
	int rc = sql_integer(&r->base, &schema, e, "PRAGMA user_version", "");

	return rc < 0 ? rc : schema >= AUDIT_SCHEMA;
}

static int
read_head(struct registry *r, struct audit_head *head, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int rc =
	    sql_prepare(&r->base, &row, e, "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1", "");

	if (rc == 0)
		rc = sql_step(&r->base, row, e);
	if (rc <= 0) {
		*head = (struct audit_head){ 0 };
		return rc;
	}
	head->number = (uint64_t)sqlite3_column_int64(row, 0);
	if (sqlite3_column_int64(row, 0) < 1 || take_digest(row, 1, &head->hash) < 0)
		return err_set(e, -EBADMSG, "registry %s: the last audit row is damaged", r->base.path);
	return 0;
}

static int
insert(struct registry *r, const struct audit_record *record, const struct digest *hash, struct err *e)
{
	int rc =
	    sql_run(&r->base, e,
	            "INSERT INTO audit (number, time, uid, actor, event, function, version, detail, hash)"
	            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	            "iiitttitd", (int64_t)record->number, record->time_ms, (int64_t)record->uid,
	            record->actor, record->event, record->function, (int64_t)record->version, record->detail,
	            hash);

	/* Beside the rows, so that a last one that is gone is missed. */
	return rc < 0 ? rc
	              : sql_run(&r->base, e, "UPDATE state SET value = ? WHERE name = 'audit'", "i",
	                        (int64_t)record->number);
}

static void
fill_change(struct audit_record *r, const struct audit_change *change)
{
	const struct registry_activation *a = change->signed_as;
	char key[KEY_ID_TEXT_SIZE];

	r->version = change->version;
	snprintf(r->event, sizeof r->event, "%s", audit_event_word(change->event));
	snprintf(r->function, sizeof r->function, "%s", change->function ? change->function : "");
	snprintf(r->detail, sizeof r->detail, "%s", change->detail ? change->detail : "");
	if (!a)
		return;
	key_id_format(&a->key, key);
	snprintf(r->detail, sizeof r->detail, "%s%ssigned by %s as number %llu",
	         change->detail ? change->detail : "", change->detail ? ", " : "", key,
	         (unsigned long long)a->number);
}

int
audit_add(struct registry *r, const struct audit_change *change, struct err *e)
{
	struct audit_record record = { .time_ms = clock_wall_ms() };
	char line[AUDIT_LINE_SIZE];
	struct audit_head last;
	struct digest hash;
	int rc = agent_check_change(r, change->event, change->function, e);

	if (rc == 0)
		rc = read_head(r, &last, e);
	if (rc < 0)
		return rc;
	if (last.number >= REGISTRY_NUMBER_MAX)
		return err_set(e, -EBADMSG, "registry %s: the last audit row is damaged", r->base.path);
	record.number = last.number + 1;
	record.uid = getuid();
	registry_actor(r, record.actor);
	fill_change(&record, change);
	rc = audit_format(&record, &last.hash, line, &hash, e);
	return rc < 0 ? rc : insert(r, &record, &hash, e);
}

int
registry_audit_head(struct registry *r, struct audit_head *head, struct err *e)
{
	int rc = has_rows(r, e);

	if (rc == 0)
		*head = (struct audit_head){ 0 };
	return rc <= 0 ? rc : read_head(r, head, e);
}

int
registry_audit_last(struct registry *r, const char *function, enum audit_event event, uint64_t *number,
                    struct err *e)
{
	int64_t value = 0;
	int rc = has_rows(r, e);

	if (rc > 0)
		rc =
		    sql_integer(&r->base, &value, e,
		                "SELECT coalesce(max(number), 0) FROM audit WHERE function = ? AND event = ?",
		                "tt", function, audit_event_word(event));
	if (rc >= 0)
		*number = value > 0 ? (uint64_t)value : 0;
	return rc < 0 ? rc : 0;
}

enum row_column {
	COLUMN_NUMBER,
	COLUMN_TIME,
	COLUMN_UID,
	COLUMN_ACTOR,
	COLUMN_EVENT,
	COLUMN_FUNCTION,
	COLUMN_VERSION,
	COLUMN_DETAIL,
	COLUMN_HASH,
};

static int
take_row(sqlite3_stmt *row, struct audit_record *record, struct digest *hash)
{
	int64_t number = sqlite3_column_int64(row, COLUMN_NUMBER);
	uint32_t uid = 0;

	*record = (struct audit_record){ .number = (uint64_t)number,
		                         .time_ms = sqlite3_column_int64(row, COLUMN_TIME) };
	if (number < 1 || take_number(row, COLUMN_UID, UINT32_MAX, &uid) < 0 ||
	    take_number(row, COLUMN_VERSION, UINT32_MAX, &record->version) < 0 ||
	    take_text(row, COLUMN_ACTOR, record->actor, sizeof record->actor) < 0 ||
	    take_text(row, COLUMN_EVENT, record->event, sizeof record->event) < 0 ||
	    take_text(row, COLUMN_FUNCTION, record->function, sizeof record->function) < 0 ||
	    take_text(row, COLUMN_DETAIL, record->detail, sizeof record->detail) < 0 ||
	    take_digest(row, COLUMN_HASH, hash) < 0)
		return -EBADMSG;
	record->uid = uid;
	return 0;
}

/* What a row is worth: that it can be read, and that it is the one that was hashed behind the one before. */
static int
check_row(sqlite3_stmt *row, struct registry_audit_row *to, const struct digest *previous, struct err *e)
{
	char line[AUDIT_LINE_SIZE];
	struct digest hash;

	to->is_good = take_row(row, &to->record, &to->hash) == 0;
	if (!to->is_good)
		return 0;
	if (audit_format(&to->record, previous, line, &hash, e) < 0)
		return -e->code;
	to->follows = memcmp(&hash, &to->hash, sizeof hash) == 0;
	return 0;
}

static int
visit_records(struct registry *r, sqlite3_stmt *statement, registry_audit_visitor *each, void *context,
              struct err *e)
{
	struct digest previous = { 0 };
	int rc;

	while ((rc = sql_step(&r->base, statement, e)) > 0) {
		struct registry_audit_row row = { 0 };

		row.record.number = (uint64_t)sqlite3_column_int64(statement, COLUMN_NUMBER);
		if (check_row(statement, &row, &previous, e) < 0)
			return -e->code;
		previous = row.hash;
		rc = each(context, &row);
		if (rc != 0)
			return rc;
	}
	return rc;
}

static int
visit_all(struct registry *r, registry_audit_visitor *each, void *context, uint64_t *last, struct err *e)
{
	AUTO_STATEMENT *row = NULL;
	int64_t value = 0;
	int rc = sql_integer(&r->base, &value, e,
	                     "SELECT coalesce(max(value), 0) FROM state WHERE name = 'audit'", "");

	if (rc == 0)
		rc = sql_prepare(&r->base, &row, e,
		                 "SELECT number, time, uid, actor, event, function, version, detail, hash"
		                 " FROM audit ORDER BY number",
		                 "");
	if (rc == 0)
		rc = visit_records(r, row, each, context, e);
	*last = value > 0 ? (uint64_t)value : 0;
	return rc;
}

int
registry_each_audit(struct registry *r, registry_audit_visitor *each, void *context, uint64_t *last,
                    struct err *e)
{
	int rc = sql_begin(&r->base, "BEGIN", e);

	if (rc < 0)
		return rc;
	rc = has_rows(r, e);
	*last = 0;
	if (rc > 0)
		rc = visit_all(r, each, context, last, e);
	sql_rollback(&r->base);
	return rc;
}
