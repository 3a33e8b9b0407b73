/* sealed.c - the sealed list of tokens: made, mapped, looked into. */
#include "token/sealed.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"

#define SEALED_MAGIC UINT64_C(0x31736e656b6f7463) /* "ctokens1" */

struct sealed_header {
	uint64_t magic;
	uint32_t n_rows, n_grants;
};

struct tokens {
	void *data;
	size_t size;
	const struct sealed_header *header;
	const struct token_row *rows;
	const struct token_grant *grants;
};

static size_t
size_of(size_t n_rows, size_t n_grants)
{
	return sizeof(struct sealed_header) + n_rows * sizeof(struct token_row) +
	       n_grants * sizeof(struct token_grant);
}

static void
locate(struct tokens *t)
{
	t->header = t->data;
	t->rows = (const void *)(t->header + 1);
	t->grants = (const void *)(t->rows + t->header->n_rows);
}

static int
compare_rows(const void *a, const void *b)
{
	return memcmp(((const struct token_row *)a)->hash.bytes, ((const struct token_row *)b)->hash.bytes,
	              DIGEST_SIZE);
}

/* Takes rows out whose neighbour has the same hash; how many stay. */
static size_t
drop_doubles(struct token_row *rows, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n;) {
		size_t same = 1;

		while (i + same < n && compare_rows(&rows[i], &rows[i + same]) == 0)
			same++;
		if (same == 1)
			rows[kept++] = rows[i];
		i += same;
	}
	return kept;
}

static bool
is_within(const struct token_row *row, size_t n_grants)
{
	return row->first_grant <= n_grants && row->n_grants <= n_grants - row->first_grant;
}

int
tokens_seal(const struct token_row *rows, size_t n_rows, const struct token_grant *grants, size_t n_grants,
            struct err *e)
{
	AUTO_FREE char *data = NULL;
	struct sealed_header *header;
	struct token_row *sorted;

	if (n_rows > TOKENS_MAX || n_grants > TOKEN_GRANTS_MAX)
		return err_set(e, -E2BIG, "more than %d tokens, or %d scopes of all", TOKENS_MAX,
		               TOKEN_GRANTS_MAX);
	for (size_t i = 0; i < n_rows; i++)
		if (!is_within(&rows[i], n_grants))
			return err_set(e, -EINVAL, "a token's scopes are not there");
	data = calloc(1, size_of(n_rows, n_grants));
	if (!data)
		return err_set(e, ENOMEM, "tokens");
	header = (void *)data;
	sorted = (void *)(header + 1);
	if (n_rows > 0)
		memcpy(sorted, rows, n_rows * sizeof *rows);
	qsort(sorted, n_rows, sizeof *sorted, compare_rows);
	n_rows = drop_doubles(sorted, n_rows);
	*header = (struct sealed_header){ SEALED_MAGIC, (uint32_t)n_rows, (uint32_t)n_grants };
	if (n_grants > 0)
		memcpy(sorted + n_rows, grants, n_grants * sizeof *grants);
	return fd_sealed_memory("cfn-tokens", data, size_of(n_rows, n_grants), e);
}

static const char *
row_fault(const struct tokens *t, size_t i)
{
	const struct token_row *row = &t->rows[i];

	if (i > 0 && compare_rows(row - 1, row) >= 0)
		return "order";
	if (row->name[0] == '\0' || !memchr(row->name, '\0', sizeof row->name))
		return "name";
	if (row->expires_at < 0)
		return "expiry";
	return is_within(row, t->header->n_grants) ? NULL : "scopes";
}

static const char *
fault_of(struct tokens *t)
{
	const struct sealed_header *h = t->data;
	const char *fault = NULL;

	if (t->size < sizeof *h || h->magic != SEALED_MAGIC)
		return "it is no list of this version";
	if (h->n_rows > TOKENS_MAX || h->n_grants > TOKEN_GRANTS_MAX ||
	    size_of(h->n_rows, h->n_grants) != t->size)
		return "size";
	locate(t);
	for (size_t i = 0; !fault && i < h->n_rows; i++)
		fault = row_fault(t, i);
	for (size_t i = 0; !fault && i < h->n_grants; i++)
		if (!memchr(t->grants[i].subject, '\0', TOKEN_SUBJECT_SIZE))
			fault = "subject";
	return fault;
}

static int
map_bytes(int fd, struct tokens *t, struct err *e)
{
	struct stat st;

	if (fd_check_sealed(fd) < 0)
		return err_set(e, -EPERM, "list of tokens is not sealed");
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "list of tokens");
	if (st.st_size == 0)
		return err_set(e, -EBADMSG, "list of tokens is empty");
	t->size = (size_t)st.st_size;
	/* Private: before 6.7 a file sealed against writing could not be mapped shared. */
	t->data = mmap(NULL, t->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	return t->data == MAP_FAILED ? err_set(e, errno, "map list of tokens") : 0;
}

int
tokens_map(int fd, struct tokens **t, struct err *e)
{
	struct tokens found = { 0 }, *mapped;
	const char *fault;
	int rc = map_bytes(fd, &found, e);

	if (rc < 0)
		return rc;
	fault = fault_of(&found);
	if (fault)
		rc = err_set(e, -EBADMSG, "list of tokens is damaged: %s", fault);
	mapped = rc == 0 ? malloc(sizeof *mapped) : NULL;
	if (rc == 0 && !mapped)
		rc = err_set(e, ENOMEM, "list of tokens");
	if (!mapped) {
		munmap(found.data, found.size);
		return rc;
	}
	*mapped = found;
	*t = mapped;
	return 0;
}

void
tokens_unmap(struct tokens *t)
{
	if (!t)
		return;
	munmap(t->data, t->size);
	free(t);
}

size_t
tokens_n(const struct tokens *t)
{
	return t ? t->header->n_rows : 0;
}

/* How the search goes tells at most where a hash stands among others, and whoever chose a token cannot aim
 * its hash. */
const struct token_row *
tokens_find(const struct tokens *t, const struct digest *hash)
{
	size_t low = 0, n = tokens_n(t);

	if (n == 0)
		return NULL;
	while (n > 1) {
		size_t half = n / 2;

		if (memcmp(t->rows[low + half].hash.bytes, hash->bytes, DIGEST_SIZE) <= 0)
			low += half;
		n -= half;
	}
	return CRYPTO_memcmp(t->rows[low].hash.bytes, hash->bytes, DIGEST_SIZE) == 0 ? &t->rows[low] : NULL;
}

bool
tokens_have(const struct tokens *t, const struct token_row *row, enum token_kind kind)
{
	for (uint32_t i = 0; i < row->n_grants; i++)
		if (t->grants[row->first_grant + i].kind == kind)
			return true;
	return false;
}

bool
tokens_allow(const struct tokens *t, const struct token_row *row, enum token_kind kind, const char *subject)
{
	for (uint32_t i = 0; i < row->n_grants; i++) {
		const struct token_grant *g = &t->grants[row->first_grant + i];

		if (g->kind == kind &&
		    (strcmp(g->subject, TOKEN_ANY) == 0 || strcmp(g->subject, subject) == 0))
			return true;
	}
	return false;
}
