/* defaults.c - the limits where nobody says otherwise, and a language's version. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "run/engine_parts.h"
#include "run/limits.h"

#define MIB               ((uint64_t)1 << 20)

#define ANY_ADDRESS_SPACE ((uint64_t)1 << 46) /* to say its version: what it holds is bounded */

static const struct box_limits program_limits = {
	.cpu_ms = 5000,
	.wall_ms = 10000,
	.cpu_share = 50,
	.files = 64,
	.disk = 10 * MIB,
	.output = MIB,
	.output_end = MIB / 2,
};

static const struct box_limits compiler_limits = {
	.cpu_ms = 20000,
	.wall_ms = 30000,
	.cpu_share = RUN_CPU_SHARE_ANY,
	.files = 256,
	.disk = 128 * MIB,
	.output = MIB,
};

void
run_limits_init(struct box_limits *limits, const struct run_language *language)
{
	*limits = program_limits;
	limits->memory = language->program.memory;
	limits->processes = language->program.processes;
}

void
run_compile_limits_init(struct box_limits *limits, const struct run_language *language)
{
	*limits = compiler_limits;
	limits->memory = language->compiler.memory;
	limits->processes = language->compiler.processes;
}

static void
first_line_take(char text[RUN_VERSION_SIZE], const struct box_result *box)
{
	const struct buf *said = buf_used(&box->out) > 0 ? &box->out : &box->err;

	if (buf_used(said) > 0)
		snprintf(text, RUN_VERSION_SIZE, "%.*s", (int)buf_used(said), buf_head(said));
	text[strcspn(text, "\r\n")] = '\0';
}

int
run_version(const struct run_place *place, const struct run_language *language, char text[RUN_VERSION_SIZE],
            struct err *e)
{
	static const struct run_command_parts none;
	AUTO_FREE struct run *r = calloc(1, sizeof *r);
	AUTO_FREE struct run_job *job = calloc(1, sizeof *job);
	struct box_result box;
	struct box_plan plan;
	int rc = r && job ? 0 : err_set(e, ENOMEM, "version");

	text[0] = '\0';
	if (rc < 0 || !language->version[0])
		return rc;
	r->place = place;
	r->job = job;
	r->language = language;
	rc = run_command_make(&r->command, language, language->version, &none, e);
	if (rc < 0)
		return rc;
	plan = run_plan(r, "version", BOX_COMPILER);
	run_compile_limits_init(&plan.limits, language);
	plan.limits.address_space = ANY_ADDRESS_SPACE;
	rc = box_run(&plan, &box, e);
	if (rc < 0)
		return rc;
	first_line_take(text, &box);
	box_result_done(&box);
	return 0;
}
