/* test_filter.c - seccomp programs as data: what they say of calls, without making them. */
#include "unit.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "sandbox/filter.h"

enum { CALLS_MAX = 600 };

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

struct fixture {
	const struct sandbox_filters *service, *explaining, *granted, *explaining_granted;
};

static const struct sandbox_filters *
map(int sealed)
{
	const struct sandbox_filters *mapped = NULL;
	AUTO_FD mine = sealed;
	struct err e;

	assert_true(mine >= 0);
	assert_int_equal(sandbox_filters_map(mine, &mapped, &e), 0);
	return mapped;
}

static int
set_up(void **state)
{
	static struct fixture f;
	struct err e;

	f.service = map(sandbox_filters_seal(FILTERS_OF_SPAWNER, &e));
	f.explaining = map(sandbox_filters_seal_explaining(&e));
	f.granted = map(sandbox_filters_seal_granted(false, &e));
	f.explaining_granted = map(sandbox_filters_seal_granted(true, &e));
	*state = &f;
	return 0;
}

/* As the kernel: the strictest of all that are loaded; of two that are as strict the one loaded last. */
static uint32_t
run_all(const struct sandbox_filters *f, const struct seccomp_data *call, bool is_serving)
{
	static const enum filter_kind kinds[] = { FILTER_FUNCTION_SERVE, FILTER_FUNCTION_CLOSE,
		                                  FILTER_FUNCTION_LOAD };
	uint32_t strictest = SECCOMP_RET_ALLOW;

	for (size_t i = is_serving ? 0 : 1; i < ARRAY_SIZE(kinds); i++) {
		uint32_t said = sandbox_filter_run(&f->of[kinds[i]], call);

		if ((int32_t)(said & SECCOMP_RET_ACTION_FULL) <
		    (int32_t)(strictest & SECCOMP_RET_ACTION_FULL))
			strictest = said;
	}
	return strictest;
}

static uint32_t
action(uint32_t said)
{
	return said & SECCOMP_RET_ACTION_FULL;
}

/* What the caller gets when the listener answers with error; 0: the call is made, -1: it is killed. */
static int
outcome(uint32_t said, int error)
{
	switch (action(said)) {
	case SECCOMP_RET_ALLOW:
		return 0;
	case SECCOMP_RET_ERRNO:
		return (int)(said & SECCOMP_RET_DATA);
	case SECCOMP_RET_USER_NOTIF:
		return error;
	default:
		return -1;
	}
}

static int
refused_in_service(int nr)
{
	return nr == SYS_socket ? EACCES : EPERM;
}

static bool
is_alike(const struct fixture *f, const struct seccomp_data *call, bool is_serving)
{
	uint32_t service = run_all(f->service, call, is_serving);
	uint32_t explained = run_all(f->explaining, call, is_serving);
	struct sandbox_denied d = { .nr = call->nr, .arch = call->arch };
	int want = outcome(service, refused_in_service(call->nr)), got;

	for (size_t i = 0; i < ARRAY_SIZE(d.arguments); i++)
		d.arguments[i] = call->args[i];
	got = outcome(explained, sandbox_service_errno(f->service, &d));
	/* A report must never be of what service makes. */
	return got == want && (want != 0 || action(explained) == SECCOMP_RET_ALLOW);
}

/* Values that some rule compares with, and some that none does. */
static const uint64_t first[] = { 0,
	                          1,
	                          CLONE_THREAD | CLONE_VM | CLONE_SIGHAND,
	                          CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_NEWUSER,
	                          CLONE_NEWNS | SIGCHLD,
	                          PR_SET_NAME,
	                          PR_CAP_AMBIENT,
	                          0xffffffff,
	                          0x100000000 };
static const uint64_t second[] = { 0, F_SETPIPE_SZ, F_DUPFD_CLOEXEC, 0x5401, 0x100005401, ~0ULL };
static const uint64_t third[] = {
	0, PROT_EXEC, PROT_EXEC | PROT_WRITE, PROT_READ | PROT_EXEC, MSG_NOSIGNAL, MSG_NOSIGNAL | 1ULL << 40
};
static const uint64_t fourth[] = { 0, MAP_PRIVATE, MAP_ANONYMOUS | MAP_PRIVATE };

static unsigned
count_differences(const struct fixture *f, struct seccomp_data *call)
{
	unsigned n = 0;

	for (size_t i = 0;
	     i < ARRAY_SIZE(first) * ARRAY_SIZE(second) * ARRAY_SIZE(third) * ARRAY_SIZE(fourth); i++) {
		size_t at = i;

		call->args[0] = first[at % ARRAY_SIZE(first)];
		at /= ARRAY_SIZE(first);
		call->args[1] = second[at % ARRAY_SIZE(second)];
		at /= ARRAY_SIZE(second);
		call->args[2] = third[at % ARRAY_SIZE(third)];
		call->args[3] = fourth[at / ARRAY_SIZE(third)];
		if (!is_alike(f, call, false) || !is_alike(f, call, true))
			n++;
	}
	return n;
}

static void
every_call_ends_as_in_service_when_it_is_explained(void **state)
{
	static const int others[] = { 1000, 1999, 0x3fffffff, 0x40000000, 0x40000000 | 1, -1 };
	struct seccomp_data call = { .arch = ARCH };
	char name[SYSCALL_NAME_SIZE];

	for (int i = 0; i < CALLS_MAX + (int)ARRAY_SIZE(others); i++) {
		unsigned n;

		call.nr = i < CALLS_MAX ? i : others[i - CALLS_MAX];
		n = count_differences(*state, &call);
		sandbox_syscall_name(call.nr, name);
		if (n > 0)
			fail_msg("%s ends otherwise with %u kinds of arguments", name, n);
	}
}

static void
a_foreign_architecture_is_killed_explained_or_not(void **state)
{
	const struct fixture *f = *state;
	const struct seccomp_data call = { .nr = SYS_read, .arch = AUDIT_ARCH_I386 };

	assert_int_equal(run_all(f->service, &call, true), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(run_all(f->explaining, &call, true), SECCOMP_RET_KILL_PROCESS);
}

static void
what_is_refused_is_reported_but_for_what_the_worker_needs_itself(void **state)
{
	static const struct {
		int nr;
		uint64_t arguments[4];
		bool is_reported;
	} cases[] = {
		{ SYS_socket, { AF_INET }, true },
		{ SYS_ptrace, { 0 }, true },
		{ SYS_pidfd_open, { 1 }, true },
		{ SYS_clone3, { 0 }, true },
		{ SYS_clone, { CLONE_NEWUSER | SIGCHLD }, true },
		{ SYS_clone, { CLONE_THREAD | CLONE_NEWUSER }, true },
		{ SYS_fcntl, { 1, F_SETPIPE_SZ }, true },
		{ SYS_ioctl, { 0, 0x5412 }, true },
		{ SYS_prctl, { PR_SET_DUMPABLE }, true },
		{ SYS_mmap, { 0, 4096, PROT_EXEC, MAP_ANONYMOUS | MAP_PRIVATE }, true },
		{ SYS_mmap, { 0, 4096, PROT_EXEC | PROT_WRITE, MAP_PRIVATE }, true },
		{ SYS_mmap, { 0, 4096, PROT_READ, MAP_ANONYMOUS | MAP_SHARED }, true },
		{ SYS_mmap, { 0, 4096, PROT_READ, MAP_ANONYMOUS | MAP_SHARED_VALIDATE }, true },
		{ SYS_mmap, { 0, 4096, PROT_READ, MAP_ANONYMOUS | MAP_PRIVATE | MAP_HUGETLB }, true },
		{ SYS_mprotect, { 0, 4096, PROT_EXEC }, true },
		{ SYS_pkey_mprotect, { 0 }, true },
		{ SYS_sendmsg, { 3, 0, 0 }, true },
		{ SYS_recvmsg, { 3, 0, 0 }, true },
		{ 1999, { 0 }, true },
		{ SYS_sendmsg, { 3, 0, MSG_NOSIGNAL }, false },
		{ SYS_mmap, { 0, 4096, PROT_EXEC, MAP_PRIVATE }, false },
		{ SYS_seccomp, { SECCOMP_SET_MODE_FILTER, 0 }, false },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct seccomp_data call = { .nr = cases[i].nr, .arch = ARCH };

		memcpy(call.args, cases[i].arguments, sizeof cases[i].arguments);
		assert_int_equal(action(run_all(f->explaining, &call, true)),
		                 cases[i].is_reported ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO);
	}
}

static void
a_program_that_is_none_kills(void **state)
{
	static const struct sandbox_filter programs[] = {
		{ .n = 0 },
		{ .n = 1, .code = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64) } },
		{ .n = 2,
		  .code = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),
		            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) } },
		{ .n = 2,
		  .code = { BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 0),
		            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) } },
		{ .n = 2,
		  .code = { BPF_STMT(BPF_JMP | BPF_JA, 7), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) } },
	};
	const struct seccomp_data call = { .arch = ARCH };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		assert_int_equal(sandbox_filter_run(&programs[i], &call), SECCOMP_RET_KILL_PROCESS);
}

static void
a_report_of_what_service_allows_is_refused(void **state)
{
	const struct fixture *f = *state;
	const struct sandbox_denied d = { .nr = SYS_getpid, .arch = ARCH };

	assert_int_equal(sandbox_service_errno(f->service, &d), EPERM);
}

/* Of a function in fresh mode: whoever was loaded, a request's process, and both where that can have no
 * threads. */
enum fresh_process { FRESH_LOADED, FRESH_REQUEST, FRESH_ALONE, N_FRESH };

/* The strictest of its programs. */
static uint32_t
run_fresh(const struct sandbox_filters *f, const struct seccomp_data *call, enum fresh_process process)
{
	static const enum filter_kind kinds[N_FRESH][4] = {
		[FRESH_LOADED] = { FILTER_FRESH_SERVE, FILTER_FRESH_SERVE, FILTER_FRESH_CLOSE,
		                   FILTER_FRESH_LOAD },
		[FRESH_REQUEST] = { FILTER_FRESH_REQUEST, FILTER_FRESH_SERVE, FILTER_FRESH_CLOSE,
		                    FILTER_FRESH_LOAD },
		[FRESH_ALONE] = { FILTER_FRESH_ALONE_SERVE, FILTER_FRESH_ALONE_SERVE, FILTER_FRESH_CLOSE,
		                  FILTER_FRESH_LOAD },
	};
	uint32_t strictest = SECCOMP_RET_ALLOW;

	for (size_t i = 0; i < ARRAY_SIZE(kinds[process]); i++) {
		uint32_t said = sandbox_filter_run(&f->of[kinds[process][i]], call);

		if ((int32_t)(said & SECCOMP_RET_ACTION_FULL) <
		    (int32_t)(strictest & SECCOMP_RET_ACTION_FULL))
			strictest = said;
	}
	return strictest;
}

#define OK   SECCOMP_RET_ALLOW
#define NO   SECCOMP_RET_ERRNO
#define TOLD SECCOMP_RET_USER_NOTIF

static void
fresh_mode_allows_what_reuse_mode_does_but_for_this(void **state)
{
	enum { OWN = FILTER_OWN_PID }; /* of who loads the program: the last column's is the loaded one */
	static const struct {
		int nr;
		uint64_t arguments[4];
		uint32_t actions[N_FRESH];
	} cases[] = {
		/* The one kind of process, which the request's own cannot make: where it can have no threads,
		 * the limit refuses both. */
		{ SYS_clone, { CLONE_PARENT | SIGCHLD }, { OK, NO, OK } },
		{ SYS_clone, { SIGCHLD }, { TOLD, TOLD, TOLD } },
		{ SYS_clone, { CLONE_VM | SIGCHLD }, { TOLD, TOLD, TOLD } },
		{ SYS_clone, { CLONE_PARENT | CLONE_VM | SIGCHLD }, { NO, NO, NO } },
		{ SYS_clone, { CLONE_PARENT | CLONE_FILES | SIGCHLD }, { NO, NO, NO } },
		{ SYS_clone, { CLONE_PARENT | CLONE_NEWUSER | SIGCHLD }, { NO, NO, NO } },
		{ SYS_clone, { CLONE_PARENT }, { NO, NO, NO } },
		{ SYS_clone, { CLONE_THREAD | CLONE_VM | CLONE_SIGHAND }, { OK, OK, OK } },
		{ SYS_recvmsg, { 3 }, { OK, NO, OK } },
		{ SYS_recvmsg, { 4 }, { OK, NO, NO } },
		{ SYS_sendmsg, { 3 }, { NO, NO, NO } },
		{ SYS_seccomp, { SECCOMP_SET_MODE_FILTER, 0 }, { OK, NO, NO } },
		/* Nobody else's pid. */
		{ SYS_kill, { OWN, SIGUSR1 }, { OK, OK, NO } },
		{ SYS_kill, { 1, SIGUSR1 }, { OK, NO, NO } },
		{ SYS_kill, { 2, SIGUSR1 }, { OK, NO, OK } },
		{ SYS_kill, { 0, SIGUSR1 }, { OK, NO, NO } },
		{ SYS_kill, { 1ULL << 32, SIGUSR1 }, { OK, NO, NO } },
		{ SYS_kill, { ~0ULL, SIGUSR1 }, { OK, NO, NO } },
		{ SYS_kill, { 0xfffffffe, SIGUSR1 }, { OK, NO, NO } },
		{ SYS_kill, { 1ULL << 32 | OWN, SIGUSR1 }, { OK, NO, NO } },
		{ SYS_tgkill, { OWN, 5, SIGUSR1 }, { OK, OK, NO } },
		{ SYS_tgkill, { 1ULL << 32 | OWN, 5, SIGUSR1 }, { OK, NO, NO } },
		{ SYS_tgkill, { 2, 2, SIGUSR1 }, { OK, NO, OK } },
		{ SYS_tkill, { OWN, SIGUSR1 }, { OK, NO, NO } },
		{ SYS_prlimit64, { 0 }, { OK, OK, OK } },
		{ SYS_prlimit64, { 2 }, { OK, NO, NO } },
		/* Memory of one's own. */
		{ SYS_mmap, { 0, 4096, PROT_READ, MAP_PRIVATE }, { OK, OK, OK } },
		{ SYS_mmap, { 0, 4096, PROT_READ, MAP_SHARED }, { NO, NO, NO } },
		{ SYS_mmap, { 0, 4096, PROT_READ, MAP_SHARED_VALIDATE }, { NO, NO, NO } },
		{ SYS_mmap, { 0, 4096, PROT_EXEC, MAP_PRIVATE }, { NO, NO, NO } },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct seccomp_data call = { .nr = cases[i].nr, .arch = ARCH };

		memcpy(call.args, cases[i].arguments, sizeof cases[i].arguments);
		for (enum fresh_process process = 0; process < N_FRESH; process++) {
			uint32_t said = action(run_fresh(f->service, &call, process));

			if (said != cases[i].actions[process])
				fail_msg("case %zu, process %d: 0x%x", i, (int)process, said);
		}
	}
}

/* Whatever is not named above. */
static void
a_requests_process_in_fresh_mode_may_no_more_than_a_worker(void **state)
{
	const struct fixture *f = *state;
	struct seccomp_data call = { .arch = ARCH };
	char name[SYSCALL_NAME_SIZE];

	for (call.nr = 0; call.nr < CALLS_MAX; call.nr++) {
		uint32_t reuse = action(run_all(f->service, &call, true));

		sandbox_syscall_name(call.nr, name);
		for (enum fresh_process process = FRESH_REQUEST; process < N_FRESH; process++) {
			uint32_t fresh = action(run_fresh(f->service, &call, process));

			if ((int32_t)fresh > (int32_t)reuse)
				fail_msg("%s, process %d: 0x%x instead of 0x%x", name, (int)process, fresh,
				         reuse);
		}
	}
}

/* Of what it reads: a process and its threads, as numbered when it is loaded. */
static void
who_traces_stops_reads_and_lets_go_of_one_process_alone(void **state)
{
	enum { PID = FILTER_PIDS, LAST = FILTER_PIDS + FILTER_PIDS_MAX - 1 };
	static const struct {
		int nr;
		uint64_t arguments[4];
		bool is_allowed;
	} cases[] = {
		{ SYS_ptrace, { PTRACE_SEIZE, PID }, true },
		{ SYS_ptrace, { PTRACE_INTERRUPT, PID + 1 }, true },
		{ SYS_ptrace, { PTRACE_GETREGSET, PID + 7 }, true },
		{ SYS_ptrace, { PTRACE_DETACH, LAST }, true },
		{ SYS_ptrace, { PTRACE_SEIZE, PID - 1 }, false },
		{ SYS_ptrace, { PTRACE_SEIZE, LAST + 1 }, false },
		{ SYS_ptrace, { PTRACE_SEIZE, 1 }, false },
		{ SYS_ptrace, { PTRACE_SEIZE, 1ULL << 32 | PID }, false },
		{ SYS_ptrace, { 1ULL << 32 | PTRACE_SEIZE, PID }, false },
		{ SYS_ptrace, { PTRACE_ATTACH, PID }, false },
		{ SYS_ptrace, { PTRACE_CONT, PID }, false },
		{ SYS_ptrace, { PTRACE_PEEKDATA, PID }, false },
		{ SYS_ptrace, { PTRACE_POKEDATA, PID }, false },
		{ SYS_ptrace, { PTRACE_SETREGSET, PID }, false },
		{ SYS_ptrace, { PTRACE_SETOPTIONS, PID }, false },
		{ SYS_ptrace, { PTRACE_KILL, PID }, false },
		{ SYS_ptrace, { PTRACE_TRACEME, PID }, false },
		{ SYS_process_vm_readv, { PID }, true },
		{ SYS_process_vm_readv, { PID + 1 }, false },
		{ SYS_process_vm_readv, { 1 }, false },
		{ SYS_process_vm_readv, { 1ULL << 32 | PID }, false },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct seccomp_data call = { .nr = cases[i].nr, .arch = ARCH };

		memcpy(call.args, cases[i].arguments, sizeof cases[i].arguments);
		if ((sandbox_filter_run(&f->service->of[FILTER_TRACER], &call) == SECCOMP_RET_ALLOW) !=
		    cases[i].is_allowed)
			fail_msg("case %zu", i);
	}
}

static bool
is_of_tracer(int nr)
{
	static const int calls[] = { SYS_read,      SYS_write,           SYS_newfstatat,      SYS_wait4,
		                     SYS_nanosleep, SYS_clock_nanosleep, SYS_restart_syscall, SYS_exit_group,
		                     SYS_ptrace,    SYS_process_vm_readv };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i] == nr)
			return true;
	return false;
}

static void
who_traces_asks_for_nothing_else(void **state)
{
	const struct fixture *f = *state;
	struct seccomp_data call = { .nr = SYS_read, .arch = AUDIT_ARCH_I386 };
	char name[SYSCALL_NAME_SIZE];

	assert_int_equal(sandbox_filter_run(&f->service->of[FILTER_TRACER], &call), SECCOMP_RET_KILL_PROCESS);
#ifdef CFN_SANITIZERS
	return; /* they have calls of their own */
#endif
	call.arch = ARCH;
	for (call.nr = 0; call.nr < CALLS_MAX; call.nr++) {
		bool is_allowed = false;

		for (size_t i = 0; i < ARRAY_SIZE(first) && !is_allowed; i++) {
			call.args[0] = call.args[1] = first[i];
			is_allowed =
			    sandbox_filter_run(&f->service->of[FILTER_TRACER], &call) == SECCOMP_RET_ALLOW;
		}
		sandbox_syscall_name(call.nr, name);
		if (is_allowed && !is_of_tracer(call.nr))
			fail_msg("%s", name);
	}
}

static bool
is_of_sockets(int nr)
{
	return nr == SYS_socket || nr == SYS_connect || nr == SYS_sendto || nr == SYS_recvfrom;
}

static void
a_granted_socket_changes_four_calls_alone(void **state)
{
	static const uint64_t values[] = { 0, 1, 2, 3, 7, 0x40, 0x4000, 0x100000001 };
	const struct fixture *f = *state;

	for (int nr = 0; nr < 512; nr++) {
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			struct seccomp_data call = { .nr = nr, .arch = ARCH };

			for (size_t k = 0; k < ARRAY_SIZE(call.args); k++)
				call.args[k] = values[(i * (k + 1)) % ARRAY_SIZE(values)];
			if (!is_of_sockets(nr))
				assert_int_equal(run_all(f->granted, &call, true),
				                 run_all(f->service, &call, true));
		}
	}
}

static void
a_granted_socket_is_a_stream_of_unix_without_messages(void **state)
{
	static const struct {
		int nr;
		uint64_t args[6];
		uint32_t want;
	} cases[] = {
		{ SYS_socket, { AF_UNIX, SOCK_STREAM }, SECCOMP_RET_ALLOW },
		{ SYS_socket, { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK }, SECCOMP_RET_ALLOW },
		{ SYS_socket, { AF_UNIX, 0 }, SECCOMP_RET_USER_NOTIF },
		{ SYS_socket, { AF_UNIX, SOCK_DGRAM }, SECCOMP_RET_USER_NOTIF },
		{ SYS_socket, { AF_UNIX, SOCK_RAW | SOCK_CLOEXEC }, SECCOMP_RET_USER_NOTIF },
		{ SYS_socket, { AF_UNIX, SOCK_SEQPACKET }, SECCOMP_RET_USER_NOTIF },
		{ SYS_socket, { AF_UNIX, 9 }, SECCOMP_RET_USER_NOTIF },
		{ SYS_socket, { AF_UNIX, 15 }, SECCOMP_RET_USER_NOTIF },
		{ SYS_socket, { AF_UNSPEC, SOCK_STREAM }, SECCOMP_RET_USER_NOTIF },
		{ SYS_socket, { AF_INET, SOCK_STREAM }, SECCOMP_RET_USER_NOTIF },
		{ SYS_socket, { 0x100000000 | AF_UNIX, SOCK_STREAM }, SECCOMP_RET_USER_NOTIF },
		{ SYS_connect, { 5 }, SECCOMP_RET_ALLOW },
		{ SYS_bind, { 5 }, SECCOMP_RET_USER_NOTIF },
		{ SYS_listen, { 5 }, SECCOMP_RET_USER_NOTIF },
		{ SYS_socketpair, { AF_UNIX, SOCK_STREAM }, SECCOMP_RET_USER_NOTIF },
		{ SYS_sendto, { 5, 1, 1, MSG_NOSIGNAL | MSG_DONTWAIT }, SECCOMP_RET_ALLOW },
		{ SYS_sendto, { 5, 1, 1, 0, 1 }, SECCOMP_RET_ERRNO },
		{ SYS_sendto, { 5, 1, 1, MSG_OOB }, SECCOMP_RET_ERRNO },
		{ SYS_sendto, { 5, 1, 1, MSG_ZEROCOPY }, SECCOMP_RET_ERRNO },
		{ SYS_recvfrom, { 5, 1, 1, MSG_PEEK | MSG_WAITALL }, SECCOMP_RET_ALLOW },
		{ SYS_recvfrom, { 5, 1, 1, MSG_OOB }, SECCOMP_RET_ERRNO },
		{ SYS_sendmsg, { 5 }, SECCOMP_RET_ERRNO },
		{ SYS_recvmsg, { 5 }, SECCOMP_RET_ERRNO },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct seccomp_data call = { .nr = cases[i].nr, .arch = ARCH };
		uint32_t explained;

		memcpy(call.args, cases[i].args, sizeof call.args);
		if (action(run_all(f->granted, &call, true)) != cases[i].want)
			print_error("case %zu\n", i);
		assert_int_equal(action(run_all(f->granted, &call, true)), cases[i].want);
		explained = action(run_all(f->explaining_granted, &call, true));
		assert_int_equal(explained == SECCOMP_RET_ALLOW, cases[i].want == SECCOMP_RET_ALLOW);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_ends_as_in_service_when_it_is_explained),
		cmocka_unit_test(a_foreign_architecture_is_killed_explained_or_not),
		cmocka_unit_test(what_is_refused_is_reported_but_for_what_the_worker_needs_itself),
		cmocka_unit_test(a_program_that_is_none_kills),
		cmocka_unit_test(a_report_of_what_service_allows_is_refused),
		cmocka_unit_test(fresh_mode_allows_what_reuse_mode_does_but_for_this),
		cmocka_unit_test(a_requests_process_in_fresh_mode_may_no_more_than_a_worker),
		cmocka_unit_test(who_traces_stops_reads_and_lets_go_of_one_process_alone),
		cmocka_unit_test(who_traces_asks_for_nothing_else),
		cmocka_unit_test(a_granted_socket_changes_four_calls_alone),
		cmocka_unit_test(a_granted_socket_is_a_stream_of_unix_without_messages),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
