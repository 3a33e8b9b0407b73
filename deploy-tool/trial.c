/* trial.c - a version is loaded once, in a function's sandbox, before anybody hears of it. */
#include "deploy-tool/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/message.h"
#include "ipc/spawner.h"

enum {
	TRIAL_ID = 1,
	TRIAL_SLOT = 7,  /* the last of the slots that no function has */
	FIRST_ID = 1000, /* of slot 0, behind the range's start */
};

/* What a spawner may say to us. */
static const struct message_rule rules[] = {
	{ MSG_PROCESS_READY, sizeof(struct process_ready), MESSAGE_BODY_MAX, 0, 1 },
	{ MSG_PROCESS_ENDED, sizeof(struct process_ended), sizeof(struct process_ended), 0, 0 },
};

/* Where the trial's shared folders are.  Those of the pool when this user may use the function's: its owner
 * tells the slot.  Else an empty folder of our own, and the function sees an empty root. */
struct place {
	char own[32]; /* ours; empty: the pool's are used */
	bool is_shared;
	uint32_t slot;
};

static bool
find_shared(const struct config *c, const struct trial *t, uint32_t *slot)
{
	char path[CONFIG_PATH_MAX + NAME_MAX_SIZE];
	uint64_t first = c->uid_range_start + FIRST_ID;
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", c->shared_dir, t->policy->shared);
	if (t->policy->shared[0] == '\0' || lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	if (geteuid() != 0)
		return st.st_uid == geteuid();
	*slot = (uint32_t)(st.st_uid - first);
	return st.st_uid > first && st.st_uid < c->uid_range_start + c->uid_range_size;
}

static int
find_place(const struct config *c, const struct trial *t, struct place *p, struct err *e)
{
	*p = (struct place){ .slot = TRIAL_SLOT };
	p->is_shared = find_shared(c, t, &p->slot);
	if (p->is_shared)
		return 0;
	p->slot = TRIAL_SLOT;
	snprintf(p->own, sizeof p->own, "/tmp/cfn-trial.XXXXXX");
	return mkdtemp(p->own) == NULL ? err_set(e, errno, "make a folder in /tmp") : 0;
}

static void
fill_start(const struct config *c, const struct trial *t, const struct place *place,
           struct start_worker *start)
{
	struct function_policy p = *t->policy;

	*start = (struct start_worker){ .id = TRIAL_ID, .slot = place->slot, .is_trial = 1 };
	config_apply(c, t->function, &p);
	start->memory = p.memory;
	start->tmp_size = p.tmp_size;
	start->file_size = p.file_size;
	start->tmp_inodes = (uint32_t)p.tmp_inodes;
	start->threads = (uint32_t)p.threads;
	start->files = (uint32_t)p.files;
	start->shared_read_only = (uint32_t)p.shared_read_only;
	if (place->is_shared)
		snprintf(start->shared, sizeof start->shared, "%s", p.shared);
	snprintf(start->function, sizeof start->function, "%s", t->function);
	snprintf(start->entry, sizeof start->entry, "%s", t->entry);
}

/* requests, output: the worker's ends. */
static int
ask_start(const struct trial *t, const struct start_worker *start, int channel, const int ends[2],
          struct err *e)
{
	AUTO_FD artifact = -1;
	AUTO_FD environment = -1;

	artifact = fd_sealed_memory("artifact", t->artifact, t->artifact_size, e);
	if (artifact < 0)
		return artifact;
	environment = fd_sealed_memory("environment", t->policy->env, t->policy->env_size, e);
	if (environment < 0)
		return environment;
	return message_send(channel, MSG_START_WORKER, start, sizeof *start,
	                    (const int[]){ artifact, environment, ends[0], ends[1] }, 4, e);
}

/* Keeps the beginning and reads the rest away, so that nobody waits in a full pipe. */
static bool
read_output(struct trial *t, int fd)
{
	char rest[4096];
	size_t room = sizeof t->output - t->output_size;
	ssize_t n = room > 0 ? read(fd, t->output + t->output_size, room) : read(fd, rest, sizeof rest);

	if (n > 0 && room > 0)
		t->output_size += (size_t)n;
	return n > 0;
}

/* The table is the artifact's word; every row is checked. */
static int
take_ready(struct trial *t, const struct message *m, struct err *e)
{
	struct process_ready ready;

	memcpy(&ready, m->body, sizeof ready);
	return routes_parse(&t->routes, (const char *)m->body + sizeof ready, m->length - sizeof ready,
	                    ready.n_routes, e);
}

static int
take_ended(const struct message *m, struct err *e)
{
	char how[ENDING_TEXT_SIZE], reason[REASON_SIZE];
	struct process_ended ended;

	memcpy(&ended, m->body, sizeof ended);
	ended.reason[REASON_SIZE - 1] = '\0';
	log_escape(reason, sizeof reason, ended.reason, strlen(ended.reason));
	ending_format(&ended.ending, how);
	if (reason[0] != '\0')
		return err_set(e, -ENOEXEC, "it cannot be loaded: %.200s", reason);
	return err_set(e, -ENOEXEC, "it ended while it was loaded: %s", how);
}

/* 1 when the answer is there and good, 0 to go on waiting. */
static int
read_answer(struct trial *t, int channel, struct err *e)
{
	AUTO_FREE struct message *m = malloc(sizeof *m);
	const struct message_rule *rule;
	int rc;

	if (m == NULL)
		return err_set(e, ENOMEM, "trial load");
	rc = message_receive(channel, m, e);
	if (rc == -EAGAIN)
		return 0;
	if (rc == 0)
		return err_set(e, -ENOEXEC, "the spawner ended during the trial load");
	if (rc < 0)
		return rc;
	rule = message_check(rules, ARRAY_SIZE(rules), m, e);
	message_done(m);
	if (rule == NULL)
		return -EBADMSG;
	if (m->type == MSG_PROCESS_ENDED)
		return take_ended(m, e);
	rc = take_ready(t, m, e);
	return rc < 0 ? rc : 1;
}

static int
wait_ready(struct trial *t, int channel, int output, struct err *e)
{
	uint64_t deadline = clock_now_us() + (uint64_t)TRIAL_WALL_MS * 1000, now;
	struct pollfd fds[] = { { channel, POLLIN, 0 }, { output, POLLIN, 0 } };
	int rc;

	while ((now = clock_now_us()) < deadline) {
		rc = poll(fds, ARRAY_SIZE(fds), (int)((deadline - now) / 1000) + 1);
		if (rc < 0 && errno != EINTR)
			return err_set(e, errno, "poll");
		if (rc <= 0)
			continue;
		if (fds[1].revents != 0 && !read_output(t, output))
			fds[1].fd = -1;
		if (fds[0].revents == 0)
			continue;
		rc = read_answer(t, channel, e);
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
	return err_set(e, -ENOEXEC,
	               "it was not loaded within %d s; is there a loop in cfn_init() or a constructor?",
	               TRIAL_WALL_MS / 1000);
}

/* ends: the worker's ends of its requests and its output, which it alone holds from then on. */
static int
start_worker(const struct trial *t, const struct start_worker *start, int channel, int ends[2], struct err *e)
{
	int rc = ask_start(t, start, channel, ends, e);

	fd_close(&ends[0]);
	fd_close(&ends[1]);
	return rc;
}

static int
load(struct trial *t, const struct start_worker *start, int channel, struct err *e)
{
	int requests[2] = { -1, -1 }, output[2] = { -1, -1 };
	int rc = message_pair(requests, e);

	if (rc == 0 && pipe2(output, O_CLOEXEC) < 0)
		rc = err_set(e, errno, "pipe");
	if (rc == 0)
		rc = start_worker(t, start, channel, (int[]){ requests[1], output[1] }, e);
	if (rc == 0)
		rc = wait_ready(t, channel, output[0], e);
	if (rc < 0 && fd_set_blocking(output[0], 0) == 0)
		while (read_output(t, output[0]))
			;
	fd_close(&requests[0]);
	fd_close(&output[0]);
	return rc;
}

static int
start_spawner(const struct config *c, const struct place *p, struct spawner *s, struct err *e)
{
	const struct spawner_options options = {
		.libexec_dir = c->libexec_dir,
		.shared_dir = p->is_shared ? c->shared_dir : p->own,
		.uid_range = (uid_t)c->uid_range_start,
		.n_uids = (unsigned)c->uid_range_size,
	};
	int rc = spawner_start(&options, s, e);

	/* It holds the folder open; nothing is left if we are killed from here on. */
	if (!p->is_shared)
		rmdir(p->own);
	return rc;
}

int
trial_load(const struct config *c, struct trial *t, struct err *e)
{
	struct start_worker start;
	struct spawner spawner = { .channel = -1 };
	struct place place;
	int rc = find_place(c, t, &place, e);

	if (rc == 0)
		rc = start_spawner(c, &place, &spawner, e);
	if (rc < 0)
		return err_wrap(e, "trial load");
	t->lacks_folder = !place.is_shared && t->policy->shared[0] != '\0';
	fill_start(c, t, &place, &start);
	rc = load(t, &start, spawner.channel, e);
	spawner_stop(&spawner);
	return rc;
}
