/* elf.h - whether bytes are a shared object that a worker may load.  Pure: bounded reads, no allocation. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
	ELF_SEGMENTS_MAX = 64,
	ELF_DYNAMIC_MAX = 256, /* entries of the dynamic section */
	ELF_NEEDED_MAX = 16,   /* libraries */
	ELF_ADDRESS_MAX = 1 << 30,
	ELF_REASON_SIZE = 256,
};

struct elf_report {
	char reason[ELF_REASON_SIZE]; /* why not, one printable line; empty when it may be loaded */
	int entry;                    /* index of the first of the entries that is defined; -1: none */
	bool has_routes;              /* it has a route table */
};

/* Checks what the loader would use, found the way the loader finds it: a 64-bit shared object of this machine
 * that wants no interpreter, no executable stack, no text relocation, no search path, no auditor, and no
 * library but the allowed ones and those in libraries (words of base/words.h); with the ABI mark of cfn.h,
 * and a route table or one of the entries (names of handlers, NULL at the end).  0 or -EBADMSG with the
 * reason. */
int elf_check(const void *bytes, size_t n, const char *const *entries, const char *libraries,
              struct elf_report *report);
