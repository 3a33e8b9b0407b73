/* engine_compile.c - the first step of a run: its program, from the cache or from the compiler's box. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/macros.h"
#include "run/engine_parts.h"

static int
program_map(struct run *r, int fd, struct err *e)
{
	struct stat st;
	void *data;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "compiled program");
	if (st.st_size == 0)
		return err_set(e, ENOEXEC, "compiled program: it is empty");
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return err_set(e, errno, "map the compiled program");
	r->compiled = (struct run_cached){
		.program = data,
		.n_program = (size_t)st.st_size,
		.mapped = data,
		.n_mapped = (size_t)st.st_size,
	};
	return 0;
}

static void
compiled_say(struct run *r, const struct box_result *box, const struct box_limits *limits)
{
	struct run_event event = { .type = RUN_EVENT_COMPILED };
	enum run_status status = run_status_of_compiler(box, limits);

	if (status == RUN_ACCEPTED && box->collected[0] < 0)
		status = RUN_COMPILE_ERROR;
	run_report_fill(&event.report, status, box, limits);
	r->status = status;
	if (status != RUN_ACCEPTED)
		memcpy(r->message, event.report.message, sizeof r->message);
	run_say(r, &event);
}

/* Its own words too, when all of them are here. */
static void
compiled_keep(const struct run *r, const struct digest *key, const struct box_result *box)
{
	struct run_cached what = r->compiled;

	what.out = buf_head(&box->out);
	what.n_out = buf_used(&box->out);
	what.err = buf_head(&box->err);
	what.n_err = buf_used(&box->err);
	if (what.n_out == box->n_out && what.n_err == box->n_err)
		run_cache_put(r->place->cache, key, &what);
}

static int
compiler_run(struct run *r, const struct digest *key, struct err *e)
{
	static const char *const collect[] = { RUN_PROGRAM, NULL };
	const struct run_command_parts parts = { .job = r->job, .memory = r->job->compile_limits.memory };
	struct box_limits limits = r->job->compile_limits;
	struct box_result box;
	struct box_plan plan;
	int rc = run_command_make(&r->command, r->language, r->language->compile, &parts, e);

	if (rc < 0)
		return rc;
	run_time_left(r, &limits);
	plan = run_plan(r, "compiler", BOX_COMPILER);
	plan.collect = collect;
	plan.collect_max = RUN_PROGRAM_MAX;
	plan.limits = limits;
	plan.limits.address_space = r->language->compiler.address_space;
	if (run_header_find(r))
		rc = run_header_lay(r, &plan, e);
	if (rc == 0)
		rc = run_box(r, &plan, &box, e);
	run_cached_done(&r->header.cached);
	if (rc < 0)
		return rc;
	compiled_say(r, &box, &limits);
	if (r->status == RUN_ACCEPTED)
		rc = program_map(r, box.collected[0], e);
	if (r->status == RUN_ACCEPTED && rc == 0 && r->place->cache)
		compiled_keep(r, key, &box);
	box_result_done(&box);
	return rc;
}

/* It used nothing, and says what it said. */
static void
found_say(struct run *r)
{
	const struct run_cached *c = &r->compiled;

	run_say(r, &(const struct run_event){
		       .type = RUN_EVENT_COMPILED,
		       .report = { .status = RUN_ACCEPTED,
	                           .ending = { .code = CLD_EXITED },
	                           .is_cached = true,
	                           .out = c->out,
	                           .size_out = c->n_out,
	                           .n_out = c->n_out,
	                           .err = c->err,
	                           .size_err = c->n_err,
	                           .n_err = c->n_err },
		   });
}

int
run_compile(struct run *r, struct err *e)
{
	const struct run_cache *cache = r->place->cache;
	struct digest key;

	run_say(r, &(const struct run_event){ .type = RUN_EVENT_COMPILING });
	if (!cache)
		return compiler_run(r, NULL, e);
	run_cache_key(r->language, r->place->version ? r->place->version : "", r->job, &key);
	if (!run_cache_get(cache, &key, &r->compiled))
		return compiler_run(r, &key, e);
	found_say(r);
	return 0;
}
