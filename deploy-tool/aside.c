/* aside.c - a step of the toolchain beside others. */
#include "deploy-tool/aside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "ipc/message.h"

enum { ASIDE_ENDED = 1 };

/* What is said of it: by a copy of this process, so that it is believed.  Behind it the descriptors of what
 * the box wrote. */
struct told {
	int rc;
	struct err e;
	struct box_result result;
};

static int
seal_output(const struct buf *b, struct err *e)
{
	return fd_sealed_memory("output", buf_used(b) > 0 ? buf_head(b) : "", buf_used(b), e);
}

static int
tell(int answer, struct told *t, struct err *e)
{
	AUTO_FD out = seal_output(&t->result.out, e);
	AUTO_FD err = out < 0 ? -1 : seal_output(&t->result.err, e);

	if (out < 0 || err < 0)
		return -e->code;
	return message_send(answer, ASIDE_ENDED, t, sizeof *t, (const int[]){ out, err }, 2, e);
}

static _Noreturn void
run(const struct build_place *p, const struct build_step *step, int answer)
{
	struct told t = { .rc = 0 };
	struct err e;

	/* Its box ends with it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	t.rc = build_step_run(p, step, &t.result, &t.e);
	if (t.rc < 0)
		_exit(message_send(answer, ASIDE_ENDED, &t, sizeof t, NULL, 0, &e) < 0);
	_exit(tell(answer, &t, &e) < 0);
}

int
aside_begin(struct aside *a, const struct build_place *p, const struct build_step *step, struct err *e)
{
	int pair[2], rc = message_pair(pair, e);

	*a = (struct aside){ .answer = -1 };
	if (rc < 0)
		return rc;
	a->pid = fork();
	if (a->pid == 0) {
		close(pair[0]);
		run(p, step, pair[1]);
	}
	close(pair[1]);
	a->answer = pair[0];
	if (a->pid > 0)
		return 0;
	rc = err_set(e, errno, "%s", step->name);
	*a = (struct aside){ .answer = -1 };
	close(pair[0]);
	return rc;
}

static int
read_output(struct message *m, size_t i, struct buf *to, struct err *e)
{
	AUTO_FD fd = message_take_fd(m, i);
	AUTO_FREE char *data = NULL;
	size_t n;

	if (fd < 0)
		return err_set(e, -EPROTO, "what it wrote is missing");
	if (fd_read_file(fd, build_limits.output + 1, &data, &n, e) < 0)
		return -e->code;
	buf_init(to, n + 1);
	return buf_append(to, data, n) < 0 ? err_set(e, ENOMEM, "what it wrote") : 0;
}

static int
take(struct message *m, struct box_result *result, struct err *e)
{
	struct told t;
	int rc;

	if (m->length != sizeof t)
		return err_set(e, -EPROTO, "another message than expected");
	memcpy(&t, m->body, sizeof t);
	if (t.rc < 0) {
		*e = t.e;
		return t.rc;
	}
	*result = t.result;
	result->out = result->err = (struct buf){ 0 };
	memset(result->collected, -1, sizeof result->collected);
	rc = read_output(m, 0, &result->out, e);
	if (rc == 0)
		rc = read_output(m, 1, &result->err, e);
	if (rc < 0)
		box_result_done(result);
	return rc;
}

int
aside_end(struct aside *a, struct box_result *result, struct err *e)
{
	AUTO_FREE struct message *m = malloc(sizeof *m);
	int rc = m == NULL ? err_set(e, ENOMEM, "message") : message_receive(a->answer, m, e);

	if (rc == 0)
		rc = err_set(e, -EPIPE, "its process has ended");
	if (rc > 0) {
		rc = take(m, result, e);
		message_done(m);
	}
	aside_done(a);
	return rc;
}

void
aside_done(struct aside *a)
{
	while (a->pid > 0 && waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
		;
	a->pid = 0;
	fd_close(&a->answer);
}
