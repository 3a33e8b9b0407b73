/* run.c - the keys of [run] and what they mean together. */
#include "config/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "config/keys.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

enum { FILES_MIN = 16 };

static const char *const switches[] = { "off", "on", NULL };
static const char *const cgroups[] = { [RUN_CGROUP_AUTO] = "auto", [RUN_CGROUP_REQUIRE] = "require", NULL };
static const char *const auths[] = { [AUTH_NONE] = "none", [AUTH_BEARER] = "bearer", NULL };

static const struct key keys[] = {
#define TEXT(key, kind, field)              KEY_ROW_TEXT(key, kind, struct config_run, field)
#define NUMBER(key, kind, field, low, high) KEY_ROW_NUMBER(key, kind, struct config_run, field, low, high)
	KEY_ROW_CHOICE("enabled", switches, struct config_run, is_enabled),
	TEXT("path", KEY_TEXT, path),
	NUMBER("max_concurrent", KEY_NUMBER, max_concurrent, 0, RUN_CONCURRENT_MAX),
	NUMBER("queue", KEY_NUMBER, queue, 0, RUN_QUEUE_MAX),
	NUMBER("queue_share", KEY_NUMBER, queue_share, 0, RUN_QUEUE_MAX),
	TEXT("client", KEY_TEXT, client),
	KEY_ROW_CHOICE("auth", auths, struct config_run, auth),
	KEY_ROW_CHOICE("cgroup", cgroups, struct config_run, cgroup),
	TEXT("languages_dir", KEY_PATH, languages_dir),
	NUMBER("cpu_share", KEY_NUMBER, cpu_share, 1, RUN_CPU_SHARE_MAX),
	NUMBER("retention", KEY_DURATION, retention_ms, 1000, UINT64_C(366) * 24 * 3600 * 1000),
	NUMBER("store_size", KEY_SIZE, store_size, MIB, 1024 * GIB),
	NUMBER("cache_size", KEY_SIZE, cache_size, 0, 1024 * GIB),
	NUMBER("max.total_time", KEY_DURATION, total_ms, 1000, 3600 * 1000),
#define MAXIMA(prefix, field)                                                                                \
	NUMBER(prefix "memory", KEY_SIZE, field.memory, MIB, 1024 * GIB),                                    \
	    NUMBER(prefix "cpu_time", KEY_DURATION, field.cpu_ms, 100, 3600 * 1000),                         \
	    NUMBER(prefix "wall_time", KEY_DURATION, field.wall_ms, 100, 3600 * 1000),                       \
	    NUMBER(prefix "processes", KEY_NUMBER, field.processes, 0, 32768),                               \
	    NUMBER(prefix "files", KEY_NUMBER, field.files, 0, 65536),                                       \
	    NUMBER(prefix "disk", KEY_SIZE, field.disk, MIB, 64 * GIB),                                      \
	    NUMBER(prefix "output", KEY_SIZE, field.output, 1024, RUN_ANSWER_MAX / 4)
	MAXIMA("max.", most),
	NUMBER("max.cpu_share", KEY_NUMBER, most.cpu_share, 0, RUN_CPU_SHARE_MAX),
	MAXIMA("max.compile_", compile_most),
	NUMBER("max.compile_cpu_share", KEY_NUMBER, compile_most.cpu_share, 1, RUN_CPU_SHARE_MAX),
#undef MAXIMA
#undef TEXT
#undef NUMBER
};

void
config_run_init(struct config_run *r)
{
	*r = (struct config_run){
		.path = "/api/run",
		.queue = 100,
		.client = "address",
		.cpu_share = 50,
		.total_ms = 50 * 1000,
		.most = { .memory = 512 * MIB,
		          .cpu_ms = 20 * 1000,
		          .wall_ms = 30 * 1000,
		          .disk = 64 * MIB,
		          .output = MIB },
		.compile_most = { .memory = 2 * GIB,
		                  .cpu_ms = 30 * 1000,
		                  .wall_ms = 40 * 1000,
		                  .cpu_share = RUN_CPU_SHARE_MAX,
		                  .disk = 256 * MIB,
		                  .output = MIB },
		.retention_ms = UINT64_C(24) * 3600 * 1000,
		.store_size = 256 * MIB,
		.cache_size = 256 * MIB,
	};
}

int
config_run_set(struct config_run *r, const char *name, const char *value, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return key_set(r, &keys[i], value, e);
	return err_set(e, -EINVAL, "unknown key '%.64s' in [run]", name);
}

bool
config_is_path(const char *path)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.~-";
	size_t n;

	if (path[0] != '/')
		return false;
	for (; *path; path += n) {
		path++;
		n = strspn(path, letters);
		if (n == 0 || strspn(path, ".") == n || (path[n] != '/' && path[n] != '\0'))
			return false;
	}
	return true;
}

/* The name of the field; NULL: client names no header. */
static const char *
client_header(const char *client)
{
	static const char word[] = "header ";

	return strncmp(client, word, sizeof word - 1) == 0 ? client + sizeof word - 1 : NULL;
}

/* RFC 9110 section 5.6.2, less what web servers do not hand on, and less the two other choices. */
static bool
is_field_name(const char *name)
{
	return name[0] != '\0' && strcmp(name, "address") != 0 && strcmp(name, "user") != 0 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
	           strlen(name);
}

static int
check_client(const struct config_run *r, struct err *e)
{
	const char *header = client_header(r->client);

	if (header ? !is_field_name(header)
	           : strcmp(r->client, "address") != 0 && strcmp(r->client, "user") != 0)
		return err_set(e, -EINVAL, "client: '%.63s' is not address, user or header NAME", r->client);
	if (strcmp(r->client, "user") == 0 && r->auth == AUTH_NONE)
		return err_set(e, -EINVAL, "client: 'user' needs auth = bearer");
	return 0;
}

static int
check_share(const struct config_run *r, struct err *e)
{
	if (r->most.cpu_share > 0 && r->most.cpu_share < r->cpu_share)
		return err_set(e, -EINVAL, "max.cpu_share: '%" PRIu64 "' is below cpu_share, %" PRIu64,
		               r->most.cpu_share, r->cpu_share);
	return 0;
}

static int
check_files(const char *name, uint64_t files, struct err *e)
{
	return files > 0 && files < FILES_MIN
	           ? err_set(e, -EINVAL, "%s: '%" PRIu64 "' is below %d", name, files, FILES_MIN)
	           : 0;
}

int
config_run_check(const struct config_run *r, struct err *e)
{
	if (!config_is_path(r->path))
		return err_set(e, -EINVAL,
		               "path: '%.64s' does not look like /api/run: segments of A-Z, a-z, 0-9, '_', "
		               "'.', '~' and '-'",
		               r->path);
	if (check_share(r, e) < 0 || check_client(r, e) < 0 ||
	    check_files("max.files", r->most.files, e) < 0 ||
	    check_files("max.compile_files", r->compile_most.files, e) < 0)
		return -EINVAL;
	return 0;
}

void
config_run_print(const struct config_run *r, int fd)
{
	dprintf(fd, "[run]\n");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		key_print(r, &keys[i], fd);
}

static uint32_t
processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > RUN_CONCURRENT_MAX ? RUN_CONCURRENT_MAX : (uint32_t)n;
}

/* At least one, or nobody could wait. */
static uint32_t
share_of(const struct config_run *r)
{
	uint64_t share = r->queue_share > 0 ? r->queue_share : r->queue / 4;

	return share > 0 ? (uint32_t)share : 1;
}

/* One processor unless it is said, and never less than what everybody gets unasked. */
static uint64_t
share_most(const struct config_run *r)
{
	const uint64_t most = r->most.cpu_share > 0 ? r->most.cpu_share : 100;

	return most > r->cpu_share ? most : r->cpu_share;
}

/* Each process may hold memory of the kernel's that only a cgroup counts: 208 KiB for each descriptor in the
 * buffers of sockets, and its mappings. */
static void
fill_maxima(struct run_maxima *most, bool has_cgroup)
{
	if (most->processes == 0)
		most->processes = has_cgroup ? 128 : 64;
	if (most->files == 0)
		most->files = has_cgroup ? 1024 : 64;
}

void
config_run_fill(const struct config_run *r, bool has_cgroup, struct start_runner *start)
{
	const char *header = client_header(r->client);

	*start = (struct start_runner){
		.max_concurrent = r->max_concurrent > 0 ? (uint32_t)r->max_concurrent : processors(),
		.queue = (uint32_t)r->queue,
		.queue_share = share_of(r),
		.cpu_share = (uint32_t)r->cpu_share,
		.total_ms = r->total_ms,
		.most = r->most,
		.compile_most = r->compile_most,
		.retention_s = r->retention_ms / 1000,
		.store_size = r->store_size,
		.cache_size = r->cache_size,
	};
	start->most.cpu_share = share_most(r);
	fill_maxima(&start->most, has_cgroup);
	fill_maxima(&start->compile_most, has_cgroup);
	snprintf(start->languages_dir, sizeof start->languages_dir, "%s", r->languages_dir);
	snprintf(start->path, sizeof start->path, "%s", r->path);
	snprintf(start->client, sizeof start->client, "%s", header ? header : r->client);
}

bool
config_path_has(const char *path, const char *pattern)
{
	size_t n = strlen(path);

	return strncmp(pattern, path, n) == 0 && (pattern[n] == '\0' || pattern[n] == '/');
}

bool
config_run_reserves(const struct config_run *r, const char *pattern)
{
	return r->is_enabled && config_path_has(r->path, pattern);
}
