/* watcher.c - notices that the registry has changed. */
#include "pool/watcher.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "pool/approvals.h"
#include "pool/master.h"
#include "pool/rollout.h"
#include "pool/tokens.h"

enum {
	POLL_MS = 1000,
	BUSY_RETRY_MS = 20, /* a commit is in flight */
};

/* Another file may have been put in the registry's place: a backup, a copy. */
static bool
was_replaced(const struct master *m)
{
	struct stat st;

	return stat(m->config->registry, &st) == 0 &&
	       (st.st_dev != m->watcher.device || st.st_ino != m->watcher.inode);
}

static void
remember_file(struct master *m)
{
	struct stat st;

	if (stat(m->config->registry, &st) < 0)
		return;
	m->watcher.device = st.st_dev;
	m->watcher.inode = st.st_ino;
}

/* The old connection is kept until the new one is good: it still reads a file that was removed. */
static int
reopen(struct master *m, struct err *e)
{
	struct registry *fresh = NULL;
	int rc = registry_open(m->config->registry, REGISTRY_READ, &fresh, e);

	if (rc < 0)
		return rc;
	registry_set_patience(fresh, REGISTRY_PATIENCE_MS);
	registry_close(m->registry);
	m->registry = fresh;
	remember_file(m);
	m->is_load_forced = true;
	return 0;
}

static int
look(struct master *m, struct err *e)
{
	uint64_t generation = 0;
	int rc;

	approvals_look(m);
	if (access(m->config->registry, F_OK) < 0)
		return err_set(e, errno, "registry %s", m->config->registry);
	if (was_replaced(m) && reopen(m, e) < 0)
		return -e->code;
	rc = registry_generation(m->registry, &generation, e);
	if (rc < 0 && rc != -EBUSY && reopen(m, e) == 0)
		rc = registry_generation(m->registry, &generation, e);
	if (rc < 0)
		return rc;
	if (m->is_load_forced)
		m->tokens.is_read = false;
	if (generation != m->mark.generation || m->is_load_forced)
		rc = rollout_load(m, e);
	return rc < 0 ? rc : token_list_look(m, e);
}

int
watcher_check(struct master *m, struct err *e)
{
	struct watcher *w = &m->watcher;
	int rc = look(m, e);

	if (rc == 0)
		audit_registry(m);
	timer_arm(&m->loop, &w->poll, (rc == -EBUSY ? BUSY_RETRY_MS : POLL_MS) * UINT64_C(1000));
	if (rc < 0 && rc != -EBUSY && !w->is_failing) {
		log_line(LOG_ERR, "%s; generation %" PRIu64 " goes on serving", e->text, m->mark.generation);
		w->is_failing = true;
	}
	if (rc == 0 && w->is_failing) {
		log_line(LOG_NOTICE, "registry %s can be read again", m->config->registry);
		w->is_failing = false;
	}
	return rc;
}

static void
poll_now(void *context, void *owner)
{
	struct master *m = context;
	struct err e;

	(void)owner;
	watcher_check(m, &e);
}

/* The registry itself or its journal, whose removal is the moment of the commit. */
static bool
concerns_registry(const struct master *m, const char *name)
{
	const char *slash = strrchr(m->config->registry, '/');
	size_t n = slash ? strlen(slash) - 1 : 0;

	return slash && strncmp(name, slash + 1, n) == 0;
}

static void
serve_inotify(void *context, void *owner, uint32_t events)
{
	struct master *m = context;
	_Alignas(struct inotify_event) char data[4096];
	ssize_t n = read(m->watcher.inotify.fd, data, sizeof data);
	bool concerns = false;

	(void)owner;
	(void)events;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (const struct inotify_event *)(const void *)(data + at);

		concerns |=
		    event->mask & IN_Q_OVERFLOW || (event->len > 0 && concerns_registry(m, event->name));
		at += (ssize_t)(sizeof *event + event->len);
	}
	if (concerns)
		poll_now(m, NULL);
}

int
watcher_open(struct master *m, struct err *e)
{
	struct watcher *w = &m->watcher;
	char folder[PATH_MAX];

	w->poll = (struct timer){ .fire = poll_now };
	timer_arm(&m->loop, &w->poll, POLL_MS * UINT64_C(1000));
	remember_file(m);
	w->inotify = (struct watch){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
		                     .serve = serve_inotify,
		                     .owner = m };
	if (w->inotify.fd < 0)
		return 0; /* max_user_instances: the poll does it alone */
	snprintf(folder, sizeof folder, "%s", m->config->registry);
	if (inotify_add_watch(w->inotify.fd, dirname(folder),
	                      IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO) < 0) {
		fd_close(&w->inotify.fd);
		return 0;
	}
	return loop_watch(&m->loop, &w->inotify, EPOLLIN, e);
}
