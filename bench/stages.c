/* stages.c - what each stage of a function's sandbox costs when it is entered: lines "PART STAGE
 * MICROSECONDS", medians over many sandboxes.  A program of its own that walks the library's table of stages
 * with a clock in its hand. */
#include "sandbox/stages.c"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "unit/sandbox_base.h"

enum { ROUNDS = 200, ROWS = ARRAY_SIZE(stages) + 3, NS_A_US = 1000 };

/* Rows behind those of the stages. */
enum { ROW_CLONE = ARRAY_SIZE(stages), ROW_FORK, ROW_ALL };

static double (*took)[ROUNDS]; /* microseconds, shared with the children; negative: not entered */

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / NS_A_US;
}

static int
enter_clocked(struct sandbox *s, unsigned part, int round, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		double began = now_us();

		if (!(stages[i].parts & part))
			continue;
		if (stages[i].enter(s, e) < 0)
			return err_wrap(e, "%s", stages[i].name);
		/* Init's are on nobody's way. */
		if (part != SANDBOX_INIT)
			took[i][round] = now_us() - began;
	}
	return 0;
}

static int
enter_payload(struct sandbox *s, int round, struct err *e)
{
	int rc = enter_clocked(s, SANDBOX_PAYLOAD, round, e);

	fd_close(&s->listener);
	if (rc == 0)
		rc = enter_clocked(s, SANDBOX_CLOSE, round, e);
	return rc == 0 ? enter_clocked(s, SANDBOX_SERVE, round, e) : rc;
}

static _Noreturn void
child_run(struct sandbox *s, struct sandbox_process *process, int round, double began)
{
	static const int keep[] = { 0, 1, 2 };
	struct err e = { 0 };
	double forking;
	pid_t pid;

	s->keep = keep;
	s->n_keep = ARRAY_SIZE(keep);
	if (sandbox_await(process, &e) < 0)
		_exit(1);
	took[ROW_CLONE][round] = now_us() - began;
	if (enter_clocked(s, SANDBOX_PREPARE | SANDBOX_IDENTITY, round, &e) < 0 ||
	    enter_clocked(s, SANDBOX_ROOT, round, &e) < 0) {
		fprintf(stderr, "stages: %s\n", e.text);
		_exit(1);
	}
	forking = now_us();
	pid = fork();
	if (pid == 0) {
		took[ROW_FORK][round] = now_us() - forking;
		if (enter_payload(s, round, &e) < 0)
			fprintf(stderr, "stages: %s\n", e.text);
		took[ROW_ALL][round] = now_us() - began;
		_exit(e.code != 0);
	}
	waitpid(pid, NULL, 0);
	_exit(0);
}

static int
round_run(const struct sandbox_filters *filters, int artifact, int round)
{
	struct sandbox_process process;
	struct sandbox s;
	struct err e = { 0 };
	double began = now_us();
	int status = 1;
	pid_t pid;

	sandbox_init(&s, &sandbox_function, "bench");
	s.filters = filters;
	s.artifact = artifact;
	s.limits = (struct sandbox_limits){ 128 << 20, 10 << 20, 1024, 1 << 20, 16, 64, 0 };
	pid = sandbox_clone(&sandbox_function, -1, &process, &e);
	if (pid == 0)
		child_run(&s, &process, round, began);
	if (pid < 0 || sandbox_release(&process, -1, base_outside_id(), base_outside_id(), &e) < 0)
		fprintf(stderr, "stages: %s\n", e.text);
	if (pid > 0)
		waitpid(pid, &status, 0);
	sandbox_process_done(&process);
	return status;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
say(const char *part, const char *name, double *values)
{
	qsort(values, ROUNDS, sizeof *values, compare);
	if (values[ROUNDS / 2] >= 0)
		printf("%s\t%s\t%.1f\n", part, name, values[ROUNDS / 2]);
}

static const char *
part_name(unsigned parts)
{
	return parts & SANDBOX_PREPARE    ? "prepare"
	       : parts & SANDBOX_IDENTITY ? "identity"
	       : parts & SANDBOX_ROOT     ? "root"
	       : parts & SANDBOX_PAYLOAD  ? "payload"
	       : parts & SANDBOX_CLOSE    ? "close"
	                                  : "serve";
}

static int
run_all(void)
{
	AUTO_FD library = open("libcfn.so.1", O_RDONLY | O_CLOEXEC), artifact = -1, sealed = -1;
	const struct sandbox_filters *filters;
	struct err e = { 0 };
	char *bytes;
	size_t n;

	sealed = sandbox_filters_seal(FILTERS_OF_SPAWNER, &e);
	if (sealed < 0 || sandbox_filters_map(sealed, &filters, &e) < 0 ||
	    fd_read_file(library, 1 << 24, &bytes, &n, &e) < 0) {
		fprintf(stderr, "stages: %s\n", e.text);
		return 1;
	}
	artifact = fd_sealed_memory("artifact", bytes, n, &e);
	free(bytes);
	for (int round = 0; round < ROUNDS; round++)
		if (round_run(filters, artifact, round) != 0)
			return 1;
	say("start", "clone3 with its namespaces, id maps", took[ROW_CLONE]);
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
		say(part_name(stages[i].parts), stages[i].name, took[i]);
	say("start", "fork of init's worker", took[ROW_FORK]);
	say("all", "to the last filter, without exec and loading", took[ROW_ALL]);
	return 0;
}

int
main(void)
{
	size_t size = ROWS * sizeof *took;

	took = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (took == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < ROWS * ROUNDS; i++)
		took[0][i] = -1;
	return base_run(run_all);
}
