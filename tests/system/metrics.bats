#!/usr/bin/env bats
# What a pool says of itself: pages through a web server, metrics at an address of their own, and cfn-deploy top.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154

load helper.bash
load runs.bash

setup_file() {
	place_make
	PORT=$(port_free)
	export PORT
	conf <<-END
		pm.status_path = /status
		ping.path = /ping
		ping.response = here
		healthz.path = /healthz
		readyz.path = /readyz
		metrics.listen = tcp:127.0.0.1:$PORT
		wall_time = 1s
		slowlog = /dev/full
		request_slowlog_timeout = 500ms
		[run]
		enabled = on
		[function limits]
		wall_time = 30s
		[function patient]
		wall_time = 30s
		pm.max_children = 1
		queue = 1
	END
	hello_make hello hi
	source_make bad.c <<-'END'
		#include <stdlib.h>
		#include <string.h>
		#include <sys/socket.h>
		#include <unistd.h>
		int bad(cfn_request *q, cfn_response *r);
		int bad(cfn_request *q, cfn_response *r)
		{
			const char *how = cfn_query(q, "how");

			if (how && !strcmp(how, "crash"))
				abort();
			if (how && !strcmp(how, "slow"))
				sleep(30);
			if (how && !strcmp(how, "socket"))
				(void)!socket(AF_INET, SOCK_STREAM, 0);
			for (int i = 0; how && !strcmp(how, "sockets") && i < 100; i++)
				(void)!socket(AF_INET, SOCK_STREAM, 0);
			for (volatile int i = 1; how && !strcmp(how, "spin") && i; )
				;
			while (how && !strcmp(how, "memory"))
				memset(malloc(1 << 20), 1, 1 << 20);
			while (how && !strcmp(how, "large") && cfn_write(r, "large", 5) == 0)
				;
			if (how && !strcmp(how, "large"))
				return 200;
			if (how && !strcmp(how, "status"))
				return 99;
			return cfn_send(r, 200, "text/plain", "bad\n");
		}
	END
	pool_start
	deploy "$D/src/hello.c" >/dev/null
	deploy "$D/src/bad.c" >/dev/null
	deploy deploy --function limits --route /limits --method 'GET POST' --entry bad --cpu-time 200ms --memory 16M \
		--body-size 10 "$D/src/bad.c" >/dev/null
	deploy deploy --function patient --route /patient --entry bad "$D/src/bad.c" >/dev/null
	source_make starts.c <<-'END'
		#include <unistd.h>
		int cfn_init(void)
		{
			return access("/broken", F_OK) == 0 ? -1 : 0;
		}
		int starts(cfn_request *q, cfn_response *r);
		int starts(cfn_request *q, cfn_response *r)
		{
			(void)q;
			return cfn_send(r, 200, "text/plain", "started\n");
		}
	END
	deploy deploy --function starts --shared files "$D/src/starts.c" >/dev/null
	deploy deploy --function guarded --route /guarded --entry bad --auth bearer "$D/src/bad.c" >/dev/null
	deploy deploy --function off --route /off --entry bad "$D/src/bad.c" >/dev/null
	deploy disable off >/dev/null
	nginx_start
}

teardown_file() {
	place_remove
}

metrics() {
	curl -s --max-time 20 "$@" "http://127.0.0.1:$PORT/metrics"
}

# value SERIES: of the metrics, 0 where there is none.
value() {
	metrics | awk -v name="$1" '$1 == name { n = $2 } END { printf "%d\n", n }'
}

# is_value SERIES N: a page may be half a second old, at the router and at the master.
is_value() {
	[ "$(value "$1")" = "$2" ]
}

@test "ping and healthz are the router's own, readyz says of each part that it is in order" {
	request /ping
	expect 200 here
	request /healthz
	expect 200 ok
	request /readyz
	expect 200 'registry: ok'
	request /readyz -X POST -d x
	expect 405
	[ "$(curl -s -o /dev/null -w '%{http_code}' -I "$WEB/readyz")" = 200 ]
}

@test "the status page has php-fpm's keys, as text and as JSON" {
	local key
	request /status
	expect 200
	for key in pool 'process manager' 'start time' 'start since' 'accepted conn' 'listen queue' 'max listen queue' \
		'listen queue len' 'idle processes' 'active processes' 'total processes' 'max active processes' \
		'max children reached' 'slow requests'; do
		grep -q "^$key: *[^ ]" "$D/body" || { echo "no $key"; return 1; }
	done
	request '/status?json'
	expect 200
	[ "$(jq -r '."process manager"' "$D/body")" = ondemand ]
}

@test "the full status page tells of each worker what it executes, without the query" {
	curl -s -o /dev/null "$WEB/bad?how=slow&token=secret" &
	eventually full_shows_slow
	not grep -q secret "$D/body"
	[ "$(jq -r '.processes[] | select(.state == "Running") | .script' "$D/body")" = 'bad v1' ]
	wait $!
	request '/status?full'
	expect 200 'script:'
}

full_shows_slow() {
	request '/status?json&full'
	[ "$(jq -r '.processes[] | select(.state == "Running") | ."request uri"' "$D/body")" = /bad ]
}

@test "N requests are counted N times, by status and cause, and promtool finds nothing to blame" {
	local i before after
	before=$(value 'cfn_requests_total{function="hello",status="200",cause=""}')
	for i in 1 2 3 4 5 6 7; do
		request /hello
		expect 200
	done
	eventually is_value 'cfn_requests_total{function="hello",status="200",cause=""}' $((before + 7))
	after=$(value 'cfn_request_duration_seconds_count{function="hello"}')
	[ "$after" = $((before + 7)) ]
	request '/bad?how=crash'
	expect 500
	request '/bad?how=slow'
	expect 504
	request '/bad?how=socket'
	expect 200
	request /nothing
	expect 404
	eventually is_value 'cfn_requests_total{function="bad",status="500",cause="crash"}' 1
	[ "$(value 'cfn_requests_total{function="bad",status="504",cause="wall_time_limit"}')" -ge 1 ]
	[ "$(value 'cfn_requests_total{function="",status="404",cause="no_route"}')" -ge 1 ]
	eventually is_value 'cfn_denied_calls_total{function="bad"}' 1
	[ "$(value 'cfn_worker_restarts_total{function="bad"}')" -ge 1 ]
	[ "$(value 'cfn_cold_starts_total{function="bad"}')" -ge 1 ]
	[ "$(value 'cfn_worker_starts_total{function="bad"}')" -ge 2 ]
	[ "$(value 'cfn_worker_memory_peak_bytes_count{function="bad"}')" -ge 1 ]
	metrics >"$D/metrics"
	promtool check metrics <"$D/metrics"
}

is_counted() {
	[ "$(value "cfn_requests_total{function=\"$1\",status=\"$2\",cause=\"$3\"}")" -ge 1 ]
}

@test "each cause is counted at its function, or at none where there is none yet" {
	local function status cause path arguments token many=()
	deploy token create other --scope call:hello >"$D/token"
	token=$(grep -oE 'cfn_[A-Za-z0-9_-]+' "$D/token" | tail -n 1)
	for ((i = 0; i < 300; i++)); do
		many+=(-H "X-$i: x")
	done
	request /hello "${many[@]}"
	expect 431
	printf 'get 1 /../up 0\nread\n' | fcgi | grep -q '^|Status: 400'
	while read -r function status cause path arguments; do
		# shellcheck disable=SC2086 # words
		request "$path" $arguments
		expect "$status"
		eventually is_counted "${function#-}" "$status" "$cause" || { echo "no $cause"; metrics; return 1; }
	done <<-END
		- 405 method_not_allowed /limits -X DELETE
		limits 413 body_too_large /limits -d 12345678901
		limits 500 memory_limit /limits?how=memory
		limits 504 cpu_time_limit /limits?how=spin
		limits 500 output_limit /limits?how=large
		limits 500 bad_response /limits?how=status
		bad 500 syscall_denied /bad?how=sockets
		guarded 401 unauthorized /guarded
		guarded 403 forbidden /guarded --oauth2-bearer $token
		off 503 disabled /off
	END
	eventually is_counted '' 400 bad_request
	eventually is_counted '' 431 params_too_large
}

@test "so are causes that lie with a pool that is busy or broken, and with a client that is slow or gone" {
	local i waiting=()
	printf 'begin 1 1 0\nread-all\n' | fcgi >"$D/late" 3>&- &
	for i in 1 2 3 4; do
		curl -s -o /dev/null "$WEB/patient?how=slow" 3>&- &
		waiting+=($!)
	done
	eventually is_counted patient 503 overloaded
	kill "${waiting[@]}" 2>/dev/null || true
	eventually is_counted patient 499 client_gone
	deploy cp "$D/src/bad.c" files:broken
	deploy restart starts >/dev/null
	request /starts
	expect 500
	eventually is_counted starts 500 start_failed
	eventually runner_answers
	post "$(bash_run 'sleep 60')" >/dev/null 3>&- &
	eventually is_value cfn_runs_running 1
	# shellcheck disable=SC2046 # numbers
	kill -KILL $(pool_processes cfn-runner) || true
	eventually is_counted @run 503 unavailable
	eventually is_counted '' 408 request_timeout
}

@test "lines that a full disk does not take are counted by log" {
	request '/bad?how=slow'
	expect 504
	eventually not is_value 'cfn_log_write_errors_total{log="slow"}' 0
	[ "$(value 'cfn_log_write_errors_total{log="access"}')" = 0 ]
}

@test "runs are counted by verdict" {
	eventually runner_answers
	post "$(bash_run 'exit 0')"
	expect 200 '"status":"accepted"'
	post "$(bash_run 'exit 3')"
	expect 200
	eventually is_value 'cfn_runs_total{verdict="accepted"}' 1
	eventually is_value "cfn_runs_total{verdict=\"$(jq -r .status "$D/body")\"}" 1
	[ "$(jq -r .status "$D/body")" != accepted ]
}

@test "OpenMetrics is what asks for it gets, at both addresses" {
	metrics -H 'Accept: application/openmetrics-text; version=1.0.0' >"$D/openmetrics"
	[ "$(tail -n 1 "$D/openmetrics")" = '# EOF' ]
	grep -q '^# TYPE cfn_requests counter$' "$D/openmetrics"
	request '/status?openmetrics'
	expect 200 '# EOF'
	grep -qi '^content-type: application/openmetrics-text' "$D/head"
}

@test "counts go on over a router that was killed" {
	local before router
	request /hello
	eventually not is_value 'cfn_requests_total{function="hello",status="200",cause=""}' 0
	before=$(value 'cfn_requests_total{function="hello",status="200",cause=""}')
	router=$(pool_processes cfn-router)
	kill -KILL "$router"
	eventually web_is_up
	eventually metrics -f -o /dev/null
	[ "$(value 'cfn_requests_total{function="hello",status="200",cause=""}')" -ge "$before" ]
	request /hello
	eventually is_value 'cfn_requests_total{function="hello",status="200",cause=""}' $((before + 1))
}

@test "with a master that is stopped readyz is answered 503, and the others as before" {
	eventually is_ready
	kill -STOP "$POOL"
	sleep_past_page
	request /readyz
	kill -CONT "$POOL"
	expect 503
	request /healthz
	expect 200
	eventually is_ready
}

# Until the page that was kept is too old: whether it is can be seen from nothing else.
sleep_past_page() {
	eventually not is_ready
}

is_ready() {
	request /readyz
	[ "$CODE" = 200 ]
}

@test "whatever is no request for a page is refused, and a client that says nothing holds nobody up" {
	local i
	[ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$PORT/etc/passwd")" = 404 ]
	[ "$(curl -s -o /dev/null -w '%{http_code}' -X DELETE "http://127.0.0.1:$PORT/metrics")" = 405 ]
	[ "$(curl -s -o /dev/null -w '%{http_code}' -H "X: $(printf 'x%.0s' {1..5000})" "http://127.0.0.1:$PORT/metrics")" = 431 ]
	printf 'nonsense\r\n\r\n' | timeout 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT; cat >&3; head -n 1 <&3" |
		grep -q '^HTTP/1.1 400 '
	# More than there are places for.
	for i in {1..40}; do
		exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
	done
	metrics | grep -q '^cfn_ready 1'
}

@test "the rules of examples/prometheus are right, and ask for nothing that a pool does not say" {
	local name
	cd "$tree/examples/prometheus"
	promtool check rules alerts.yml
	promtool check config prometheus.yml
	promtool test rules alerts_test.yml
	metrics >"$D/metrics"
	while read -r name; do
		grep -q "^# TYPE ${name%_bucket} " "$D/metrics" || { echo "no $name"; return 1; }
	done < <(grep -oE 'cfn_[a-z_]+' alerts.yml | sort -u)
}

top() {
	timeout 60 cfn-deploy --registry "$R" top "$@" 3>&-
}

@test "top is sorted by what is asked for, says all of it once as JSON, and stands behind itself without a terminal" {
	local i
	top --json >"$D/top"
	[ "$(jq -r '.functions[] | select(.function == "hello") | .requests > 0' "$D/top")" = true ]
	top -s function -n 2 -d 1 >"$D/top"
	[ "$(grep -c ' FUNCTION$' "$D/top")" -eq 2 ]
	[ "$(awk '$NF == "bad" || $NF == "hello" { printf "%s ", $NF }' "$D/top")" = 'bad hello bad hello ' ]
	for i in {1..40}; do
		request /hello
	done
	# A look may be half a second old.
	eventually hello_is_first
	not grep -q $'\033' "$D/top"
	not grep -qE '\b1 (pool|worker|request)s' "$D/top"
	TERM=dumb script -qec "cfn-deploy --registry '$R' top -n 1" /dev/null </dev/null >"$D/top" 3>&-
	not grep -q $'\033' "$D/top"
	grep -q hello "$D/top"
	run top -s nonsense
	[ "$status" -eq 64 ]
}

hello_is_first() {
	[ "$(top -s requests -n 1 | awk '$NF == "bad" || $NF == "hello" { printf "%s ", $NF }')" = 'hello bad ' ]
}

# Its own screen is left, and the cursor is shown again.
is_put_back() {
	is_drawn $'\033[?1049h' && is_drawn $'\033[?25h\033[?1049l'
}

is_drawn() {
	grep -qF "$1" "$D/top"
}

# on_terminal KEYS...: top in a terminal of its own, which is typed at when it has drawn.
on_terminal() {
	local key
	rm -f "$D/top" # what was drawn before is not what is waited for
	mkfifo "$D/keys"
	TERM=xterm timeout 60 script -qfec "cfn-deploy --registry '$R' top -d 60" "$D/top" <"$D/keys" >/dev/null 3>&- &
	exec {typed}>"$D/keys"
	eventually is_drawn FUNCTION
	for key in "$@"; do
		printf '%b' "$key" >&"$typed"
	done
	wait $! || true
	exec {typed}>&-
	rm "$D/keys"
}

@test "on a terminal top leaves everything as it was, after the key q and after an interrupt" {
	on_terminal s q
	is_put_back
	is_drawn 'sorted by workers'
	on_terminal '\003'
	is_put_back
}

is_replaced() {
	! is_alive "$1" && metrics | grep -q '^cfn_ready 1'
}

@test "a pool that takes another one's place takes its address of metrics, too" {
	local before=$POOL
	cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET" --replace >>"$D/pool.out" 2>&1 3>&- &
	POOL=$!
	started "$POOL"
	eventually is_replaced "$before"
	remember_below "$POOL"
	is_alive "$POOL"
}
