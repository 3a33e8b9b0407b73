/* exports.h - what a worker offers to functions, by name.  It also makes the linker take all of it. */
#pragma once
#include <stddef.h>

struct function_export {
	const char *name;
	void (*function)(void);
};

extern const struct function_export function_exports[];
extern const size_t function_n_exports;
