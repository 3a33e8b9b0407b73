/* check.h - elf_check() of an artifact, in a box. */
#pragma once
#include "base/err.h"
#include "config/config.h"
#include "deploy-tool/build.h"
#include "deploy-tool/build_box.h"
#include "deploy-tool/elf.h"

/* elf_check() of its artifact, in a box there.  -ENOEXEC when the artifact may not be loaded (*e
 * says why), or -errno of the box. */
int check_artifact(const struct build_place *p, const struct build *b, const char *const *entries,
                   struct elf_report *report, struct err *e);
