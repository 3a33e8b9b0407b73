/* open_worker.c - a cfn-worker of the bench without what its sandbox costs a request: no seccomp, no
 * Landlock, no limits; everything else, its root and the protocol too, is the real one's.  It is linked in
 * place of the library's sandbox_enter and is never installed. */
#include "sandbox/profile.h"

/* The library's, which this one replaces. */
int sandbox_enter_all(struct sandbox *s, unsigned parts, struct err *e);
#define sandbox_enter sandbox_enter_all
#include "sandbox/stages.c"
#undef sandbox_enter

#include <errno.h>
#include <sys/eventfd.h>

static const char *const left_out[] = { "seccomp", "landlock", "limits", "executable memory",
	                                "no new privileges" };

static bool
is_left_out(const char *stage)
{
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		if (strcmp(left_out[i], stage) == 0)
			return true;
	return false;
}

int
sandbox_enter(struct sandbox *s, unsigned parts, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
		if ((stages[i].parts & parts) && !is_left_out(stages[i].name) && stages[i].enter(s, e) < 0)
			return err_wrap(e, "%s", stages[i].name);
	if (parts != SANDBOX_PAYLOAD)
		return 0;
	/* In place of the listener: nothing is ever reported on it. */
	s->listener = eventfd(0, EFD_CLOEXEC);
	return s->listener < 0 ? err_set(e, errno, "eventfd") : 0;
}
