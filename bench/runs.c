/* runs.c - what a run costs beside the same without a box or in bubblewrap's: lines "ROUND NAME
 * MICROSECONDS", every other round in the other order.
 *
 * Usage: runs ROUNDS FOLDER LANGUAGES PORT (an own folder, languages.d, of a web server with /api/run) */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "bench/http.h"
#include "bench/post.h"
#include "bench/spawn.h"
#include "run/engine.h"

enum {
	BOX_UID = 300000,
	CACHE_SIZE = 256 << 20,
	TURNS = 10,    /* of what takes milliseconds, in a round: their median counts */
	PARALLEL = 20, /* runs of each process */
	CLIENTS = 8,
	SETTLE_US = 10000,
};

static const char true_c[] = "int main(void) { return 0; }\n";
static const char hello_cpp[] = "#include <iostream>\nint main() { std::cout << \"Hello, world!\\n\"; }\n";
static const char hello_py[] = "print('Hello, world!')";

static struct {
	const char *folder;
	struct run_languages languages;
	struct run_cache cache;
	struct box_base base;
	char program[256]; /* true_c, compiled */
	int filter;        /* of a box's program, for bubblewrap */
	long processors;
	int clients[CLIENTS]; /* connections to the web server */
	unsigned number;      /* makes a source that nobody compiled before */
} bench;

/* ---- without us ---- */

static void
spawn_program(void)
{
	spawn((const char *const[]){ bench.program, NULL });
}

static void
spawn_bwrap(void)
{
	spawn_isolated(bench.program, bench.filter);
}

static void
spawn_python(void)
{
	spawn((const char *const[]){ "/usr/bin/python3", "-c", hello_py, NULL });
}

static void
spawn_compiler(void)
{
	char source[300], program[300];

	snprintf(source, sizeof source, "%s/hello.cpp", bench.folder);
	snprintf(program, sizeof program, "%s/hello", bench.folder);
	spawn((const char *const[]){ "/usr/bin/g++", "-O2", "-o", program, source, NULL });
	spawn((const char *const[]){ program, NULL });
}

static void
spawn_many(void)
{
	char command[400];

	snprintf(command, sizeof command, "seq %ld | xargs -P%ld -I{} /usr/bin/python3 -c \"%s\"",
	         PARALLEL * bench.processors, bench.processors, hello_py);
	spawn((const char *const[]){ "sh", "-c", command, NULL });
}

/* ---- with us ---- */

/* Boxes that are made ahead are given the time for it. */
static void
settle(void)
{
	usleep(SETTLE_US);
}

static void
heard(void *context, const struct run_event *event)
{
	if (event->type == RUN_EVENT_ENDED && event->report.status != RUN_ACCEPTED)
		give_up("a run", event->report.message);
	if (event->type == RUN_EVENT_ENDED)
		*(uint64_t *)context = clock_now_us();
}

/* Until the answer could be sent; with a box that is made ahead, as the runner has it, or without. */
static uint64_t
run(const char *name, const char *source, bool has_cache, bool has_ahead)
{
	const struct run_language *language = run_languages_find(&bench.languages, name);
	struct run_place place = { .uid = geteuid() == 0 ? BOX_UID : 0,
		                   .base = &bench.base,
		                   .cache = has_cache ? &bench.cache : NULL };
	struct run_job job = { .n_files = 1, .n_cases = 1, .total_ms = 60000 };
	uint64_t ended = 0, began;
	const struct run_watcher watcher = { heard, &ended, -1 };
	struct err e = { 0 };

	if (!language)
		give_up(name, "no such language");
	if (has_ahead && run_ahead_open(&place.ahead, &place, language, &e) < 0)
		give_up("a box ahead", e.text);
	if (has_ahead)
		settle();
	began = clock_now_us();
	job.files[0] = (struct box_file){ language->source, source, strlen(source) };
	run_limits_init(&job.limits, language);
	run_compile_limits_init(&job.compile_limits, language);
	if (run_job_do(&place, language, &job, &watcher, &e) < 0)
		give_up(name, e.text);
	box_ahead_close(place.ahead);
	return ended - began;
}

static uint64_t
run_program(void)
{
	return run("C", true_c, true, true);
}

static uint64_t
run_python(void)
{
	return run("Python", hello_py, false, true);
}

static uint64_t
run_compiler(void)
{
	return run("C++", hello_cpp, false, true);
}

static uint64_t
run_compiler_header(void)
{
	char source[256];

	snprintf(source, sizeof source, "%s// %u\n", hello_cpp, bench.number++);
	return run("C++", source, true, true);
}

/* The box alone, with the program in it. */
static uint64_t
run_box(void)
{
	static char *bytes;
	static size_t n;
	const char *const argv[] = { "/program/program", NULL }, *const env[] = { "PATH=/usr/bin:/bin",
		                                                                  NULL };
	const char *const system[] = { "/usr/bin",          "/usr/lib", "/usr/lib64", "/usr/libexec",
		                       "/usr/include",      "/bin",     "/lib",       "/lib64",
		                       "/etc/alternatives", NULL };
	struct box_result result;
	struct err e = { 0 };
	uint64_t began;

	if (!bytes) {
		AUTO_FD fd = open(bench.program, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || fd_read_file(fd, RUN_PROGRAM_MAX, &bytes, &n, &e) < 0)
			give_up(bench.program, e.text);
	}
	const struct box_file program = { RUN_PROGRAM, bytes, n };
	struct box_plan plan = {
		.name = "program",
		.profile = BOX_RUN,
		.argv = argv,
		.env = env,
		.input = -1,
		.system = system,
		.program = &program,
		.n_program = 1,
		.uid_range = geteuid() == 0 ? BOX_UID : 0,
		.base = &bench.base,
	};

	run_limits_init(&plan.limits, run_languages_find(&bench.languages, "C"));
	if (box_ahead_open(&plan.ahead, &plan, &e) < 0)
		give_up("a box ahead", e.text);
	settle();
	began = clock_now_us();
	if (box_run(&plan, &result, &e) < 0)
		give_up("a box", e.text);
	began = clock_now_us() - began;
	box_result_done(&result);
	box_ahead_close(plan.ahead);
	return began;
}

static void
children_wait(void)
{
	int status;

	while (wait(&status) > 0)
		if (status != 0)
			give_up("one of many", "it failed");
}

static void
run_many(void)
{
	for (long p = 0; p < bench.processors; p++) {
		if (fork() == 0) {
			/* Here it would only be waited for. */
			for (int i = 0; i < PARALLEL; i++)
				run("Python", hello_py, false, false);
			_exit(0);
		}
	}
	children_wait();
}

/* ---- over HTTP: web server, router, runner ---- */

static void
ask(int client, const char *language, const char *source)
{
	struct err e;

	if (post_run(bench.clients[client], language, source, &e) < 0)
		give_up(language, e.text);
}

static void
ask_program(void)
{
	ask(0, "C", true_c);
}

static void
ask_python(void)
{
	ask(0, "Python", hello_py);
}

/* As many as the others do, by clients of which each asks again as soon as it is answered. */
static void
ask_many(void)
{
	atomic_long *left =
	    mmap(NULL, sizeof *left, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (left == MAP_FAILED)
		give_up("clients", strerror(errno));
	atomic_init(left, PARALLEL * bench.processors);
	for (int c = 0; c < CLIENTS; c++) {
		if (fork() == 0) {
			while (atomic_fetch_sub(left, 1) > 0)
				ask(c, "Python", hello_py);
			_exit(0);
		}
	}
	children_wait();
	munmap(left, sizeof *left);
}

/* ---- rounds ---- */

static const struct row {
	const char *name;
	void (*whole)(void);     /* timed here, */
	uint64_t (*timed)(void); /* or by itself */
	int turns;
} rows[] = {
	{ "bare", spawn_program, NULL, TURNS },
	{ "bwrap", spawn_bwrap, NULL, TURNS },
	{ "box", NULL, run_box, TURNS },
	{ "cached", NULL, run_program, TURNS },
	{ "http", ask_program, NULL, TURNS },
	{ "bare_python", spawn_python, NULL, TURNS },
	{ "python", NULL, run_python, TURNS },
	{ "http_python", ask_python, NULL, TURNS },
	{ "bare_cpp", spawn_compiler, NULL, 1 },
	{ "cpp", NULL, run_compiler, 1 },
	{ "cpp_header", NULL, run_compiler_header, 1 },
	{ "bare_many", spawn_many, NULL, 1 },
	{ "many", run_many, NULL, 1 },
	{ "http_many", ask_many, NULL, 1 },
};

static uint64_t
turn_do(const struct row *row)
{
	uint64_t began = clock_now_us();

	if (row->timed)
		return row->timed();
	row->whole();
	return clock_now_us() - began;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
row_do(const struct row *row, int round)
{
	uint64_t took[TURNS];

	for (int i = 0; i < row->turns; i++)
		took[i] = turn_do(row);
	qsort(took, (size_t)row->turns, sizeof *took, compare);
	if (round >= 0)
		printf("%d %s %llu\n", round, row->name, (unsigned long long)took[row->turns / 2]);
}

static void
file_put(const char *name, const char *text)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", bench.folder, name);
	file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		give_up(path, strerror(errno));
}

static void
filter_open(void)
{
	const struct sandbox_filter *f = &bench.base.filters->of[FILTER_COMPILER];

	bench.filter = memfd_create("filter", 0);
	if (bench.filter < 0 || fd_write_all(bench.filter, f->code, f->n * sizeof *f->code) < 0)
		give_up("filter", strerror(errno));
}

/* Before there is a network namespace with nothing in it. */
static void
clients_open(const char *port)
{
	struct err e;

	for (int c = 0; c < CLIENTS; c++) {
		bench.clients[c] = http_open((uint16_t)atoi(port), &e);
		if (bench.clients[c] < 0)
			give_up("web server", e.text);
	}
}

static void
prepare(const char *languages)
{
	AUTO_FD folder = open(bench.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_offline = geteuid() == 0 && unshare(CLONE_NEWNET) == 0; /* as below the spawner */
	struct err e = { 0 };
	char source[300];

	bench.processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (folder < 0 || run_languages_read(&bench.languages, languages, &e) < 0 ||
	    run_cache_open(&bench.cache, folder, "cache", CACHE_SIZE, &e) < 0 ||
	    box_base_open(&bench.base, is_offline, &e) < 0)
		give_up(bench.folder, e.text);
	filter_open();
	file_put("true.c", true_c);
	file_put("hello.cpp", hello_cpp);
	snprintf(source, sizeof source, "%s/true.c", bench.folder);
	snprintf(bench.program, sizeof bench.program, "%s/true", bench.folder);
	spawn((const char *const[]){ "gcc", "-O2", "-o", bench.program, source, NULL });
}

int
main(int argc, char **argv)
{
	if (argc != 5)
		give_up("usage", "runs ROUNDS FOLDER LANGUAGES PORT");
	bench.folder = argv[2];
	clients_open(argv[4]);
	prepare(argv[3]);
	/* The first turns fill caches, ours too. */
	for (int round = -1; round < atoi(argv[1]); round++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			row_do(&rows[round % 2 ? ARRAY_SIZE(rows) - 1 - i : i], round);
		fflush(stdout);
	}
	return 0;
}
