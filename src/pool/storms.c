/* storms.c - functions that this pool has disabled for a storm of refused system calls. */
#include "pool/storms.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/options.h"
#include "pool/pools.h"
#include "pool/rollout.h"

#define FOLDER_NAME "storms"

enum { FILE_NAME_SIZE = 24, FILE_SIZE = 256 };

uint64_t
storm_add(struct storm_count *c, uint64_t now_us, uint64_t window_ms, uint32_t n)
{
	uint64_t length_us = window_ms * 1000 / STORM_SLICES, now = now_us / (length_us ? length_us : 1),
		 sum = 0;
	uint64_t n_passed = now - c->slice;
	uint32_t *slice;

	for (uint64_t i = 1; i <= n_passed && i <= STORM_SLICES; i++)
		c->slices[(c->slice + i) % STORM_SLICES] = 0;
	if (n_passed >= STORM_SLICES)
		memset(c->slices, 0, sizeof c->slices);
	c->slice = now;
	slice = &c->slices[now % STORM_SLICES];
	*slice = n > UINT32_MAX - *slice ? UINT32_MAX : *slice + n;
	for (size_t i = 0; i < STORM_SLICES; i++)
		sum += c->slices[i];
	return sum;
}

static struct storm *
find(const struct master *m, uint64_t version_id)
{
	struct storm *s;

	TAILQ_FOREACH (s, &m->storms.list, link)
		if (s->version_id == version_id)
			return s;
	return NULL;
}

bool
storms_has(const struct master *m, uint64_t version_id)
{
	return find(m, version_id) != NULL;
}

static void
name_file(char name[FILE_NAME_SIZE], const struct storm *s)
{
	snprintf(name, FILE_NAME_SIZE, "%" PRIu64, s->version_id);
}

static void
forget(struct master *m, struct storm *s)
{
	char name[FILE_NAME_SIZE];

	name_file(name, s);
	if (m->storms.folder >= 0)
		unlinkat(m->storms.folder, name, 0);
	TAILQ_REMOVE(&m->storms.list, s, link);
	m->storms.n--;
	free(s);
}

static struct storm *
add(struct master *m, const struct storm *values)
{
	struct storm *s = m->storms.n < STORMS_MAX ? malloc(sizeof *s) : NULL;

	if (!s)
		return NULL;
	*s = *values;
	TAILQ_INSERT_TAIL(&m->storms.list, s, link);
	m->storms.n++;
	return s;
}

/* ---- files ---- */

static int
write_file(const struct master *m, const struct storm *s)
{
	char name[FILE_NAME_SIZE], text[FILE_SIZE];
	AUTO_FD fd = -1;
	int n, rc;

	name_file(name, s);
	n = snprintf(text, sizeof text, "%s %" PRIu32 " %" PRIu64 " %" PRId64 "\n", s->function, s->version,
	             s->audit, s->time_ms);
	fd = openat(m->storms.folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = fd_write_all(fd, text, (size_t)n);
	return rc == 0 && fsync(fd) < 0 ? -errno : rc;
}

/* "FUNCTION VERSION AUDIT TIME" */
static bool
parse_file(const char *name, char *text, struct storm *s)
{
	const char *function = strsep(&text, " "), *version = strsep(&text, " "), *audit = strsep(&text, " "),
		   *time = strsep(&text, "\n");
	uint64_t number, time_ms;
	struct err e;

	if (!time || policy_check_name(function, &e) < 0 || option_parse_number(name, &s->version_id) < 0 ||
	    option_parse_number(version, &number) < 0 || number > UINT32_MAX ||
	    option_parse_number(audit, &s->audit) < 0 || option_parse_number(time, &time_ms) < 0 ||
	    time_ms > INT64_MAX)
		return false;
	snprintf(s->function, sizeof s->function, "%s", function);
	s->version = (uint32_t)number;
	s->time_ms = (int64_t)time_ms;
	return true;
}

static void
read_file(struct master *m, const char *name)
{
	AUTO_FD fd =
	    openat(m->storms.folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct storm s = { 0 };
	char text[FILE_SIZE];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (n <= 0)
		return;
	text[n] = '\0';
	if (parse_file(name, text, &s) && !find(m, s.version_id))
		add(m, &s);
}

static int
open_folder(const struct master *m)
{
	if (mkdirat(m->uids.folder, FOLDER_NAME, 0700) < 0 && errno != EEXIST)
		return -1;
	return openat(m->uids.folder, FOLDER_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void
storms_open(struct master *m)
{
	struct dirent *entry;
	DIR *folder;
	int fd;

	TAILQ_INIT(&m->storms.list);
	m->storms.folder = open_folder(m);
	fd = m->storms.folder < 0 ? -1 : fcntl(m->storms.folder, F_DUPFD_CLOEXEC, 0);
	folder = fd < 0 ? NULL : fdopendir(fd);
	if (!folder) {
		fd_close(&fd);
		log_line(LOG_WARNING, "state folder '%s': %s: %s; what is disabled ends with this pool",
		         m->config->state_dir, FOLDER_NAME, strerror(errno));
		return;
	}
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			read_file(m, entry->d_name);
	closedir(folder);
}

void
storms_close(struct master *m)
{
	struct storm *s;

	while ((s = TAILQ_FIRST(&m->storms.list))) {
		TAILQ_REMOVE(&m->storms.list, s, link);
		free(s);
	}
	fd_close(&m->storms.folder);
}

/* ---- the end of a storm ---- */

static void
end(struct master *m, struct storm *s)
{
	log_line(LOG_NOTICE, "function '%s' version %u is enabled again", s->function, s->version);
	audit_note(m, &(struct audit_note){
			  .event = AUDIT_STORM_END, .function = s->function, .version = s->version });
	forget(m, s);
}

static void
check(struct master *m, struct storm *s)
{
	AUTO_FREE struct registry_version *v = malloc(sizeof *v);
	struct audit_head head = { 0 };
	uint64_t enabled = 0;
	struct err e;

	if (!v)
		return;
	if (registry_version_by_id(m->registry, (int64_t)s->version_id, v, &e) == -ENOENT) {
		forget(m, s);
		return;
	}
	if (registry_audit_head(m->registry, &head, &e) < 0 ||
	    registry_audit_last(m->registry, s->function, AUDIT_ENABLE, &enabled, &e) < 0)
		return;
	if (enabled > s->audit) {
		end(m, s);
		return;
	}
	/* An older registry was put in place: its next row is younger than the storm, whatever its number. */
	if (head.number < s->audit)
		s->audit = head.number;
}

void
storms_check(struct master *m)
{
	struct storm *s, *next;

	for (s = TAILQ_FIRST(&m->storms.list); s; s = next) {
		next = TAILQ_NEXT(s, link);
		check(m, s);
	}
}

/* ---- the beginning ---- */

static void
begin(struct master *m, struct pool *pool, const char *why)
{
	struct storm storm = { .version_id = pool->public.version_id,
		               .version = pool->public.version,
		               .audit = m->auditor.registry.number,
		               .time_ms = clock_wall_ms() };
	struct audit_head head;
	struct storm *s;
	struct err e;
	int rc;

	if (registry_audit_head(m->registry, &head, &e) == 0)
		storm.audit = head.number;
	snprintf(storm.function, sizeof storm.function, "%s", pool->start.function);
	s = add(m, &storm);
	if (!s)
		return;
	rc = m->storms.folder < 0 ? -ENOENT : write_file(m, s);
	log_line(
	    LOG_ERR,
	    "function '%s' version %u is disabled: %s; 'cfn-deploy enable %s' or another version ends this",
	    s->function, s->version, why, s->function);
	if (rc < 0)
		log_line(LOG_WARNING, "%s/%s: %s; it will be enabled when the pool starts again",
		         m->config->state_dir, FOLDER_NAME, strerror(-rc));
	audit_note(m,
	           &(struct audit_note){
		       .event = AUDIT_STORM, .function = s->function, .version = s->version, .detail = why });
	pool->public.is_enabled = 0;
	pool->function->is_changed = true;
	/* What was counted before it is enabled again counts no more. */
	pool->denied.calls = pool->denied.kills = (struct storm_count){ 0 };
	rollout_publish_soon(m);
}

static bool
is_over(uint64_t sum, uint64_t limit)
{
	return limit > 0 && sum >= limit;
}

void
storm_calls(struct master *m, struct pool *pool, uint32_t n)
{
	uint64_t sum = storm_add(&pool->denied.calls, clock_now_us(), pool->denied.window_ms, n);
	char why[AUDIT_TEXT_SIZE], window[OPTION_TEXT_SIZE];

	if (!pool_is_serving(pool) || !is_over(sum, pool->denied.max_calls))
		return;
	option_format_duration(pool->denied.window_ms, window);
	snprintf(why, sizeof why, "%" PRIu64 " refused system calls within %s (denied.calls = %" PRIu64 ")",
	         sum, window, pool->denied.max_calls);
	begin(m, pool, why);
}

void
storm_kill(struct master *m, struct pool *pool)
{
	uint64_t sum = storm_add(&pool->denied.kills, clock_now_us(), pool->denied.window_ms, 1);
	char why[AUDIT_TEXT_SIZE], window[OPTION_TEXT_SIZE];

	if (!pool_is_serving(pool) || !is_over(sum, pool->denied.max_kills))
		return;
	option_format_duration(pool->denied.window_ms, window);
	snprintf(why, sizeof why,
	         "%" PRIu64 " workers ended for refused system calls within %s (denied.kills = %" PRIu64 ")",
	         sum, window, pool->denied.max_kills);
	begin(m, pool, why);
}
