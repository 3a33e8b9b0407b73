#!/usr/bin/env bats
# sandbox.bats - the sandbox of a function from outside: what each process holds and sees, what a request leaves to the
# next, shared folders, constructors, kills.
# shellcheck disable=SC2034,SC2154
load corpus

setup_file() {
	place_make
	hello_make neighbour "the neighbour"
	deploy "$D/src/neighbour.c"
	CFN_ATTEMPTS="fd_bomb fd_list disk_fill disk_inodes proc_threads proc_visible sig_parent sig_everybody crash_core \
fs_mount_flags fs_dotdot_escape mem_run_own_file" "$containment/assemble" c function >"$D/src/attempts.c"
	deploy "$D/src/attempts.c"
	deploy deploy --function folder --entry attempts --shared folder "$D/src/attempts.c"
	# Where a processor is another program's threads, all time is CPU time.
	conf <<-END
		shared_dir = $D/shared
		[function attempts]
		cpu_time = 60s
		wall_time = 120s
		[function folder]
		cpu_time = 60s
		wall_time = 120s
	END
	: >"$D/inherited"
	CFN_CANARY=$CANARY pool_start 7<>"$D/inherited"
	nginx_start
	SPAWNER=$(pool_processes cfn-spawn) ROUTER=$(pool_processes cfn-router)
	export SPAWNER ROUTER
}

teardown_file() {
	place_remove
}

# Whatever was tried: the same spawner and router, and the neighbour answers.
teardown() {
	get /neighbour 200 'the neighbour' &&
		[ "$(pool_processes cfn-spawn) $(pool_processes cfn-router)" = "$SPAWNER $ROUTER" ]
}

# outcomes [FUNCTION] <<"ATTEMPT OUTCOME" lines: all are tried, in one run of curl.
outcomes() {
	local names
	cat >"$D/expected"
	names=$(cut -d' ' -f1 "$D/expected" | paste -sd,)
	curl -s --max-time 150 "$WEB/${1:-attempts}?attempt={$names}" |
		sed 's/^\([A-Z]*\) \([a-z0-9_]*\) /\2 \1 /' >"$D/outcomes"
	diff "$D/expected" "$D/outcomes"
}

# bats test_tags=kernel
@test "limits: descriptors, bytes, inodes and threads end, and the next request has its own" {
	for _ in 1 2; do
		outcomes <<-END
			fd_bomb CONTAINED EPERM
			disk_fill CONTAINED ENOSPC
			disk_inodes CONTAINED ENOSPC
			fd_list CONTAINED 0 pipe, 1 pipe, 2 pipe, 3 socket
		END
	done
	outcomes <<<'proc_threads CONTAINED EAGAIN at 16'
	deploy restart attempts
}

# holds PID LAST: its descriptors and what they are, without the numbers and folders of this run: one by one up to the
# number LAST, behind that the kinds alone.
holds() {
	find "/proc/$1/fd" -mindepth 1 -printf '%f %l\n' 2>/dev/null |
		sed -E 's/ (socket|pipe):.*/ \1/; s/ anon_inode:\[?([a-z]*).*/ \1/; s| /memfd:([a-z-]*).*| \1|; s| /.*/| |' |
		sort -n | awk -v last="$2" '$1 <= last { print; next } { print $2 | "sort -u" }' | paste -sd ' '
}

# are_hidden PID...: nobody but root can look into them.
are_hidden() {
	local pid
	for pid; do
		[ "$(id -u)" -eq 0 ] || { not test -r "/proc/$pid/environ" && [ -z "$(holds "$pid" 0)" ]; } || return 1
	done
}

spares_wait() { [ "$(pool_processes cfn-spare | wc -l)" -eq 2 ]; }

@test "descriptors: every process holds those that are listed, whatever the pool was started with" {
	local init worker
	eventually one_sandbox
	eventually spares_wait
	{ read -r init && read -r worker; } < <(sandbox_of attempts | sort -n)
	[ "$(holds "$SPAWNER" 11)" = "0 null 1 null 2 socket 3 socket 4 cfn-router 5 cfn-worker 6 libcfn.so.1 7 cfn-runner \
8 shared 9 cfn-filters 10 signalfd 11 eventpoll pidfd pipe socket" ]
	are_hidden "$ROUTER" "$init" "$worker"
	[ "$(id -u)" -eq 0 ] || return 0
	[ "$(holds "$ROUTER" 8)" = "0 null 1 null 2 error.log 3 socket 4 socket 5 access.log 6 function.log 7 error.log \
8 eventpoll pipe seccomp socket" ]
	# Init's is where it writes how the worker ended.
	[ "$(holds "$init" 9)" = '6 pipe' ]
	[ "$(holds "$worker" 9)" = '0 pipe 1 pipe 2 pipe 3 socket' ]
	# Nothing of any function.
	[ "$(holds "$(pool_processes cfn-spare | head -n 1)" 10)" = '0 pipe 1 null 2 socket 4 socket 6 pipe 9 libcfn.so.1' ]
}

# bats test_tags=kernel
@test "workers of one function neither see nor reach those of another, nor the pool" {
	get '/folder?attempt=crash_core' 200
	outcomes <<-END
		proc_visible CONTAINED 1,2
		sig_parent CONTAINED parent 1
		sig_everybody CONTAINED alive
		proc_ptrace_init REFUSED EPERM
	END
	[ -n "$(sandbox_of folder)" ]
}

@test "started by root, every function has a user and namespaces of its own; only the empty network is shared" {
	local kind one other
	get '/folder?attempt=crash_core' 200
	get '/attempts?attempt=crash_core' 200
	one=$(sandbox_of attempts | tail -n 1) other=$(sandbox_of folder | tail -n 1)
	if [ "$(id -u)" -ne 0 ]; then
		are_hidden "$one" "$other"
		return
	fi
	for kind in user mnt pid ipc uts cgroup; do
		[ "$(namespaces "$kind" "$one" "$other" $$)" = 3 ]
	done
	[ "$(namespaces net "$one" "$other" "$ROUTER" "$SPAWNER")" = 1 ]
	[ "$(namespaces net "$one" $$)" = 2 ]
	[ "$(stat -c %u "/proc/$one" "/proc/$other" "/proc/$ROUTER" "/proc/$SPAWNER" | sort -u | wc -l)" = 4 ]
	not grep -q '^0$' <(stat -c %u "/proc/$one" "/proc/$other" "/proc/$ROUTER" "/proc/$SPAWNER")
}

# namespaces KIND PID...: how many different ones they are in.
namespaces() {
	local kind=$1 pid
	shift
	for pid; do
		readlink "/proc/$pid/ns/$kind"
	done | sort -u | wc -l
}

# bats test_tags=kernel
@test "a kill -9 of any process of a function is the end of its sandbox, and of nothing else" {
	local pids pick
	for pick in head tail; do
		deploy restart attempts
		eventually one_sandbox
		pids=$(sandbox_of attempts)
		kill -KILL "$("$pick" -n 1 <<<"$pids")"
		eventually are_gone "$pids"
		get '/attempts?attempt=crash_core' 200 'CONTAINED crash_core 1'
	done
}

one_sandbox() {
	get '/attempts?attempt=crash_core' 200 && [ "$(sandbox_of attempts | wc -l)" = 2 ]
}

# Init and worker of a function, by their title.
sandbox_of() {
	local pid
	for pid in $(pool_processes cfn-worker); do
		tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "^cfn-worker $1 " && echo "$pid"
	done
	return 0
}

are_gone() {
	local pid
	for pid in $1; do
		! is_alive "$pid" || return 1
	done
}

# bats test_tags=kernel
@test "a shared folder is a root that leads nowhere" {
	outcomes folder <<-END
		fs_write_root ALLOWED it
		fs_rename_tmp REFUSED EBUSY
		fs_remove_tmp REFUSED EBUSY
		fs_mount_flags CONTAINED / nosuid,nodev,noexec, . nosuid,nodev,noexec
		fs_proc REFUSED ENOENT
		fs_passwd REFUSED ENOENT
		fs_dotdot_escape CONTAINED ENOENT
		fs_make_fifo REFUSED EPERM
		fs_make_device REFUSED EPERM
		mem_run_own_file CONTAINED EPERM
		fd_list CONTAINED 0 pipe, 1 pipe, 2 pipe, 3 socket
	END
	[ -d "$D/shared/folder/cfn_attempt" ]
}

@test "links in a shared folder lead neither cp nor the next start out of it" {
	local folder=$D/shared/folder
	get '/folder?attempt=crash_core' 200
	ln -s /etc/passwd "$folder/secret"
	ln -s / "$folder/host"
	echo inside >"$D/inside"
	deploy cp "$D/inside" folder:plain
	not deploy cp folder:secret "$D/out"
	not deploy cp folder:host/etc/passwd "$D/out"
	not deploy cp folder:../../r.db "$D/out"
	not deploy cp "$D/inside" folder:host/tmp/cfn-escaped
	[ ! -e "$D/out" ]
	[ ! -e /tmp/cfn-escaped ]
	deploy cp "$D/inside" folder:secret
	[ ! -L "$folder/secret" ]
	[ "$(cat "$folder/secret")" = inside ]
	deploy restart folder
	get '/folder?attempt=fs_passwd' 200 'REFUSED fs_passwd ENOENT'
	# A folder whose "tmp" is a link is not started at all.
	deploy disable folder
	eventually folder_is_free
	rmdir "$folder/tmp"
	ln -s /tmp "$folder/tmp"
	deploy enable folder
	get '/folder?attempt=crash_core' 503
	rm "$folder/tmp"
	mkdir -m 700 "$folder/tmp"
	eventually folder_serves
}

folder_is_free() {
	[ -z "$(sandbox_of folder)" ]
}

folder_serves() {
	request '/folder?attempt=crash_core'
	[ "$CODE" = 200 ]
}

@test "a copy ends with the one who asked for it" {
	local tool
	mkfifo "$D/endless"
	sleep 100 >"$D/endless" &
	started $!
	cfn-deploy --registry "$R" cp "$D/endless" folder:endless 3>&- &
	tool=$!
	eventually copy_runs
	kill -KILL "$tool"
	eventually no_copy_runs
}

copy_runs() {
	[ -n "$(sandbox_of copy)" ]
}

no_copy_runs() {
	! copy_runs
}

# constructor NAME CODE: a function whose constructor does this before it is loaded.
constructor() {
	source_make "$1.c" <<-END
		#include <pthread.h>
		#include <signal.h>
		#include <stdlib.h>
		#include <unistd.h>
		static void *fork_on(void *x) { for (;;) if (fork() == 0) _exit(0); return x; }
		__attribute__((constructor)) static void early(void) { (void)fork_on; $2 }
		int $1(cfn_request *q, cfn_response *r);
		int $1(cfn_request *q, cfn_response *r) { (void)q; return cfn_send(r, 200, "text/plain", "x"); }
	END
	not deploy "$D/src/$1.c" 2>"$D/err"
	get "/$1" 404
	[ -z "$(sandbox_of "$1")" ]
}

@test "what a constructor does or says while it is loaded only fails its own deploy" {
	constructor ends '_exit(0);'
	constructor crashes 'abort();'
	constructor tells_junk 'if (write(4, "junk and junk", 13) < 0) abort();'
	grep -q 'broke the protocol' "$D/err"
	constructor tells_nothing 'if (write(4, "", 0) < 0) abort(); pause();'
	constructor offers_no_listener 'if (write(4, "\x50\0\0\0", 4) < 0) abort();'
	constructor waits_for_more 'if (write(4, "\x4f\0\0\0", 4) < 0) abort(); pause();'
	grep -q 'it waits twice' "$D/err"
	constructor floods_channel 'while (write(4, "\x09\0\0\0", 4) > 0) ;'
	constructor forks_on 'pthread_t t; for (int i = 0; i < 8; i++) pthread_create(&t, 0, fork_on, 0); sleep(9);'
	grep -q 'more than 64 refused system calls' "$D/err"
}
