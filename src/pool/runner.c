/* runner.c - the runner's process: started, heard, drained, started again. */
#include "pool/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/start.h"
#include "pool/lanes.h"
#include "pool/pools.h"
#include "pool/workers.h"

enum { FIRST_ID = 1000 /* of slot 0, behind the range's start */ };

static const struct message_rule rules[] = {
	{ MSG_RUN_COUNTERS, sizeof(struct run_counters), sizeof(struct run_counters), 0, 0 },
};

/* ---- the folder of its runs ---- */

static uid_t
owner_of(const struct master *m)
{
	return m->identity.is_root_start ? (uid_t)m->config->uid_range_start + FIRST_ID + RUNNER_SLOT_FRONT
	                                 : geteuid();
}

static int
folder_path(const struct master *m, char path[CONFIG_PATH_MAX], struct err *e)
{
	if (snprintf(path, CONFIG_PATH_MAX, "%s/runs", m->config->state_dir) >= CONFIG_PATH_MAX)
		return err_set(e, ENAMETOOLONG, "folder of the runs");
	return 0;
}

/* Whoever owns the folder around it may put something else there meanwhile: only a folder of root's that
 * nobody has used yet is given away, and a folder has one name. */
static int
give_folder(const char *path, uid_t uid, gid_t gid, struct err *e)
{
	AUTO_FD fd = -1;
	struct stat st;

	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : err_set(e, errno, "make '%s'", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "make '%s'", path);
	if (st.st_uid != 0 || st.st_nlink > 2)
		return err_set(e, -EPERM, "make '%s': it is another folder now", path);
	return fchown(fd, uid, gid) < 0 ? err_set(e, errno, "make '%s'", path) : 0;
}

/* Made also where nothing is run yet: a reload, which comes without root's rights, may switch it on. */
int
runner_make_folder(struct master *m, struct err *e)
{
	bool is_needed = m->config->run.is_enabled;
	char path[CONFIG_PATH_MAX];
	int rc;

	if (!m->identity.is_root_start)
		return 0;
	rc = folder_path(m, path, e);
	if (rc == 0)
		rc = give_folder(m->config->state_dir, m->identity.uid, m->identity.gid, e);
	if (rc == 0)
		rc = give_folder(path, owner_of(m), owner_of(m), e);
	return is_needed ? rc : 0;
}

/* The runner opens its folder by its path and with an id of the range, so others have to get through the
 * folder above it; they can neither list it nor read its files. */
static int
let_through(const struct master *m, struct err *e)
{
	AUTO_FD fd = open(m->config->state_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "state folder '%s'", m->config->state_dir);
	if (st.st_mode & S_IXOTH)
		return 0;
	if (st.st_uid != m->identity.uid || fchmod(fd, (st.st_mode & 07777) | S_IXOTH) < 0)
		return err_set(e, -EPERM, "state folder '%s': the runner cannot pass it",
		               m->config->state_dir);
	return 0;
}

/* By its path alone: it is not the master's to read. */
static int
open_folder(struct master *m, struct err *e)
{
	char path[CONFIG_PATH_MAX];
	AUTO_FD fd = -1;
	struct stat st;
	int rc = folder_path(m, path, e);

	if (rc < 0 || m->runner.folder >= 0)
		return rc;
	if (m->identity.is_root_start && let_through(m, e) < 0)
		return -e->code;
	if (!m->identity.is_root_start && mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make '%s'", path);
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "folder '%s'", path);
	if (st.st_uid != owner_of(m))
		return err_set(e, -EPERM, "folder '%s' belongs to uid %u; it must be %u's", path, st.st_uid,
		               owner_of(m));
	m->runner.folder = fd;
	fd = -1;
	return 0;
}

int
runner_check_cgroup(const struct master *m, const struct config_run *run, struct err *e)
{
	if (!run->is_enabled || run->cgroup != RUN_CGROUP_REQUIRE || cgroup_is_open(&m->cgroup))
		return 0;
	return err_set(e, -ENOTSUP, "[run] cgroup = require: %s", m->cgroup.why);
}

/* ---- its process ---- */

static void
on_message(struct master *m, void *owner, struct message *message)
{
	struct runner *r = owner;
	struct err e;

	if (!message_check(rules, ARRAY_SIZE(rules), message, &e)) {
		log_line(LOG_WARNING, "runner: %s", e.text);
		channel_close(&r->channel);
		spawner_kill(m, r->id);
		return;
	}
	memcpy(&r->counters, message->body, sizeof r->counters);
	for (size_t i = 0; i < RUN_STATUSES_MAX; i++)
		r->counters.done[i].status[RUN_STATUS_SIZE - 1] = '\0';
}

/* Its end is told by MSG_PROCESS_ENDED; of what has closed its channel alone nothing can be asked any more.
 */
static void
on_end(struct master *m, void *owner, const struct err *why)
{
	struct runner *r = owner;

	if (why->code != EPIPE)
		log_line(LOG_WARNING, "runner: %s", why->text);
	channel_close(&r->channel);
	spawner_kill(m, r->id);
}

static struct pool *
serving(const struct master *m)
{
	return m->runner.function.serving;
}

static void
add_done(struct run_counters *to, const char *status, uint64_t n)
{
	for (size_t i = 0; i < RUN_STATUSES_MAX && status[0]; i++) {
		if (to->done[i].status[0] && strcmp(to->done[i].status, status) != 0)
			continue;
		memcpy(to->done[i].status, status, sizeof to->done[i].status);
		to->done[i].n += n;
		return;
	}
}

/* What only grows; the rest is of this moment. */
static void
add_counters(struct run_counters *to, const struct run_counters *c)
{
	to->accepted += c->accepted;
	to->refused_share += c->refused_share;
	to->refused_full += c->refused_full;
	to->cancelled += c->cancelled;
	to->cache_hits += c->cache_hits;
	to->cache_misses += c->cache_misses;
	for (size_t i = 0; i < RUN_STATUSES_MAX; i++)
		add_done(to, c->done[i].status, c->done[i].n);
}

static void
remember_counters(struct runner *r)
{
	add_counters(&r->before, &r->counters);
	r->counters = (struct run_counters){ 0 };
}

void
runner_counters(const struct master *m, struct run_counters *c)
{
	*c = m->runner.counters;
	add_counters(c, &m->runner.before);
}

static int
start(struct master *m, struct pool *pool, struct err *e)
{
	struct runner *r = &m->runner;
	int pair[2] = { -1, -1 }, rc = open_folder(m, e);
	struct start_runner start = *pool->runner;
	AUTO_FD theirs = -1;
	AUTO_FD errors = -1;

	if (rc == 0)
		rc = errors = hearing_open(m, HEARD_RUNNER, e);
	if (rc >= 0)
		rc = hearing_watch(m, HEARD_RUNNER, e);
	if (rc == 0)
		rc = message_pair(pair, e);
	if (rc < 0)
		return rc;
	theirs = pair[1];
	rc = channel_open(&r->channel, &m->loop, pair[0], e);
	if (rc < 0) {
		channel_close(&r->channel);
		return rc;
	}
	r->id = start.id = master_next_id(m);
	r->stage = RUNNER_STARTING;
	r->version = pool->public.version_id;
	remember_counters(r);
	r->n_starts++;
	channel_send(&m->spawner_channel, MSG_START_RUNNER, &start, sizeof start,
	             (int[]){ theirs, r->folder, errors }, 3);
	timer_arm(&m->loop, &r->timer, START_TIMEOUT_MS * UINT64_C(1000));
	return 0;
}

static void
start_again_later(struct master *m)
{
	struct runner *r = &m->runner;

	timer_arm(&m->loop, &r->timer, backoff_left(&r->backoff, clock_now_us()) + 1);
}

/* Who waits is answered: it may take long until there is one. */
static void
start_failed(struct master *m, const char *why)
{
	struct runner *r = &m->runner;
	struct pool *pool = serving(m);

	if (!pool || pool->start_failure == CAUSE_NONE)
		log_line(LOG_ERR, "the runner cannot start: %s", why);
	backoff_failed(&r->backoff, clock_now_us(), 0);
	if (!pool)
		return;
	pool->start_failure = CAUSE_UNAVAILABLE;
	leases_refuse(m, pool, CAUSE_UNAVAILABLE);
}

void
runner_follow(struct master *m)
{
	struct runner *r = &m->runner;
	struct pool *pool = serving(m);
	struct err e;

	if (r->stage != RUNNER_DOWN) {
		if (!pool || pool->public.version_id != r->version)
			runner_drain(m);
		return;
	}
	timer_cancel(&m->loop, &r->timer);
	if (!pool || m->phase == PHASE_STOPPED || takeover_is_shared(m) ||
	    (m->phase == PHASE_DRAINING && pool_waiting(pool) == 0))
		return;
	if (backoff_left(&r->backoff, clock_now_us()) > 0) {
		start_again_later(m);
		return;
	}
	if (start(m, pool, &e) < 0) {
		start_failed(m, e.text);
		start_again_later(m);
	}
}

/* The limit of its stage, or the end of its back-off. */
static void
timer_fired(void *context, void *owner)
{
	struct master *m = context;
	struct runner *r = owner;

	if (r->stage == RUNNER_DOWN) {
		runner_follow(m);
		return;
	}
	if (r->stage == RUNNER_STARTING)
		log_line(LOG_ERR, "the runner was not ready within %d s", START_TIMEOUT_MS / 1000);
	else
		log_line(LOG_WARNING, "drain_timeout: what the runner runs is cut off");
	spawner_kill(m, r->id);
}

bool
runner_is(const struct master *m, uint32_t id)
{
	return id != 0 && m->runner.id == id;
}

void
runner_became_ready(struct master *m)
{
	struct runner *r = &m->runner;
	struct pool *pool = serving(m);

	if (r->stage != RUNNER_STARTING)
		return;
	timer_cancel(&m->loop, &r->timer);
	r->stage = RUNNER_READY;
	r->ready_us = clock_now_us();
	log_line(LOG_NOTICE, "the runner is ready; programs are run at %s", m->config->run.path);
	if (!pool)
		return;
	pool->start_failure = CAUSE_NONE;
	leases_serve(m, pool);
}

static void
say_ended(struct master *m, const struct process_ended *ended)
{
	char text[ENDING_TEXT_SIZE];

	ending_format(&ended->ending, text);
	if (m->runner.stage == RUNNER_STARTING) {
		start_failed(m, ended->reason[0] ? ended->reason : text);
		return;
	}
	log_line(LOG_ERR, "the runner ended: %s%s%s", text, ended->reason[0] ? ", " : "", ended->reason);
	m->runner.n_crashes++;
	backoff_failed(&m->runner.backoff, clock_now_us(), m->runner.ready_us);
}

/* With it everything that it ran has ended.  Who waits goes on waiting for the next one. */
void
runner_has_ended(struct master *m, const struct process_ended *ended)
{
	struct runner *r = &m->runner;

	timer_cancel(&m->loop, &r->timer);
	channel_close(&r->channel);
	hearing_take(m, HEARD_RUNNER);
	if (r->stage != RUNNER_DRAINING)
		say_ended(m, ended);
	r->stage = RUNNER_DOWN;
	r->id = 0;
	lanes_kill_all(m, CAUSE_UNAVAILABLE);
	runner_follow(m);
	drain_check(m);
}

bool
runner_serves(const struct master *m, const struct pool *pool)
{
	return m->runner.stage == RUNNER_READY && m->runner.version == pool->public.version_id;
}

bool
runner_drain(struct master *m)
{
	struct runner *r = &m->runner;

	if (r->stage == RUNNER_DOWN)
		return true;
	if (r->stage == RUNNER_DRAINING)
		return false;
	/* One that is not ready yet has nothing to finish. */
	if (r->stage == RUNNER_STARTING) {
		spawner_kill(m, r->id);
	} else {
		channel_send(&r->channel, MSG_DRAIN, NULL, 0, NULL, 0);
		timer_arm(&m->loop, &r->timer, m->config->drain_timeout_ms * 1000 + 1);
	}
	r->stage = RUNNER_DRAINING;
	return false;
}

void
runner_init(struct master *m)
{
	struct runner *r = &m->runner;

	*r = (struct runner){ .folder = -1, .timer = { .fire = timer_fired, .owner = r } };
	r->channel.watch.fd = -1;
	r->channel.owner = r;
	r->channel.on_message = on_message;
	r->channel.on_end = on_end;
	snprintf(r->function.name, sizeof r->function.name, "%s", RUNNER_FUNCTION);
}

void
runner_close(struct master *m)
{
	if (m->runner.channel.watch.fd >= 0)
		channel_close(&m->runner.channel);
	fd_close(&m->runner.folder);
}
