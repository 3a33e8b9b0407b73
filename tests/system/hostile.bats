#!/usr/bin/env bats
# hostile.bats - functions that crash, loop, lie, eat memory or try what is forbidden: each gets its status and its
# cause, and the next request to it and to its neighbour works.  Never the web server's own 502.
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	hello_make neighbour "the neighbour"
	deploy "$D/src/neighbour.c"
	# Those alone have little time that use no CPU time: a slow or loaded machine is long at the others.
	conf <<-END
		cpu_time = 500ms
		wall_time = 60s
		memory = 48M
		[function allocates]
		cpu_time = 5s
		[function sleeps]
		wall_time = 1s
		[function stops]
		wall_time = 1s
		[function ignores]
		wall_time = 1s
	END
	pool_start
	nginx_start
}

teardown_file() {
	place_remove
}

# hostile ENTRY: deploys it at /ENTRY.
hostile() {
	deploy deploy --function "$1" --entry "$1" "$functions/hostile.c"
}

lives_on() {
	get "/$1" 200 'still here'
	get /neighbour 200 'the neighbour'
}

# misbehaves ENTRY CODE CAUSE: three times, as the first may be answered by another way than the next.
misbehaves() {
	hostile "$1"
	get /neighbour 200
	for _ in 1 2; do
		expect_cause "/$1?go" "$2" "$3"
		lives_on "$1"
	done
	grep -h "\"$3\"" "$D"/*.log | grep -q "$1"
}

# bats test_tags=any-user
@test "a function that calls exit crashes" { misbehaves exits 500 crash; }
# bats test_tags=any-user
@test "a function that calls _exit(0) crashes" { misbehaves exits_well 500 crash; }
# bats test_tags=any-user
@test "a function that aborts crashes" { misbehaves aborts 500 crash; }
# bats test_tags=any-user
@test "a function that raises SIGSEGV crashes" { misbehaves segfaults 500 crash; }
# bats test_tags=any-user
@test "a function that recurses without end crashes" { misbehaves recurses 500 crash; }
@test "a function that loops is stopped by its CPU time, which the log has" {
	misbehaves loops 504 cpu_time_limit
	grep -hqE 'cpu_time_limit; cpu [0-9]{3,} ms' "$D"/*.log
}
# bats test_tags=any-user
@test "a function that sleeps for ever is stopped by its time" { misbehaves sleeps 504 wall_time_limit; }
# bats test_tags=any-user
@test "a function that stops itself is stopped by its time" { misbehaves stops 504 wall_time_limit; }
# bats test_tags=any-user
@test "a function that ignores every signal is stopped by its time" { misbehaves ignores 504 wall_time_limit; }
# bats test_tags=any-user
@test "a function that writes junk before its answer has answered badly" { misbehaves junk_before 500 bad_response; }
@test "a function that allocates without end meets its memory limit" { misbehaves allocates 500 memory_limit; }
# bats test_tags=any-user
@test "a function that goes on forking is stopped" { misbehaves forks 500 syscall_denied; }
@test "a function that goes on executing programs is stopped, and the call is named" {
	misbehaves execs 500 syscall_denied
	grep -q '"cause":"syscall_denied","syscall":"execve"' "$D/access.log"
	[ "$(grep -c 'refused: execve, 65 times' "$D/function.log")" = 2 ]
}

@test "a function that closes every descriptor gets a 500" {
	hostile closes
	request '/closes?go' -H 'Accept: application/json'
	expect 500 '"cause":"'
	lives_on closes
}

# bats test_tags=any-user
@test "a function that forges records cannot answer without a header block" {
	hostile forges
	request '/forges?go'
	[ "$CODE" = 500 ]
	not grep -q 'no head' "$D/body"
	lives_on forges
}

# has_lost N FUNCTION: so many of its workers, for what they said.
has_lost() {
	[ "$(grep -c "function '$2' .* bad_response;" "$D/error.log")" -eq "$1" ]
}

# bats test_tags=any-user
@test "a function that writes junk after its answer loses its worker and nothing else" {
	local i
	hostile junk_after
	for i in 1 2 3; do
		request '/junk_after?go'
		expect 200 'still here'
		# What comes while that worker has the next request is its answer.
		eventually has_lost "$i" junk_after
		lives_on junk_after
	done
}

# bats test_tags=any-user
@test "what a function prints before and after its answer is no part of it" {
	hostile prints
	request '/prints?go'
	expect 200 'still here'
	[ "$(cat "$D/body")" = 'still here' ]
	eventually grep -q 'forged before' "$D/function.log"
	lives_on prints
}

# bats test_tags=any-user
@test "a status that is none, and a failed handler, are a 500" {
	hostile misstates
	get '/misstates?go' 500
	lives_on misstates
	hostile fails
	get '/fails?go' 500
	lives_on fails
}

@test "fork, exec and socket are refused, and the function lives" {
	hostile tries
	get /tries 200 'fork 1 exec 1 socket 1 EACCES'
	get /tries 200 'fork 1 exec 1 socket 1 EACCES'
}

@test "a worker that burns CPU after its answer is not missed" {
	local before
	hostile burns_idle
	request '/burns_idle?go'
	expect 200
	eventually nothing_burns
	lives_on burns_idle
}

# No worker of the pool uses the processor.
nothing_burns() {
	local first
	first=$(cpu_of_workers)
	sleep 0.3
	[ $(($(cpu_of_workers) - first)) -lt 5 ]
}

cpu_of_workers() {
	local pid sum=0 ticks
	for pid in $(pool_processes cfn-worker); do
		ticks=$(awk '{ print $14 + $15 }' "/proc/$pid/stat" 2>/dev/null)
		sum=$((sum + ${ticks:-0}))
	done
	echo "$sum"
}

# bats test_tags=any-user
@test "a stream whose function dies is cut, not ended" {
	local rc=0
	hostile stream_dies
	curl -s -o "$D/body" --max-time 20 "$WEB/stream_dies?go" || rc=$?
	[ "$rc" -ne 0 ]
	[ "$rc" -ne 28 ]
	grep -q 'a beginning' "$D/body"
	lives_on stream_dies
}

@test "a function that floods its log is answered and bounded" {
	hostile floods
	request '/floods?go'
	[ "$CODE" = 200 ] || [ "$CODE" = 500 ]
	lives_on floods
	[ "$(stat -c %s "$D/function.log")" -lt 4000000 ]
}

# bats test_tags=any-user
@test "an alarm that a request leaves behind does not reach the next one" {
	hostile alarms
	get '/alarms?go' 200
	sleep 1.2
	lives_on alarms
}

@test "eight loops at once do not keep the neighbour waiting for them" {
	local i codes
	hostile loops
	for i in 1 2 3 4 5 6 7 8; do
		curl -s -o "$D/null" --max-time 60 -w '%{http_code}\n' "$WEB/loops?go=$i" >>"$D/loop-codes" &
	done
	for i in 1 2 3 4 5 6 7 8 9 10; do
		get /neighbour 200
	done
	eventually eight_codes
	codes=$(sort "$D/loop-codes" | uniq -c | tr -s ' ')
	[ "$codes" = " 8 504" ] || { echo "$codes"; return 1; }
}

eight_codes() {
	[ "$(wc -l <"$D/loop-codes")" -eq 8 ]
}

# bats test_tags=any-user
@test "nginx never had to answer by itself" {
	not grep -E 'upstream prematurely closed connection while reading response header' "$D/nginx/error.log"
	not grep -q '" 502 ' "$D/nginx/access.log"
}
