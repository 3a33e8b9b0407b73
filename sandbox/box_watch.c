/* box_watch.c - what the keeper of a box sees while it runs: what it says, what it uses, what it may not. */
#include "sandbox/box_keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "ipc/message.h"

enum {
	USAGE_MS = 250,
	OUTPUT_KILL_FACTOR = 16, /* past that many times what is kept it is a flood */
	READ_SIZE = 16 * 1024,
};

void
box_kill(struct keeper *k, enum cause cause)
{
	if (cause != CAUSE_NONE && k->result->cause == CAUSE_NONE)
		k->result->cause = cause;
	/* Everything in the pid namespace dies with its init. */
	syscall(SYS_pidfd_send_signal, k->process.pidfd, SIGKILL, NULL, 0);
}

/* Reads what there is; false at the end of the stream. */
static bool
output_read(struct keeper *k, int fd, struct box_output *output)
{
	const struct box_watcher *w = k->plan->watcher;
	char data[READ_SIZE];
	ssize_t n = read(fd, data, sizeof data);
	size_t of_head;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	of_head = box_output_add(output, data, (size_t)n);
	if (of_head > 0 && w && w->output)
		w->output(w->context, output == &k->out ? 1 : 2, data, of_head);
	if (output->n_came > k->plan->limits.output * OUTPUT_KILL_FACTOR)
		box_kill(k, CAUSE_OUTPUT_LIMIT);
	return true;
}

static void
file_keep(struct keeper *k, struct message *m)
{
	AUTO_FD fd = message_take_fd(m, 0);
	uint32_t index;

	memcpy(&index, m->body, sizeof index);
	if (index < BOX_COLLECT_MAX && k->result->collected[index] < 0)
		k->result->collected[index] = box_file_take(fd, k->plan->collect_max);
}

static void
match_keep(struct keeper *k, struct message *m)
{
	const struct box_plan *plan = k->plan;
	AUTO_FD fd = message_take_fd(m, 0);
	AUTO_FREE char *data = NULL;
	char name[BOX_MATCH_NAME_SIZE];
	size_t n = 0;

	if (!plan->watcher || !plan->watcher->file || k->n_matches == BOX_MATCHES_MAX)
		return;
	k->n_matches++;
	memcpy(name, m->body, m->length);
	name[m->length] = '\0';
	if (box_file_read(fd, plan->match_max, &data, &n) < 0 || n > plan->matches_max - k->matched) {
		k->result->n_left_out++;
		return;
	}
	k->matched += n;
	plan->watcher->file(plan->watcher->context, name, data, n);
}

/* No more than init can have met. */
static void
missed_keep(struct keeper *k, const struct message *m)
{
	uint32_t n;

	memcpy(&n, m->body, sizeof n);
	if (n <= BOX_NAMES_MAX && k->result->n_left_out <= BOX_NAMES_MAX)
		k->result->n_left_out += n;
}

static void
ending_keep(struct keeper *k, const struct message *m)
{
	memcpy(&k->result->ending, m->body, sizeof k->result->ending);
	k->is_reported = true;
}

/* Once: it comes from our code, before the exec. */
static void
listener_keep(struct keeper *k, struct message *m)
{
	if (k->plan->profile == BOX_RUN && k->listener < 0)
		k->listener = message_take_fd(m, 0);
}

/* Init is ours, but shares a namespace with the payload: it is checked like any less trusted peer. */
static const struct message_rule init_may_say[] = {
	{ BOX_ENDED, sizeof(struct ending), sizeof(struct ending), 0, 0 },
	{ BOX_FILE, sizeof(uint32_t), sizeof(uint32_t), 1, 1 },
	{ BOX_LISTENER, 0, 0, 1, 1 },
	{ BOX_MATCH, 1, BOX_MATCH_NAME_SIZE - 1, 1, 1 },
	{ BOX_MISSED, sizeof(uint32_t), sizeof(uint32_t), 0, 0 },
};

/* unix(7): the other end was closed with something of ours in it, and that is BOX_GO. */
static bool
go_is_unread(const struct keeper *k)
{
	int error = 0;
	socklen_t n = sizeof error;

	return k->is_ahead && getsockopt(k->ends.report, SOL_SOCKET, SO_ERROR, &error, &n) == 0 &&
	       error == ECONNRESET;
}

/* False when nothing more can come. */
static bool
report_read(struct keeper *k)
{
	struct message m;
	struct err ignored;
	int rc;

	k->is_unheard |= go_is_unread(k);
	rc = message_receive(k->ends.report, &m, &ignored);
	if (rc <= 0)
		return rc == -EAGAIN;
	if (message_check(init_may_say, ARRAY_SIZE(init_may_say), &m, &ignored)) {
		if (m.type == BOX_FILE)
			file_keep(k, &m);
		else if (m.type == BOX_MATCH)
			match_keep(k, &m);
		else if (m.type == BOX_MISSED)
			missed_keep(k, &m);
		else if (m.type == BOX_LISTENER)
			listener_keep(k, &m);
		else
			ending_keep(k, &m);
	}
	message_done(&m);
	return true;
}

static void
processes_note(struct keeper *k, uint64_t n)
{
	if (n > k->result->processes_peak)
		k->result->processes_peak = n;
}

/* The kernel itself keeps a leaf within its memory. */
static int
leaf_sample(struct keeper *k, struct err *e)
{
	struct cgroup_usage usage;

	if (cgroup_leaf_usage(&k->leaf, &usage, e) < 0)
		return err_wrap(e, "box '%s'", k->plan->name);
	k->cpu_us = usage.cpu_us;
	k->max_memory = usage.memory_peak;
	k->now = (struct box_usage){ usage.memory_now, usage.cpu_us,
		                     usage.n_processes > 0 ? usage.n_processes - 1 : 0 };
	processes_note(k, k->now.processes);
	k->result->has_met_processes = usage.n_refused > 0;
	return 0;
}

/* Init is there until we reap it: who cannot see it cannot watch, and must not pretend to. */
static int
processes_sample(struct keeper *k, struct err *e)
{
	const struct box_limits *limits = &k->plan->limits;
	struct box_usage usage;
	int rc = box_usage_read(k->process.pid, k->plan->run != NULL, limits->memory, &usage);

	if (rc < 0)
		return err_set(e, -rc, "box '%s': watch its processes in /proc", k->plan->name);
	k->cpu_us = usage.cpu_us;
	k->now = usage;
	if (usage.memory > k->max_memory)
		k->max_memory = usage.memory;
	processes_note(k, usage.processes);
	/* That there are as many as may be is the sign here; of one that may be alone it is none. */
	if (limits->processes > 1 && usage.processes >= limits->processes)
		k->result->has_met_processes = true;
	if (k->is_running && usage.memory > limits->memory)
		box_kill(k, CAUSE_MEMORY_LIMIT);
	return 0;
}

uint64_t
box_cpu_limit(const struct keeper *k, bool *is_budget)
{
	const struct box_limits *l = &k->plan->limits;
	uint64_t limit = l->cpu_ms * 1000, budget = l->wall_ms * l->cpu_share * 10;

	*is_budget = k->leaf.fd < 0 && l->cpu_share > 0 && budget < limit;
	return *is_budget ? budget : limit;
}

static void
usage_say(struct keeper *k, uint64_t now)
{
	const struct box_watcher *w = k->plan->watcher;

	if (!w || !w->usage || !k->is_running || now < k->next_usage_us)
		return;
	k->next_usage_us = now + USAGE_MS * 1000ULL;
	w->usage(w->context, &k->now);
}

/* The limits that no rlimit counts over all processes of the box. */
static int
limits_check(struct keeper *k, struct err *e)
{
	const struct box_limits *limits = &k->plan->limits;
	uint64_t now = clock_now_us();
	bool is_budget;
	int rc;

	if (now - k->started_us >= limits->wall_ms * 1000)
		box_kill(k, CAUSE_WALL_TIME_LIMIT);
	if (now < k->next_sample_us)
		return 0;
	k->next_sample_us = now + BOX_SAMPLE_MS * 1000ULL;
	rc = k->leaf.fd >= 0 ? leaf_sample(k, e) : processes_sample(k, e);
	if (rc == 0 && k->cpu_us > box_cpu_limit(k, &is_budget)) {
		k->result->has_met_budget = is_budget;
		box_kill(k, CAUSE_CPU_TIME_LIMIT);
	}
	if (rc == 0)
		usage_say(k, now);
	return rc;
}

/* False at the end of the stream: all stages are behind. */
static bool
failure_read(struct keeper *k)
{
	struct err said;
	ssize_t n = read(k->ends.failure, &said, sizeof said);

	if (n == 0)
		k->is_running = true;
	if (n == (ssize_t)sizeof said) {
		k->has_failed = true;
		k->failure = said;
		k->failure.text[sizeof said.text - 1] = '\0';
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* False when no more of them can come. */
static bool
denied_read(struct keeper *k)
{
	struct sandbox_denied d;
	int rc = sandbox_denied_receive(k->listener, &d);

	if (rc <= 0)
		return rc == 0;
	k->result->denied = d.nr;
	if (++k->result->n_denied > BOX_DENIALS_MAX) {
		box_kill(k, CAUSE_SYSCALL_DENIED);
		return false;
	}
	return sandbox_denied_answer(k->listener, &d) == 0;
}

static void
cancel_meet(struct keeper *k)
{
	k->result->is_cancelled = true;
	box_kill(k, CAUSE_NONE);
}

enum { OUT, ERR, REPORT, FAILURE, LISTENER, CANCEL, INIT, N_POLLED };

static void
polled_serve(struct keeper *k, struct pollfd *polled)
{
	if (polled[OUT].revents && !output_read(k, k->ends.out, &k->out))
		polled[OUT].fd = -1;
	if (polled[ERR].revents && !output_read(k, k->ends.err, &k->err))
		polled[ERR].fd = -1;
	if (polled[REPORT].revents && !report_read(k))
		polled[REPORT].fd = -1;
	if (polled[FAILURE].revents && !failure_read(k))
		polled[FAILURE].fd = -1;
	if (polled[LISTENER].fd < 0 && !polled[LISTENER].events) {
		polled[LISTENER].fd = k->listener;
		polled[LISTENER].events = k->listener < 0 ? 0 : POLLIN;
	} else if (polled[LISTENER].revents && (!(polled[LISTENER].revents & POLLIN) || !denied_read(k))) {
		polled[LISTENER].fd = -1;
	}
	if (polled[CANCEL].revents) {
		polled[CANCEL].fd = -1;
		cancel_meet(k);
	}
}

int
box_watch(struct keeper *k, struct err *e)
{
	const struct box_watcher *w = k->plan->watcher;
	struct pollfd polled[N_POLLED] = {
		[OUT] = { k->ends.out, POLLIN, 0 },
		[ERR] = { k->ends.err, POLLIN, 0 },
		[REPORT] = { k->ends.report, POLLIN, 0 },
		[FAILURE] = { k->ends.failure, POLLIN, 0 },
		[LISTENER] = { -1, 0, 0 },
		[CANCEL] = { w ? w->cancel : -1, POLLRDHUP, 0 },
		[INIT] = { k->process.pidfd, POLLIN, 0 },
	};

	for (;;) {
		if (poll(polled, N_POLLED, BOX_SAMPLE_MS) < 0 && errno != EINTR)
			return err_set(e, errno, "box '%s': poll", k->plan->name);
		polled_serve(k, polled);
		if (polled[INIT].revents)
			return 0;
		if (limits_check(k, e) < 0)
			return -e->code;
	}
}

/* A pipe holds no more than this. */
void
box_drain(struct keeper *k)
{
	enum { PIPE_READS = 64 * 1024 / READ_SIZE + 1 };

	failure_read(k);
	for (int i = 0; i < PIPE_READS; i++) {
		output_read(k, k->ends.out, &k->out);
		output_read(k, k->ends.err, &k->err);
	}
	for (int i = 0; i < BOX_COLLECT_MAX + BOX_MATCHES_MAX + 3 && report_read(k); i++)
		;
}
