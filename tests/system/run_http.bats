#!/usr/bin/env bats
# run_http.bats - POST /api/run and what is below it, through web servers: answers, streams, queue, restarts.
# bats file_tags=any-user
# shellcheck disable=SC2030,SC2031,SC2154
load helper
load runs

bats_require_minimum_version 1.5.0

setup() {
	place_make
}

teardown() {
	place_remove
}

mounted_answers() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 20 "$WEB/mounted/api/run/languages")" = 200 ]
}

readonly first='{"lang":"Python","code":"print(f\"Hello, {input()}!\")","input":"joeyh021"}'

@test "the first request of all has its answer" {
	run_serve
	post "$first"
	expect 200
	[[ $(header Content-Type) == application/json* ]]
	result .stdout 'Hello, joeyh021!'
	result .stderr ''
	result .status accepted
	result .exit_code 0
	result .id null
	post '{"lang":"Bash","code":"sleep 60","total_ms":500}'
	expect 200
	result .status wall_time_limit
	result .message 'the whole run may take 500 ms'
	post '{"lang":"pYtHoN","code":"print(f\"Hello, {}!\")"}'
	expect 200
	result .status nonzero_exit
	[[ $(jq -r .stderr "$D/body") == *SyntaxError* ]]
}

@test "what does not compile is an answer, with what the compiler says" {
	run_serve
	post '{"lang":"c","code":"int main(void) { return x; }"}'
	expect 200
	result .status compile_error
	[[ $(jq -r '.compile.stderr + .stderr' "$D/body") == *"main.c"*"x"* ]]
}

@test "each refusal has its status, and a document that says why" {
	run_serve 'queue = 4'
	post $'{"lang":"Python",\n "code":"",}'
	expect 400
	[[ $(header Content-Type) == application/problem+json* ]]
	result .line 2
	post '{"lang":"Python","code":"","limits":{"memory_bytes":99999999999999}}'
	expect 422
	result .field limits.memory_bytes
	post '{"lang":"Klingon","code":""}'
	expect 422
	result .field lang
	request /api/run -H 'Content-Type: text/plain' --data-binary "$first"
	expect 415
	post "$first" -H 'Accept: image/png'
	expect 406
	request '/api/run?async=true' -H 'Content-Type: application/json' --data-binary "$first"
	expect 422
	result .field async
	get /api/run 405
	[ "$(header Allow)" = POST ]
	get /api/run/0123456789abcdef0123456789abcdef 404
	get /api/run/nothing 404
	head -c 9000000 /dev/zero | tr '\0' ' ' >"$D/large"
	request /api/run -H 'Content-Type: application/json' --data-binary "@$D/large"
	expect 413
	post "$first"
	expect 200
}

@test "below a mount prefix a run is where its Location says" {
	printf 'mount_prefix = /mounted\n[run]\nenabled = on\n' | conf
	pool_start
	nginx_start
	eventually mounted_answers
	request '/mounted/api/run?async=1' -H 'Content-Type: application/json' --data-binary "$first"
	expect 202
	[[ $(header Location) == /mounted/api/run/$(jq -r .id "$D/body") ]]
}

@test "the languages are listed with their versions" {
	run_serve
	request /api/run/languages
	expect 200
	result '[.languages[] | select(.name == "Bash")] | length' 1
	eventually languages_have_versions
}

languages_have_versions() {
	[[ $(curl -s --max-time 20 "$WEB/api/run/languages" |
		jq -r '[.languages[] | select(.name == "Python")][0].version') == 3.* ]]
}

@test "an accepted run is run, found by its id, and forgotten when it is deleted" {
	run_serve 'max_concurrent = 1'
	async "$(bash_run 'sleep 2; echo later')"
	eventually has_status "$ID" running
	eventually has_status "$ID" accepted
	request "/api/run/$ID"
	result .stdout later
	result .id "$ID"
	request "/api/run/$ID" -X DELETE
	expect 204
	get "/api/run/$ID" 404
	async "$(bash_run 'sleep 100')"
	eventually has_status "$ID" running
	request "/api/run/$ID" -X DELETE
	expect 204
	post "$(bash_run 'echo next')"
	result .stdout next
}

@test "a runner that is killed in the middle of it runs it once more, and once alone" {
	run_serve 'max_concurrent = 1'
	async "$(bash_run 'sleep 3; echo survived')"
	eventually has_status "$ID" running
	# shellcheck disable=SC2046
	kill -KILL $(runner_pids)
	eventually has_status "$ID" accepted
	async "$(bash_run 'sleep 60')"
	eventually has_status "$ID" running
	# shellcheck disable=SC2046
	kill -KILL $(runner_pids)
	eventually has_status "$ID" running
	# shellcheck disable=SC2046
	kill -KILL $(runner_pids)
	eventually has_status "$ID" internal_error
}

@test "a pool that is killed loses nothing that it accepted" {
	local waiting
	run_serve 'max_concurrent = 1'
	async "$(bash_run 'sleep 3; echo first')"
	waiting=$ID
	async "$(bash_run 'echo second')"
	eventually has_status "$waiting" running
	pool_stop KILL || true
	rm -f "$D/x.sock"
	pool_start
	eventually has_status "$ID" accepted
	eventually has_status "$waiting" accepted
}

@test "a stream says what happens while it happens, through a web server" {
	run_serve
	curl -sN --max-time 60 -H 'Accept: text/event-stream' -H 'Content-Type: application/json' \
		--data-binary "$(bash_run 'echo one; sleep 3; echo two')" "$WEB/api/run" >"$D/stream" 3>&- &
	started $!
	eventually grep -q '"one' "$D/stream"
	not grep -q '"two' "$D/stream"
	eventually grep -q '^event: end' "$D/stream"
	grep -q '^event: usage' "$D/stream"
	tail -n 2 "$D/stream" | sed -n 's/^data: //p' >"$D/body"
	result .stdout $'one\ntwo'
}

@test "a client's share is 429, a full queue 503, and both say when to come again" {
	run_serve 'max_concurrent = 1' 'queue = 3' 'queue_share = 2' 'client = header X-Who'
	local who
	for who in a a a b; do
		request '/api/run?async=1' -H 'Content-Type: application/json' -H "X-Who: $who" \
			--data-binary "$(bash_run 'sleep 20')"
		expect 202
	done
	post "$first" -H 'X-Who: a'
	expect 429
	[ -n "$(header Retry-After)" ]
	post "$first" -H 'X-Who: c'
	expect 503
	[ -n "$(header Retry-After)" ]
}

@test "a client that leaves ends its run" {
	run_serve 'max_concurrent = 1'
	curl -s --max-time 1 -H 'Content-Type: application/json' \
		--data-binary '{"lang":"bash","code":"sleep 30","limits":{"wall_ms":30000}}' "$WEB/api/run" >/dev/null || true
	post "$(bash_run 'echo next')" --max-time 15
	result .stdout next
}

# each_has SCORE PID...
each_has() {
	local score=$1 pid now
	shift
	[ $# -gt 0 ]
	for pid; do
		now=$(cat "/proc/$pid/oom_score_adj") || return 1
		[ "$now" -eq $((score < 1000 ? score : 1000)) ] || { ps -o pid=,ppid=,args= -p "$pid"; echo "$now, not $score"; return 1; }
	done
}

# Where it can be looked at: a program is not anybody's before its exec.
sleeps() {
	SLEEPER=$(descendants "$POOL" sleep)
	[ -n "$SLEEPER" ]
}

# shellcheck disable=SC2046
@test "when memory is short programs go before workers, and workers before what all requests need" {
	local own
	own=$(($(cat "/proc/$BASHPID/oom_score_adj") + 100))
	echo "$own" >"/proc/$BASHPID/oom_score_adj"
	hello_make hello "hello"
	deploy "$D/src/hello.c"
	printf 'management = on\n[run]\nenabled = on\n' | conf
	[ "$EUID" -ne 0 ] || chown -R nobody "$D/reg"
	pool_start
	nginx_start
	eventually runner_answers
	get /hello 200 "hello"
	async "$(bash_run 'sleep 60; true')"
	eventually sleeps
	each_has "$own" "$POOL" $(pool_processes cfn-spawn) $(pool_processes cfn-router) $(pool_processes cfn-manage) \
		$(pgrep -P "$(pool_processes cfn-spawn)" cfn-runner)
	each_has $((own + 500)) $(pool_processes cfn-worker)
	each_has $((own + 800)) "$SLEEPER"
}
