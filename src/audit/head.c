/* head.c - the signed head of an audit chain, and the key that signs it. */
#include "audit/head.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hex.h"

enum { HEAD_SIZE = 512 }; /* longer than any, with its NUL */

static const char domain[] = "cfn audit head";

/* What stands before the signature, and is signed. */
static int
format_signed(const struct audit_head *head, int64_t time_ms, char text[HEAD_SIZE])
{
	char now[CLOCK_TEXT_SIZE], hash[DIGEST_TEXT_SIZE];

	clock_format(time_ms, now);
	digest_format(&head->hash, hash);
	return snprintf(text, HEAD_SIZE, "{\"number\":%" PRIu64 ",\"hash\":\"%s\",\"time\":\"%s\"",
	                head->number, hash, now);
}

static int
take_members(const json_t *object, struct audit_signed_head *h)
{
	json_int_t number = json_integer_value(json_object_get(object, "number"));
	const char *hash = json_string_value(json_object_get(object, "hash"));
	const char *text = json_string_value(json_object_get(object, "signature"));

	if (number <= 0 || !hash || !text || hex_parse(hash, h->head.hash.bytes, DIGEST_SIZE) < 0 ||
	    hex_parse(text, h->signature.bytes, SIGNATURE_SIZE) < 0)
		return -EBADMSG;
	h->head.number = (uint64_t)number;
	return clock_parse(json_string_value(json_object_get(object, "time")), &h->time_ms);
}

int
audit_head_read(int fd, struct audit_signed_head *h, struct err *e)
{
	char text[HEAD_SIZE], again[HEAD_SIZE];
	struct audit_signed_head head;
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	json_t *object;
	int rc, length;

	if (n < 0)
		return err_set(e, errno, "%s", AUDIT_HEAD_NAME);
	if (n == 0)
		return err_set(e, ENOENT, "%s", AUDIT_HEAD_NAME);
	object = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	rc = take_members(object, &head);
	json_decref(object);
	if (rc < 0)
		return err_set(e, -EBADMSG, "%s: not a signed head", AUDIT_HEAD_NAME);
	length = format_signed(&head.head, head.time_ms, again);
	if (digest_of(again, (size_t)length, &head.digest, e) < 0)
		return -e->code;
	*h = head;
	return 0;
}

int
audit_head_check(const struct audit_signed_head *h, const struct public_key *k, struct err *e)
{
	return signature_check(k, domain, &h->digest, &h->signature, e);
}

/* In place: a full disk takes it, too. */
static int
write_head(const struct audit_log *l, const struct private_key *k, struct err *e)
{
	char text[HEAD_SIZE], hex[SIGNATURE_TEXT_SIZE];
	struct signature signature;
	struct digest digest;
	int n = format_signed(&l->last, clock_wall_ms(), text);

	if (digest_of(text, (size_t)n, &digest, e) < 0 ||
	    signature_make(k, domain, &digest, &signature, e) < 0)
		return -e->code;
	hex_format(signature.bytes, SIGNATURE_SIZE, hex);
	n += snprintf(text + n, sizeof text - (size_t)n, ",\"signature\":\"%s\"}\n", hex);
	if (pwrite(l->lock, text, (size_t)n, 0) != n || ftruncate(l->lock, n) < 0)
		return err_set(e, errno, "write %s", AUDIT_HEAD_NAME);
	return 0;
}

int
audit_head_sign(struct audit_log *l, const struct private_key *k, struct err *e)
{
	struct audit_signed_head now = { 0 };
	int rc;

	if (l->last.number == l->signed_number)
		return 0;
	/* Waiting for the disk needs no lock: what is there now is what is signed. */
	if (fdatasync(l->fd) < 0)
		return err_set(e, errno, "sync %s", AUDIT_LOG_NAME);
	rc = audit_log_lock(l, e);
	if (rc < 0)
		return rc;
	/* Another pool may have signed what it appended behind ours. */
	if (audit_head_read(l->lock, &now, e) < 0 || now.head.number < l->last.number)
		rc = write_head(l, k, e);
	audit_log_unlock(l);
	if (rc == 0)
		l->signed_number = l->last.number;
	return rc;
}

/* ---- the key ---- */

int
audit_key_read_public(const char *path, struct public_key *k, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	size_t n;

	if (fd < 0)
		return err_set(e, errno, "key %s", path);
	if (fd_read_file(fd, KEY_FILE_MAX, &text, &n, e) < 0 || key_parse_public(text, n, k, e) < 0)
		return err_wrap(e, "key %s", path);
	return 0;
}

static int
write_public(const char *path, const struct public_key *k, struct err *e)
{
	AUTO_FD fd = -1;
	char text[KEY_FILE_MAX];
	int rc = key_format_public(k, text, sizeof text, e);

	if (rc < 0)
		return rc;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST ? 0 : err_set(e, errno, "key %s", path);
	rc = fd_write_all(fd, text, strlen(text));
	if (rc < 0)
		unlink(path);
	return rc < 0 ? err_set(e, -rc, "key %s", path) : 0;
}

/* Two pools that start at once make one key: the loser of the race reads the winner's. */
static int
read_or_make(const char *path, struct private_key *k, struct err *e)
{
	AUTO_KEY made;
	int rc = key_read(k, path, e);

	if (rc != -ENOENT)
		return rc;
	rc = key_make(&made, e);
	if (rc == 0)
		rc = key_write(&made, path, e);
	return rc == 0 || rc == -EEXIST ? key_read(k, path, e) : rc;
}

int
audit_key_open(const char *folder, struct private_key *k, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof path, "%s/%s", folder, AUDIT_KEY_NAME);
	rc = read_or_make(path, k, e);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof path, "%s/%s", folder, AUDIT_PUBLIC_NAME);
	return write_public(path, &k->public, e);
}
