/* engine_ahead.c - the box of a language's programs, before there is one. */
#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "run/engine_parts.h"

int
run_ahead_open(struct box_ahead **ahead, const struct run_place *place, const struct run_language *language,
               struct err *e)
{
	static const struct run_command_parts none;
	const struct box_file program = { RUN_PROGRAM, "", 0 };
	AUTO_FREE struct run *r = calloc(1, sizeof *r);
	AUTO_FREE struct run_job *job = calloc(1, sizeof *job);
	struct box_plan plan;
	int rc = r && job ? 0 : err_set(e, ENOMEM, "box of %s", language->name);

	if (rc < 0)
		return rc;
	r->place = place;
	r->job = job;
	r->language = language;
	rc = run_command_make(&r->command, language, language->run, &none, e);
	if (rc < 0)
		return rc;
	plan = run_plan(r, "program", BOX_RUN);
	run_limits_init(&plan.limits, language);
	plan.program = &program;
	plan.n_program = language->compile[0] ? 1 : 0;
	return box_ahead_open(ahead, &plan, e);
}
