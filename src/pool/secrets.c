/* secrets.c - the secrets of functions: the key that opens them, and what a worker gets of them. */
#include "pool/secrets.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <syslog.h>

#include "base/fd.h"
#include "base/hex.h"
#include "base/log.h"
#include "pool/key_file.h"

#define FILE_NAME "secret.key"

/* ---- the key ---- */

static int
read_key(int folder, struct secret_keys *k, struct err *e)
{
	char text[KEY_FILE_SIZE];
	int rc = key_file_read(folder, FILE_NAME, text, e);

	if (rc == 0) {
		text[strcspn(text, "\n")] = '\0';
		rc = hex_parse(text, k->private, sizeof k->private) < 0
		         ? err_set(e, -EBADMSG, FILE_NAME ": not a key")
		         : secret_keys_complete(k, e);
	}
	OPENSSL_cleanse(text, sizeof text);
	return rc;
}

static int
make_key(int folder, struct secret_keys *k, struct err *e)
{
	char text[2 * SECRET_KEY_SIZE + 2];
	int rc = secret_keys_make(k, e);

	if (rc < 0)
		return rc;
	hex_format(k->private, sizeof k->private, text);
	strcat(text, "\n");
	rc = key_file_write(folder, FILE_NAME, text, e);
	OPENSSL_cleanse(text, sizeof text);
	return rc;
}

int
secrets_open(const char *state_dir, struct secret_keys *k, struct err *e)
{
	AUTO_FD folder = key_file_lock(state_dir, e);
	int rc;

	if (folder < 0)
		return folder;
	rc = read_key(folder, k, e);
	return rc == -ENOENT ? make_key(folder, k, e) : rc;
}

/* ---- what is sealed ---- */

struct digesting {
	struct buf text;
	int rc;
};

static int
take_sealed(void *context, const struct registry_secret *s, const struct err *why)
{
	struct digesting *d = context;

	(void)why;
	if (s && d->rc == 0)
		d->rc = buf_append(&d->text, s->name, strlen(s->name) + 1);
	if (s && d->rc == 0)
		d->rc = buf_append(&d->text, s->sealed, s->n_sealed);
	return 0;
}

int
secrets_digest(struct registry *r, const char *function, struct digest *digest, struct err *e)
{
	struct digesting d = { 0 };
	int rc;

	buf_init(&d.text, (size_t)SECRETS_MAX * (SECRET_NAME_SIZE + SECRET_SEALED_MAX));
	*digest = (struct digest){ 0 };
	if (!r)
		return 0;
	rc = registry_each_secret(r, function, take_sealed, &d, e);
	if (rc == 0 && d.rc < 0)
		rc = err_set(e, -d.rc, "secrets of '%s'", function);
	if (rc == 0 && buf_used(&d.text) > 0)
		rc = digest_of(buf_head(&d.text), buf_used(&d.text), digest, e);
	buf_done(&d.text);
	return rc;
}

/* ---- what a worker gets ---- */

struct opening {
	const struct secret_keys *keys;
	const char *function;
	struct buf *environment;
	int rc;
};

static int
add(struct opening *o, const struct registry_secret *s, const unsigned char *value)
{
	size_t n = s->n_sealed - SECRET_OVERHEAD, n_name = strlen(s->name);
	char *to = buf_reserve(o->environment, n_name + 1 + n + 1);

	if (!to)
		return -ENOMEM;
	memcpy(to, s->name, n_name);
	to[n_name] = '=';
	memcpy(to + n_name + 1, value, n);
	to[n_name + 1 + n] = '\0';
	buf_commit(o->environment, n_name + 1 + n + 1);
	return 0;
}

/* The function is the one that was asked for, whatever the row says. */
static int
take_secret(void *context, const struct registry_secret *s, const struct err *why)
{
	unsigned char value[SECRET_VALUE_MAX];
	struct opening *o = context;
	struct err e;

	if (!s) {
		log_line(LOG_ERR, "function '%s': %s", o->function, why->text);
		return 0;
	}
	if (secret_open(o->keys, o->function, s->name, s->sealed, s->n_sealed, value, &e) < 0)
		log_line(LOG_ERR, "function '%s': secret '%s' is left out: %s", o->function, s->name, e.text);
	else if (memchr(value, '\0', s->n_sealed - SECRET_OVERHEAD))
		log_line(LOG_ERR, "function '%s': secret '%s' is left out: it has a NUL", o->function,
		         s->name);
	else
		o->rc = add(o, s, value);
	OPENSSL_cleanse(value, sizeof value);
	return o->rc;
}

int
secrets_add(struct registry *r, const struct secret_keys *k, const char *function, struct buf *environment,
            struct err *e)
{
	struct opening o = { k, function, environment, 0 };
	int rc = registry_each_secret(r, function, take_secret, &o, e);

	return o.rc < 0 ? err_set(e, -o.rc, "secrets of '%s'", function) : rc;
}
