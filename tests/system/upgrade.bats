#!/usr/bin/env bats
# upgrade.bats - other binaries without a lost request: a new pool takes the socket of the one that runs, a socket that a
# supervisor keeps open, and what systemd is told meanwhile.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load runs

setup() {
	place_make
	hello_make hello "hello there"
	deploy "$D/src/hello.c"
}

teardown() {
	place_remove
}

ended() {
	! is_alive "$1"
}

# load_start: 8 clients, half of them with POST, ask through nginx until $D/enough is there; a line for each answer.
load_start() {
	local i method
	LOAD=()
	rm -f "$D/enough" "$D"/codes.*
	for i in 1 2 3 4 5 6 7 8; do
		method=(-G)
		[ $((i % 2)) -eq 0 ] || method=(-d body=1)
		while [ ! -e "$D/enough" ]; do
			curl -s -o /dev/null -w '%{http_code}\n' --max-time 60 "${method[@]}" "$WEB/hello?[1-40]"
		done >"$D/codes.$i" 2>&1 3>&- &
		LOAD+=($!)
	done
}

# n_answers: so far.
n_answers() {
	cat "$D"/codes.* | wc -l
}

# more_than N: answers.
more_than() {
	[ "$(n_answers)" -gt "$1" ]
}

some_more() {
	eventually more_than $(($(n_answers) + 300))
}

# load_stop: every one of them was 200.
load_stop() {
	: >"$D/enough"
	wait "${LOAD[@]}"
	echo "$(n_answers) answers, not 200: $(cat "$D"/codes.* | grep -vc '^200$')"
	[ "$(n_answers)" -gt 1000 ] && not grep -qv '^200$' "$D"/codes.*
}

# pool_replace: another pool, which is POOL when it serves; OLD is the one before.
pool_replace() {
	OLD=$POOL
	cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET" --replace >>"$D/pool.out" 2>&1 3>&- &
	POOL=$!
	started "$POOL"
	eventually ended "$OLD"
	is_alive "$POOL"
	remember_below "$POOL"
}

@test "a pool is replaced again and again under load, and no request is lost" {
	pool_start
	nginx_start
	load_start
	some_more
	for _ in 1 2 3; do
		pool_replace
		some_more
	done
	load_stop
	# The name belongs to the last one, which removes it.
	test -S "$D/x.sock"
	pool_stop QUIT
	not test -S "$D/x.sock"
}

# pool_follow: as pool_replace, but the one before may go on for as long as it has something to do.
pool_follow() {
	local n
	n=$(grep -c 'another pool serves from now on' "$D/error.log" || true)
	OLD=$POOL
	cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET" --replace >>"$D/pool.out" 2>&1 3>&- &
	POOL=$!
	started "$POOL"
	eventually has_followed $((n + 1))
	remember_below "$POOL"
}

has_followed() {
	[ "$(grep -c 'another pool serves from now on' "$D/error.log")" -ge "$1" ]
}

# It says /begun, and answers when /enough is there.
waits_make() {
	source_make waits.c <<-'END'
		#include <fcntl.h>
		#include <unistd.h>
		int waits(cfn_request *q, cfn_response *r);
		int waits(cfn_request *q, cfn_response *r)
		{
			close(open("/begun", O_CREAT | O_WRONLY, 0600));
			while (access("/enough", F_OK) < 0)
				cfn_wait(q, 50);
			return cfn_send(r, 200, "text/plain", "waited\n");
		}
	END
	deploy deploy --shared files --wall-time 120s "$D/src/waits.c"
}

@test "while the first pool still answers, three more follow each other, and its connection comes to the last" {
	local first second
	conf <<-END
		shared_dir = $D/shared
		process_control_timeout = 120s
	END
	pool_start
	first=$POOL
	waits_make
	nginx_start
	mkfifo "$D/script"
	"$CFN_CLIENT" "$SOCKET" <"$D/script" >"$D/kept.out" 3>&- &
	started $!
	exec 7>"$D/script"
	printf 'get 1 /waits 1\nread\n' >&7
	eventually test -e "$D/shared/files/begun"
	load_start
	some_more
	pool_follow
	second=$POOL
	some_more
	pool_follow
	eventually ended "$second"
	pool_follow
	eventually ended "$OLD"
	is_alive "$first"
	some_more
	load_stop
	: >"$D/shared/files/enough"
	eventually grep -q '^end 1 0 0' "$D/kept.out"
	eventually ended "$first"
	printf 'get 2 /hello 1\nread\n' >&7
	eventually grep -q '^end 2 0 0' "$D/kept.out"
	exec 7>&-
	grep -q '^|hello there' "$D/kept.out"
	is_alive "$POOL"
}

has_spawner() {
	[ -n "$(descendants "$1" cfn-spawn)" ]
}

@test "what cannot start, or dies half-way, leaves the pool that serves; where none serves, it starts as ever" {
	pool_start
	cp "$D/cfn.conf" "$D/bad.conf"
	echo 'nonsense = 1' >>"$D/bad.conf"
	refused 78 cfn-pool -c "$D/bad.conf" --registry "$R" --listen "$SOCKET" --replace
	# It has the socket already, and no spawner.
	CFN_LIBEXECDIR=$D refused 72 cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET" --replace
	pool_answers
	test -S "$D/x.sock"
	# It has the socket and a spawner, and waits for somebody to read its log: then it is killed.
	mkfifo "$D/fifo"
	chmod 666 "$D/fifo"
	sed "s,^error_log.*,error_log = $D/fifo," "$D/cfn.conf" >"$D/wait.conf"
	cfn-pool -c "$D/wait.conf" --registry "$R" --listen "$SOCKET" --replace >>"$D/pool.out" 2>&1 3>&- &
	started $!
	eventually has_spawner $!
	remember_below $!
	# A second heir would serve beside it.
	refused 77 cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET" --replace
	grep -q 'another pool is just taking over' "$D/err"
	kill -s KILL $!
	wait $! || true
	pool_answers
	is_alive "$POOL"
	# After it another one can.
	pool_replace
	pool_answers
	pool_stop TERM
	pool_start --replace
	pool_answers
}

@test "of several pools the one with the same address is replaced, and without an address none" {
	local other first
	pool_start
	first=$POOL
	SOCKET=unix:$D/second.sock
	pool_start
	other=$POOL
	refused 64 cfn-pool -c "$D/cfn.conf" --registry "$R" --replace
	grep -q 'several pools serve this registry' "$D/err"
	: >"$D/pool.out"
	pool_replace
	[ "$OLD" = "$other" ]
	# So is one who gives another address than that of the pool that he means.
	grep -q "pool $first, which serves this registry on unix:$D/x.sock, goes on beside this one" "$D/pool.out"
	pool_answers
	is_alive "$first"
}

@test "a new pool whose metrics.listen is taken ends before it replaces, and one with another address changes it" {
	local port
	port=$(port_free)
	conf <<<"metrics.listen = tcp:127.0.0.1:$port"
	pool_start
	# What is taken is not what the old one has.
	sed "s|^metrics.listen.*|metrics.listen = $SOCKET|" "$D/cfn.conf" >"$D/taken.conf"
	refused 69 cfn-pool -c "$D/taken.conf" --registry "$R" --listen "$SOCKET" --replace
	grep -q 'metrics.listen: listen on .*: another program is listening there' "$D/err"
	pool_answers
	curl -fsS "http://127.0.0.1:$port/metrics" | grep -q '^cfn_'
	# By another name it is the same, and comes over.
	sed -i "s|^metrics.listen.*|metrics.listen = tcp:localhost:$port|" "$D/cfn.conf"
	pool_replace
	curl -fsS "http://127.0.0.1:$port/metrics" | grep -q '^cfn_'
	sed -i "s|^metrics.listen.*|metrics.listen = unix:$D/metrics.sock|" "$D/cfn.conf"
	pool_replace
	curl -fsS --unix-socket "$D/metrics.sock" http://localhost/metrics | grep -q '^cfn_'
	not curl -fsS "http://127.0.0.1:$port/metrics"
}

waits_for_the_runner() {
	cfn-deploy --registry "$R" --json status | jq -es '[.. | .requests_queued? // 0] | add > 0'
}

@test "programs that run are finished before the next pool's runner starts, and requests wait for it, in a chain of pools too" {
	local first second
	run_serve
	first=$POOL
	async "$(bash_run 'sleep 8; echo slept')"
	eventually has_status "$ID" running
	pool_follow
	second=$POOL
	(post "$(bash_run 'echo next')" && expect 200 && result .stdout next) 3>&- &
	waiting=$!
	eventually waits_for_the_runner
	pool_follow
	wait "$waiting"
	eventually has_status "$ID" accepted
	request "/api/run/$ID"
	result .stdout slept
	post "$(bash_run 'echo last')"
	expect 200
	result .stdout last
	eventually ended "$first"
	eventually ended "$second"
	# In the log of all: the end of one, then the next one's runner.
	[ "$(grep -oE 'stopped$|runner is ready' "$D/error.log" | paste -sd ,)" = \
		"runner is ready,stopped,runner is ready,stopped,runner is ready" ]
}

# bats test_tags=any-user
@test "who may write the registry may not have the socket, nor stop the pool" {
	local user=61999
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	chown -R 61777:61888 "$D/reg"
	chmod 2775 "$D/reg"
	chmod 660 "$R"
	chmod 777 "$D"
	pool_start
	refused 77 setpriv --reuid=$user --regid=61888 --clear-groups cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET" --replace
	grep -q 'only root and the user of this pool may replace it' "$D/err"
	# He may ask for what is a deployer's.
	setpriv --reuid=$user --regid=61888 --clear-groups cfn-deploy --registry "$R" status >/dev/null
	pool_answers
	is_alive "$POOL"
}

# said TEXT [TIMES]: the supervisor heard it so often, or oftener.
said() {
	[ "$(grep -cF -- "$1" "$D/said")" -ge "${2:-1}" ]
}

supervisor_start() {
	"$(dirname "$CFN_CLIENT")/supervisor" "$D" cfn-pool -c "$D/cfn.conf" --registry "$R" >>"$D/pool.out" 2>&1 3>&- &
	SUPERVISOR=$!
	started "$SUPERVISOR"
	eventually said READY=1
	POOL=$(cat "$D/supervised")
	remember_below "$SUPERVISOR"
}

@test "a socket that the supervisor holds, and connections that it keeps: a restart under load loses no request" {
	supervisor_start
	nginx_start
	load_start
	some_more
	kill -s HUP "$SUPERVISOR"
	eventually said READY=1 2
	some_more
	kill -s HUP "$SUPERVISOR"
	eventually said READY=1 3
	some_more
	load_stop
	said STOPPING=1 2
	said FDSTORE=1
	said FDSTOREREMOVE=1
	remember_below "$SUPERVISOR"
}

@test "systemd is told of start, reload and stop, and gets its pings while spawner and routers answer" {
	export WATCHDOG_USEC=1000000
	supervisor_start
	said 'READY=1 STATUS=serving'
	eventually said WATCHDOG=1 3
	kill -s HUP "$POOL"
	eventually said 'RELOADING=1 MONOTONIC_USEC='
	eventually said READY=1 2
	for program in cfn-router cfn-spawn; do
		victim=$(pool_processes "$program" | head -n 1)
		kill -s STOP "$victim"
		eventually grep -q 'watchdog: .* does not answer' "$D/error.log"
		: >"$D/said"
		sleep 1 # more than three looks
		[ ! -s "$D/said" ]
		kill -s CONT "$victim"
		eventually said WATCHDOG=1 2
		: >"$D/error.log"
	done
	kill -s TERM "$SUPERVISOR"
	eventually said STOPPING=1
}
