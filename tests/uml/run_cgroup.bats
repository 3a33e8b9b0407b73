#!/usr/bin/env bats
# run_cgroup.bats - a pool that runs programs, with cgroups, on Linux 6.1 in User-mode Linux (tests/uml/boot): what a
# leaf counts that nothing else does, what is allowed because it does, and that no leaf is left.
# shellcheck disable=SC2016,SC2034,SC2153,SC2154
load ../system/helper
load ../system/runs

top=/sys/fs/cgroup

# One pool for all of them: a guest takes long to start one.
setup_file() {
	[ "$(id -u)" -eq 0 ]
	[[ $(uname -r) == 6.1.* ]]
	place_make
	languages_make
	run_serve 'max_concurrent = 2' "languages_dir = $D/languages"
	programs_make
}

teardown_file() {
	place_remove
}

# Few, because each is asked for its version; one of them has addresses that it never uses.
languages_make() {
	mkdir "$D/languages"
	cp "$tree"/languages.d/{bash,python}.conf "$D/languages/"
	sed 's/^version = .*//; $a address_space = 64G' "$tree/languages.d/c.conf" >"$D/languages/c.conf"
}

# uses.c does what its argument says, after which it exits with 1 if nobody has ended it.
programs_make() {
	cat >"$D/uses.c" <<-'END'
		#define _GNU_SOURCE
		#include <fcntl.h>
		#include <pthread.h>
		#include <signal.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/mman.h>
		#include <sys/socket.h>
		#include <sys/wait.h>
		#include <time.h>
		#include <unistd.h>

		enum { MIB = 1 << 20, PAGE = 4096 };

		static int touch(volatile char *p, size_t n, size_t step)
		{
			for (size_t i = 0; p != MAP_FAILED && i < n; i += step)
				p[i] = 1;
			return p == MAP_FAILED;
		}

		static void *pages(size_t n, int flags)
		{
			return mmap(NULL, n, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
		}

		/* Of all its children each holds a part. */
		static int by_children(int n, int (*use)(void))
		{
			for (int i = 0; i < n; i++)
				if (fork() == 0) {
					use();
					for (;;)
						pause();
				}
			sleep(8);
			return 1;
		}

		static int own_20(void) { return touch(pages(20 * MIB, MAP_PRIVATE), 20 * MIB, PAGE); }
		static int shared_20(void) { return touch(pages(20 * MIB, MAP_SHARED), 20 * MIB, PAGE); }
		static int own(void) { return by_children(4, own_20); }
		static int shared(void) { return by_children(4, shared_20); }

		/* Only read, it has pages of nobody's, and tables of its own. */
		static int tables(void)
		{
			const size_t n = (size_t)32 << 30;
			volatile char *p = pages(n, MAP_PRIVATE | MAP_NORESERVE);
			char sum = 0;
			for (size_t i = 0; p != MAP_FAILED && i < n; i += 2 * MIB)
				sum += p[i];
			return 1 + sum;
		}

		static int sockets_full(void)
		{
			static const char data[PAGE];
			int pair[2];
			while (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0)
				for (int i = 0; i < 2; i++)
					while (write(pair[i], data, sizeof data) > 0)
						;
			return 1;
		}
		static int sockets(void) { return by_children(8, sockets_full); }

		/* All that is the kernel's: full sockets, as many mappings as there may be, locks. */
		static int kernels(void)
		{
			const size_t n = 65600;
			char *p = mmap(NULL, n * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			char name[32];
			int fd;
			snprintf(name, sizeof name, "/tmp/%d", (int)getpid());
			fd = open(name, O_CREAT | O_RDWR, 0600);
			for (int i = 500; i > 0; i--)
				fcntl(fd, F_SETLK, &(struct flock){ .l_type = F_WRLCK, .l_start = 2 * i, .l_len = 1 });
			sockets_full();
			for (size_t i = 1; i < n && mprotect(p + i * PAGE, PAGE, PROT_READ) == 0; i += 2)
				;
			return 1;
		}
		static int uncounted(void)
		{
			int ends[2];
			char each;
			pipe(ends);
			for (int i = 0; i < 4; i++)
				if (fork() == 0) {
					kernels();
					write(ends[1], "", 1);
					for (;;)
						pause();
				}
			for (int i = 0; i < 4; i++)
				read(ends[0], &each, 1);
			sleep(4);
			return 0;
		}

		static int files(void)
		{
			static const char data[MIB];
			int fd = open("/tmp/file", O_CREAT | O_WRONLY, 0600), n = 0;
			while (write(fd, data, sizeof data) == (ssize_t)sizeof data)
				n++;
			printf("%d MiB\n", n);
			own_20();
			return 0;
		}

		static int together(void)
		{
			volatile int *p = pages(PAGE, MAP_SHARED);
			for (int i = 0; i < 4; i++)
				if (fork() == 0) {
					__atomic_add_fetch(p, 10 + i, __ATOMIC_SEQ_CST);
					_exit(0);
				}
			while (wait(NULL) > 0)
				;
			printf("%d\n", *p);
			return 0;
		}

		/* Without a cgroup nobody was told of their time. */
		static int unheard(void)
		{
			signal(SIGCHLD, SIG_IGN);
			for (int i = 0; i < 3; i++)
				if (fork() == 0) {
					while (clock() < CLOCKS_PER_SEC / 5)
						;
					_exit(0);
				}
			wait(NULL);
			own_20();
			return 0;
		}

		static void *wait_for_ever(void *unused)
		{
			for (;;)
				pause();
			return unused;
		}
		static int threads_as(int n)
		{
			pthread_t t;
			for (int i = 0; i < n && pthread_create(&t, NULL, wait_for_ever, NULL) == 0; i++)
				;
			usleep(300000);
			return 1;
		}
		static int threads(void) { return threads_as(1000); }
		static int threads_7(void) { return threads_as(7); }

		static int loop(void)
		{
			for (;;)
				;
		}

		static const struct { const char *name; int (*use)(void); } uses[] = {
			{ "own", own }, { "shared", shared }, { "tables", tables }, { "sockets", sockets }, { "files", files }, { "uncounted", uncounted },
			{ "together", together }, { "unheard", unheard }, { "threads", threads }, { "threads_7", threads_7 },
			{ "loop", loop }, { "nothing", NULL },
		};
		int main(int n, char **v)
		{
			for (size_t i = 0; n > 1 && i < sizeof uses / sizeof uses[0]; i++)
				if (strcmp(uses[i].name, v[1]) == 0)
					return uses[i].use ? uses[i].use() : 0;
			return 2;
		}
	END
}

# uses WHAT [JQ-OBJECT]: runs it with these other fields, 16 MiB and 10 seconds.
uses() {
	program C '{args: ["'"$1"'"], limits: ({memory_bytes: 16777216, cpu_share_percent: 100} + '"${2:-{\}}"')}' \
		<"$D/uses.c" >"$D/ask"
	post "@$D/ask"
	expect 200
	result .isolation.memory cgroup
}

# The least that this kernel could give, in KiB, until there is a file: to another one.  Without a process, which would
# wait for its turn.
least_available() {
	local key value rest least=
	while [ ! -e "$1" ]; do
		while read -r key value rest; do
			[ "$key" != MemAvailable: ] || [ "${least:-$value}" -lt "$value" ] || least=$value
		done </proc/meminfo
		sleep 0.5
	done
	echo "$least" >"$2"
}

# What the last answer has to be.
answer_is() {
	jq -e "$1" "$D/body" >/dev/null || { echo "not so: $1"; head -c 2000 "$D/body"; return 1; }
}

group() {
	find "$top" -mindepth 2 -maxdepth 2 -path '*/cfn-*/runner-*'
}

boxes() {
	find "$top" -mindepth 3 -maxdepth 3 -path '*/cfn-*/runner-*/box-*'
}

# Those of keepers that wait for a job, and no other.
has_waiting_boxes_alone() {
	[ "$(boxes | wc -l)" -eq 2 ]
}

parent_of() {
	ps -o ppid= -p "$1" | tr -d ' '
}

# has_sleep PID...: one of them is the program that this file's long runs are.
has_sleep() {
	local pid
	for pid; do
		[ "$(cat "/proc/$pid/comm")" != sleep ] || return 0
	done 2>/dev/null
	return 1
}

# has_keeper [OTHER-THAN]: one whose box runs its program: KEEPER, and the INIT of its BOX.
has_keeper() {
	local pids
	for BOX in $(boxes); do
		mapfile -t pids <"$BOX/cgroup.procs"
		has_sleep "${pids[@]}" || continue
		for INIT in "${pids[@]}"; do
			KEEPER=$(parent_of "$INIT") || continue
			[ "$KEEPER" = "${1:-}" ] || [ "$(cat "/proc/$KEEPER/comm")" != cfn-run-keeper ] || return 0
		done
	done
	return 1
}

# --- memory ----------------------------------------------------------------------------------------------------------

@test "what is held beyond the limit is memory_limit: own memory, shared memory, tables of addresses, sockets' buffers" {
	local what
	for what in own shared sockets; do
		uses "$what"
		result .status memory_limit
		answer_is '.memory_peak_bytes > 16777216 and .memory_peak_bytes < 48000000'
		eventually has_waiting_boxes_alone
	done
	uses tables '{memory_bytes: 4194304, disk_bytes: 65536, processes: 1}'
	result .status memory_limit
	answer_is '.memory_peak_bytes > 8388608 and .memory_peak_bytes < 12000000'
	eventually has_waiting_boxes_alone
}

@test "pages of its files count, and have room beside its memory" {
	uses files '{memory_bytes: 33554432, disk_bytes: 16777216}'
	result .status accepted
	answer_is '.stdout == "15 MiB\n" or .stdout == "16 MiB\n"'
	answer_is '.memory_peak_bytes > (34 * 1048576)'
}

@test "shared memory, which is refused where no cgroup counts it, is there" {
	uses together
	result .status accepted
	result .stdout 46
	program Python <<-'END' >"$D/ask"
		import mmap, os
		m = mmap.mmap(-1, 4096)
		if os.fork() == 0:
		    m[0] = 42
		    os._exit(0)
		os.wait()
		print(m[0], len(open("/dev/zero", "rb").read(10)))
	END
	post "@$D/ask"
	result .stdout '42 10'
	result .isolation.memory cgroup
}

# --- processes and time ----------------------------------------------------------------------------------------------

@test "processes are bounded by the leaf, which knows whether one was refused" {
	uses threads '{processes: 8}'
	result .status process_limit
	result .processes_peak 8
	uses threads_7 '{processes: 8}'
	result .status nonzero_exit
	result .processes_peak 8
}

@test "a share of the processor is kept all the time, and what it uses is what its leaf counts" {
	uses loop '{cpu_share_percent: 20, wall_ms: 1500, cpu_ms: 10000}'
	result .status wall_time_limit
	answer_is '.cpu_ms >= 100 and .cpu_ms < 700'
	uses unheard '{memory_bytes: 33554432}'
	result .status accepted
	answer_is '.cpu_ms >= 500 and .processes_peak >= 2'
	answer_is '.memory_peak_bytes > (20 * 1048576) and .memory_peak_bytes < (26 * 1048576)'
}

# --- what is left ----------------------------------------------------------------------------------------------------

@test "200 runs leave no leaf" {
	uses nothing
	curl -s -Z --parallel-immediate --parallel-max 2 --max-time 150 -w '%{http_code} ' -o /dev/null \
		-H 'Content-Type: application/json' --data-binary "@$D/ask" "$WEB/api/run?n=[1-200]" >"$D/codes" 2>"$D/progress"
	[ "$(tr ' ' '\n' <"$D/codes" | grep -c 200)" -eq 200 ]
	eventually has_waiting_boxes_alone
}

@test "keepers and inits of boxes that are killed leave no leaf" {
	async "$(bash_run 'sleep 300')"
	eventually has_keeper
	kill -KILL "$KEEPER"
	# It is begun once more.
	eventually has_keeper "$KEEPER"
	kill -KILL "$INIT"
	eventually not has_status "$ID" running
	eventually has_waiting_boxes_alone
	uses nothing
	result .status accepted
	eventually has_waiting_boxes_alone
}

@test "a maker that is killed takes its leaves along, and the next runner runs" {
	local before maker
	async "$(bash_run 'sleep 300')"
	eventually has_keeper
	before=$(group)
	maker=$(parent_of "$KEEPER")
	[ "$(cat "/proc/$maker/comm")" = cfn-runner ]
	kill -KILL "$maker"
	eventually not test -e "$before"
	eventually runner_answers
	[ "$(group)" != "$before" ]
	request "/api/run/$ID" -X DELETE
	eventually has_waiting_boxes_alone
	uses nothing
	result .status accepted
	process_stop TERM "$POOL"
	[ -z "$(group)" ]
}

# --- without -----------------------------------------------------------------------------------------------------------

@test "without a cgroup a process holds no more of the kernel's memory than 30 MiB" {
	local before least
	! is_alive "$POOL" || process_stop TERM "$POOL"
	printf 'cgroup = off\n[run]\nenabled = on\nlanguages_dir = %s\n' "$D/languages" | conf
	pool_start
	eventually runner_answers
	request /api/run/languages
	answer_is '.limits_most | .processes == 64 and .files == 64'
	program C '{args: ["uncounted"], limits: {memory_bytes: 67108864, cpu_share_percent: 100, cpu_ms: 20000, wall_ms: 30000}}' \
		<"$D/uses.c" >"$D/ask"
	before=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
	least_available "$D/over" "$D/least" 3>&- &
	post "@$D/ask"
	touch "$D/over"
	wait $!
	least=$(cat "$D/least")
	result .status accepted
	answer_is '.memory_peak_bytes < 67108864'
	echo "$(((before - least) / 4)) KiB"
	[ $(((before - least) / 4)) -gt $((20 << 10)) ]
	[ $(((before - least) / 4)) -lt $((31 << 10)) ]
}
