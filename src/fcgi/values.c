/* values.c - the answer to FCGI_GET_VALUES.  Section 4.1 of the specification. */
#include "fcgi/fcgi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum variable { MAX_CONNS, MAX_REQS, MPXS_CONNS, N_VARIABLES };

static const char *const names[N_VARIABLES] = {
	[MAX_CONNS] = "FCGI_MAX_CONNS",
	[MAX_REQS] = "FCGI_MAX_REQS",
	[MPXS_CONNS] = "FCGI_MPXS_CONNS",
};

/* Which variables are asked for, as bits; unknown ones are left out of the answer. */
static int
asked_read(const unsigned char *content, size_t n, unsigned *asked)
{
	struct fcgi_pair pair;
	int got;

	*asked = 0;
	while ((got = fcgi_pair_next(&content, &n, &pair)) > 0)
		for (unsigned i = 0; i < N_VARIABLES; i++)
			if (pair.name_length == strlen(names[i]) &&
			    memcmp(pair.name, names[i], pair.name_length) == 0)
				*asked |= 1U << i;
	return got;
}

static unsigned
value_of(const struct fcgi_values *values, enum variable variable)
{
	switch (variable) {
	case MAX_CONNS:
		return values->max_conns;
	case MAX_REQS:
		return values->max_reqs;
	default:
		return 0; /* a connection carries one request at a time */
	}
}

int
fcgi_get_values(const unsigned char *content, size_t n, const struct fcgi_values *values,
                unsigned char *record, size_t size)
{
	struct fcgi_header h = { .version = FCGI_VERSION_1, .type = FCGI_GET_VALUES_RESULT };
	size_t used = FCGI_HEADER_SIZE;
	unsigned asked;

	if (asked_read(content, n, &asked) < 0)
		return -EBADMSG;
	if (size < used)
		return -ENOSPC;
	for (unsigned i = 0; i < N_VARIABLES; i++) {
		char text[16];
		struct fcgi_pair pair = { names[i], text, strlen(names[i]), 0 };

		if (!(asked & 1U << i))
			continue;
		pair.value_length = (size_t)snprintf(text, sizeof text, "%u", value_of(values, i));
		if (fcgi_pair_size(pair.name_length, pair.value_length) > size - used)
			return -ENOSPC;
		used += fcgi_pair_write(record + used, &pair);
	}
	h.content = (uint16_t)(used - FCGI_HEADER_SIZE);
	fcgi_header_write(record, &h);
	return (int)used;
}
