#!/usr/bin/env bats
# life.bats - processes: signals, process managers, kill -9 of each, and nothing left behind.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper

setup_file() {
	place_make
	deploy "$functions/demo.c"
	hello_make neighbour "the neighbour"
	deploy "$D/src/neighbour.c"
	BASE=$D
	export BASE
	: >"$D/started"
}

teardown_file() {
	D=${BASE:-$D}
	place_remove
}

setup() {
	place_make
	cp -a "$BASE/reg/." "$D/reg/"
}

teardown() {
	place_remove
}

ask() {
	fcgi <<<"get 1 $1 0"$'\nread-all'
}

# answers PATH TEXT
answers() {
	local answer
	answer=$(ask "$1") || true
	grep -qF -- "$2" <<<"$answer" || { echo "$1: $answer"; return 1; }
}

n_workers() {
	pool_processes cfn-worker | wc -l
}

# Each worker is two processes: its init and itself.
workers_are() {
	[ "$(n_workers)" -eq $(($1 * 2)) ]
}

ended() {
	! is_alive "$POOL"
}

# bats test_tags=any-user
@test "QUIT lets requests in flight finish, TERM does not wait" {
	local answer status=0
	pool_start
	fcgi <<<$'begin 1 1 0\nparam REQUEST_METHOD GET\nparam SCRIPT_NAME /demo/nap\nparam QUERY_STRING ms=1500\nparams 1\nend 1\nread-all' \
		>"$D/slow" 3>&- &
	answer=$!
	eventually workers_are 1
	sleep 0.3
	pool_stop QUIT
	wait "$answer"
	grep -q 'slept 1500' "$D/slow"
	eventually all_gone
	not test -S "$D/x.sock"
	pool_start
	answers /neighbour 'the neighbour'
	pool_stop TERM
	eventually all_gone
	pool_start
	answers /neighbour 'the neighbour'
	pool_stop INT
	eventually all_gone
}

@test "HUP and USR2 reload the configuration, USR1 opens the logs anew" {
	pool_start
	answers /demo/hello 'Hello, world'
	eventually grep -q /demo/hello "$D/access.log"
	mv "$D/access.log" "$D/access.old"
	mv "$D/function.log" "$D/function.old" 2>/dev/null || true
	kill -USR1 "$POOL"
	eventually test -e "$D/access.log"
	answers /demo/item/5 "item '5'"
	eventually grep -q /demo/item/5 "$D/access.log"
	not grep -q /demo/item/5 "$D/access.old"
	printf '[function demo]\nwall_time = 300ms\n' >>"$D/cfn.conf"
	kill -HUP "$POOL"
	eventually times_out
	sed -i 's/wall_time = 300ms/wall_time = 9s/' "$D/cfn.conf"
	kill -USR2 "$POOL"
	eventually naps
	is_alive "$POOL"
}

# bats test_tags=any-user
@test "a share of a processor needs a cgroup, and what is not held is said" {
	printf '[function demo]\ncpu_share = 50\n' | conf
	sed -i '/^\[global\]/a cgroup = off' "$D/cfn.conf"
	pool_start
	grep -qh "function 'demo' version 1: cpu_share is not held: it needs a cgroup" "$D/pool.out" "$D/error.log"
	[ "$(cat "$D/pool.out" "$D/error.log" | grep -c 'is not held')" = 1 ]
	answers /demo/hello 'Hello, world'
}

spares_are() {
	[ "$(pool_processes cfn-spare | wc -l)" -eq "$1" ]
}

# status_is JQ-EXPRESSION: of the only pool.
status_is() {
	cfn-deploy --registry "$R" --json status 3>&- | jq -e ".pools[0] | $1" >/dev/null
}

@test "two sandboxes wait for any function, are taken and replaced, and a reload says how many there are" {
	pool_start
	eventually spares_are 2
	eventually status_is '.spares == 2 and .spares_wanted == 2'
	answers /neighbour 'the neighbour'
	status_is '.cold_starts == [{spare: true, n: 1, mean_us: .cold_starts[0].mean_us, longest_us: .cold_starts[0].mean_us},
		{spare: false, n: 0, mean_us: 0, longest_us: 0}]'
	status_is '.cold_starts[0].mean_us > 0 and .spares_taken == 1 and .spares_missed == 0'
	workers_are 1
	eventually status_is '.spares == 2'
	# One that is killed is replaced, and whoever comes meanwhile is answered.
	kill -KILL "$(pool_processes cfn-spare | head -n 1)"
	answers /demo/hello 'ello'
	eventually status_is '.spares == 2'
	sed -i '/^\[global\]/a pm.spare_sandboxes = 0' "$D/cfn.conf"
	kill -HUP "$POOL"
	eventually spares_are 0
	cfn-deploy --registry "$R" restart neighbour 3>&-
	eventually workers_are 1
	answers /neighbour 'the neighbour'
	status_is '.cold_starts[1].n >= 1 and .spares == 0 and .spares_wanted == 0'
	pool_stop QUIT
}

# bats test_tags=any-user
@test "what only a start can change is named when it is reloaded" {
	pool_start
	sed -i -e '/^listen.mode/d' -e '/^\[global\]/a listen.mode = 0640\nlisten.backlog = 5\nmount_prefix = /other' "$D/cfn.conf"
	kill -HUP "$POOL"
	eventually grep -q 'mount_prefix: a new value takes effect at the next start' "$D/error.log"
	grep -q 'listen.mode: a new value takes effect at the next start' "$D/error.log"
	grep -q 'listen.backlog: a new value takes effect at the next start' "$D/error.log"
	answers /neighbour 'the neighbour'
}

nap_answer() {
	fcgi <<<$'begin 1 1 0\nparam REQUEST_METHOD GET\nparam SCRIPT_NAME /demo/nap\nparam QUERY_STRING ms=600\nparams 1\nend 1\nread-all'
}
is_gone() { ! is_alive "$1"; }
times_out() { nap_answer | grep -q wall_time_limit; }
naps() { nap_answer | grep -q 'slept 600'; }

# bats test_tags=any-user
@test "a configuration with a fault does not end a pool that is asked to reload it" {
	pool_start
	echo 'no_such_key = 1' >>"$D/cfn.conf"
	kill -HUP "$POOL"
	eventually grep -q no_such_key "$D/error.log" "$D/pool.out"
	answers /neighbour 'the neighbour'
}

@test "a worker that is killed is replaced, and its request gets an answer" {
	local pid
	pool_start
	answers /neighbour 'the neighbour'
	for _ in 1 2 3; do
		pid=$(pool_processes cfn-worker | tail -n 1)
		kill -9 "$pid"
		eventually is_gone "$pid"
		answers /neighbour 'the neighbour'
	done
	fcgi <<<$'begin 1 1 0\nparam REQUEST_METHOD GET\nparam SCRIPT_NAME /demo/nap\nparam QUERY_STRING ms=5000\nparams 1\nend 1\nread-all' \
		>"$D/slow" 3>&- &
	pid=$!
	eventually workers_are 2
	sleep 0.3
	# Its init may have taken it along already.
	pool_processes cfn-worker | xargs kill -9 2>/dev/null || true
	wait "$pid"
	grep -q 'Status: 500' "$D/slow"
	grep -q crash "$D/slow"
	answers /demo/hello 'Hello, world'
}

@test "a router that is killed comes back" {
	local before
	pool_start
	answers /neighbour 'the neighbour'
	for _ in 1 2; do
		before=$(pool_processes cfn-router)
		[ -n "$before" ]
		kill -9 "$before"
		eventually pool_answers
		[ "$(pool_processes cfn-router)" != "$before" ]
		answers /neighbour 'the neighbour'
	done
}

@test "several routers serve one socket, and one of them may go" {
	conf <<<'routers = 3'
	pool_start
	[ "$(pool_processes cfn-router | wc -l)" -eq 3 ]
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		answers /neighbour 'the neighbour'
	done
	kill -9 "$(pool_processes cfn-router | head -n 1)"
	eventually three_routers
	for _ in 1 2 3 4 5 6; do
		answers /demo/hello 'Hello, world'
	done
}

three_routers() {
	[ "$(pool_processes cfn-router | wc -l)" -eq 3 ]
}

@test "when the master is killed nothing is left, and the next pool takes the stale socket" {
	pool_start
	answers /neighbour 'the neighbour'
	answers /demo/hello 'Hello, world'
	remember_below "$POOL"
	[ "$(sort -u "$D/below" | wc -l)" -ge 6 ]
	kill -9 "$POOL"
	eventually all_gone
	[ -S "$D/x.sock" ]
	pool_start
	answers /neighbour 'the neighbour'
}

# bats test_tags=kernel
@test "when the master is killed under load nothing is left" {
	local i pids=()
	pool_start
	for i in 1 2 3 4 5 6; do
		fcgi >/dev/null 2>&1 3>&- <<<$'begin 1 1 0\nparam REQUEST_METHOD GET\nparam SCRIPT_NAME /demo/nap\nparam QUERY_STRING ms=3000\nparams 1\nend 1\nread-all' &
		pids+=($!)
	done
	eventually workers_are 4
	remember_below "$POOL"
	kill -9 "$POOL"
	eventually all_gone
	wait "${pids[@]}"
}

@test "when the spawner is killed the pool ends, and nothing is left" {
	local spawner
	pool_start
	answers /neighbour 'the neighbour'
	remember_below "$POOL"
	spawner=$(pool_processes cfn-spawn)
	[ -n "$spawner" ]
	kill -9 "$spawner"
	eventually ended
	eventually all_gone
	pool_start
	answers /neighbour 'the neighbour'
}

# bats test_tags=any-user
@test "pm = static has its workers from the start and keeps them" {
	printf '[function neighbour]\npm = static\npm.max_children = 3\n' >>"$D/cfn.conf"
	pool_start
	eventually workers_are 3
	answers /neighbour 'the neighbour'
	kill -9 "$(pool_processes cfn-worker | tail -n 1)"
	eventually workers_are 3
}

# bats test_tags=any-user
@test "pm = dynamic keeps its spare workers" {
	printf '[function neighbour]\npm = dynamic\npm.max_children = 4\npm.min_spare_servers = 2\n' >>"$D/cfn.conf"
	pool_start
	eventually workers_are 2
	answers /neighbour 'the neighbour'
	sleep 0.3
	eventually workers_are 2
}

# bats test_tags=any-user
@test "pm = ondemand starts with the first request and ends when idle" {
	printf '[function neighbour]\npm = ondemand\npm.process_idle_timeout = 500ms\n' >>"$D/cfn.conf"
	pool_start
	workers_are 0
	answers /neighbour 'the neighbour'
	workers_are 1
	eventually workers_are 0
	answers /neighbour 'the neighbour'
}

# bats test_tags=any-user
@test "pm.max_requests replaces the worker" {
	printf '[function demo]\npm.max_requests = 3\n' >>"$D/cfn.conf"
	pool_start
	answers /demo/count 'request 1 of'
	answers /demo/count 'request 2 of'
	answers /demo/count 'request 3 of'
	answers /demo/count 'request 1 of'
}

# bats test_tags=any-user
@test "never more workers than pm.max_children, and a full queue is a 503 with Retry-After" {
	local i n_503
	printf '[function demo]\npm.max_children = 2\nqueue = 3\n' >>"$D/cfn.conf"
	pool_start
	for i in 1 2 3 4 5 6 7 8 9 10; do
		nap_answer >"$D/answer.$i" 3>&- &
	done
	eventually workers_are 2
	eventually ten_answers
	workers_are 2
	n_503=$(grep -l 'Status: 503' "$D"/answer.* | wc -l)
	[ "$n_503" -ge 1 ]
	grep -q overloaded "$D"/answer.*
	[ "$(grep -l 'Retry-After' "$D"/answer.* | wc -l)" -eq "$n_503" ]
	[ "$(grep -l 'Status: 200' "$D"/answer.* | wc -l)" -eq $((10 - n_503)) ]
	# However late the first worker comes, three can wait for it.
	[ "$(grep -l 'Status: 200' "$D"/answer.* | wc -l)" -ge 3 ]
}

ten_answers() {
	[ "$(grep -l '^closed' "$D"/answer.* | wc -l)" -eq 10 ]
}

# bats test_tags=any-user
@test "a live socket is refused, and its pool goes on" {
	pool_start
	refused 75 cfn-pool --registry "$R" --listen "$SOCKET" || refused 69 cfn-pool --registry "$R" --listen "$SOCKET"
	answers /neighbour 'the neighbour'
}

# bats test_tags=any-user
@test "what has taken the place of the socket is not removed with it" {
	pool_start
	rm "${SOCKET#unix:}"
	echo mine >"${SOCKET#unix:}"
	pool_stop TERM || true
	grep -q mine "${SOCKET#unix:}"
}

# bats test_tags=any-user
@test "a socket in a folder that is not there is refused by that name" {
	refused 73 cfn-pool --registry "$R" --listen "unix:$D/none/cfn.sock"
	grep -q 'its folder is not there' "$D/err"
}

# bats test_tags=any-user
@test "two pools serve one registry, and a deploy reaches both" {
	local first=$SOCKET
	pool_start
	SOCKET=unix:$D/second.sock
	pool_start
	answers /neighbour 'the neighbour'
	hello_make late "it came late"
	deploy "$D/src/late.c"
	answers /late 'it came late'
	SOCKET=$first
	answers /late 'it came late'
	deploy disable late
	answers /late disabled
	SOCKET=unix:$D/second.sock
	answers /late disabled
}

@test "LISTEN_FDS gives the socket as descriptor 3" {
	perl -MIO::Socket::UNIX -MPOSIX -e '
		my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => shift, Listen => 100) or die;
		POSIX::dup2(fileno($s), 3) if fileno($s) != 3;
		$^F = 10;
		fcntl($s, 2, 0);
		$ENV{LISTEN_PID} = $$;
		$ENV{LISTEN_FDS} = 1;
		exec @ARGV;' "$D/x.sock" "$(command -v cfn-pool)" -c "$D/cfn.conf" --registry "$R" </dev/null \
		>>"$D/pool.out" 2>&1 3>&- &
	POOL=$!
	started "$POOL"
	eventually pool_answers
	remember_below "$POOL"
	answers /neighbour 'the neighbour'
}

# bats test_tags=any-user
@test "the request's id, the access log and the function's log belong together" {
	local id
	conf <<<""
	pool_start
	fcgi >"$D/answer" <<-END
		begin 1 1 0
		param REQUEST_METHOD GET
		param SCRIPT_NAME /demo/says
		param QUERY_STRING text=marker
		param REMOTE_ADDR 192.0.2.7
		params 1
		end 1
		read-all
	END
	grep -q said "$D/answer"
	id=$(sed -n 's/^|X-Request-Id: //p' "$D/answer")
	[ -n "$id" ]
	eventually grep -q 'by cfn_log: marker' "$D/function.log"
	eventually grep -q 'on stdout: marker' "$D/function.log"
	eventually grep -q 'on stderr: marker' "$D/function.log"
	[ "$(grep -c "$id" "$D/function.log")" -ge 3 ]
	eventually grep -q "$id" "$D/access.log"
	grep "$id" "$D/access.log" | jq -e '.status == 200' >/dev/null
	jq -e . "$D/access.log" >/dev/null
	jq -e . "$D/function.log" >/dev/null
}

# bats test_tags=any-user
@test "the web server's REQUEST_ID is taken when it is a token" {
	pool_start
	run fcgi <<-END
		begin 1 1 0
		param REQUEST_METHOD GET
		param SCRIPT_NAME /demo/id
		param REQUEST_ID 0123456789abcdef0123456789abcdef
		params 1
		end 1
		read-all
	END
	[[ $output == *'X-Request-Id: 0123456789abcdef0123456789abcdef'* ]]
	[[ $output == *'|id 0123456789abcdef0123456789abcdef'* ]]
}

# bats test_tags=any-user
@test "control bytes in a log line are escaped" {
	pool_start
	fcgi >"$D/answer" <<-END
		begin 1 1 0
		param REQUEST_METHOD GET
		param SCRIPT_NAME /demo/says
		param QUERY_STRING text=a%0a%1b%5b31mforged
		params 1
		end 1
		read-all
	END
	eventually grep -q forged "$D/function.log"
	not grep -q $'\x1b' "$D/function.log"
	jq -e . "$D/function.log" >/dev/null
}

# bats test_tags=any-user
@test "a function that crashes again and again is held back, its neighbour is not" {
	local i pids=()
	deploy deploy --function aborts --entry aborts "$functions/hostile.c"
	pool_start
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		fcgi >/dev/null 2>&1 3>&- <<<$'begin 1 1 0\nparam REQUEST_METHOD GET\nparam SCRIPT_NAME /aborts\nparam QUERY_STRING go\nparams 1\nend 1\nread-all' &
		pids+=($!)
	done
	for i in 1 2 3 4 5; do
		answers /neighbour 'the neighbour'
	done
	wait "${pids[@]}"
	answers /neighbour 'the neighbour'
	eventually answers /aborts 'still here'
}
