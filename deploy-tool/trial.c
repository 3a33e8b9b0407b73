/* trial.c - a version is loaded once, in a function's sandbox, before anybody hears of it. */
#include "deploy-tool/trial.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/message.h"

/* What a spawner may say to us. */
static const struct message_rule rules[] = {
	{ MSG_PROCESS_READY, sizeof(struct process_ready), MESSAGE_BODY_MAX, 0, 1 },
	{ MSG_PROCESS_ENDED, sizeof(struct process_ended), sizeof(struct process_ended), 0, 0 },
};

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

static void
read_rest(struct trial *t, int output)
{
	if (fd_set_blocking(output, 0) == 0)
		while (read_output(t, output))
			;
}

static int
load(const struct config *c, const struct local_function *f, struct trial *t, struct err *e)
{
	const struct start_worker how = { .is_trial = 1, .has_sanitizers = t->has_sanitizers };
	int rc = local_go_on(&t->local, c, f, &how, e);

	if (rc < 0)
		return err_wrap(e, "trial load");
	rc = wait_ready(t, t->local.spawner.channel, t->local.output, e);
	if (rc < 0)
		read_rest(t, t->local.output);
	return rc;
}

static struct local_function
function_of(const struct trial *t, const struct cgroup *cgroup)
{
	return (struct local_function){ .function = t->function,
		                        .entry = t->entry,
		                        .policy = t->policy,
		                        .artifact = t->artifact,
		                        .artifact_size = t->artifact_size,
		                        .cgroup = cgroup,
		                        .shared_dir = t->lacks_folder ? t->folder.path : t->shared_dir };
}

int
trial_begin(const struct config *c, const struct cgroup *cgroup, struct trial *t, struct err *e)
{
	struct local_function f = function_of(t, cgroup);
	int rc = 0;

	/* It may want to make its files when it is loaded: in a folder that is not there yet, or that this
	 * user cannot show it. */
	t->lacks_folder = !local_sees_folder(c, &f);
	if (t->lacks_folder)
		rc = folder_make(&t->folder, e);
	f = function_of(t, cgroup);
	t->has_begun = rc == 0;
	if (rc == 0)
		rc = local_begin(&t->local, c, &f, e);
	if (rc == 0)
		return 0;
	trial_done(t);
	return err_wrap(e, "trial load");
}

int
trial_load(const struct config *c, const struct cgroup *cgroup, struct trial *t, struct err *e)
{
	int rc = t->has_begun ? 0 : trial_begin(c, cgroup, t, e);
	struct local_function f = function_of(t, cgroup);

	if (rc == 0)
		rc = load(c, &f, t, e);
	trial_done(t);
	return rc;
}

void
trial_done(struct trial *t)
{
	struct err ignored;

	if (!t->has_begun)
		return;
	local_done(&t->local);
	/* What is left in /tmp is no reason not to deploy. */
	if (t->lacks_folder)
		folder_remove(&t->folder, &ignored);
	t->has_begun = false;
}
