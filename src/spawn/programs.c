/* programs.c - the seccomp programs of a kind of worker: made for the first of them, since most spawners
 * start plain ones alone. */
#include "spawn/spawn.h"

enum { OTHER_GRANTED, OTHER_EXPLAINED, OTHER_EXPLAINED_GRANTED };

int
programs_for(struct spawn *s, bool is_explained, bool is_granted, struct err *e)
{
	int *fd;

	if (!is_explained && !is_granted)
		return s->filters_fd;
	fd = &s->other_fds[!is_explained ? OTHER_GRANTED
	                   : is_granted  ? OTHER_EXPLAINED_GRANTED
	                                 : OTHER_EXPLAINED];
	if (*fd < 0)
		*fd = is_granted ? sandbox_filters_seal_granted(is_explained, e)
		                 : sandbox_filters_seal_explaining(e);
	return *fd;
}
