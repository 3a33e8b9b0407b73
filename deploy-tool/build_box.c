/* build_box.c - the box in which programs of the toolchain run. */
#include "deploy-tool/build_box.h"

#include <stddef.h>

#include "deploy-tool/build.h"

enum { FIRST_BOX_UID = 1001 }; /* of the range: behind the router's */

/* The toolchain and nothing else: no /etc, no /usr/local, no /usr/share. */
static const char *const toolchain[] = {
	"/usr/bin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/include", "/bin", "/lib", "/lib64", NULL,
};

static const char *const environment[] = { "PATH=/usr/bin", "LC_ALL=C", "TMPDIR=/tmp", NULL };

const struct box_limits build_limits = {
	.memory = 512u << 20,
	.cpu_ms = 20000,
	.wall_ms = 30000,
	.processes = 64,
	.files = 256,
	.disk = 128u << 20,
	.output = 1u << 20,
};

int
build_step_run(const struct build_place *p, const struct build_step *step, struct box_result *result,
               struct err *e)
{
	struct box_plan plan = {
		.name = step->name,
		.profile = BOX_COMPILER,
		.argv = step->argv,
		.env = environment,
		.input = -1,
		.system = toolchain,
		.files = step->files,
		.n_files = step->n_files,
		.collect = step->collect,
		.collect_max = BUILD_DEBUG_MAX,
		.uid_range = (uid_t)p->config->uid_range_start + FIRST_BOX_UID,
		.cgroup = p->cgroup,
		.base = p->base->filters != NULL ? p->base : NULL,
		.limits = build_limits,
	};

	return box_run(&plan, result, e);
}
