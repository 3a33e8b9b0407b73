/* stacks.c - where a worker that is stuck is: its threads' places and what looks like their callers.
 *
 * A process of its own does it, with a second to live; whom it traces goes on when it ends, whatever happens.
 * It opens what it reads, lists the threads, and confines itself before it looks at anything that a function
 * has made: maps and stack memory.  A thread is stopped for as long as its registers are read.  Place and
 * state are the kernel's word.  Stack memory is the function's, so what is found there is only counted as a
 * caller when it lies behind a call in code that the kernel has mapped, and is marked all the same: the
 * function can have put it there. */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/confine.h"
#include "spawn/spawn.h"

enum {
	LIFE_S = 1,
	MAPS_MAX = 256,
	MAPS_LINES_MAX = 4096,
	STACK_BYTES = 16 * 1024,
	PIECE = 4096, /* no page is smaller */
	PATH_SIZE = 64,
	BUFFER_SIZE = 4096,
	FILE_SIZE = 40,
	STOP_TRIES = 1600, /* of STOP_US, for all threads: less than the half second that the pool waits */
	STOP_SHARE = 4,    /* one may take this part of those that are left */
	STOP_US = 200,
};

struct map {
	uint64_t start, end;
	uint64_t base;  /* of the first mapping of this file */
	uint64_t inode; /* 0: of no file */
	unsigned major, minor;
	char file[FILE_SIZE]; /* last part of its name, plain letters; empty: of no file */
};

_Static_assert((int)FILTER_PIDS_MAX == 1 + (int)STACKS_THREADS_MAX, "the filter names them");

struct stacks {
	FILE *to, *from; /* the pipe; its maps */
	int folder;      /* of its threads */
	size_t n_pids;
	pid_t pids[1 + STACKS_THREADS_MAX]; /* the process, its threads */
	struct map file;                    /* the last mapping of one */
	size_t n_maps;
	struct map maps[MAPS_MAX]; /* of code: there is little, however much else a function maps */
};

struct place {
	uint64_t pc, sp;
	char state[16];
	char call[SYSCALL_NAME_SIZE]; /* empty: none */
};

/* ---- memory ---- */

/* The artifact is a memory file. */
static void
name_file(char to[FILE_SIZE], const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = 0;

	if (strncmp(path, "/memfd:", 7) == 0)
		slash = "/fn.so";
	else if (path[0] != '/')
		slash = "/";
	for (const char *p = slash + 1; *p > ' ' && n < FILE_SIZE - 1; p++)
		to[n++] = strchr("+-._", *p) || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
		                  (*p >= 'A' && *p <= 'Z')
		              ? *p
		              : '_';
	to[n] = '\0';
}

/* By what a function cannot choose, as it can a name. */
static bool
is_same_file(const struct map *a, const struct map *b)
{
	return b->inode > 0 && a->inode == b->inode && a->major == b->major && a->minor == b->minor;
}

static void
take_map(struct stacks *s, const char *line)
{
	struct map m = { 0 };
	char rights[5];
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %x:%x %" SCNu64 " %n", &m.start, &m.end, rights,
	           &m.major, &m.minor, &m.inode, &at) < 6)
		return;
	m.base = is_same_file(&s->file, &m) ? s->file.base : m.start;
	name_file(m.file, at > 0 && m.inode > 0 ? line + at : "");
	if (m.inode > 0)
		s->file = m;
	if (rights[2] == 'x')
		s->maps[s->n_maps++] = m;
}

static void
read_maps(struct stacks *s)
{
	bool is_start = true; /* of a line, and not within a name that is too long */
	char line[512];

	for (int i = 0; i < MAPS_LINES_MAX && s->n_maps < MAPS_MAX && fgets(line, sizeof line, s->from);
	     i++) {
		if (is_start)
			take_map(s, line);
		is_start = strchr(line, '\n') != NULL;
	}
}

static const struct map *
code_of(const struct stacks *s, uint64_t at)
{
	for (size_t i = 0; i < s->n_maps; i++)
		if (at >= s->maps[i].start && at < s->maps[i].end)
			return &s->maps[i];
	return NULL;
}

static ssize_t
read_memory(const struct stacks *s, uint64_t at, void *to, size_t n)
{
	struct iovec mine = { to, n }, theirs = { (void *)(uintptr_t)at, n };

	return process_vm_readv(s->pids[0], &mine, 1, &theirs, 1, 0);
}

/* Up to the first page that there is none of. */
static ssize_t
read_stack(const struct stacks *s, uint64_t sp, uint64_t words[STACK_BYTES / sizeof(uint64_t)])
{
	struct iovec mine = { words, STACK_BYTES }, theirs[STACK_BYTES / PIECE + 1];
	size_t n = 0;

	for (uint64_t at = sp, end = sp + STACK_BYTES; at < end; n++) {
		uint64_t next = at - at % PIECE + PIECE;

		theirs[n] = (struct iovec){ (void *)(uintptr_t)at, (next < end ? next : end) - at };
		at = next;
	}
	return n == 0 ? 0 : process_vm_readv(s->pids[0], &mine, 1, theirs, n, 0);
}

/* Whether a call ends in front of it. */
static bool
is_behind_call(const struct stacks *s, uint64_t at)
{
#if defined(__x86_64__)
	unsigned char code[7];

	if (read_memory(s, at - sizeof code, code, sizeof code) != (ssize_t)sizeof code)
		return false;
	if (code[2] == 0xe8) /* call rel32 */
		return true;
	/* call r/m64, by its length: opcode ff with /2 */
	for (size_t n = 2; n <= 7; n++)
		if (code[7 - n] == 0xff && (code[8 - n] & 0x38) == 0x10)
			return true;
	return false;
#elif defined(__aarch64__)
	uint32_t code;

	if ((at & 3) || read_memory(s, at - 4, &code, sizeof code) != (ssize_t)sizeof code)
		return false;
	return (code & 0xfc000000) == 0x94000000 || (code & 0xfffffc1f) == 0xd63f0000;
#else
	(void)s;
	(void)at;
	return false;
#endif
}

/* ---- one thread ---- */

/* The working folder is that of the process's threads, whoever has its number meanwhile. */
static bool
is_thread(pid_t tid)
{
	struct stat st;
	char path[PATH_SIZE];

	snprintf(path, sizeof path, "%d", (int)tid);
	return stat(path, &st) == 0;
}

static void
put_frame(const struct stacks *s, const char *mark, uint64_t at)
{
	const struct map *m = code_of(s, at);

	if (m && m->file[0])
		fprintf(s->to, "%s %s+0x%" PRIx64 "\n", mark, m->file, at - m->base);
	else
		fprintf(s->to, "%s 0x%" PRIx64 "\n", mark, at);
}

static void
put_callers(const struct stacks *s, uint64_t sp)
{
	static uint64_t words[STACK_BYTES / sizeof(uint64_t)];
	ssize_t got = sp % sizeof *words == 0 ? read_stack(s, sp, words) : 0;
	size_t n_frames = 1;

	for (ssize_t i = 0; i < got / (ssize_t)sizeof *words && n_frames < STACKS_FRAMES_MAX; i++) {
		const struct map *code = code_of(s, words[i]);

		if (!code || words[i] - code->start < 8 || !is_behind_call(s, words[i]))
			continue;
		put_frame(s, "?", words[i] - 1);
		n_frames++;
	}
}

/* It may have stopped for a signal that came first, and that it is to get when it goes on; 0: none.  Where
 * others want the processor, too, it stops when it gets it: the first thread, which is mostly the request's,
 * has most time for that. */
static bool
wait_stopped(pid_t tid, int *number)
{
	static int n_left = STOP_TRIES;
	int status;

	for (int i = n_left / STOP_SHARE; i > 0; i--, n_left--) {
		if (waitpid(tid, &status, __WALL | WNOHANG) == tid) {
			*number = WIFSTOPPED(status) && status >> 16 == 0 ? WSTOPSIG(status) : 0;
			return WIFSTOPPED(status);
		}
		usleep(STOP_US);
	}
	return false;
}

/* The call that the stop has met it in: the kernel has just left it, and goes on with it (or says EINTR) when
 * the thread does. */
static void
name_call(struct place *p, int64_t nr, int64_t result)
{
	enum { RESTART_FIRST = 512, RESTART_LAST = 516 };

	if (nr < 0 || (result != -EINTR && (result < -RESTART_LAST || result > -RESTART_FIRST)))
		return;
	snprintf(p->state, sizeof p->state, "sleeping");
	sandbox_syscall_name((int)nr, p->call);
}

/* Stopped for as long as two calls take, by no signal.  Whoever is seized keeps its number, so that it is now
 * known whose it is. */
static bool
read_place(pid_t tid, struct place *p)
{
	struct user_regs_struct registers;
	struct iovec part = { &registers, sizeof registers };
	bool is_read;
	int number;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return false;
	if (!is_thread(tid) || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 || !wait_stopped(tid, &number))
		return false; /* the end of this process lets go of it */
	is_read = ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &part) == 0;
	ptrace(PTRACE_DETACH, tid, NULL, (void *)(intptr_t)number);
	if (!is_read)
		return false;
	snprintf(p->state, sizeof p->state, "running");
#if defined(__x86_64__)
	p->pc = registers.rip;
	p->sp = registers.rsp;
	name_call(p, (int64_t)registers.orig_rax, (int64_t)registers.rax);
#elif defined(__aarch64__)
	p->pc = registers.pc;
	p->sp = registers.sp;
	name_call(p, (int64_t)registers.regs[8], (int64_t)registers.regs[0]);
#endif
	return true;
}

static void
put_thread(const struct stacks *s, pid_t tid)
{
	struct place p = { .state = "unknown" };
	bool is_known = read_place(tid, &p);

	if (!is_known && !is_thread(tid))
		return; /* it has ended meanwhile */
	fprintf(s->to, "thread %d %s %s\n", (int)tid, p.state, p.call[0] ? p.call : "-");
	if (!is_known)
		return;
	put_frame(s, "=", p.pc);
	put_callers(s, p.sp);
}

/* ---- the process that does it ---- */

/* Init is pid 1 of the sandbox's own pid namespace: nobody else's process is in it. */
static bool
is_of(int folder, pid_t init)
{
	struct stat its, inits;
	char path[PATH_SIZE];

	snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)init);
	return fstatat(folder, "ns/pid", &its, 0) == 0 && stat(path, &inits) == 0 &&
	       its.st_ino == inits.st_ino && its.st_dev == inits.st_dev;
}

static int
list_threads(struct stacks *s)
{
	DIR *folder = fdopendir(s->folder);
	struct dirent *entry;

	while (folder && s->n_pids < ARRAY_SIZE(s->pids) && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			s->pids[s->n_pids++] = (pid_t)atoi(entry->d_name);
	return folder ? 0 : -errno;
}

/* With room of its own: it gets no memory later. */
static FILE *
open_stream(int fd, const char *mode, char room[BUFFER_SIZE])
{
	FILE *stream = fd < 0 ? NULL : fdopen(fd, mode);

	return stream && setvbuf(stream, room, _IOFBF, BUFFER_SIZE) == 0 ? stream : NULL;
}

/* All through one descriptor, so that all is of one process, whoever has its number meanwhile. */
static int
open_all(struct stacks *s, pid_t init, int pipe)
{
	static char in[BUFFER_SIZE], out[BUFFER_SIZE];
	char path[PATH_SIZE];
	int folder;

	snprintf(path, sizeof path, "/proc/%d", (int)s->pids[0]);
	folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0 || !is_of(folder, init))
		return -ESRCH;
	s->from = open_stream(openat(folder, "maps", O_RDONLY | O_CLOEXEC), "r", in);
	s->to = open_stream(pipe, "w", out);
	s->folder = openat(folder, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->from && s->to && s->folder >= 0 ? list_threads(s) : -errno;
}

static int
confine(const struct stacks *s, const struct sandbox_filters *filters)
{
	const int keep[] = { fileno(s->from), fileno(s->to) };
	const struct confine_tracer c = { .filters = filters,
		                          .folder = s->folder,
		                          .keep = keep,
		                          .n_keep = ARRAY_SIZE(keep),
		                          .pids = s->pids,
		                          .n_pids = s->n_pids };
	struct err e;

	return confine_tracer(&c, &e);
}

static void
take(const struct spawn *spawn, const struct process *p, pid_t pid, int pipe)
{
	static struct stacks s = { .n_pids = 1 };

	alarm(LIFE_S);
	s.pids[0] = pid > 0 ? pid : p->worker;
	if (open_all(&s, p->pid, pipe) < 0 || confine(&s, spawn->filters) < 0)
		_exit(1);
	read_maps(&s);
	/* What is known is said, should the second be over with the next one. */
	for (size_t i = 1; i < s.n_pids && fflush(s.to) == 0; i++)
		put_thread(&s, s.pids[i]);
	_exit(fflush(s.to) != 0);
}

void
stacks_take(const struct spawn *s, const struct process *p, pid_t pid, int pipe)
{
	if (fork() == 0)
		take(s, p, pid, pipe);
}
