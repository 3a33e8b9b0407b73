/* crash.c - the last line of a function that crashes: where it was, in offsets of the files that it was in.
 *
 * It is written by the process that crashed, to its own output: what a function could have written as well.
 * So nobody decides anything by it; how the process ended is the kernel's word, and it ends as it would
 * without this. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "base/macros.h"
#include "ipc/start.h"
#include "worker/worker.h"

enum {
	STACK_SIZE = 64 * 1024, /* pages that are never touched but by a crash */
	NAME_SHOWN_MAX = 40,
	HEX_DIGITS = 16,
};

static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };

struct line {
	size_t n;
	char text[CRASH_LINE_MAX];
};

struct walk {
	struct line *line;
	uintptr_t at; /* where the signal met it */
	bool is_found;
	unsigned n;
};

/* ---- a line, without the C library's help ---- */

static void
put(struct line *l, const char *text, size_t n)
{
	if (n > sizeof l->text - l->n)
		n = sizeof l->text - l->n;
	memcpy(l->text + l->n, text, n);
	l->n += n;
}

static void
put_text(struct line *l, const char *text)
{
	put(l, text, strlen(text));
}

static void
put_hex(struct line *l, uintptr_t value)
{
	char digits[HEX_DIGITS];
	size_t n = sizeof digits;

	do
		digits[--n] = "0123456789abcdef"[value % 16];
	while ((value /= 16) != 0);
	put_text(l, "0x");
	put(l, digits + n, sizeof digits - n);
}

static void
flush(struct line *l)
{
	ssize_t ignored = write(STDERR_FILENO, l->text, l->n);

	(void)ignored;
	l->n = 0;
}

/* ---- frames ---- */

/* "libc.so.6+0x1234"; the program itself has no name there. */
static void
put_place(struct line *l, uintptr_t at)
{
	struct dl_find_object object;
	const char *name, *slash;

	put_text(l, " ");
	if (_dl_find_object((void *)at, &object) < 0) {
		put_hex(l, at);
		return;
	}
	name = object.dlfo_link_map->l_name;
	slash = strrchr(name, '/');
	name = slash ? slash + 1 : name;
	put(l, *name ? name : "cfn-worker", strnlen(*name ? name : "cfn-worker", NAME_SHOWN_MAX));
	put_text(l, "+");
	put_hex(l, at - object.dlfo_link_map->l_addr);
}

/* A return address is behind its call, which may have been the function's last. */
static _Unwind_Reason_Code
see_frame(struct _Unwind_Context *context, void *argument)
{
	struct walk *w = argument;
	int is_before = 0;
	uintptr_t at = _Unwind_GetIPInfo(context, &is_before);

	if (!is_before && at > 0)
		at--;
	if (!w->is_found) {
		w->is_found = at == w->at;
		return _URC_NO_REASON;
	}
	put_place(w->line, at);
	return ++w->n < CRASH_FRAMES_MAX ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static uintptr_t
place_of(const ucontext_t *c)
{
#if defined(__x86_64__)
	return (uintptr_t)c->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)c->uc_mcontext.pc;
#else
	return 0;
#endif
}

/* Who called what is no code: no unwinder knows the way from there. */
static void
put_caller(struct line *l, const ucontext_t *c)
{
#if defined(__x86_64__)
	uintptr_t at;

	memcpy(&at, (void *)(uintptr_t)c->uc_mcontext.gregs[REG_RSP], sizeof at);
	put_place(l, at - 1);
#elif defined(__aarch64__)
	put_place(l, (uintptr_t)c->uc_mcontext.regs[30] - 1);
#else
	(void)l;
	(void)c;
#endif
}

/* ---- the signal ---- */

/* What is known for sure leaves first: the rest reads a stack that may be no more what it was. */
static void
tell(int number, const siginfo_t *info, const ucontext_t *c)
{
	static struct line line;
	struct walk walk = { .line = &line, .at = place_of(c) };
	struct dl_find_object object;
	const char *name = sigabbrev_np(number);

	put_text(&line, CRASH_LINE_START);
	put_text(&line, name ? name : "?");
	if (number == SIGSEGV || number == SIGBUS) {
		put_text(&line, " at ");
		put_hex(&line, (uintptr_t)info->si_addr);
	}
	put_text(&line, ":");
	put_place(&line, walk.at);
	flush(&line);
	if (_dl_find_object((void *)walk.at, &object) < 0)
		put_caller(&line, c);
	else
		_Unwind_Backtrace(see_frame, &walk);
	put_text(&line, "\n");
	flush(&line);
}

/* The handler is the default one by now: a fault is met again, and what somebody sent is sent again. */
static void
crashed(int number, siginfo_t *info, void *context)
{
	tell(number, info, context);
	if (info->si_code <= 0)
		syscall(SYS_tgkill, getpid(), gettid(), number);
}

int
crash_init(struct err *e)
{
	static char stack[STACK_SIZE];
	const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
	const struct sigaction action = { .sa_sigaction = crashed,
		                          .sa_flags =
		                              (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER) };

	/* Else an overflown stack has none to tell it on. */
	if (sigaltstack(&alternate, NULL) < 0)
		return err_set(e, errno, "alternate stack");
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
	return 0;
}
