/* filter_programs.h - inside of the library: what filter_make.c writes at build time. */
#pragma once
#include <stddef.h>

#include "sandbox/filter.h"

/* The tables of calls that they are made of (filter_calls.h). */
enum filter_set {
	FILTER_SET_PLAIN,
	FILTER_SET_EXPLAINING,
	FILTER_SET_GRANTED,
	FILTER_SET_EXPLAINING_GRANTED,
	FILTER_SETS
};

struct filter_program {
	uint32_t n; /* 0: the set has none of this kind */
	const struct sock_filter *code;
};

extern const struct filter_program filter_programs[FILTER_SETS][FILTER_COUNT];

/* By number; "" has no name. */
extern const char syscall_names[][SYSCALL_NAME_SIZE];
extern const size_t n_syscall_names;
