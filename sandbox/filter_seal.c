/* filter_seal.c - the seccomp programs that somebody needs, in a memory file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"
#include "sandbox/filter_programs.h"

/* Which kinds are taken from which set. */
struct filter_source {
	enum filter_set set;
	unsigned kinds;
};

enum {
	LOAD_KINDS = FILTER_BIT(FILTER_FUNCTION_LOAD) | FILTER_BIT(FILTER_FRESH_LOAD),
	EXPLAINED_KINDS = FILTER_BIT(FILTER_FUNCTION_LOAD) | FILTER_BIT(FILTER_FUNCTION_CLOSE) |
	                  FILTER_BIT(FILTER_FUNCTION_SERVE),
};

static void
copy_programs(const struct filter_source *source, struct sandbox_filters *filters)
{
	for (unsigned kind = 0; kind < FILTER_COUNT; kind++) {
		const struct filter_program *from = &filter_programs[source->set][kind];

		if ((source->kinds & FILTER_BIT(kind)) == 0)
			continue;
		filters->of[kind].n = from->n;
		memcpy(filters->of[kind].code, from->code, from->n * sizeof *from->code);
	}
}

static int
seal_from(const struct filter_source *sources, size_t n, struct err *e)
{
	AUTO_FREE struct sandbox_filters *filters = calloc(1, sizeof *filters);

	if (!filters)
		return err_set(e, ENOMEM, "seccomp programs");
	for (size_t i = 0; i < n; i++)
		copy_programs(&sources[i], filters);
	return fd_sealed_memory("cfn-filters", filters, sizeof *filters, e);
}

int
sandbox_filters_seal(unsigned kinds, struct err *e)
{
	return seal_from(&(const struct filter_source){ FILTER_SET_PLAIN, kinds }, 1, e);
}

int
sandbox_filters_seal_explaining(struct err *e)
{
	const struct filter_source sources[] = {
		{ FILTER_SET_EXPLAINING, EXPLAINED_KINDS },
		{ FILTER_SET_PLAIN, FILTER_BIT(FILTER_INIT) },
	};

	return seal_from(sources, ARRAY_SIZE(sources), e);
}

int
sandbox_filters_seal_granted(bool is_explaining, struct err *e)
{
	const struct filter_source plain[] = {
		{ FILTER_SET_GRANTED, LOAD_KINDS },
		{ FILTER_SET_PLAIN, FILTERS_OF_SPAWNER & ~(unsigned)LOAD_KINDS },
	};
	const struct filter_source explaining[] = {
		{ FILTER_SET_EXPLAINING_GRANTED, FILTER_BIT(FILTER_FUNCTION_LOAD) },
		{ FILTER_SET_EXPLAINING, EXPLAINED_KINDS & ~FILTER_BIT(FILTER_FUNCTION_LOAD) },
		{ FILTER_SET_PLAIN, FILTER_BIT(FILTER_INIT) },
	};

	return is_explaining ? seal_from(explaining, ARRAY_SIZE(explaining), e)
	                     : seal_from(plain, ARRAY_SIZE(plain), e);
}
