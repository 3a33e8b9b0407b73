/* cache.c - entries of the cache of compiled programs: found, read with distrust, written whole or not at
 * all. */
#include "run/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

/* At the beginning of an entry; standard output, standard error and the program follow. */
struct header {
	struct digest digest; /* of all that follows it */
	struct digest key;
	uint64_t n_out, n_err, n_program;
};

enum { NAME_SIZE = DIGEST_TEXT_SIZE + 8 };

int
run_cache_open(struct run_cache *cache, int folder, const char *name, uint64_t max, struct err *e)
{
	AUTO_FD opened = -1;

	if (mkdirat(folder, name, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make %s", name);
	opened = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (opened < 0)
		return err_set(e, errno, "open %s", name);
	if (fd_check_own_folder(opened, e) < 0)
		return err_wrap(e, "%s", name);
	*cache = (struct run_cache){ opened, max };
	opened = -1;
	return 0;
}

void
run_cache_close(struct run_cache *cache)
{
	fd_close(&cache->folder);
}

/* A plain file of ours that nobody else may even read, and of a size that one can have. */
static bool
entry_is_ours(int fd, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return false;
	if (st.st_size < (off_t)sizeof(struct header) ||
	    st.st_size > (off_t)sizeof(struct header) + RUN_CACHE_PROGRAM_MAX + 2 * RUN_CACHE_DIAGNOSTICS_MAX)
		return false;
	*size = (size_t)st.st_size;
	return true;
}

static bool
header_fits(const struct header *h, const struct digest *key, size_t size)
{
	return memcmp(&h->key, key, sizeof *key) == 0 && h->n_out <= RUN_CACHE_DIAGNOSTICS_MAX &&
	       h->n_err <= RUN_CACHE_DIAGNOSTICS_MAX && h->n_program <= RUN_CACHE_PROGRAM_MAX &&
	       size == sizeof *h + h->n_out + h->n_err + h->n_program;
}

/* A crash of the machine may leave any bytes under a good name. */
static bool
entry_is_whole(const char *data, size_t size, const struct digest *key)
{
	struct header h;
	struct digest found;

	memcpy(&h, data, sizeof h);
	if (!header_fits(&h, key, size))
		return false;
	digest_plain(data + sizeof h.digest, size - sizeof h.digest, &found);
	return memcmp(&found, &h.digest, sizeof found) == 0;
}

static void
entry_show(char *data, size_t size, struct run_cached *found)
{
	struct header h;

	memcpy(&h, data, sizeof h);
	*found = (struct run_cached){
		.out = data + sizeof h,
		.n_out = h.n_out,
		.err = data + sizeof h + h.n_out,
		.n_err = h.n_err,
		.program = data + sizeof h + h.n_out + h.n_err,
		.n_program = h.n_program,
		.mapped = data,
		.n_mapped = size,
	};
}

static bool
entry_read(int fd, const struct digest *key, struct run_cached *found)
{
	size_t size;
	void *data;

	if (!entry_is_ours(fd, &size))
		return false;
	data = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (data == MAP_FAILED)
		return false;
	if (!entry_is_whole(data, size, key)) {
		munmap(data, size);
		return false;
	}
	entry_show(data, size, found);
	return true;
}

bool
run_cache_get(const struct run_cache *cache, const struct digest *key, struct run_cached *found)
{
	char name[NAME_SIZE];
	AUTO_FD fd = -1;

	if (cache->folder < 0)
		return false;
	digest_format(key, name);
	fd = openat(cache->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (!entry_read(fd, key, found)) {
		unlinkat(cache->folder, name, 0);
		return false;
	}
	futimens(fd, NULL);
	return true;
}

void
run_cached_done(struct run_cached *found)
{
	if (found->mapped)
		munmap(found->mapped, found->n_mapped);
	*found = (struct run_cached){ 0 };
}

static bool
is_too_large(const struct run_cache *cache, const struct run_cached *what)
{
	return what->n_program > RUN_CACHE_PROGRAM_MAX || what->n_out > RUN_CACHE_DIAGNOSTICS_MAX ||
	       what->n_err > RUN_CACHE_DIAGNOSTICS_MAX ||
	       what->n_program + what->n_out + what->n_err > cache->max / RUN_CACHE_PART;
}

/* What is empty may have no address. */
static char *
part_put(char *at, const char *part, size_t n)
{
	return n > 0 ? mempcpy(at, part, n) : at;
}

/* The digest is over one piece of memory: of the entry as it will be read. */
static bool
entry_write(int fd, const struct digest *key, const struct run_cached *what)
{
	struct header h = {
		.key = *key, .n_out = what->n_out, .n_err = what->n_err, .n_program = what->n_program
	};
	size_t size = sizeof h + what->n_out + what->n_err + what->n_program;
	/* With room on the disk first: a store into a page that has none is a signal. */
	char *to = posix_fallocate(fd, 0, (off_t)size) != 0
	               ? MAP_FAILED
	               : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *at = to;

	if (to == MAP_FAILED)
		return false;
	at = mempcpy(at, &h, sizeof h);
	at = part_put(at, what->out, what->n_out);
	at = part_put(at, what->err, what->n_err);
	part_put(at, what->program, what->n_program);
	digest_plain(to + sizeof h.digest, size - sizeof h.digest, &h.digest);
	memcpy(to, &h.digest, sizeof h.digest);
	munmap(to, size);
	return true;
}

void
run_cache_put(const struct run_cache *cache, const struct digest *key, const struct run_cached *what)
{
	char name[NAME_SIZE], temporary[NAME_SIZE];
	uint64_t number;
	AUTO_FD fd = -1;

	if (cache->folder < 0 || is_too_large(cache, what))
		return;
	random_bytes(&number, sizeof number);
	snprintf(temporary, sizeof temporary, "new-%016llx", (unsigned long long)number);
	fd = openat(cache->folder, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	digest_format(key, name);
	if (!entry_write(fd, key, what) || renameat(cache->folder, temporary, cache->folder, name) < 0)
		unlinkat(cache->folder, temporary, 0);
	run_cache_trim(cache);
}
