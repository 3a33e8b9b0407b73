/* ahead.c - keepers that wait for a job, each with a box that is made already. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "ipc/message.h"
#include "runner/maker.h"

/* Of that language if there is one, else any: its box is made by the ordinary way then, and the next one that
 * waits has the language that is asked for. */
static struct keeper_row *
waiting_find(struct maker *m, uint32_t language)
{
	struct keeper_row *found = NULL;

	for (size_t i = 0; i < m->n_max; i++) {
		struct keeper_row *row = &m->keepers[i];

		if (row->job >= 0 && (!found || row->language == language))
			found = row;
		if (found && found->language == language)
			break;
	}
	return found;
}

struct keeper_row *
ahead_give(struct maker *m, const struct maker_job *asked, const int fds[2])
{
	struct keeper_row *row;
	struct err ignored;

	while ((row = waiting_find(m, asked->language))) {
		int rc = message_send(row->job, MSG_JOB, asked, sizeof *asked, fds, 2, &ignored);

		/* One that has died is reaped as any other. */
		fd_close(&row->job);
		row->number = asked->number;
		m->n_waiting--;
		if (rc == 0)
			return row;
	}
	return NULL;
}

/* False: there will be none for now. */
static bool
waiting_start(struct maker *m, struct keeper_row *row)
{
	const struct run_language *language = &m->place.languages->rows[m->language];
	struct err e;
	int pair[2];
	pid_t pid;

	if (message_pair(pair, &e) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		if (maker_child_separate(m, &pair[1], &pair[1]) < 0)
			_exit(1);
		keeper_wait(&m->place, language, pair[1]);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return false;
	}
	*row = (struct keeper_row){ .pid = pid, .job = pair[0], .language = m->language };
	m->n_keepers++;
	m->n_waiting++;
	return true;
}

/* Not before the tools' versions are known: they are part of what a keeper knows from its beginning. */
void
ahead_fill(struct maker *m)
{
	struct keeper_row *row;

	while (m->answers < 0 && !m->has_litter && m->n_waiting < m->n_ahead && (row = maker_row_free(m)))
		if (!waiting_start(m, row))
			return;
}

void
ahead_end(struct maker *m)
{
	for (size_t i = 0; i < m->n_max; i++) {
		m->n_waiting -= m->keepers[i].job >= 0;
		fd_close(&m->keepers[i].job);
	}
}
