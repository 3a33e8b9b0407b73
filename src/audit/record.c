/* record.c - one entry of an audit chain: what it says, the line it is written as, and its hash. */
#include "audit/record.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/utf8.h"

/* Bounded: a function or its clients cause it, as often as they like. */
static const struct {
	const char *word;
	bool is_bounded;
} events[AUDIT_EVENTS] = {
	[AUDIT_DEPLOY] = { "deploy", false },
	[AUDIT_ACTIVATE] = { "activate", false },
	[AUDIT_ROLLBACK] = { "rollback", false },
	[AUDIT_ENABLE] = { "enable", false },
	[AUDIT_DISABLE] = { "disable", false },
	[AUDIT_REMOVE] = { "remove", false },
	[AUDIT_GC] = { "gc", false },
	[AUDIT_LOCK] = { "lock", false },
	[AUDIT_UNLOCK] = { "unlock", false },
	[AUDIT_TOKEN_CREATE] = { "token_create", false },
	[AUDIT_TOKEN_REVOKE] = { "token_revoke", false },
	[AUDIT_SECRET_SET] = { "secret_set", false },
	[AUDIT_SECRET_REMOVE] = { "secret_remove", false },
	[AUDIT_START] = { "start", false },
	[AUDIT_STOP] = { "stop", false },
	[AUDIT_KILL] = { "kill", true },
	[AUDIT_CRASH] = { "crash", true },
	[AUDIT_DENIED] = { "denied", true },
	[AUDIT_START_REFUSED] = { "start_refused", true },
	[AUDIT_INVOKE] = { "invoke", true },
	[AUDIT_SIGNATURE_REFUSED] = { "signature_refused", true },
	[AUDIT_KEYS] = { "keys", false },
	[AUDIT_STORM] = { "storm", false },
	[AUDIT_STORM_END] = { "storm_end", false },
	[AUDIT_MANAGE_REFUSED] = { "manage_refused", true },
	[AUDIT_REGISTRY] = { "registry", false },
	[AUDIT_REPAIRED] = { "repaired", false },
	[AUDIT_ROTATED] = { "rotated", false },
	[AUDIT_DROPPED] = { "dropped", false },
};

/* The members that are texts, in the order of the line. */
static const struct text_row {
	const char *name;
	size_t offset, size;
} texts[] = {
#define TEXT(field)                                                                                          \
	{                                                                                                    \
#field, offsetof(struct audit_record, field), sizeof((struct audit_record *)0)->field        \
	}
	TEXT(event), TEXT(actor), TEXT(function), TEXT(cause), TEXT(syscall), TEXT(request), TEXT(detail),
#undef TEXT
};

enum { HASH_MEMBER_LENGTH = 9 + 64 + 2 }; /* ,"hash":"..."} */

const char *
audit_event_word(enum audit_event event)
{
	return event < AUDIT_EVENTS ? events[event].word : "unknown";
}

bool
audit_event_is_bounded(enum audit_event event)
{
	return event < AUDIT_EVENTS && events[event].is_bounded;
}

static int
put_texts(struct buf *line, const struct audit_record *r)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts) && rc == 0; i++) {
		const char *text = (const char *)r + texts[i].offset;
		char safe[AUDIT_TEXT_SIZE * 6 + 8];

		if (!text[0])
			continue;
		log_escape_json(safe, sizeof safe, text, strnlen(text, texts[i].size - 1));
		rc = buf_printf(line, ",\"%s\":\"%s\"", texts[i].name, safe);
	}
	return rc;
}

static int
put_number(struct buf *line, const char *name, uint64_t value, bool is_given)
{
	return is_given ? buf_printf(line, ",\"%s\":%" PRIu64, name, value) : 0;
}

static int
put_members(struct buf *line, const struct audit_record *r, const struct digest *previous)
{
	char now[CLOCK_TEXT_SIZE], hex[DIGEST_TEXT_SIZE];
	int rc;

	clock_format(r->time_ms, now);
	digest_format(previous, hex);
	rc = buf_printf(line, "{\"number\":%" PRIu64 ",\"time\":\"%s\"", r->number, now);
	if (rc == 0)
		rc = put_texts(line, r);
	if (rc == 0)
		rc = put_number(line, "uid", r->uid, r->actor[0] != '\0');
	if (rc == 0)
		rc = put_number(line, "version", r->version, r->version > 0);
	if (rc == 0)
		rc = put_number(line, "count", r->count, r->count > 0);
	return rc < 0 ? rc : buf_printf(line, ",\"previous\":\"%s\"", hex);
}

int
audit_format(const struct audit_record *r, const struct digest *previous, char to[AUDIT_LINE_SIZE],
             struct digest *hash, struct err *e)
{
	char hex[DIGEST_TEXT_SIZE];
	struct buf line;
	int rc;

	buf_init(&line, AUDIT_LINE_SIZE - HASH_MEMBER_LENGTH - 2);
	rc = put_members(&line, r, previous);
	if (rc < 0)
		rc = err_set(e, -rc, "audit entry");
	else
		rc = digest_of(buf_head(&line), buf_used(&line), hash, e);
	if (rc == 0) {
		digest_format(hash, hex);
		rc = snprintf(to, AUDIT_LINE_SIZE, "%.*s,\"hash\":\"%s\"}\n", (int)buf_used(&line),
		              buf_head(&line), hex);
	}
	buf_done(&line);
	return rc;
}

/* Absent: 0, and good unless it is needed. */
static int
take_number(const json_t *object, const char *name, json_int_t least, json_int_t most, uint64_t *to)
{
	const json_t *value = json_object_get(object, name);
	json_int_t number = json_integer_value(value);

	if (value && (!json_is_integer(value) || number < 0))
		return -EBADMSG;
	if (number < least || number > most)
		return -EBADMSG;
	*to = (uint64_t)number;
	return 0;
}

/* Escapes may have made a text longer than it was: an unknown byte is three of U+FFFD.  Cut between two
 * characters. */
static void
put_cut(char *to, size_t size, const char *text)
{
	size_t n = 0, length;

	while ((length = utf8_sequence(text + n, strlen(text + n))) > 0 && n + length < size)
		n += length;
	memcpy(to, text, n);
	to[n] = '\0';
}

static int
take_texts(const json_t *object, struct audit_record *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const json_t *value = json_object_get(object, texts[i].name);
		char *to = (char *)r + texts[i].offset;

		if (!value)
			continue;
		if (!json_is_string(value))
			return -EBADMSG;
		put_cut(to, texts[i].size, json_string_value(value));
	}
	return 0;
}

static int
take_members(const json_t *object, struct audit_record *r, struct digest *previous, struct err *e)
{
	const char *before = json_string_value(json_object_get(object, "previous"));
	uint64_t version = 0;

	if (take_number(object, "number", 1, INT64_MAX, &r->number) < 0)
		return err_set(e, -EBADMSG, "its number is not one");
	if (clock_parse(json_string_value(json_object_get(object, "time")), &r->time_ms) < 0)
		return err_set(e, -EBADMSG, "its time is not one");
	if (take_texts(object, r) < 0 || take_number(object, "uid", 0, UINT32_MAX, &r->uid) < 0 ||
	    take_number(object, "version", 0, UINT32_MAX, &version) < 0 ||
	    take_number(object, "count", 0, INT64_MAX, &r->count) < 0)
		return err_set(e, -EBADMSG, "a member is out of range");
	if (!before || hex_parse(before, previous->bytes, DIGEST_SIZE) < 0)
		return err_set(e, -EBADMSG, "the hash of the one before it is not one");
	r->version = (uint32_t)version;
	return 0;
}

/* The bytes before the last member must have the hash that it says. */
static int
check_hash(const char *line, size_t n, struct digest *hash, struct err *e)
{
	char hex[DIGEST_TEXT_SIZE], member[HASH_MEMBER_LENGTH + 1];

	if (n <= HASH_MEMBER_LENGTH || n >= AUDIT_LINE_SIZE)
		return err_set(e, -EBADMSG, "it is not as long as an entry");
	if (digest_of(line, n - HASH_MEMBER_LENGTH, hash, e) < 0)
		return -e->code;
	digest_format(hash, hex);
	snprintf(member, sizeof member, ",\"hash\":\"%s\"}", hex);
	if (memcmp(line + n - HASH_MEMBER_LENGTH, member, HASH_MEMBER_LENGTH) != 0)
		return err_set(e, -EBADMSG, "its hash is not that of what it says");
	return 0;
}

int
audit_parse(const char *line, size_t n, struct audit_record *r, struct digest *previous, struct digest *hash,
            struct err *e)
{
	struct audit_record record = { 0 };
	struct digest own, before;
	json_t *object;
	int rc = check_hash(line, n, &own, e);

	if (rc < 0)
		return rc;
	object = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
	rc = json_is_object(object) ? take_members(object, &record, &before, e)
	                            : err_set(e, -EBADMSG, "it is not a JSON object");
	json_decref(object);
	if (rc < 0)
		return rc;
	*r = record;
	*previous = before;
	*hash = own;
	return 0;
}
