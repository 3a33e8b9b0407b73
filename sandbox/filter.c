/* filter.c - loading seccomp programs, and refusing what they report. */
#include "sandbox/profile.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

int
sandbox_filters_map(int fd, const struct sandbox_filters **filters, struct err *e)
{
	const struct sandbox_filters *mapped;
	struct stat st;

	if (fd_check_sealed(fd) < 0)
		return err_set(e, -EPERM, "seccomp programs: not sealed");
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "seccomp programs: stat");
	if (st.st_size != (off_t)sizeof *mapped)
		return err_set(e, -EBADMSG, "seccomp programs: of another size");
	mapped = mmap(NULL, sizeof *mapped, PROT_READ, MAP_PRIVATE, fd, 0);
	if (mapped == MAP_FAILED)
		return err_set(e, errno, "seccomp programs: map");
	for (unsigned kind = 0; kind < FILTER_COUNT; kind++)
		if (mapped->of[kind].n > FILTER_CODE_MAX) {
			sandbox_filters_unmap(mapped);
			return err_set(e, -EBADMSG, "seccomp programs: damaged");
		}
	*filters = mapped;
	return 0;
}

void
sandbox_filters_unmap(const struct sandbox_filters *filters)
{
	munmap((void *)filters, sizeof *filters);
}

/* Waiting in a reported call is not interrupted by signals once the report was taken: else a handler would
 * make the call, and the report, twice. */
static unsigned long
load_flags(enum filter_kind kind)
{
	switch (kind) {
	case FILTER_FUNCTION_LOAD:
	case FILTER_FRESH_LOAD:
	case FILTER_RUN:
		return SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	case FILTER_FUNCTION_SERVE: /* constructors may have made threads */
	case FILTER_FRESH_SERVE:
	case FILTER_FRESH_ALONE_SERVE:
		return SECCOMP_FILTER_FLAG_TSYNC;
	default:
		return 0;
	}
}

struct named_pids {
	const pid_t *of;
	size_t n;
};

static uint32_t
pid_for(uint32_t k, struct named_pids pids)
{
	uint32_t at = k - FILTER_PIDS;

	if (k == FILTER_OWN_PID)
		return (uint32_t)getpid();
	if (at < FILTER_PIDS_MAX && pids.n > 0)
		return (uint32_t)pids.of[at < pids.n ? at : 0];
	return k;
}

/* Programs are made before the processes are. */
static void
pids_put(struct sandbox_filter *f, struct named_pids pids)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (BPF_CLASS(f->code[i].code) == BPF_JMP)
			f->code[i].k = pid_for(f->code[i].k, pids);
}

static int
filter_load(const struct sandbox_filters *filters, enum filter_kind kind, struct named_pids pids,
            struct err *e)
{
	struct sandbox_filter f = { .n = filters ? filters->of[kind].n : 0 };
	struct sock_fprog program = { .len = (unsigned short)f.n, .filter = f.code };
	long rc;

	if (f.n == 0)
		return err_set(e, -EINVAL, "program %d was not built", (int)kind);
	memcpy(f.code, filters->of[kind].code, f.n * sizeof *f.code);
	pids_put(&f, pids);
	rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, load_flags(kind), &program);
	if (rc < 0)
		return err_set(e, errno, "load program %d", (int)kind);
	if (rc > 0 && (load_flags(kind) & SECCOMP_FILTER_FLAG_TSYNC))
		return err_set(e, -ESRCH, "a thread has a filter of its own");
	return (int)rc;
}

int
sandbox_filter_load(const struct sandbox_filters *filters, enum filter_kind kind, struct err *e)
{
	return filter_load(filters, kind, (struct named_pids){ NULL, 0 }, e);
}

int
sandbox_filter_load_tracer(const struct sandbox_filters *filters, const pid_t *pids, size_t n, struct err *e)
{
	return filter_load(filters, FILTER_TRACER, (struct named_pids){ pids, n }, e);
}

static int
filter_enter(const struct sandbox *s, enum filter_kind kind, struct err *e)
{
	int rc = sandbox_filter_load(s->filters, kind, e);

	return rc < 0 ? rc : 0;
}

int
init_filter_enter(struct sandbox *s, struct err *e)
{
	return filter_enter(s, s->profile->init_filter, e);
}

int
payload_filter_enter(struct sandbox *s, struct err *e)
{
	int rc = s->profile->is_uncounted ? filter_enter(s, FILTER_UNCOUNTED, e) : 0;

	if (rc == 0)
		rc = sandbox_filter_load(s->filters, s->profile->filter, e);
	if (rc < 0)
		return rc;
	if (load_flags(s->profile->filter) & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		s->listener = rc;
	return 0;
}

int
close_filter_enter(struct sandbox *s, struct err *e)
{
	return filter_enter(s, s->profile->close_filter, e);
}

int
serve_filter_enter(struct sandbox *s, struct err *e)
{
	return filter_enter(s, s->profile->serve_filter, e);
}

int
request_filter_enter(struct sandbox *s, struct err *e)
{
	return filter_enter(s, s->profile->request_filter, e);
}

int
sandbox_denied_receive(int listener, struct sandbox_denied *d)
{
	struct seccomp_notif notice;

	memset(&notice, 0, sizeof notice); /* the kernel refuses anything else */
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notice) < 0)
		return errno == ENOENT || errno == EINTR ? 0 : -errno;
	d->id = notice.id;
	d->nr = notice.data.nr;
	d->pid = (pid_t)notice.pid;
	d->arch = notice.data.arch;
	for (size_t i = 0; i < ARRAY_SIZE(d->arguments); i++)
		d->arguments[i] = notice.data.args[i];
	return 1;
}

int
sandbox_denied_answer_with(int listener, const struct sandbox_denied *d, int error)
{
	struct seccomp_notif_resp answer = { .id = d->id, .error = -error };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int
refusal_errno(int nr)
{
	return nr == SYS_socket ? EACCES : EPERM;
}

int
sandbox_denied_answer(int listener, const struct sandbox_denied *d)
{
	return sandbox_denied_answer_with(listener, d, refusal_errno(d->nr));
}

int
sandbox_service_errno(const struct sandbox_filters *service, const struct sandbox_denied *d)
{
	/* The last one first: where two say the same, the kernel takes its word. */
	static const enum filter_kind loaded[] = { FILTER_FUNCTION_CLOSE, FILTER_FUNCTION_LOAD };
	struct seccomp_data call = { .nr = d->nr, .arch = d->arch };
	uint32_t strictest = SECCOMP_RET_ALLOW;

	for (size_t i = 0; i < ARRAY_SIZE(call.args); i++)
		call.args[i] = d->arguments[i];
	for (size_t i = 0; i < ARRAY_SIZE(loaded); i++) {
		uint32_t said = sandbox_filter_run(&service->of[loaded[i]], &call);

		if ((int32_t)(said & SECCOMP_RET_ACTION_FULL) <
		    (int32_t)(strictest & SECCOMP_RET_ACTION_FULL))
			strictest = said;
	}
	if ((strictest & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO && (strictest & SECCOMP_RET_DATA) != 0)
		return (int)(strictest & SECCOMP_RET_DATA);
	return refusal_errno(d->nr);
}
