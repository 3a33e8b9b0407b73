#!/usr/bin/env bats
# invoke.bats - cfn-deploy invoke: one version of a function, asked once in a worker of its own, by a pool and without
# one: what it answers, how it fails, what it is refused, and that nothing of it is left.
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	hello_make hello "the first"
	deploy "$D/src/hello.c"
	hello_make hello "the second"
	deploy "$D/src/hello.c"
	deploy "$functions/mirror.c"
	CFN_ATTEMPTS=mem_run_own_file "$tree/tests/containment/assemble" c function >"$D/src/attempts.c"
	deploy "$D/src/attempts.c"
	local act
	for act in exits_well segfaults loops sleeps floods junk_before forges allocates execs stream_dies; do
		deploy deploy --function "$act" --entry "$act" "$functions/hostile.c"
	done
	deploy deploy --function slow --entry sleeps --wall-time 100s "$functions/hostile.c"
	conf <<-END
		cpu_time = 200ms
		wall_time = 60s
		memory = 48M
		shared_dir = $D/shared
		[function sleeps]
		wall_time = 1s
		[function slow]
		wall_time = 100s
	END
	# The same functions where no pool serves them.
	mkdir "$D/alone"
	cp "$R" "$D/alone/r.db"
	pool_start
}

teardown_file() {
	place_remove
}

# Whatever was invoked: no worker of it is left.  hello, broken, keeps and falls have some that serve, or that voted.
teardown() {
	eventually none_invoked
}

none_invoked() {
	local pid
	for pid in $(pool_processes cfn-worker); do
		case $(tr '\0' ' ' <"/proc/$pid/cmdline") in
		'cfn-worker hello v2 ' | 'cfn-worker broken '* | 'cfn-worker keeps '* | 'cfn-worker falls '* | '') ;;
		*) return 1 ;;
		esac
	done
}

# run_invoke REGISTRY RC [ARGUMENT...]: standard output in $D/out, errors in $D/err.
run_invoke() {
	local registry=$1 want=$2 rc=0
	shift 2
	cfn-deploy -c "$D/cfn.conf" --registry "$registry" invoke "$@" >"$D/out" 2>"$D/err" 3>&- || rc=$?
	[ "$rc" -eq "$want" ] || { echo "exit status $rc, not $want:"; cat "$D/out" "$D/err"; return 1; }
}

# invoke RC [ARGUMENT...]: by the pool.
invoke() {
	run_invoke "$R" "$@"
}

# both RC [ARGUMENT...]: by the pool, and where there is none; the outputs are the same.
both() {
	run_invoke "$R" "$@" || return 1
	mv "$D/out" "$D/out.pool"
	run_invoke "$D/alone/r.db" "$@" || return 1
	grep -q 'without a pool' "$D/err" || [[ " $* " == *" --json "* ]] || return 1
	[[ " $* " == *" --json "* ]] || diff "$D/out.pool" "$D/out"
}

says() {
	[ "$(cat "$D/out")" = "$1" ] || { echo "not: $1"; cat "$D/out" "$D/err"; return 1; }
}

tells() {
	grep -qE -- "$1" "$D/err" || { echo "does not tell: $1"; cat "$D/err"; return 1; }
}

@test "the active version answers on standard output, and how it went is told in one line" {
	both 0 hello
	says 'the second'
	one_line "$D/err"
	tells 'hello v2: 200, [0-9.]+ ms, cpu [0-9.]+ ms, memory [0-9.]+ MiB'
}

# bats test_tags=any-user
@test "a version that is not active answers" {
	both 0 hello --version 1
	says 'the first'
	tells 'hello v1: 200'
	both 0 hello --version v2
	says 'the second'
}

# bats test_tags=any-user
@test "a function that is disabled answers" {
	cfn-deploy --registry "$R" disable hello
	invoke 0 hello
	says 'the second'
	cfn-deploy --registry "$R" enable hello
}

# bats test_tags=any-user
@test "path, query, method and fields arrive as a web server would give them" {
	both 0 mirror --path '/mirror/a%20b?x=1' --query 'name=Ada L' --method DELETE --header 'X-Own:  of mine'
	says 'DELETE /mirror/a b id=a b name=Ada L type=- own=of mine body=0:'
	both 0 mirror --query name=A --query x=2
	says 'GET /mirror id=- name=A type=- own=- body=0:'
}

# bats test_tags=any-user
@test "a body comes from the command line, a file or standard input" {
	both 0 mirror --data 'a body'
	says 'POST /mirror id=- name=- type=application/x-www-form-urlencoded own=- body=6:a body'
	printf 'in a file' >"$D/body.txt"
	both 0 mirror --method PUT --data "@$D/body.txt" --header 'Content-Type: text/plain'
	says 'PUT /mirror id=- name=- type=text/plain own=- body=9:in a file'
	invoke 0 mirror --data - <<<'from standard input'
	says 'POST /mirror id=- name=- type=application/x-www-form-urlencoded own=- body=20:from standard input'
	head -c 3000000 /dev/zero >"$D/large"
	both 0 mirror --data "@$D/large"
	says 'POST /mirror id=- name=- type=application/x-www-form-urlencoded own=- body=3000000:'
	head -c 9000000 /dev/zero >"$D/large"
	refused 65 cfn-deploy --registry "$R" invoke mirror --data "@$D/large"
	refused 66 cfn-deploy --registry "$R" invoke mirror --data "@$D/missing"
}

# bats test_tags=any-user
@test "with -i status and header are printed, with HEAD nothing else" {
	both 0 mirror -i
	head -1 "$D/out" | grep -qx 'Status: 200 OK'
	grep -qx 'Content-Length: [0-9]*' "$D/out"
	both 0 mirror -i --method HEAD
	[ "$(tail -1 "$D/out")" = '' ]
	not grep -q 'HEAD /mirror' "$D/out"
}

# bats test_tags=any-user
@test "a stream is printed as it comes" {
	both 0 mirror --query stream=1
	says $'piece 0\npiece 1\npiece 2'
}

# bats test_tags=any-user
@test "what the function logs and prints is on standard error" {
	both 0 mirror
	tells '^warning: a line of the log$'
}

# bats test_tags=any-user
@test "bytes go through a pipe as they are, and to a terminal as text" {
	both 0 mirror --query binary=1
	[ "$(od -An -tx1 <"$D/out" | tr -d ' \n')" = 610062ff ]
	script -qec "cfn-deploy --registry '$R' invoke mirror --query escape=1" /dev/null >"$D/typed" 2>&1 </dev/null
	grep -qF '\x1b]0;title\x07 plain' "$D/typed"
	not grep -q $'\033' "$D/typed"
}

# bats test_tags=any-user
@test "as JSON it is one object" {
	both 0 mirror --json --query name=Ada
	[ "$(jq -r '[.function, .version, .status, .cause, .body_cut, .n_refused] | join(" ")' "$D/out")" = 'mirror 1 200  false 0' ]
	jq -e '.body | startswith("GET /mirror id=- name=Ada")' "$D/out"
	jq -e '.output == ["warning: a line of the log"]' "$D/out"
	jq -e '.headers | map(.[0]) | index("Content-Length") != null' "$D/out"
	jq -e '.wall_us > 0 and .memory_kb > 0' "$D/out"
	both 0 mirror --json --query binary=1
	[ "$(jq -r .body_base64 "$D/out")" = YQBi/w== ]
	both 65 segfaults --json --query go=1
	[ "$(jq -r '[.status, .cause, .how] | join(" ")' "$D/out")" = '0 crash signal SEGV' ]
}

# bats test_tags=any-user
@test "an answer of 400 or more is exit status 76" {
	both 76 mirror --query status=1
	tells 'mirror v1: 404'
}

@test "a function that fails is told with its cause, and is exit status 65" {
	local act cause
	while read -r act cause; do
		both 65 "$act" --query go=1 || return 1
		says '' && tells "$act v1: $cause" || return 1
	done <<-'END'
		exits_well crash \(exit 0\)
		segfaults crash \(signal SEGV\)
		loops cpu_time_limit \(signal KILL\)
		sleeps wall_time_limit
		junk_before bad_response
		forges bad_response
		allocates memory_limit
		execs syscall_denied \(signal KILL\): more than 64 refused system calls, the last one: execve
	END
}

# bats test_tags=any-user
@test "a stream that dies is told although its beginning was printed" {
	both 65 stream_dies --query go=1
	says 'a beginning'
	tells 'stream_dies v1: crash \(signal ABRT\)'
}

# bats test_tags=any-user
@test "output without end is cut, and the answer still comes" {
	both 0 floods --query go=1
	says 'still here'
	tells 'the rest of the output of this request is not shown'
	[ "$(wc -c <"$D/err")" -lt 100000 ]
}

# bats test_tags=any-user
@test "what has no route is refused before anything runs" {
	refused 64 cfn-deploy --registry "$R" invoke mirror --path /elsewhere
	grep -q 'it has: GET, POST, PUT /mirror' "$D/err"
	refused 64 cfn-deploy --registry "$R" invoke mirror --method DELETE
	refused 64 cfn-deploy --registry "$R" invoke mirror --method BREW
	refused 64 cfn-deploy --registry "$R" invoke mirror --path 'no/slash'
	refused 64 cfn-deploy --registry "$R" invoke mirror --header 'no colon'
	refused 64 cfn-deploy --registry "$R" invoke mirror --header $'X: a\r\nY: b'
	refused 64 cfn-deploy --registry "$R" invoke mirror --version zero
	refused 66 cfn-deploy --registry "$R" invoke mirror --version 7
	refused 66 cfn-deploy --registry "$R" invoke nobody
}

# What the manifest of tests/containment says of the same attempts: the call, and what it got.
@test "--explain names every refused call of every attempt, with what it got in service" {
	local attempt call error
	while read -r attempt call error; do
		invoke 0 attempts --query "attempt=$attempt" --explain --json || return 1
		[ "$(jq -r '.body' "$D/out")" = "REFUSED $attempt $error" ] &&
			jq -e --arg call "$call" --arg error "$error" \
				'.refused | map(select(.call == $call and .error == $error and .times == 1)) | length == 1' "$D/out" ||
			{ echo "$attempt $call $error:"; cat "$D/out"; return 1; }
	done <<-END
		proc_clone clone EPERM
		ns_clone_user clone EPERM
		ns_clone_thread_user clone ENOSYS
		proc_clone3 clone3 ENOSYS
		proc_execve execve EPERM
		proc_ptrace_traceme ptrace EPERM
		proc_vm_readv process_vm_readv EPERM
		proc_pidfd_open pidfd_open ENOSYS
		proc_kcmp kcmp EPERM
		sched_setpriority setpriority EPERM
		ns_unshare_user unshare EPERM
		fs_mount_tmpfs mount EPERM
		fs_mount_setattr mount_setattr EPERM
		ns_sethostname sethostname EPERM
		priv_setuid setuid EPERM
		priv_dumpable prctl ENOSYS
		priv_personality personality ENOSYS
		net_socket_inet socket EACCES
		net_socketpair_stream socketpair EPERM
		net_connect connect EPERM
		net_sendmsg sendmsg EPERM
		net_recvmsg recvmsg EPERM
		net_sendmmsg sendmmsg ENOSYS
		net_setsockopt setsockopt ENOSYS
		mem_map_rwx mmap EPERM
		mem_map_rx mmap EPERM
		mem_protect_exec mprotect EPERM
		mem_pkey_mprotect pkey_mprotect EPERM
		mem_memfd_create memfd_create EPERM
		mem_shmget shmget EPERM
		sys_seccomp_prctl prctl ENOSYS
		sys_bpf bpf EPERM
		sys_io_uring io_uring_setup EPERM
		sys_keyctl keyctl EPERM
		fd_pipe_size fcntl ENOSYS
		fd_tiocsti ioctl ENOSYS
		fd_tiocsti_high ioctl ENOSYS
		fs_make_device mknodat EPERM
		fs_chown fchownat EPERM
	END
	# The two that the manual names as not told.
	while read -r attempt; do
		invoke 0 attempts --query "attempt=$(cut -d' ' -f2 <<<"$attempt")" --explain --json
		jq -e --arg body "$attempt" '.body == ($body + "\n") and .n_refused == 0' "$D/out"
	done <<-END
		REFUSED sys_seccomp EPERM
		CONTAINED mem_run_own_file EPERM
	END
}

# bats test_tags=any-user
@test "--explain prints a table with what to do, and says when nothing was refused" {
	both 0 attempts --query attempt=net_socket_inet --explain
	says 'REFUSED net_socket_inet EACCES'
	tells '^system call +times +got +what to do$'
	tells '^socket +1 +EACCES +A function has no network'
	both 0 hello --explain
	tells 'no system call was refused'
}

# bats test_tags=any-user
@test "without --explain only dangerous calls are told" {
	both 0 attempts --query attempt=net_socket_inet
	tells 'system call refused: socket, 1 time$'
	both 0 attempts --query attempt=proc_pidfd_open
	one_line "$D/err"
}

@test "a version that cannot be loaded says why, with what it printed and was refused" {
	source_make broken.c <<-'END'
		#include <stdio.h>
		#include <sys/socket.h>
		#include <unistd.h>
		CFN_EXPORT int cfn_init(void);
		int cfn_init(void)
		{
			puts("on the way");
			socket(AF_INET, SOCK_STREAM, 0);
			return access("/broken", F_OK) == 0 ? -1 : 0;
		}
		int broken(cfn_request *q, cfn_response *r);
		int broken(cfn_request *q, cfn_response *r) { (void)q; return cfn_send(r, 200, "text/plain", "x"); }
	END
	deploy deploy --shared breaks "$D/src/broken.c"
	invoke 0 broken
	cfn-deploy --registry "$R" cp /dev/null breaks:broken
	invoke 65 broken --explain
	says ''
	tells '^on the way$'
	tells '^socket +1 +EACCES'
	tells 'broken v1: it cannot be loaded: .*cfn_init'
}

@test "who hangs up ends the worker" {
	local signal pid
	for signal in INT TERM KILL; do
		env --default-signal=INT cfn-deploy --registry "$R" invoke slow --query go=1 >"$D/out" 2>&1 3>&- &
		pid=$!
		eventually has_workers 1
		kill -s "$signal" "$pid"
		wait "$pid" || true
		eventually none_invoked
	done
	# And the pool remembers who it was.
	grep -q "function 'slow' version 1: invoked by uid $(id -u): signal KILL" "$D/error.log"
}

# has_workers N: so many of slow, each with its init.
has_workers() {
	local pid n=0
	for pid in $(pool_processes cfn-worker); do
		[ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" != 'cfn-worker slow v1 ' ] || n=$((n + 1))
	done
	[ "$n" -ge $((2 * $1)) ]
}

@test "four run at a time, and a fifth one is told to try again" {
	local pids=() i
	for i in 1 2 3 4; do
		cfn-deploy --registry "$R" invoke slow --query go=1 >/dev/null 2>&1 3>&- &
		pids+=($!)
	done
	eventually has_workers 4
	refused 75 cfn-deploy --registry "$R" invoke hello
	grep -q '4 invocations are running already' "$D/err"
	kill "${pids[0]}"
	eventually invoke 0 hello
	kill "${pids[@]:1}"
	wait "${pids[@]}" || true
}

# bats test_tags=any-user
@test "the function that serves is not disturbed: no crash is counted, no router hears of it" {
	invoke 65 segfaults --query go=1
	[ "$(cfn-deploy --registry "$R" --json status | jq '.pools[0].functions[] | select(.name == "segfaults") | .crashes')" = 0 ]
	fcgi <<<$'get 1 /hello 0\nread-all' | grep -q '|the second'
}

@test "who may not ask the pool may not invoke" {
	if [ "$(id -u)" = 0 ]; then
		chmod 755 "$D/reg"
		chmod 644 "$R"
		run setpriv --reuid=7002 --regid=7002 --clear-groups cfn-deploy --registry "$R" invoke hello
		chmod 660 "$R"
	else
		chmod 0 "$R.run"
		run cfn-deploy --registry "$R" invoke hello
		chmod 700 "$R.run"
	fi
	[ "$status" = 77 ]
	[ "${#lines[@]}" = 1 ]
}

@test "a shared folder is the function's own" {
	source_make keeps.c <<-'END'
		#include <fcntl.h>
		#include <unistd.h>
		int keeps(cfn_request *q, cfn_response *r);
		int keeps(cfn_request *q, cfn_response *r)
		{
			int fd = open("/kept", O_CREAT | O_RDWR | O_APPEND, 0600);
			if (cfn_query(q, "add") && write(fd, "x", 1) != 1) return 500;
			return cfn_send(r, 200, "text/plain", "%d\n", (int)lseek(fd, 0, SEEK_END));
		}
	END
	deploy deploy --shared kept "$D/src/keeps.c"
	invoke 0 keeps --query add=1
	invoke 0 keeps --query add=1
	says 2
	fcgi <<<$'get 1 /keeps 0\nread-all' | grep -q '|2'
}

# bats test_tags=any-user
@test "--request says method and path in one word" {
	both 0 mirror --request 'DELETE /mirror/a%20b?x=1&name=Ada'
	says 'DELETE /mirror/a b id=a b name=Ada type=- own=- body=0:'
	invoke 0 mirror --request 'PUT /mirror' --data @- <<<'piped'
	says 'PUT /mirror id=- name=- type=application/x-www-form-urlencoded own=- body=6:piped'
	local line
	for line in GET 'GET mirror' ' /mirror' '/mirror' 'AVERYLONGMETHOD1 /mirror'; do
		refused 64 cfn-deploy --registry "$R" invoke mirror --request "$line"
	done
	refused 64 cfn-deploy --registry "$R" invoke mirror --request 'GET /mirror' --method POST
}

# file RC ARGUMENT...: where there is no registry, and none comes to be.
file() {
	XDG_STATE_HOME=$D/none run_invoke "$D/none/r.db" "$@" && [ ! -e "$D/none" ] &&
		[ -z "$(find "$D/tmp" -mindepth 1)" ]
}

@test "a file is compiled and asked as it would be deployed, and nothing of it is left" {
	mkdir -p "$D/tmp"
	export TMPDIR=$D/tmp
	file 0 "$functions/mirror.c" --request 'GET /mirror?name=Ada'
	says 'GET /mirror id=- name=Ada type=- own=- body=0:'
	tells 'mirror.c: 200, [0-9.]+ ms, cpu [0-9.]+ ms, memory [0-9.]+ MiB$'
	source_make kept.c <<-'END'
		#include <fcntl.h>
		#include <stdio.h>
		#include <sys/stat.h>
		int kept(cfn_request *q, cfn_response *r);
		int kept(cfn_request *q, cfn_response *r)
		{
			int n = 0;
			/* Deep, and closed to everybody. */
			while (n < 300 && mkdir("in", 0700) == 0 && chdir("in") == 0) n++;
			for (int i = 0; i < n; i++) if (chdir("..") == 0) chmod("in", 0);
			if (!cfn_env("WORD") && cfn_query(q, "add")) return 500;
			return cfn_send(r, 200, "text/plain", "%d %s %s\n", open("/new", O_CREAT | O_RDWR | O_EXCL, 0600) < 0 ? 1 : 0,
			                cfn_env("WORD"), cfn_method(q));
		}
	END
	file 0 "$D/src/kept.c" --shared data --env WORD=given --method PATCH --data x
	says '0 given PATCH'
	file 0 "$D/src/kept.c" --env WORD=given --entry kept --function other --request 'GET /other'
	says '1 given GET'
	file 0 "$D/src/kept.c" --env WORD=given --route '/a/:b' --request 'GET /a/c'
	says '1 given GET'
	file 65 "$functions/hostile.c" --entry sleeps --wall-time 100ms --request 'GET /hostile?go=1'
	tells 'hostile.c: wall_time_limit'
	echo 'int x(' >"$D/src/wrong.c"
	file 65 "$D/src/wrong.c"
	file 66 "$D/src/missing.c"
	file 64 "$D/src/kept.c" --version 1
	refused 64 cfn-deploy --registry "$R" invoke mirror --env WORD=given
}

@test "a crash is told with the lines of the source, as the worker says it, by the version's debug information" {
	mkdir -p "$D/src/falls/sub"
	cat >"$D/src/falls/sub/deep.c" <<-'END'
		int deep(int n);
		int deep(int n)
		{
			volatile char room[1000];

			room[0] = (char)n;
			return n < 0 ? 0 : deep(n + 1) + room[0];
		}
	END
	cat >"$D/src/falls/falls.c" <<-'END'
		#include <cfn.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>

		int deep(int n);
		static void (*nowhere)(void);

		__attribute__((noinline)) static int falls_inside(const char *how)
		{
			if (strcmp(how, "null") == 0)
				*(volatile int *)8 = 1;
			if (strcmp(how, "abort") == 0)
				abort();
			if (strcmp(how, "call") == 0)
				nowhere();
			return strcmp(how, "deep") == 0 ? deep(1) : 200;
		}

		int falls(cfn_request *q, cfn_response *r)
		{
			const char *how = cfn_query(q, "how");

			if (!how)
				return *(volatile int *)how;
			if (strcmp(how, "forged") == 0) {
				fputs("cfn: crashed by SEGV at 0x1: fn.so+0xffffffffffff fn.so+0x0 \033[1m x", stderr);
				exit(0);
			}
			if (strcmp(how, "said") == 0)
				fputs("cfn: crashed by SEGV: fn.so+0x0\n", stderr);
			return falls_inside(how) + 1 > 0 ? cfn_send(r, 200, "text/plain", "up") : 500;
		}
	END
	deploy "$D/src/falls"
	cp "$R" "$D/alone/r.db"
	both 65 falls --query how=null
	tells 'it says that it crashed \(SEGV at 0x8\) here:'
	tells '^  falls_inside at falls.c:12$'
	tells '^  falls at falls.c:32$'
	tells 'falls v1: crash \(signal SEGV\)'
	both 65 falls --query how=abort
	tells '^  libc.so.6\+0x[0-9a-f]+$'
	tells '^  falls_inside at falls.c:14$'
	both 65 falls --query how=call
	tells 'crashed \(SEGV at 0x0\) here:'
	tells '^  falls_inside at falls.c:16$'
	# The stack is used up: it is told on another one.
	both 65 falls --query how=deep
	tells '^  deep at sub/deep.c:7$'
	tells '^  \.\.\. and [0-9]+ times more$'
	tells 'crash \(signal SEGV\)'
	both 65 falls --query how=null --json
	jq -e '.crashed == "SEGV at 0x8" and .stack[0] == "falls_inside at falls.c:12" and .output == []' "$D/out"
	# A worker writes what it likes.
	both 65 falls --query how=forged
	tells 'it says that it crashed \(SEGV at 0x1\) here:'
	tells 'falls v1: crash \(exit 0\)'
	not grep -q $'\033' "$D/err"
	both 0 falls --query how=said
	not grep -q 'it crashed' "$D/err"
	# In service the pool's log of functions has the line itself.
	fcgi <<<$'get 1 /falls 0\nread-all' >/dev/null
	eventually grep -q 'cfn: crashed by SEGV at 0x0: fn.so+0x' "$D/function.log"
}
