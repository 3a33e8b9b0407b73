/* uml_preload.c - a library to preload into linux.uml: with it the guest's kernel runs on processors that
 * have more registers than it knows of, and no process of it outlives the one that started it. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Older than PTRACE_SETOPTIONS, and the same. */
#define PTRACE_OLDSETOPTIONS 21

/* ---- ptrace(2) ---- */

/* The guest's kernel keeps the extended state as far as the AVX registers.  PTRACE_GETREGSET gives as much as
 * is asked for, but PTRACE_SETREGSET fails with EFAULT unless all is there that the processor has: AVX-512,
 * AMX.  So all of it is read, and the caller's bytes, which are its beginning, are put over it.
 *
 * The buffer is static because the caller is on a small stack of its kernel.  That is one thread, and no
 * signal handler of it comes here. */
static long
set_extended_state(pid_t pid, const struct iovec *given)
{
	static unsigned char state[64 * 1024];
	struct iovec whole = { state, sizeof state };
	size_t n;

	if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &whole) < 0)
		return -1;
	n = given->iov_len < whole.iov_len ? given->iov_len : whole.iov_len;
	memcpy(state, given->iov_base, n);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &whole);
}

/* The system call stores the word that the library's function returns. */
static long
peek(enum __ptrace_request request, pid_t pid, void *address)
{
	long word;

	if (syscall(SYS_ptrace, request, pid, address, &word) < 0)
		return -1;
	errno = 0;
	return word;
}

/* A process of the guest without its tracer would go on with the host's system calls: it is killed instead.
 */
static void *
add_exit_kill(void *options)
{
	return (void *)((uintptr_t)options | PTRACE_O_EXITKILL);
}

long
ptrace(enum __ptrace_request request, ...)
{
	va_list arguments;
	void *address, *data;
	pid_t pid;

	va_start(arguments, request);
	pid = va_arg(arguments, pid_t);
	address = va_arg(arguments, void *);
	data = va_arg(arguments, void *);
	va_end(arguments);
	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER)
		return peek(request, pid, address);
	if (request == PTRACE_SETOPTIONS || request == PTRACE_OLDSETOPTIONS)
		data = add_exit_kill(data);
	if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE)
		return set_extended_state(pid, data);
	return syscall(SYS_ptrace, request, pid, address, data);
}

/* ---- ends ---- */

/* In timeout(1) too, which is how the guest is started. */
static __attribute__((constructor)) void
end_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* To the scheduler a session of its own is a share of the processors of its own (sched(7), autogroups), as
 * large as that of all other tests together.  A group of its own keeps the caller's signals away as well. */
pid_t
setsid(void)
{
	return setpgid(0, 0) == 0 ? getpid() : -1;
}

/* The helpers of the guest's kernel share its memory and files, so that they would wait on their pipes for
 * ever. */
struct helper {
	int (*run)(void *);
	void *argument;
};

static int
helper_run(void *data)
{
	struct helper helper = *(struct helper *)data;

	end_with_parent();
	return helper.run(helper.argument);
}

int
clone(int (*run)(void *), void *stack, int flags, void *argument, ...)
{
	static int (*real_clone)(int (*)(void *), void *, int, void *, ...);
	struct helper *helper = (struct helper *)stack - 1;

	if (!real_clone)
		*(void **)&real_clone = dlsym(RTLD_NEXT, "clone");
	if (!(flags & CLONE_FILES))
		return real_clone(run, stack, flags, argument);
	*helper = (struct helper){ run, argument };
	return real_clone(helper_run, helper, flags, helper);
}
