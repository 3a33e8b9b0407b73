/* fuzz_run_request.c - the JSON of a request: a job that can be sent on, or a problem that can be told. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "run/request.h"
#include "run/result.h"

static const struct run_languages languages = {
	.n = 2,
	.rows = { { .name = "C++",
	            .aliases = "cpp",
	            .source = "main.cpp",
	            .compile = "/usr/bin/g++",
	            .run = "/program/program",
	            .options = "-O0 -std=*",
	            .program = { .memory = 128 << 20, .processes = 32 },
	            .compiler = { .memory = 512 << 20, .processes = 64 } },
	          { .name = "Python",
	            .aliases = "py",
	            .source = "main.py",
	            .run = "/usr/bin/python3",
	            .program = { .memory = 128 << 20, .processes = 32 },
	            .compiler = { .memory = 512 << 20, .processes = 64 } } },
};
static const struct run_offer offers[RUN_LANGUAGES_MAX] = {
	{ .is_available = true, .is_asked = true, .version = "12.2.0" }, { .is_available = true }
};

static void
job_check(const struct run_job *job)
{
	struct run_job back;
	struct err e = { 0 };
	struct buf first, second;

	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	REQUIRE(run_job_encode(job, &first) == 0);
	REQUIRE(run_job_decode(&back, buf_head(&first), buf_used(&first), &e) == 0);
	REQUIRE(run_job_encode(&back, &second) == 0);
	REQUIRE(buf_used(&first) == buf_used(&second));
	REQUIRE(memcmp(buf_head(&first), buf_head(&second), buf_used(&first)) == 0);
	buf_done(&first);
	buf_done(&second);
}

static void
problem_check(const struct run_problem *p)
{
	json_t *d = run_problem_json(p);

	REQUIRE(p->status == 400 || p->status == 413 || p->status == 422);
	REQUIRE(p->detail[0] && utf8_is_valid(p->detail, strlen(p->detail)));
	REQUIRE(utf8_is_valid(p->field, strlen(p->field)));
	REQUIRE((p->line > 0) == (p->status != 422) || p->status == 413);
	REQUIRE(d != NULL);
	json_decref(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct box_limits most = {
		.memory = 256 << 20,
		.cpu_ms = 20000,
		.wall_ms = 40000,
		.cpu_share = 200,
		.processes = 64,
		.files = 256,
		.disk = 256 << 20,
		.output = 2 << 20,
	};
	const struct run_rules rules = {
		.languages = &languages,
		.offers = offers,
		.most = most,
		.compile_most = most,
		.total_ms_most = 50000,
	};
	struct run_problem problem;
	struct run_job job;

	if (run_request_parse(&job, (const char *)data, n, &rules, &problem) < 0) {
		problem_check(&problem);
		return 0;
	}
	job_check(&job);
	REQUIRE(job.limits.memory <= most.memory && job.total_ms <= 50000);
	run_job_done(&job);
	return 0;
}
