/* filter_run.c - what a seccomp program says of a call, without making it.
 *
 * The part of classic BPF that libseccomp writes: loads, comparisons, masks, returns. */
#include "sandbox/filter.h"

#include <stdbool.h>
#include <string.h>

/* Of the accumulator and the instruction's number. */
static bool
is_taken(uint16_t code, uint32_t a, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	default: /* BPF_JSET */
		return (a & k) != 0;
	}
}

/* False for what the kernel, too, would not have taken. */
static bool
load(const struct seccomp_data *call, uint32_t offset, uint32_t *a)
{
	if (offset % sizeof *a != 0 || offset > sizeof *call - sizeof *a)
		return false;
	memcpy(a, (const char *)call + offset, sizeof *a);
	return true;
}

/* Jumps go forward only, so the loop ends. */
uint32_t
sandbox_filter_run(const struct sandbox_filter *f, const struct seccomp_data *call)
{
	uint32_t a = 0;

	for (uint32_t at = 0; at < f->n && at < FILTER_CODE_MAX; at++) {
		const struct sock_filter *i = &f->code[at];

		if (i->code == (BPF_RET | BPF_K))
			return i->k;
		if (i->code == (BPF_LD | BPF_W | BPF_ABS)) {
			if (!load(call, i->k, &a))
				break;
		} else if (i->code == (BPF_ALU | BPF_AND | BPF_K)) {
			a &= i->k;
		} else if (i->code == (BPF_JMP | BPF_JA)) {
			at += i->k;
		} else if (BPF_CLASS(i->code) == BPF_JMP && BPF_SRC(i->code) == BPF_K) {
			at += is_taken(i->code, a, i->k) ? i->jt : i->jf;
		} else {
			break;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}
