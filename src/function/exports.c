/* exports.c - what a worker offers to functions, by name. */
#include "function/exports.h"

#include "base/macros.h"
#include "function/cfn.h"

#define X(name) { #name, (void (*)(void))name },
const struct function_export function_exports[] = {
#include "function/symbols.h"
};
#undef X

const size_t function_n_exports = ARRAY_SIZE(function_exports);
