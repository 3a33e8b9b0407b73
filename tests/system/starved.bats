#!/usr/bin/env bats
# starved.bats - what a pool needs runs out, or its web server is of no use: full disk, no descriptors, connections that
# say nothing, never read or send a byte now and then.  Requests are answered as far as they can be, and when it is over
# all is as before.
# bats file_tags=any-user
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper

setup() {
	place_make
	hello_make hello "hello"
}

teardown() {
	place_remove
}

answers() {
	fcgi <<<$'get 1 /hello 0\nread-all' | grep -q '^|hello'
}

# A function with an answer of 2 MiB.
much_deploy() {
	source_make much.c <<-'END'
		int much(cfn_request *q, cfn_response *r);
		static char text[2 << 20];
		int much(cfn_request *q, cfn_response *r)
		{
			(void)q;
			__builtin_memset(text, 'x', sizeof text - 1);
			return cfn_send(r, 200, "text/plain", text);
		}
	END
	deploy "$D/src/much.c"
}

# idle N: so many connections that say nothing, until their process ends; IDLE is that.
idle() {
	local port=${SOCKET##*:}
	(
		ulimit -n 4096
		for ((i = 0; i < $1; i++)); do
			exec {fd}<>"/dev/tcp/127.0.0.1/$port"
		done
		touch "$D/connected"
		exec sleep 600
	) 3>&- &
	IDLE=$!
	started "$IDLE"
	eventually test -e "$D/connected"
}

router_kib() {
	awk '/^RssAnon:/ { print $2 }' "/proc/$(pool_processes cfn-router)/status"
}

# open_files PID
open_files() {
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

active_connections() {
	cfn-deploy --registry "$R" --json status | jq '[.. | .connections_active? // empty] | add'
}

@test "a thousand idle connections keep nobody out" {
	deploy "$D/src/hello.c"
	SOCKET=tcp:127.0.0.1:$(port_free)
	pool_start
	idle 1000
	answers
	[ "$(active_connections)" -ge 1000 ]
	kill "$IDLE"
	eventually answers
}

@test "with more connections than there may be the one that was idle longest makes room" {
	deploy "$D/src/hello.c"
	conf <<<'connections = 50'
	SOCKET=tcp:127.0.0.1:$(port_free)
	pool_start
	idle 60
	answers
	answers
	is_alive "$IDLE"
	[ "$(active_connections)" -le 50 ]
}

@test "clients that never read hold neither the worker nor more than a bound of memory" {
	local before i
	conf <<<$'pm.max_children = 1\noutput_size = 4M'
	much_deploy
	pool_start
	fcgi <<<$'get 1 /much 0\nread-all' | grep -q '^|Status: 200'
	before=$(router_kib)
	for i in 1 2 3 4 5 6; do
		{ echo 'get 1 /much 0'; sleep 20; } | fcgi >/dev/null 2>&1 3>&- &
		started $!
	done
	eventually more_than_six
	fcgi <<<$'get 1 /much 0\nread-all' | grep -q '^|Status: 200'
	# Each holds its answer once.
	[ "$(router_kib)" -le $((before + 7 * 4096)) ]
}

more_than_six() {
	[ "$(active_connections)" -ge 6 ]
}

@test "a client that sends a byte a second is told so after its time, and holds up nobody" {
	deploy "$D/src/hello.c"
	pool_start
	{
		printf 'begin 1 1 0\nheader 1 4 1 200 0\n'
		for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
			printf 'bytes 41\n'
			sleep 1
		done
		echo read-all
	} | fcgi >"$D/slow" 2>&1 3>&- &
	answers
	wait $!
	answers
	grep -q 'Status: 408\|^closed' "$D/slow" || { cat "$D/slow"; return 1; }
}

@test "descriptors that run out in router or master cost those that need them, until there are some again" {
	local router
	[ "$(id -u)" -eq 0 ] || skip "only root sets another's limits"
	deploy "$D/src/hello.c"
	pool_start
	answers
	router=$(pool_processes cfn-router)
	prlimit --pid "$router" --nofile="$(open_files "$router"):"
	fcgi <<<$'get 1 /hello 0\nread-all' >"$D/answer" 2>&1 3>&- &
	sleep 0.5
	is_alive "$router"
	prlimit --pid "$router" --nofile=1024:
	wait $!
	grep -q '^|hello' "$D/answer" || { cat "$D/answer"; return 1; }
	# The master: no deploy gets its vote, what serves goes on.
	prlimit --pid "$POOL" --nofile="$(open_files "$POOL"):"
	hello_make hello "hello, again"
	refused 65 timeout 100 cfn-deploy --registry "$R" deploy "$D/src/hello.c" || refused 75 timeout 100 cfn-deploy --registry "$R" deploy "$D/src/hello.c"
	answers
	prlimit --pid "$POOL" --nofile=1024:
	deploy "$D/src/hello.c"
	eventually answers
	is_alive "$router"
}

# memory_limit PID BYTES: it gets so many more than it has, or "unlimited".
memory_limit() {
	local size=$2
	[ "$size" = unlimited ] || size=$((size + 1024 * $(awk '/^VmSize:/ { print $2 }' "/proc/$1/status")))
	prlimit --pid "$1" --as="$size":
}

@test "memory that is short in a router costs the answers that need it, with 503, until there is some again" {
	local router
	[ "$(id -u)" -eq 0 ] || skip "only root sets another's limits"
	conf <<<'output_size = 4M'
	deploy "$D/src/hello.c"
	much_deploy
	pool_start
	answers
	router=$(pool_processes cfn-router)
	memory_limit "$router" 500000
	fcgi <<<$'get 1 /much 0\nread-all' >"$D/answer"
	grep -q '^|Status: 503' "$D/answer" && grep -q '^|Retry-After: ' "$D/answer" || { head -c 1000 "$D/answer"; return 1; }
	answers
	memory_limit "$router" unlimited
	fcgi <<<$'get 1 /much 0\nread-all' | grep -q '^|Status: 200'
	answers
	is_alive "$router"
}

# switched on|off: what /other answers.
switched() {
	local status=200
	[ "$1" = on ] || status=503
	fcgi <<<$'get 1 /other 0\nread-all' | grep -q "^|Status: $status"
}

says_not_published() {
	[ "$(grep -c 'is not published yet: ' "$D/error.log")" -eq "$1" ]
}

@test "memory or descriptors that are short in the master cost changes and reloads, and what was to be is when there are some again" {
	local n=0 short
	[ "$(id -u)" -eq 0 ] || skip "only root sets another's limits"
	hello_make other "other"
	deploy "$D/src/hello.c"
	deploy "$D/src/other.c"
	hello_make hello "hello, again"
	pool_start
	answers
	switched on
	for short in memory descriptors; do
		if [ "$short" = memory ]; then
			memory_limit "$POOL" 0
		else
			# Not one more, whichever of them it lets go.
			prlimit --pid "$POOL" --nofile=1:
		fi
		# A change that needs no vote, one that does, a configuration.
		timeout 100 cfn-deploy --registry "$R" disable other >"$D/out" 2>&1 3>&- || true
		not grep -q '1 pool' "$D/out"
		n=$((n + 1))
		eventually says_not_published "$n"
		switched on
		timeout 100 cfn-deploy --registry "$R" deploy "$D/src/hello.c" >"$D/out2" 2>&1 3>&- || true
		not grep -q '1 pool' "$D/out2"
		kill -HUP "$POOL"
		answers
		prlimit --pid "$POOL" --nofile=1024: --as=unlimited:
		eventually switched off
		deploy enable other
		eventually switched on
		kill -HUP "$POOL"
		answers
	done
	deploy "$D/src/hello.c"
	eventually answers
	is_alive "$POOL"
}

@test "a full disk under registry, logs and state costs deploys and log lines, and no request" {
	[ "$(id -u)" -eq 0 ] || skip "needs a file system of its own"
	mkdir "$D/full"
	cat >"$D/full.sh" <<-END
		set -eu
		export BATS_TEST_DIRNAME=$BATS_TEST_DIRNAME CFN_TMP=$D/full
		mount -t tmpfs -o size=4m,mode=755 cfn "$D/full"
		. "$BATS_TEST_DIRNAME/helper.bash"
		place_make
		cp "$D/src/hello.c" "\$D/src"
		deploy "\$D/src/hello.c"
		pool_start
		answers() { fcgi <<<\$'get 1 /hello 0\nread-all' | grep -q '^|hello'; }
		again() { deploy "\$D/src/hello.c" >/dev/null 2>&1; }
		answers
		head -c 10000000 /dev/zero >"\$D/filler" 2>/dev/null || true
		for _ in 1 2 3 4 5 6 7 8; do answers; done
		hello_make hello "hello, again" 2>/dev/null || true
		printf '#include <cfn.h>\nint hello(cfn_request *q, cfn_response *r);\nint hello(cfn_request *q, cfn_response *r) { (void)q; return cfn_send(r, 200, "text/plain", "hello, again"); }\n' >"$D/hello.c"
		rc=0
		TMPDIR=$D timeout 100 cfn-deploy --registry "\$R" deploy "$D/hello.c" >"$D/out" 2>"$D/err" || rc=\$?
		echo "\$rc" >"$D/rc"
		TMPDIR=$D cfn-deploy --registry "\$R" backup "\$D/kept.db" >>"$D/out" 2>"$D/err.backup" && exit 3
		[ -z "\$(find "\$D" -name 'kept.db*')" ]
		kill -KILL "\$(pool_processes cfn-worker | head -n 1)"
		eventually answers
		rm "\$D/filler"
		cp "$D/hello.c" "\$D/src/hello.c"
		eventually again
		answers
		n=\$(wc -l <"\$D/access.log")
		answers
		eventually test "\$(wc -l <"\$D/access.log")" -gt "\$n"
		[ "\$(sqlite3 "\$R" 'PRAGMA integrity_check')" = ok ]
		cp "\$D/error.log" "$D/full.log"
		place_remove
	END
	run unshare --mount bash "$D/full.sh"
	echo "$output"
	cat "$D/err" "$D/full.log" || true
	[ "$status" -eq 0 ]
	grep -qx '7[34]' "$D/rc"
	one_line "$D/err"
	one_line "$D/err.backup"
}

@test "a full disk under the state alone costs records and functions that are new, with a line each" {
	[ "$(id -u)" -eq 0 ] || skip "needs a file system of its own"
	deploy "$D/src/hello.c"
	deploy "$functions/fails.c" >/dev/null
	hello_make another "another"
	mkdir "$R.pool"
	cat >"$D/full.sh" <<-END
		set -eu
		export BATS_TEST_DIRNAME=$BATS_TEST_DIRNAME
		. "$BATS_TEST_DIRNAME/helper.bash"
		mount -t tmpfs -o size=256k,mode=700 cfn "$R.pool"
		pool_start
		crash() { fcgi <<<\$'get 1 /fails/crashes/now 0\nread-all' | grep -q 'Status: 500'; }
		records() { cfn-deploy --registry "$R" --json crashes | jq '.crashes | length'; }
		has_records() { [ "\$(records)" -ge "\$1" ]; }
		is_said() { [ "\$(grep -c 'pool/crashes: No space left on device; crashes are not recorded' "$D/error.log")" -eq 1 ]; }
		fcgi <<<\$'get 1 /hello 0\nread-all' | grep -q '^|hello'
		crash
		eventually has_records 1
		head -c 1000000 /dev/zero >"$R.pool/filler" 2>/dev/null || true
		# More than ten a second of a function are not looked at.
		for _ in 1 2 3; do crash; sleep 0.2; done
		eventually is_said
		rc=0
		deploy "$D/src/another.c" >"$D/out" 2>"$D/err" || rc=\$?
		echo "\$rc" >"$D/rc"
		fcgi <<<\$'get 1 /hello 0\nread-all' | grep -q '^|hello'
		is_said
		rm "$R.pool/filler"
		crash
		eventually has_records 2
		deploy "$D/src/another.c"
		fcgi <<<\$'get 1 /another 0\nread-all' | grep -q '^|another'
		pool_stop TERM
	END
	run unshare --mount bash "$D/full.sh"
	echo "$output"
	cat "$D/error.log" "$D/err" || true
	[ "$status" -eq 0 ]
	one_line "$D/err"
	grep -q 'another v1 is not active: pool .*: write uid table: No space left on device$' "$D/err"
	[ "$(cat "$D/rc")" -eq 65 ]
}
