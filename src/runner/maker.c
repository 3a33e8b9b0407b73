/* maker.c - jobs become keepers; keepers are reaped; with the front everything ends. */
#include "runner/maker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/macros.h"
#include "ipc/message.h"
#include "run/limits.h"

_Static_assert((int)RUN_CPU_SHARE_MAX == (int)RUN_CPU_SHARE_ANY,
               "what the configuration takes for no bound is none");

struct box_limits
maker_limits(const struct run_maxima *m)
{
	return (struct box_limits){ .memory = m->memory,
		                    .cpu_ms = m->cpu_ms,
		                    .wall_ms = m->wall_ms,
		                    .cpu_share = m->cpu_share,
		                    .processes = m->processes,
		                    .files = m->files,
		                    .disk = m->disk,
		                    .output = m->output };
}

/* ---- keepers ---- */

int
maker_child_separate(struct maker *m, int *first, int *second)
{
	sigset_t none;

	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return -errno;
	fd_close(&m->front);
	fd_close(&m->signals);
	fd_close(&m->answers);
	for (size_t i = 0; i < m->n_max; i++)
		fd_close(&m->keepers[i].job);
	return fd_set_cloexec(*first, 1) < 0 || fd_set_cloexec(*second, 1) < 0 ? -errno : 0;
}

static struct keeper_row *
row_of(struct maker *m, pid_t pid)
{
	for (size_t i = 0; i < m->n_max; i++)
		if (m->keepers[i].pid == pid)
			return &m->keepers[i];
	return NULL;
}

struct keeper_row *
maker_row_free(struct maker *m)
{
	return row_of(m, 0);
}

static void
keeper_fork(struct maker *m, struct keeper_row *row, const struct maker_job *asked, int fds[2])
{
	pid_t pid = fork();

	if (pid == 0) {
		if (maker_child_separate(m, &fds[0], &fds[1]) < 0)
			_exit(1);
		keeper_run(&m->place, fds[0], fds[1]);
	}
	if (pid < 0) {
		log_line(LOG_ERR, "job %u: start its keeper: %s", asked->number, strerror(errno));
		return;
	}
	*row = (struct keeper_row){ .pid = pid, .number = asked->number, .job = -1 };
	m->n_keepers++;
}

/* Who gets none finds his socket closed. */
static void
keeper_start(struct maker *m, struct message *message)
{
	AUTO_FD job = message_take_fd(message, 0);
	AUTO_FD events = message_take_fd(message, 1);
	int fds[2] = { job, events };
	struct keeper_row *row;
	struct maker_job asked;

	memcpy(&asked, message->body, sizeof asked);
	m->language = asked.language < m->place.languages->n ? asked.language : 0;
	if (m->n_keepers - m->n_waiting >= m->n_max - m->n_ahead) {
		log_line(LOG_WARNING, "job %u: %zu are kept already", asked.number, m->n_keepers);
		return;
	}
	if (ahead_give(m, &asked, fds))
		return;
	row = maker_row_free(m);
	if (row)
		keeper_fork(m, row, &asked, fds);
}

static void
keeper_ended(struct maker *m, struct keeper_row *row, int status)
{
	bool has_waited = row->job >= 0;

	if (status != 0) {
		log_line(LOG_WARNING, "job %u: its keeper ended with status 0x%x", row->number, status);
		m->has_litter = cgroup_is_open(m->place.run.cgroup);
	}
	m->n_waiting -= has_waited;
	fd_close(&row->job);
	*row = (struct keeper_row){ .job = -1 };
	m->n_keepers--;
	/* One that died while it waited is made anew after the next job: not as fast as it dies. */
	if (!has_waited)
		ahead_fill(m);
}

/* When nobody's leaf is being made. */
static void
litter_clear(struct maker *m)
{
	if (!m->has_litter)
		return;
	if (m->n_keepers == m->n_waiting)
		ahead_end(m);
	if (m->n_keepers > 0)
		return;
	cgroup_group_clear(m->place.run.cgroup->folder);
	m->has_litter = false;
	ahead_fill(m);
}

/* 1: the front has ended. */
static int
children_reap(struct maker *m)
{
	int status, rc = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct keeper_row *row = row_of(m, pid);

		if (row)
			keeper_ended(m, row, status);
		else if (pid == m->front_pid)
			rc = 1;
		else if (pid == m->asker)
			m->asker = 0;
		/* Else the init of a box whose keeper has died. */
	}
	litter_clear(m);
	return rc;
}

/* ---- what languages there are ---- */

/* Their tools are programs like others: they are asked in boxes, by a process of its own, since that takes
 * its time. */
static _Noreturn void
asker_run(const struct keeper_place *place, int answers)
{
	const size_t n = place->languages->n;
	struct err e;

	for (size_t i = 0; i < n; i++) {
		run_offer_find(&place->run, &place->languages->rows[i], &place->offers[i], &e);
		if (message_send(answers, MSG_OFFERS, place->offers, n * sizeof *place->offers, NULL, 0, &e) <
		    0)
			break;
	}
	_exit(0);
}

/* Which there are is known at once. */
static int
offers_begin(struct maker *m, struct err *e)
{
	const struct run_languages *l = m->place.languages;

	m->place.offers = calloc(RUN_LANGUAGES_MAX, sizeof *m->place.offers);
	if (!m->place.offers)
		return err_set(e, ENOMEM, "languages");
	for (size_t i = 0; i < l->n; i++)
		run_offer_begin(&l->rows[i], &m->place.offers[i]);
	return message_send(m->front, MSG_OFFERS, m->place.offers, l->n * sizeof *m->place.offers, NULL, 0,
	                    e);
}

static int
asker_start(struct maker *m, struct err *e)
{
	int pair[2];
	pid_t pid;

	if (message_pair(pair, e) < 0)
		return -e->code;
	m->answers = pair[0];
	pid = fork();
	if (pid == 0) {
		if (maker_child_separate(m, &pair[1], &pair[1]) < 0)
			_exit(1);
		asker_run(&m->place, pair[1]);
	}
	close(pair[1]);
	if (pid < 0)
		return err_set(e, errno, "ask for versions");
	m->asker = pid;
	return 0;
}

static bool
offers_are_whole(const struct maker *m)
{
	size_t n = 0;

	while (n < m->place.languages->n && m->place.offers[n].is_asked)
		n++;
	return n == m->place.languages->n;
}

static int
answers_pass(struct maker *m, struct message *message, struct err *e)
{
	const size_t n = m->place.languages->n * sizeof(struct run_offer);
	const struct message_rule rule = { MSG_OFFERS, n, n, 0, 0 };
	int rc = message_receive(m->answers, message, e);

	if (rc < 0)
		return rc;
	if (rc > 0 && !message_check(&rule, 1, message, e))
		return -e->code;
	if (rc > 0)
		memcpy(m->place.offers, message->body, n);
	/* Of whom nobody asks any more nothing else will be known. */
	for (size_t i = 0; rc == 0 && i < m->place.languages->n; i++)
		m->place.offers[i].is_asked = true;
	if (offers_are_whole(m))
		fd_close(&m->answers);
	rc = message_send(m->front, MSG_OFFERS, m->place.offers, n, NULL, 0, e);
	ahead_fill(m);
	/* A front that has gone shows as its end, also one that has left something unread. */
	return rc == -EPIPE || rc == -ECONNRESET ? 0 : rc;
}

/* ---- what the front says ---- */

static const struct message_rule front_may_say[] = {
	{ MSG_JOB, sizeof(struct maker_job), sizeof(struct maker_job), 2, 2 },
};

/* 0 goes on; 1 its end; -errno. */
static int
front_serve(struct maker *m, struct message *message, struct err *e)
{
	int rc = message_receive(m->front, message, e);

	if (rc <= 0)
		return rc == 0 ? 1 : rc == -EAGAIN || rc == -EMFILE ? 0 : rc;
	if (!message_check(front_may_say, ARRAY_SIZE(front_may_say), message, e)) {
		message_done(message);
		return -e->code;
	}
	keeper_start(m, message);
	message_done(message);
	return 0;
}

int
maker_open(struct maker *m, const struct start_runner *start, int front, pid_t front_pid, struct err *e)
{
	sigset_t child;

	m->front = front;
	m->front_pid = front_pid;
	m->answers = -1;
	m->n_ahead = start->max_concurrent;
	m->n_max = 3 * m->n_ahead;
	for (size_t i = 0; i < ARRAY_SIZE(m->keepers); i++)
		m->keepers[i].job = -1;
	if (m->n_max == 0 || m->n_max > MAKER_KEEPERS_MAX)
		return err_set(e, -EINVAL, "%u runs at a time", start->max_concurrent);
	m->place.most = maker_limits(&start->most);
	m->place.compile_most = maker_limits(&start->compile_most);
	m->place.total_ms_most = start->total_ms;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	m->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signals < 0 || sigprocmask(SIG_SETMASK, &child, NULL) < 0)
		return err_set(e, errno, "signals");
	return offers_begin(m, e) < 0 ? -e->code : asker_start(m, e);
}

int
maker_run(struct maker *m, struct err *e)
{
	enum { FRONT, SIGNALS, ANSWERS, N_POLLED };
	struct message *message = malloc(sizeof *message);
	struct signalfd_siginfo info;
	int rc = message ? 0 : err_set(e, ENOMEM, "maker");

	while (rc == 0) {
		struct pollfd polled[N_POLLED] = { { m->front, POLLIN, 0 },
			                           { m->signals, POLLIN, 0 },
			                           { m->answers, POLLIN, 0 } };

		if (poll(polled, N_POLLED, -1) < 0 && errno != EINTR)
			rc = err_set(e, errno, "poll");
		while (read(m->signals, &info, sizeof info) == (ssize_t)sizeof info)
			;
		if (rc == 0)
			rc = children_reap(m);
		if (rc == 0 && polled[ANSWERS].revents)
			rc = answers_pass(m, message, e);
		if (rc == 0 && polled[FRONT].revents)
			rc = front_serve(m, message, e);
	}
	free(message);
	return rc < 0 ? rc : 0;
}
