/* test_faults.c - every system call with which a sandbox is set up is made to fail in turn: nothing starts
 * that is less confined, one line says why, nothing is left, and the next start works. */
#include "fault_starts.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "fault_rig.h"

/* A starter answers others too: a call or two that it made while it was watched need not come again. */
enum { MISSED_MAX = 2 };

enum { ALL_S = 900, TRIES_MAX = 5, PATIENCE_TURNS = 2000, TURN_US = 5000 };

/* What a call meets: something that it can really meet, as far as there is. */
static const struct {
	const char *call, *error;
	int code;
} errors[] = {
#define MEETS(call, error)                                                                                   \
	{                                                                                                    \
		call, #error, error                                                                          \
	}
	MEETS("openat", EMFILE),
	MEETS("openat2", EMFILE),
	MEETS("open_tree", EMFILE),
	MEETS("pipe2", EMFILE),
	MEETS("socketpair", EMFILE),
	MEETS("epoll_create1", EMFILE),
	MEETS("signalfd4", EMFILE),
	MEETS("memfd_create", EMFILE),
	MEETS("fcntl", EMFILE),
	MEETS("dup2", EBUSY),
	MEETS("clone", EAGAIN),
	MEETS("clone3", EAGAIN),
	MEETS("setresuid", EAGAIN),
	MEETS("unshare", EPERM),
	MEETS("mount", EACCES),
	MEETS("fsopen", ENOMEM),
	MEETS("fsconfig", ENOMEM),
	MEETS("fsmount", ENOMEM),
	MEETS("move_mount", ENOMEM),
	MEETS("pivot_root", EBUSY),
	MEETS("umount2", EBUSY),
	MEETS("mprotect", ENOMEM),
	MEETS("waitid", EPERM),
	MEETS("mmap", ENOMEM),
	MEETS("seccomp", ENOMEM),
	MEETS("epoll_ctl", ENOSPC),
	MEETS("landlock_add_rule", ENOMEM),
	MEETS("landlock_restrict_self", E2BIG),
	MEETS("read", EIO),
	MEETS("pread64", EIO),
	MEETS("sendfile", ENOSPC),
	MEETS("sendmsg", ENOBUFS),
	MEETS("recvmsg", ENOMEM),
	MEETS("execveat", ENOMEM),
#undef MEETS
	{ NULL, "EPERM", EPERM },
};

/* No part of the set-up, or nothing that can fail. */
static const struct {
	const char *call, *why;
} left_out[] = {
	{ "close", "the descriptor is closed whatever it returns" },
	{ "rt_sigaction", "fails for a wrong number alone" },
	{ "brk", "malloc takes pages by mmap instead" },
	{ "munmap", "what stays mapped is a copy of what everybody has" },
	{ "set_robust_list", "the C library's own, after a fork" },
	{ "getpid", "cannot fail" },
	{ "geteuid", "cannot fail" },
	{ "getegid", "cannot fail" },
	{ "umask", "cannot fail" },
	{ "futex", "the C library ends the process when it fails, which it does for a wrong address alone" },
	{ "getrandom", "the allocator's and the loader's; there are other sources" },
};

/* What may fail and yet something starts: as confined as ever. */
static const struct {
	const char *line; /* as it begins */
	const char *why;
	const char *part; /* that it has, too; NULL: none */
} harmless[] = {
	{ "prctl(PR_SET_NAME", "a name for people" },
	{ "prctl(PR_SET_DUMPABLE, SUID_DUMP_USER)", "without it the master cannot write the maps; root can" },
	{ "getgroups(0", "groups are given up as if there were some, or the kernel refuses" },
	{ "fcntl(2, F_GETFD)", "standard error is replaced by /dev/null" },
	{ "getsockopt(2, SOL_SOCKET, SO_TYPE", "its lines begin as those of a file" },
	{ "prlimit64(0, RLIMIT_NOFILE", "the spawner may have fewer descriptors" },
	{ "prctl(PR_CAPBSET_READ", "libcap counts what it knows; the set is dropped without asking" },
	{ "capget({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, NULL)", "libcap asks for the version" },
	{ "capget(0x", "the same; strace may not read what it asks", ", NULL)" },
	{ "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, NULL)",
	  "libseccomp asks what there is" },
	{ "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, NULL)", "the same" },
	{ "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, NULL)", "the same" },
	{ "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, NULL)", "the same" },
	{ "seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC_ESRCH, NULL)", "the same" },
	{ "seccomp(SECCOMP_GET_ACTION_AVAIL", "the same" },
	{ "seccomp(SECCOMP_GET_NOTIF_SIZES", "the same; a router's filter has no notification" },
	{ "mmap(NULL, ", "malloc takes the heap", "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1" },
	{ "openat(AT_FDCWD, \"/etc/ld.so.cache\"", "the loader looks into the folders instead" },
	{ "recvmsg(1", "the end of a router's report; the router is ended and started again" },
	{ "read(9, ", "the spawner asks waitid whatever the signal was" },
	{ "waitid(P_ALL, 0, ", "the spawner asks again at its next turn" },
	{ "epoll_wait(", "the spawner waits again" },
	{ "epoll_ctl(10, EPOLL_CTL_DEL", "cannot fail for what is watched" },
	{ "pidfd_send_signal(", "the probe ends by itself" },
	{ "wait4(", "who is not reaped here is reaped by the loop" },
	{ "mprotect(", "of the probe: refused is what it wants" },
};

/* Where the cause has other words than the error that was made. */
static const struct {
	const char *line, *words;
} other_words[] = {
	{ "mmap(", "failed to map segment" },
	{ "mmap(", "no executable memory" }, /* the probe's attempt */
	{ "fcntl(", "not sealed" },
	{ "fcntl(", "what to serve is not said" },
	{ "pread64(", "what to serve is not said" },
	{ "seccomp(", "seccomp program: " }, /* libseccomp's errors */
	{ "write(", "seccomp program: export: " },
	{ "read(", "ended without a report" },
	{ "read(",
	  "open setgroups: Permission denied" }, /* of one that has ended instead of waiting for it */
	{ "read(", "wake the new process: Broken pipe" },
	{ "write(", "ended without a report" },
	{ "sendmsg(", "tell the master that it is ready" },
};

/* The spawner cannot live without its master: it ends, and the kernel ends everything below it. */
static const char *const deadly[] = { "recvmsg(3,", "sendmsg(3,", "epoll_ctl(10, EPOLL_CTL_MOD, 3," };

static int
error_of(const char *call)
{
	int i = 0;

	while (errors[i].call && strcmp(errors[i].call, call) != 0)
		i++;
	return i;
}

static bool
begins(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

static bool
is_left_out(const char *call)
{
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		if (strcmp(left_out[i].call, call) == 0)
			return true;
	return false;
}

static bool
is_harmless(const char *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (begins(line, harmless[i].line) && (!harmless[i].part || strstr(line, harmless[i].part)))
			return true;
	return false;
}

static bool
names_cause(const char *text, const char *line, int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(other_words); i++)
		if (begins(line, other_words[i].line) && strstr(text, other_words[i].words))
			return true;
	return strstr(text, strerrordesc_np(code)) != NULL;
}

static bool
is_deadly(const struct start_scope *s, const char *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(deadly); i++)
		if (s->is_of_pool && s->generation == 0 && begins(line, deadly[i]))
			return true;
	return false;
}

/* The dynamic loader at work: what it misses it looks for elsewhere, or gives up by itself. */
static const struct {
	const char *first, *after;
} loading[] = {
	{ "execveat(", "munmap(" }, /* to main */
	{ "openat(AT_FDCWD, \"/etc/ld.so.cache\"", "munmap(" },
	{ "openat(AT_FDCWD, \"./fn.so\"", "chdir(" },
};

static void
drop_loader(struct fault_calls *calls)
{
	const char *after = NULL;
	size_t n = 0;

	for (size_t i = 0; i < calls->n; i++) {
		const struct fault_call *c = &calls->of[i];

		if (after && begins(c->line, after))
			after = NULL;
		if (!after && !is_left_out(c->name))
			calls->of[n++] = *c;
		for (size_t j = 0; j < ARRAY_SIZE(loading); j++)
			if (begins(c->line, loading[j].first))
				after = loading[j].after;
	}
	calls->n = n;
}

/* Of the many equal ones the first, the last, and in the worker all. */
static bool
is_repetition(const struct fault_calls *calls, size_t i)
{
	static const char drop[] = "prctl(PR_CAPBSET_DROP";

	return i > 0 && i + 1 < calls->n && begins(calls->of[i - 1].line, drop) &&
	       begins(calls->of[i].line, drop) && begins(calls->of[i + 1].line, drop);
}

static bool
is_one_line(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)text[i]))
			return false;
	return n > 0;
}

/* NULL when a start with the call of this line failing went as it must. */
static const char *
verdict(const struct start_rig *r, const struct start_scope *s, const char *line, int code)
{
	if (r->outcome.is_spawner_gone)
		return is_deadly(s, line) ? NULL : "the spawner ended";
	if (!r->outcome.is_ready)
		return !is_one_line(r->outcome.text)               ? "not one line"
		       : !names_cause(r->outcome.text, line, code) ? "the cause is not named"
		                                                   : NULL;
	if (!is_harmless(line))
		return "it started";
	return strcmp(r->outcome.confinement, r->usual.confinement) == 0 ? NULL : "it is less confined";
}

/* One start with the call failing, or all calls recorded. */
static void
start_with(struct start_rig *r, const struct start_scope *s, const struct fault_call *call, const char *error,
           struct fault *f)
{
	pid_t pid = start_prepare(r, s);

	if (s->generation == 0) {
		fault_attach(f, pid, r->pool.folder, call, error);
		s->start(r);
	} else {
		fault_seize(pid);
		s->start(r);
		pid = fault_park(pid, s->generation);
		assert_true(pid > 0);
		fault_attach(f, pid, r->pool.folder, call, error);
	}
	start_finish(r, s);
	fault_detach(f);
}

/* Waits until the spawner holds what it held before any start. */
static bool
is_nothing_left(const struct start_rig *r)
{
	char now[START_HELD_SIZE];

	for (int i = 0; i < PATIENCE_TURNS; i++) {
		start_held(r, now);
		if (strcmp(now, r->held) == 0)
			return true;
		usleep(TURN_US);
	}
	print_error("held: %s, and before: %s\n", now, r->held);
	return false;
}

/* How often a call failed otherwise than it must, and how often it was not made again at all. */
struct tally {
	unsigned n_wrong, n_missed;
};

static void
try_call(struct start_rig *r, const struct start_scope *s, const struct fault_call *call, struct tally *t)
{
	int error = error_of(call->name);
	struct fault f;
	const char *wrong;

	for (unsigned n = 0; n < TRIES_MAX; n++) {
		start_with(r, s, call, errors[error].error, &f);
		/* It may have said how the start went before it met the error. */
		if (is_deadly(s, f.line))
			start_await_end(r);
		if (fault_is_same(call->line, f.line))
			break;
		/* Let go in the middle of the call, it meets another error, and ends at some time. */
		if (is_deadly(s, call->line))
			spawner_stop(&r->pool.spawner);
	}
	if (!fault_is_same(call->line, f.line)) {
		print_message("%s: %s: not made again\n", s->name, call->line);
		t->n_missed++;
		return;
	}
	wrong = verdict(r, s, f.line, errors[error].code);
	if (!wrong && !r->outcome.is_spawner_gone && !is_nothing_left(r))
		wrong = "something is left";
	if (!wrong)
		return;
	print_error("%s: %s (%s): %s: '%s'\n", s->name, call->line, errors[error].error, wrong,
	            r->outcome.text);
	t->n_wrong++;
}

static void
every_call_of_a_set_up_may_fail(void **state)
{
	static struct fault_calls calls;
	const struct start_scope *s = *state;
	static struct start_rig r;
	struct tally tally = { 0 };
	struct fault f;

	if (!fault_is_possible()) {
		print_message("strace is missing\n");
		skip();
	}
	start_open(&r);
	start_with(&r, s, NULL, NULL, &f);
	assert_true(r.outcome.is_ready);
	r.usual = r.outcome;
	fault_read_calls(&f, s->last, s->nth, &calls);
	drop_loader(&calls);
	assert_true(calls.n > 5);
	/* A starter's first call waits for this test. */
	for (size_t i = s->is_of_pool || s->generation > 0 ? 0 : 1; i < calls.n; i++)
		if (s->is_whole || !is_repetition(&calls, i))
			try_call(&r, s, &calls.of[i], &tally);
	start_close(&r);
	assert_int_equal(tally.n_wrong, 0);
	assert_in_range(tally.n_missed, 0, MISSED_MAX);
}

int
main(void)
{
	struct CMUnitTest tests[START_SCOPES_MAX];

	alarm(ALL_S);
	for (size_t i = 0; i < start_n_scopes; i++)
		tests[i] = (struct CMUnitTest){ .name = start_scopes[i].name,
			                        .test_func = every_call_of_a_set_up_may_fail,
			                        .initial_state = (void *)&start_scopes[i] };
	return _cmocka_run_group_tests("faults", tests, start_n_scopes, NULL, NULL);
}
