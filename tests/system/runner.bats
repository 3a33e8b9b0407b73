#!/usr/bin/env bats
# runner.bats - the pool's side of [run]: who may come to the runner, and what becomes of requests when it ends.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load runs

setup() {
	place_make
}

teardown() {
	place_remove
}

needs_runner() {
	[ -x "${CFN_LIBEXECDIR:-$CFN_PREFIX/libexec/cfn}/cfn-runner" ] || skip "cfn-runner is not installed"
}

# run_conf [LINE...]: switched on, with these lines.
run_conf() {
	{
		printf '[run]\nenabled = on\n'
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} | conf
}

runner() {
	pool_processes cfn-runner
}

# has_languages "NAME NAME...": offered now.
has_languages() {
	[ "$(curl -s --max-time 20 "$WEB/api/run/languages" | jq -r '[.languages[].name] | join(" ")')" = "$1" ]
}

runner_is_up() {
	[ "$(status_of_run .stage)" = ready ]
}

# A request is on its way there.
runner_is_asked() {
	[ "$(status_of_run .lanes)" -ge 1 ]
}

runner_is_gone() {
	[ -z "$(runner)" ]
}

status_of_run() {
	deploy status --json | jq -r ".pools[0].run | $1"
}

# Takes about two seconds and says so.
slow='{"lang":"Python","code":"import time; time.sleep(2); print(\"slept\")"}'

@test "nothing is run unless it is switched on" {
	pool_start
	nginx_start
	get /api/run 404
	request /api/run -d "$slow"
	expect 404
	get /api/run/languages 404
	grep -q 'There is nothing at this path' "$D/body"
	[ "$(status_of_run .)" = null ]
	runner_is_gone
}

@test "what is switched on shows in the configuration, and an unknown word is an error" {
	run_conf 'max.memory = 256M' 'client = header X-Real-IP'
	cfn-pool -c "$D/cfn.conf" --registry "$R" -tt >"$D/out"
	grep -qx 'enabled = on' "$D/out"
	grep -qx 'max.memory = 256M' "$D/out"
	grep -qx 'client = header X-Real-IP' "$D/out"
	run_conf 'max.memry = 256M'
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R" -t
	grep -q "unknown key 'max.memry' in \[run\]" "$D/err"
}

@test "a pool whose runner cannot start says so once, answers, and serves its functions" {
	mkdir "$D/libexec"
	cp -a "${CFN_LIBEXECDIR:-$CFN_PREFIX/libexec/cfn}/." "$D/libexec/"
	rm -f "$D/libexec/cfn-runner"
	hello_make greet hello
	deploy "$D/src/greet.c"
	run_conf
	CFN_LIBEXECDIR=$D/libexec pool_start
	nginx_start
	expect_cause /api/run 503 unavailable
	[ -n "$(header Retry-After)" ]
	get /greet 200 hello
	[ "$(status_of_run .stage)" = down ]
	[ "$(cat "$D/pool.out" "$D/error.log" | grep -c 'cfn-runner is not installed')" -eq 1 ]
}

@test "a deploy onto the runner's path is refused, and whoever had it before loses it" {
	hello_make greet hello
	deploy "$D/src/greet.c" --route 'GET /api/run/mine' --route 'GET /mine'
	run_conf
	pool_start
	nginx_start
	get /mine 200 hello
	grep -q "function 'greet' version 1 loses its route /api/run/mine" "$D/pool.out" "$D/error.log"
	hello_make other other
	for route in /api/run /api/run/x '/api/run/:id' '/api/run/*'; do
		refused 65 cfn-deploy --registry "$R" deploy "$D/src/other.c" --route "POST $route"
		grep -qF "route $route is reserved" "$D/err"
	done
	deploy "$D/src/other.c" --route 'GET /api/runs' --route 'GET /api/*'
	get /api/runs 200 other
	get /api/anything 200 other
}

@test "where a cgroup is insisted on for programs, a pool without one refuses, and a reload does" {
	printf 'cgroup = off\n[run]\nenabled = on\ncgroup = require\n' | conf
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	grep -q "^cfn-pool: \[run\] cgroup = require: switched off; see 'cfn-deploy doctor'\$" "$D/err"
	not cfn-deploy -c "$D/cfn.conf" doctor --json >"$D/out" 3>&-
	jq -e '.starts == false' "$D/out"
	printf 'cgroup = off\n[run]\ncgroup = require\n' | conf
	pool_start
	runner_is_gone
	printf 'cgroup = off\n[run]\nenabled = on\ncgroup = require\n' | conf
	kill -HUP "$POOL"
	eventually grep -q '\[run\] cgroup = require: switched off; the old configuration holds' "$D/error.log"
	runner_is_gone
}

@test "requests come to the runner, and those for nobody do not" {
	needs_runner
	run_conf 'path = /run'
	pool_start
	eventually runner_is_up
	nginx_start
	get /run/languages 200
	request /run -X PUT
	expect 405
	[[ $(header Content-Type) == application/problem+json* ]]
	grep -qF '"This path does not take this method."' "$D/body"
	get /api/run 404
	[ "$(status_of_run .path)" = /run ]
	[ "$(status_of_run .lanes)" -ge 1 ]
}

@test "bodies of more than 8 MiB are refused before the runner sees them" {
	needs_runner
	run_conf
	pool_start
	nginx_start 's/client_max_body_size .*;/client_max_body_size 20m;/'
	head -c 8388609 /dev/zero >"$D/large"
	expect_cause /api/run 413 body_too_large -H 'Content-Type: application/json' --data-binary "@$D/large"
}

@test "with auth = bearer a token with the scope run lets in, and another one does not" {
	local run call
	needs_runner
	run_conf 'auth = bearer' 'client = user'
	pool_start
	nginx_start
	run=$(deploy token create runs --scope run)
	call=$(deploy token create calls)
	get /api/run/languages 401
	request /api/run/languages -H "Authorization: Bearer $call"
	expect 403
	[ "$(header WWW-Authenticate)" = 'Bearer realm="run", error="insufficient_scope", scope="run"' ]
	request /api/run/languages -H "Authorization: Bearer $run"
	expect 200
	deploy token revoke runs
	request /api/run/languages -H "Authorization: Bearer $run"
	expect 401
	[[ $(header Content-Type) == application/problem+json* ]]
}

@test "kill -9 of any process of the runner leaves nothing, and the next request works" {
	local pid i
	needs_runner
	run_conf
	pool_start
	eventually runner_is_up
	nginx_start
	for i in 1 2 3 4; do
		curl -s -o "$D/cut.$i" -H "Content-Type: application/json" -d "$slow" "$WEB/api/run" 3>&- &
		sleep "0.$i"
		remember_below "$POOL"
		# One that asks a tool for its version may have ended by itself.
		for pid in $(runner | sort -n | sed -n "$(((i - 1) % $(runner | wc -l) + 1))p"); do
			kill -KILL "$pid" || not is_alive "$pid"
		done
		eventually runner_answers
	done
	pid=$(runner | sort -n | head -n 1)
	kill -KILL "$pid"
	eventually not is_alive "$pid"
	eventually runner_answers
	get /api/run/languages 200
	[ "$(status_of_run .crashes)" -ge 1 ]
}

@test "a reload with other values answers what runs, then goes on with the new ones" {
	local slow_pid
	needs_runner
	run_conf
	pool_start
	eventually runner_is_up
	nginx_start
	curl -s -o "$D/slow" -H "Content-Type: application/json" -d "$slow" "$WEB/api/run" 3>&- &
	slow_pid=$!
	eventually runner_is_asked
	run_conf 'path = /programs'
	kill -HUP "$POOL"
	eventually grep -q reloaded "$D/error.log"
	get /api/run/languages 404
	get /programs/languages 200
	wait "$slow_pid"
	grep -q slept "$D/slow"
	conf <<<""
	kill -HUP "$POOL"
	eventually runner_is_gone
	get /programs/languages 404
}

@test "a reload finds a language that was added, and says what is wrong with one" {
	needs_runner
	mkdir "$D/languages"
	chmod 755 "$D/languages"
	printf 'name = Sorted\nsource = main.txt\nrun = /usr/bin/sort {main}\n' >"$D/languages/sorted.conf"
	run_conf "languages_dir = $D/languages"
	pool_start
	eventually runner_is_up
	nginx_start
	get /api/run/languages 200
	[ "$(jq -r '.languages[].name' "$D/body")" = Sorted ]
	printf 'name = Awk\nsource = main.awk\nrun = /usr/bin/awk -f {main}\n' >"$D/languages/awk.conf"
	kill -HUP "$POOL"
	eventually has_languages "Awk Sorted"
	echo nonsense >"$D/languages/awk.conf"
	kill -HUP "$POOL"
	eventually grep -q 'languages/awk.conf:1: not a line.*; the old configuration holds' "$D/error.log"
	has_languages "Awk Sorted"
	rm "$D/languages/awk.conf"
	kill -HUP "$POOL"
	eventually has_languages Sorted
}

@test "languages that cannot be read are a fault of the configuration, where programs are run" {
	mkdir "$D/languages"
	printf 'name = Awk\nsource = main.awk\nrun =\n' >"$D/languages/awk.conf"
	run_conf "languages_dir = $D/languages"
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R" -t
	grep -q "^cfn-pool: $D/languages/awk.conf:3: run: " "$D/err"
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R"
	grep -q "$D/languages/awk.conf:3: " "$D/err"
	run_conf "languages_dir = $D/none"
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R" -t
	grep -q "languages $D/none: No such file" "$D/err"
	conf <<<$'[run]\nlanguages_dir = '"$D/none"
	cfn-pool -c "$D/cfn.conf" --registry "$R" -t
	run_conf
	cfn-pool -c "$D/cfn.conf" --registry "$R" -t
}

@test "QUIT waits for what runs, and leaves no process" {
	local slow_pid rc=0
	needs_runner
	run_conf
	pool_start
	eventually runner_is_up
	nginx_start
	curl -s -o "$D/slow" -H "Content-Type: application/json" -d "$slow" "$WEB/api/run" 3>&- &
	slow_pid=$!
	eventually runner_is_asked
	pool_stop QUIT || rc=$?
	[ "$rc" -eq 0 ]
	wait "$slow_pid"
	grep -q slept "$D/slow"
}

# bats test_tags=any-user
@test "started as root, the folder of the runs is the runner's own, also when a reload switches it on" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	needs_runner
	chown -R 65534:65534 "$D/reg"
	chmod 777 "$D"
	pool_start
	nginx_start
	run_conf
	kill -HUP "$POOL"
	eventually runner_is_up
	get /api/run/languages 200
	[ "$(stat -c '%a %u' "$R.pool/runs")" = '700 201004' ]
}
