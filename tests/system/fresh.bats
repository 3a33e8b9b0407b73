#!/usr/bin/env bats
# fresh.bats - mode = fresh: nothing of one request is seen by the next, each process is ended by itself, and who was
# loaded lives on.
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	hello_make neighbour "the neighbour"
	deploy "$D/src/neighbour.c"
	conf <<-END
		cpu_time = 1s
		wall_time = 60s
		memory = 48M
		pm.max_children = 1
		[function sleeps]
		wall_time = 1s
		[function ignores]
		wall_time = 1s
		[function zygote]
		wall_time = 2s
	END
	source_make who.c <<-'END'
		#include <unistd.h>
		int who(cfn_request *q, cfn_response *r);
		static int n;
		int who(cfn_request *q, cfn_response *r)
		{
			(void)q;
			return cfn_send(r, 200, "text/plain", "pid %d, child of %d, request %d\n", (int)getpid(), (int)getppid(), ++n);
		}
	END
	deploy deploy --mode fresh "$D/src/who.c"
	deploy deploy --mode fresh --function fresh --entry leaks "$tree/tests/functions/leaks.c"
	deploy deploy --function reuse --entry leaks "$tree/tests/functions/leaks.c"
	pool_start
	nginx_start
}

teardown_file() {
	place_remove
}

# zygote NAME: pid of the process that was loaded; init is its parent and older.
zygote() {
	local pid
	for pid in $(pool_processes cfn-worker); do
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "^cfn-worker $1 v" && echo "$pid $(born "$pid")"
	done | sort -n -k 2 | sed -n 2p
}

no_workers_of() {
	local pid
	for pid in $(pool_processes cfn-worker); do
		if tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "^cfn-worker $1 v"; then
			return 1
		fi
	done 2>/dev/null
}

no_zombies() {
	local pid
	for pid in $(descendants "$POOL"); do
		if [ "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null)" = Z ]; then
			return 1
		fi
	done
}

# misbehaves ENTRY CODE CAUSE [OPTION...]: in fresh mode at /ENTRY; the next request has the same zygote.
misbehaves() {
	local before
	deploy deploy --mode fresh --function "$1" --entry "$1" "${@:4}" "$functions/hostile.c"
	get "/$1" 200 'still here'
	before=$(zygote "$1")
	[ -n "$before" ]
	for _ in 1 2; do
		expect_cause "/$1?go" "$2" "$3"
		get "/$1" 200 'still here'
		get /neighbour 200 'the neighbour'
	done
	[ "$(zygote "$1")" = "$before" ] || { echo "was $before, is $(zygote "$1")"; return 1; }
	eventually no_zombies
	eventually grep -hq "request's process of worker .*$3" "$D/error.log"
}

# bats test_tags=kernel
@test "in fresh mode a request finds nothing of the one before it" {
	get /fresh 200 .
	for _ in 1 2 3; do
		get '/fresh?leave=1' 200 left
		get /fresh 200
		[ "$(cat "$D/body")" = . ] || { cat "$D/body"; return 1; }
	done
}

@test "in reuse mode a request finds what the manual says, and no more" {
	get /reuse 200 .
	get '/reuse?leave=1' 200 left
	get /reuse 200
	# A function of an ordinary user owns the pipes of its input and output.
	[ "$(id -u)" -eq 0 ] || owned="input output "
	[ "$(cat "$D/body")" = "static heap environment limit limit_of_loaded signal_to_loaded flags lock ${owned:-}name pipe event offset shared_file private_file ." ] ||
		{ cat "$D/body"; return 1; }
}

# bats test_tags=kernel
@test "each request has a process of its own, whose parent is init" {
	local before n
	get /who 200 'child of 1, request 1'
	before=$(zygote who)
	for _ in {1..20}; do
		get /who 200 'child of 1, request 1'
		cat "$D/body"
	done >"$D/pids"
	n=$(sort -u "$D/pids" | wc -l)
	[ "$n" -eq 20 ]
	[ "$(zygote who)" = "$before" ]
	eventually no_zombies
}

# bats test_tags=any-user
@test "a process that exits is a crash" { misbehaves exits 500 crash; }
# bats test_tags=any-user
@test "a process that exits well is a crash" { misbehaves exits_well 500 crash; }
# bats test_tags=any-user
@test "a process that aborts is a crash" { misbehaves aborts 500 crash; }
# bats test_tags=any-user
@test "a process that raises SIGSEGV is a crash" { misbehaves segfaults 500 crash; }
@test "a process that loops is stopped by its CPU time" { misbehaves loops 504 cpu_time_limit --cpu-time 50ms; }
# bats test_tags=any-user
@test "a process that sleeps for ever is stopped by its time" { misbehaves sleeps 504 wall_time_limit; }
# bats test_tags=any-user
@test "a process that ignores every signal is stopped by its time" { misbehaves ignores 504 wall_time_limit; }
@test "a process that allocates without end meets its memory limit" { misbehaves allocates 500 memory_limit; }
# bats test_tags=any-user
@test "a process that goes on forking is stopped" { misbehaves forks 500 syscall_denied; }
# bats test_tags=any-user
@test "a process that writes junk before its answer has answered badly" { misbehaves junk_before 500 bad_response; }

# ask_many N PATH: N requests over eight connections; prints how many got each status.
ask_many() {
	curl -s -Z --parallel-max 8 --max-time 60 -o /dev/null -w '%{http_code}\n' "$WEB$2?n=[1-$1]" | sort | uniq -c |
		awk '{ print $2 ":" $1 }'
}

@test "five hundred requests over eight connections: none is lost, none sees another" {
	local n=500
	[ -z "${CFN_QUICK:-}" ] || n=100
	deploy deploy --mode fresh --pm-max-children 4 --function many --entry who "$D/src/who.c"
	[ "$(ask_many "$n" /many)" = "200:$n" ]
	get /many 200 'request 1'
	eventually no_zombies
}

# bats test_tags=any-user
@test "a new version is deployed under load: no request fails" {
	local n load
	for n in 1 2 3; do
		ask_many 150 /who >"$D/load.$n" 3>&- &
		load=$!
		sed -i "s/request %d.*\\\\n/request %d, version $n\\\\n/" "$D/src/who.c"
		deploy deploy --mode fresh "$D/src/who.c"
		wait "$load"
		[ "$(cat "$D/load.$n")" = 200:150 ] || { cat "$D/load.$n"; return 1; }
		get /who 200 "request 1, version $n"
	done
}

@test "a zygote that is killed is replaced, and no request is lost that was not begun" {
	local before load counts
	get /who 200
	before=$(zygote who)
	kill -KILL "${before% *}"
	get /who 200 'request 1'
	[ "$(zygote who)" != "$before" ]
	get /neighbour 200
	ask_many 200 /who >"$D/load" 3>&- &
	load=$!
	before=$(zygote who)
	[ -z "$before" ] || kill -KILL "${before% *}"
	wait "$load"
	# At most the one that ran when it was killed.
	counts=$(cat "$D/load")
	[ "$counts" = 200:200 ] || [ "$counts" = $'200:199\n500:1' ] || { echo "$counts"; return 1; }
	eventually no_zombies
}

@test "a request whose whole worker is killed in the middle of it is a crash, and is not served again" {
	local load before
	source_make slow.c <<-'END'
		#include <unistd.h>
		int slow(cfn_request *q, cfn_response *r);
		int slow(cfn_request *q, cfn_response *r)
		{
			cfn_log(q, CFN_INFO, "it has begun");
			usleep(1500000);
			return cfn_send(r, 200, "text/plain", "slept\n");
		}
	END
	deploy deploy --mode fresh "$D/src/slow.c"
	before=$(zygote slow)
	curl -s -o "$D/slept" -w '%{http_code}\n' "$WEB/slow" >"$D/code" 3>&- &
	load=$!
	eventually grep -q 'it has begun' "$D/function.log"
	kill -KILL "${before% *}"
	wait "$load"
	[ "$(cat "$D/code")" = 500 ] && grep -q crash "$D/slept" || { cat "$D/code" "$D/slept"; return 1; }
	eventually grep -q "'slow' version .*: worker .* ended: signal KILL, crash" "$D/error.log"
	[ "$(grep -c 'it has begun' "$D/function.log")" -eq 1 ]
}

# bats test_tags=any-user
@test "pm.max_requests replaces the zygote" {
	local first
	deploy deploy --mode fresh --pm-max-requests 3 --function short --entry who "$D/src/who.c"
	get /short 200 'request 1'
	first=$(zygote short)
	for _ in 1 2 3; do get /short 200 'request 1'; done
	[ "$(zygote short)" != "$first" ]
}

# bats test_tags=any-user
@test "bodies, large ones too, and streams go through a process of their own" {
	deploy deploy --mode fresh --function demo "$functions/demo.c"
	head -c 2000000 /dev/zero | tr '\0' a >"$D/large"
	request /demo/length --data-binary "@$D/large"
	expect 200 'length 2000000'
	request /demo/length --data-binary aaa
	expect 200 'length 3'
	get /demo/count 200 'request 1 of'
	get /demo/count 200 'request 1 of'
}

# bats test_tags=any-user
@test "a client that leaves costs no worker" {
	local before
	before=$(zygote demo)
	curl -s --max-time 0.3 "$WEB/demo/nap?ms=1000" >/dev/null || true
	get /demo/count 200 'request 1 of'
	[ "$(zygote demo)" = "$before" ]
}

# hostile_zygote KIND: deployed, if it can be; whatever it answers, the neighbour goes on and the pool too.
hostile_zygote() {
	deploy deploy --mode fresh --function zygote --env "KIND=$1" "$functions/zygote.c" || return 0
	for _ in 1 2 3; do
		request /zygote
		case $CODE in
		200 | 500 | 503 | 504) ;;
		*) expect 200; return 1 ;;
		esac
		get /neighbour 200 'the neighbour'
		get /who 200 'request 1'
	done
}

@test "a zygote that makes processes, answers itself or floods harms itself alone" {
	hostile_zygote forks
	hostile_zygote answers
	hostile_zygote floods_router
	hostile_zygote floods_init
	deploy remove zygote
	eventually no_workers_of zygote
	get /neighbour 200
	eventually no_zombies
}
