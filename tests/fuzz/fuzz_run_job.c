/* fuzz_run_job.c - the bytes of a job, by somebody who lies: what is taken is what would be written. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "run/job.h"

static void
job_check(const struct run_job *job)
{
	REQUIRE(job->n_files >= 1 && job->n_files <= RUN_FILES_MAX);
	REQUIRE(job->n_cases >= 1 && job->n_cases <= RUN_CASES_MAX);
	for (size_t i = 0; i < job->n_files; i++)
		REQUIRE(!run_file_name_fault(job->files[i].path, strlen(job->files[i].path)));
	for (size_t i = 0; job->environment[i]; i++)
		REQUIRE(i < RUN_ENVIRONMENT_MAX && run_is_environment(job->environment[i]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct run_job job;
	struct err e = { 0 };
	struct buf again;
	int rc = run_job_decode(&job, data, n, &e);

	REQUIRE(rc == 0 || rc == -EBADMSG);
	if (rc < 0)
		return 0;
	job_check(&job);
	buf_init(&again, 1 << 20);
	REQUIRE(run_job_encode(&job, &again) == 0);
	REQUIRE(buf_used(&again) == n && memcmp(buf_head(&again), data, n) == 0);
	buf_done(&again);
	run_job_done(&job);
	return 0;
}
