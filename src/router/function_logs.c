/* function_logs.c - a log for each function: a bounded number of files, which the master opens when the first
 * line of a function is there.
 *
 * Lines wait in memory until the file has come.  What has none, because the master could not open it or all
 * places are taken by files that are waited for, is written where all would be without %n. */
#include <string.h>

#include "base/fd.h"
#include "router/router.h"

enum { FUNCTION_LOG_BUFFER_MAX = 64 * 1024 };

void
function_logs_open(struct router *r)
{
	for (size_t i = 0; i < FUNCTION_LOGS_MAX; i++) {
		r->function_logs[i].file.fd = -1;
		buf_init(&r->function_logs[i].file.buf, FUNCTION_LOG_BUFFER_MAX);
	}
}

static void
forget(struct function_log *l)
{
	fd_close(&l->file.fd);
	buf_done(&l->file.buf);
	buf_init(&l->file.buf, FUNCTION_LOG_BUFFER_MAX);
	l->stage = FUNCTION_LOG_FREE;
	l->name[0] = '\0';
}

static struct function_log *
find(struct router *r, const char *name)
{
	for (size_t i = 0; i < FUNCTION_LOGS_MAX; i++)
		if (strcmp(r->function_logs[i].name, name) == 0)
			return &r->function_logs[i];
	return NULL;
}

/* A free one, or the one that was used longest ago and has nothing to write. */
static struct function_log *
make_room(struct router *r)
{
	struct function_log *oldest = NULL;

	for (size_t i = 0; i < FUNCTION_LOGS_MAX; i++) {
		struct function_log *l = &r->function_logs[i];

		if (l->stage == FUNCTION_LOG_FREE)
			return l;
		if (l->stage != FUNCTION_LOG_ASKED && buf_used(&l->file.buf) == 0 &&
		    (!oldest || l->used < oldest->used))
			oldest = l;
	}
	if (oldest)
		forget(oldest);
	return oldest;
}

struct log_file *
function_log_of(struct router *r, const struct pool *p)
{
	struct function_log *l;

	/* A worker may come before the snapshot that names its function. */
	if (!r->start.syslog.is_each || p->function.name[0] == '\0')
		return &r->function;
	l = find(r, p->function.name);
	if (!l) {
		l = make_room(r);
		if (!l)
			return &r->function;
		memcpy(l->name, p->function.name, sizeof l->name);
		l->version = p->function.version_id;
		l->stage = FUNCTION_LOG_ASKED;
		master_say(r, MSG_ASK_LOG, &(struct version_ref){ l->version }, sizeof(struct version_ref));
	}
	l->used = ++r->function_logs_used;
	r->has_function_lines = true;
	return l->stage == FUNCTION_LOG_REFUSED ? &r->function : &l->file;
}

static void
flush(struct function_log *l, int fd)
{
	if (buf_used(&l->file.buf) == 0 || fd < 0)
		return;
	/* As with the others: a full disk must not stop the serving. */
	(void)fd_write_all(fd, buf_head(&l->file.buf), buf_used(&l->file.buf));
	buf_clear(&l->file.buf);
}

void
function_log_take(struct router *r, uint64_t version, int fd)
{
	for (size_t i = 0; i < FUNCTION_LOGS_MAX; i++) {
		struct function_log *l = &r->function_logs[i];

		if (l->stage != FUNCTION_LOG_ASKED || l->version != version)
			continue;
		l->stage = fd < 0 ? FUNCTION_LOG_REFUSED : FUNCTION_LOG_OPEN;
		l->file.fd = fd;
		flush(l, fd < 0 ? r->function.fd : fd);
		return;
	}
	fd_close(&fd);
}

void
function_logs_flush(struct router *r)
{
	if (!r->has_function_lines)
		return;
	r->has_function_lines = false;
	for (size_t i = 0; i < FUNCTION_LOGS_MAX; i++)
		flush(&r->function_logs[i], r->function_logs[i].file.fd);
}

/* What was asked before is answered after: its file is the new one. */
void
function_logs_forget(struct router *r)
{
	for (size_t i = 0; i < FUNCTION_LOGS_MAX; i++)
		if (r->function_logs[i].stage > FUNCTION_LOG_ASKED)
			forget(&r->function_logs[i]);
}

void
function_logs_done(struct router *r)
{
	function_logs_forget(r);
	for (size_t i = 0; i < FUNCTION_LOGS_MAX; i++) {
		if (r->function_logs[i].stage != FUNCTION_LOG_ASKED)
			continue;
		flush(&r->function_logs[i], r->function.fd);
		forget(&r->function_logs[i]);
	}
}
