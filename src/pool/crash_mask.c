/* crash_mask.c - a function's secrets in its last lines. */
#include "pool/crash_mask.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "ipc/protocol.h"
#include "pool/master.h"
#include "pool/secrets.h"

/* What it said, without the ends of lines: a value may be cut into several. */
struct flat {
	size_t n;
	char text[FAILURE_OUTPUT_MAX];
	uint16_t at[FAILURE_OUTPUT_MAX]; /* of each byte, in the lines */
};

static void
flatten(struct flat *f, const char *lines, size_t n)
{
	f->n = 0;
	for (size_t i = 0; i < n && i < FAILURE_OUTPUT_MAX; i++) {
		if (lines[i] == '\n')
			continue;
		f->at[f->n] = (uint16_t)i;
		f->text[f->n++] = lines[i];
	}
}

static size_t
without_ends(char *value)
{
	size_t n = 0;

	for (const char *p = value; *p; p++)
		if (*p != '\n')
			value[n++] = *p;
	return n;
}

static void
hide(char *lines, const struct flat *f, const char *found, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lines[f->at[found - f->text + (ptrdiff_t)i]] = '*';
}

static void
mask_one(char *lines, const struct flat *f, const char *value, size_t n)
{
	const char *end = f->text + f->n, *at = f->text, *found;

	/* Its beginning may have made room for what came later. */
	for (size_t i = 1; i + CRASHES_MASK_MIN <= n; i++)
		if (n - i <= f->n && memcmp(at, value + i, n - i) == 0)
			hide(lines, f, at, n - i);
	for (; (found = memmem(at, (size_t)(end - at), value, n)); at = found + n)
		hide(lines, f, found, n);
}

void
crash_mask(struct master *m, const char *function, char *lines, size_t n)
{
	struct flat flat;
	struct buf values;
	struct err e;
	size_t at = 0;

	flatten(&flat, lines, n);
	buf_init(&values, (size_t)SECRETS_MAX * (SECRET_NAME_SIZE + SECRET_VALUE_MAX + 2));
	if (!m->registry || secrets_add(m->registry, &m->secret_keys, function, &values, &e) < 0)
		memset(lines, '*', n);
	while (at < buf_used(&values)) {
		char *entry = buf_head(&values) + at, *value = strchr(entry, '=') + 1;
		size_t length;

		at += strlen(entry) + 1;
		length = without_ends(value);
		if (length >= CRASHES_MASK_MIN)
			mask_one(lines, &flat, value, length);
	}
	if (buf_used(&values) > 0)
		OPENSSL_cleanse(buf_head(&values), buf_used(&values));
	buf_done(&values);
}
