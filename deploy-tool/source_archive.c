/* source_archive.c - the files of a version as one tar archive (POSIX.1-1988, "ustar"). */
#include "deploy-tool/source_archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

enum { BLOCK = 512, END_BLOCKS = 2, SIZE_DIGITS = 11 };

/* POSIX.1-1988, 10.1.1; numbers are octal. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], padding[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");
_Static_assert(SOURCE_NAME_SIZE <= sizeof((struct header *)0)->name, "a name fits into its field");

static const char magic[] = "ustar";

static void
make_header(struct header *h, const char *name, size_t size)
{
	unsigned sum = 0;

	memset(h, 0, sizeof *h);
	snprintf(h->name, sizeof h->name, "%s", name);
	memcpy(h->mode, "0000644", sizeof h->mode);
	memcpy(h->uid, "0000000", sizeof h->uid);
	memcpy(h->gid, "0000000", sizeof h->gid);
	snprintf(h->size, sizeof h->size, "%0*zo", SIZE_DIGITS, size & 0777777777);
	memcpy(h->mtime, "00000000000", sizeof h->mtime);
	memset(h->checksum, ' ', sizeof h->checksum);
	h->type = '0';
	memcpy(h->magic, magic, sizeof h->magic);
	memcpy(h->version, "00", sizeof h->version);
	for (size_t i = 0; i < sizeof *h; i++)
		sum += ((const unsigned char *)h)[i];
	snprintf(h->checksum, 7, "%06o", sum & 0777777);
}

static size_t
padded(size_t size)
{
	return (size + BLOCK - 1) / BLOCK * BLOCK;
}

int
source_pack(const struct source *s, char **data, size_t *n, struct err *e)
{
	size_t size = END_BLOCKS * BLOCK, at = 0;
	char *bytes;

	for (size_t i = 0; i < s->n; i++)
		size += BLOCK + padded(s->files[i].size);
	bytes = calloc(1, size);
	if (bytes == NULL)
		return err_set(e, ENOMEM, "archive of the sources");
	for (size_t i = 0; i < s->n; i++) {
		const struct source_file *f = &s->files[i];
		struct header h;

		make_header(&h, f->name, f->size);
		memcpy(bytes + at, &h, sizeof h);
		memcpy(bytes + at + BLOCK, f->text, f->size);
		at += BLOCK + padded(f->size);
	}
	*data = bytes;
	*n = size;
	return 0;
}

static bool
is_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != '\0')
			return false;
	return true;
}

/* One file at p; how many bytes it takes, 0 when it is not as make_header() would have it. */
static size_t
read_file(const char *p, size_t n, struct source_packed *f)
{
	struct header h, want;

	if (n < BLOCK)
		return 0;
	memcpy(&h, p, sizeof h);
	if (memchr(h.name, '\0', sizeof h.name) == NULL || memchr(h.size, '\0', sizeof h.size) == NULL)
		return 0;
	f->name = p;
	f->text = p + BLOCK;
	f->size = strtoul(h.size, NULL, 8);
	make_header(&want, h.name, f->size);
	if (memcmp(&h, &want, sizeof h) != 0 || !source_is_name(h.name) || padded(f->size) > n - BLOCK)
		return 0;
	return is_zero(f->text + f->size, padded(f->size) - f->size) ? BLOCK + padded(f->size) : 0;
}

int
source_unpack(const char *data, size_t n, const char *plain,
              int (*each)(void *context, const struct source_packed *), void *context, struct err *e)
{
	struct source_packed f = { plain, data, n };
	size_t at = offsetof(struct header, magic);

	if (n < BLOCK || memcmp(data + at, magic, sizeof magic) != 0)
		return each(context, &f);
	while (n > END_BLOCKS * BLOCK) {
		size_t taken = read_file(data, n - END_BLOCKS * BLOCK, &f);
		int rc = taken > 0 ? each(context, &f) : err_set(e, -EBADMSG, "an archive of sources");

		if (rc != 0)
			return rc;
		data += taken;
		n -= taken;
	}
	return n == END_BLOCKS * BLOCK && is_zero(data, n) ? 0
	                                                   : err_set(e, -EBADMSG, "an archive of sources");
}
