/* box_run.c - runs a program in a compiler's box, as cfn-deploy runs a compiler, or in a stranger's, as it
 * runs what that left; with smaller limits.
 *
 * Usage: box_run compiler|run CPU-MS WALL-MS PROGRAM [ARGUMENT...].  Prints what the program printed, and a
 * last line that says how it ended: "ended exit 0", "ended signal KILL, wall_time_limit"; before it
 * "collected N bytes" when it left a plain file named "out".  Exit: 0; 70 when the box itself failed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/macros.h"
#include "sandbox/box.h"

enum { EXIT_BOX = 70, BOX_UID = 200000 + 1001, PROGRAM = 4, PROGRAM_MAX = 64 << 20, PATH_SIZE = 256 };

static const struct box_limits limits = {
	.memory = 128u << 20,
	.processes = 64,
	.files = 256,
	.disk = 4u << 20,
	.output = 64u << 10,
};

static void
say_how_it_ended(const struct box_result *r)
{
	char how[ENDING_TEXT_SIZE];
	struct stat st;

	if (r->collected[0] >= 0 && fstat(r->collected[0], &st) == 0)
		printf("collected %lld bytes\n", (long long)st.st_size);
	ending_format(&r->ending, how);
	printf("ended %s%s%s\n", how, r->cause != CAUSE_NONE ? ", " : "", cause_word(r->cause));
}

/* A stranger's program is a file of the box, below /program. */
static int
program_take(struct box_plan *plan, struct box_file *file, char **argv)
{
	static char path[PATH_SIZE];
	const char *slash = strrchr(argv[PROGRAM], '/');
	AUTO_FD fd = open(argv[PROGRAM], O_RDONLY | O_CLOEXEC);
	struct err e = { 0 };
	char *data;

	if (fd < 0 || !slash || fd_read_file(fd, PROGRAM_MAX, &data, &file->size, &e) < 0)
		return -1;
	file->path = slash + 1;
	file->data = data;
	snprintf(path, sizeof path, "/program%s", slash);
	argv[PROGRAM] = path;
	plan->profile = BOX_RUN;
	plan->program = file;
	plan->n_program = 1;
	return 0;
}

static int
run(char **argv)
{
	/* The toolchain of deploy-tool/build.c, and the program. */
	const char *const seen[] = { "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/include",
		                     "/bin",     "/lib",     "/lib64",     argv[PROGRAM],  NULL };
	static const char *const environment[] = { "PATH=/usr/bin", "LC_ALL=C", "TMPDIR=/tmp", NULL };
	static const char *const collect[] = { "out", NULL };
	struct box_plan plan = { .name = "attempt",
		                 .profile = BOX_COMPILER,
		                 .argv = (const char *const *)argv + PROGRAM,
		                 .env = environment,
		                 .input = -1,
		                 .system = seen,
		                 .collect = collect,
		                 .collect_max = 1 << 20,
		                 .uid_range = BOX_UID,
		                 .limits = limits };
	struct box_file program;
	struct box_result result;
	struct err e = { 0 };

	if (strcmp(argv[1], "run") == 0 && program_take(&plan, &program, argv) < 0)
		return EXIT_BOX;
	plan.limits.cpu_ms = strtoul(argv[2], NULL, 10);
	plan.limits.wall_ms = strtoul(argv[3], NULL, 10);
	if (box_run(&plan, &result, &e) < 0) {
		fprintf(stderr, "box_run: %s\n", e.text);
		return EXIT_BOX;
	}
	fwrite(buf_head(&result.out), 1, buf_used(&result.out), stdout);
	say_how_it_ended(&result);
	box_result_done(&result);
	return 0;
}

int
main(int argc, char **argv)
{
	return argc > PROGRAM ? run(argv) : EXIT_BOX;
}
