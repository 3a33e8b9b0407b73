/* session_keys.c - the secrets that sessions are sealed with, in a file of the state folder.
 *
 * A line for each, "EPOCH HEX", the current one first.  Whoever writes it holds the folder's lock; whoever
 * reads it sees the old file or the new one. */
#include "pool/session_keys.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/hex.h"
#include "base/options.h"
#include "pool/key_file.h"

#define FILE_NAME "session.keys"

enum { HEX_SIZE = 2 * SEAL_SECRET_SIZE + 1 };

static int
read_line(char *line, struct session_secret *s)
{
	char *hex = line, *epoch = strsep(&hex, " ");
	uint64_t number = 0;

	if (!hex || option_parse_number(epoch, &number) < 0 || number == 0 || number > UINT32_MAX ||
	    hex_parse(hex, s->bytes, sizeof s->bytes) < 0)
		return -EBADMSG;
	s->epoch = (uint32_t)number;
	return 0;
}

static int
read_lines(char *text, struct session_keys *k, struct err *e)
{
	size_t n = 0;

	for (char *line; (line = strsep(&text, "\n")) && line[0];)
		if (n == SESSION_SECRETS_MAX || read_line(line, &k->secrets[n++]) < 0)
			return err_set(e, -EBADMSG, FILE_NAME ", line %zu: not 'EPOCH HEX'", n);
	return n > 0 ? 0 : err_set(e, -EBADMSG, FILE_NAME ": empty");
}

static int
read_keys(int folder, struct session_keys *k, struct err *e)
{
	struct session_keys fresh = { 0 };
	char text[KEY_FILE_SIZE];
	int rc = key_file_read(folder, FILE_NAME, text, e);

	if (rc == 0)
		rc = read_lines(text, &fresh, e);
	if (rc == 0)
		*k = fresh;
	OPENSSL_cleanse(text, sizeof text);
	OPENSSL_cleanse(&fresh, sizeof fresh);
	return rc;
}

static int
write_keys(int folder, const struct session_keys *k, struct err *e)
{
	char text[KEY_FILE_SIZE], hex[HEX_SIZE];
	int n = 0, rc;

	for (size_t i = 0; i < SESSION_SECRETS_MAX && k->secrets[i].epoch != 0; i++) {
		hex_format(k->secrets[i].bytes, SEAL_SECRET_SIZE, hex);
		n +=
		    snprintf(text + n, sizeof text - (size_t)n, "%" PRIu32 " %s\n", k->secrets[i].epoch, hex);
	}
	rc = key_file_write(folder, FILE_NAME, text, e);
	OPENSSL_cleanse(text, sizeof text);
	OPENSSL_cleanse(hex, sizeof hex);
	return rc;
}

/* What is there, or the first. */
static int
read_or_make(int folder, struct session_keys *k, struct err *e)
{
	int rc = read_keys(folder, k, e);

	if (rc != -ENOENT)
		return rc;
	session_keys_make(k);
	return write_keys(folder, k, e);
}

static int
replace(int folder, uint32_t epoch, struct session_keys *k, struct err *e)
{
	struct session_keys next;
	int rc = read_keys(folder, &next, e);

	if (rc == 0 && next.secrets[0].epoch == UINT32_MAX)
		rc = err_set(e, -ERANGE, FILE_NAME ": no epoch is left");
	if (rc == 0 && (epoch == 0 || epoch == next.secrets[0].epoch)) {
		session_keys_rotate(&next);
		rc = write_keys(folder, &next, e);
	}
	if (rc == 0)
		*k = next;
	OPENSSL_cleanse(&next, sizeof next);
	return rc;
}

int
session_keys_open(const char *state_dir, struct session_keys *k, struct err *e)
{
	AUTO_FD folder = key_file_lock(state_dir, e);

	return folder < 0 ? folder : read_or_make(folder, k, e);
}

int
session_keys_replace(const char *state_dir, uint32_t epoch, struct session_keys *k, struct err *e)
{
	AUTO_FD folder = key_file_lock(state_dir, e);

	return folder < 0 ? folder : replace(folder, epoch, k, e);
}
