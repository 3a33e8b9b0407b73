#!/usr/bin/env bats
# deploy.bats - deploying, changing and removing functions while a pool serves them.
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
}

teardown() {
	place_remove
}

# version_make N: function "v", whose answer says N at both ends and in a header.
version_make() {
	sed "s/VERSION/$1/g" "$functions/version.c" >"$D/src/v.c"
}

serve() {
	pool_start
	nginx_start
}

@test "the lines of the README: init, deploy, pool, request" {
	hello_make hello "Hello"
	deploy "$D/src/hello.c"
	serve
	get /hello 200 Hello
	deploy deploy --function other --route /x --method GET --entry hello "$D/src/hello.c"
	get /x 200 Hello
	request /x -X POST -d a
	expect 405
}

n_versions() {
	cfn-deploy --registry "$R" --json history "$1" |
		jq '[.. | objects | select(has("number") or has("version"))] | length'
}

@test "a deploy is seen at once, and an unchanged one makes no version" {
	serve
	get /v 404
	version_make 1
	deploy "$D/src/v.c"
	get /v 200 'v=1'
	version_make 2
	deploy "$D/src/v.c"
	get /v 200 'v=2'
	deploy "$D/src/v.c"
	deploy history v >"$D/history"
	cat "$D/history"
	[ "$(n_versions v)" -eq 2 ]
}

# sections_of KIND: of the one version, "artifact" or "debug".
sections_of() {
	sql "SELECT writefile('$D/$1', data) FROM version JOIN blob ON digest = $1" >"$D/written"
	readelf --wide --section-headers "$D/$1"
}

# bats test_tags=any-user
@test "the artifact has no debug information, and what was linked is kept with it" {
	version_make 1
	deploy "$D/src/v.c"
	[[ "$(sections_of artifact)" == *" .text "* ]]
	[[ "$(sections_of artifact)" != *" .debug_info "* ]]
	[[ "$(sections_of debug)" == *" .debug_info "* ]]
	[ "$(readelf --notes "$D/artifact" | grep 'Build ID')" = "$(readelf --notes "$D/debug" | grep 'Build ID')" ]
}

# bats test_tags=any-user
@test "many deploys under load: no request fails, no answer is of two versions" {
	local rounds=20 seconds=12 n start
	[ -z "${CFN_QUICK:-}" ] || rounds=8 seconds=0
	version_make 0
	deploy "$D/src/v.c"
	serve
	for n in 1 2 3 4; do
		load_loop >"$D/load.$n" 2>&1 3>&- &
	done
	start=$SECONDS
	for ((n = 1; n <= rounds; n++)); do
		version_make "$n"
		deploy "$D/src/v.c" >"$D/out"
		# Spread over the time of the load, which the deploys alone would not take.
		while (((SECONDS - start) * rounds < n * seconds)); do sleep 0.05; done
	done
	touch "$D/stop"
	eventually load_is_over
	cat "$D"/load.* >"$D/answers"
	[ "$(wc -l <"$D/answers")" -gt 200 ]
	# A line: CODE HEADER-VERSION FIRST-VERSION LAST-VERSION
	awk '$1 != 200 || $2 != $3 || $3 != $4 || NF != 4 { print; bad++ } END { exit bad > 0 }' "$D/answers" >"$D/bad" || {
		head -20 "$D/bad"
		return 1
	}
	[ "$(awk '{ print $2 }' "$D/answers" | sort -u | wc -l)" -gt 3 ]
	get /v 200 "v=$rounds "
}

# Answers as lines until the file `stop` is there: the code, the version of the head, the two of the body.
load_loop() {
	while [ ! -e "$D/stop" ]; do
		curl -s --max-time 20 -w '%{http_code} %header{x-version}\n' "$WEB/v?[1-40]" |
			awk '/^v=/ { if (!first) first = $1; last = $NF; next }
			     /^[0-9]+ / { print $1, "v=" $2, first, last; first = last = "" }'
		sleep 0.1 # a load on the pool, and not on all that is tested beside it
	done
	touch "$D/over.$BASHPID"
}

load_is_over() {
	[ "$(find "$D" -name 'over.*' | wc -l)" -eq 4 ]
}

# bats test_tags=any-user
@test "requests in flight finish on the version that they began with" {
	version_make 1
	deploy "$D/src/v.c"
	serve
	get /v 200
	curl -s --max-time 30 "$WEB/v?ms=2500" >"$D/slow" &
	local slow=$!
	eventually is_executing
	version_make 2
	deploy "$D/src/v.c"
	get /v 200 'v=2 '
	wait "$slow"
	grep -q 'v=1 ' "$D/slow"
	not grep -q 'v=2' "$D/slow"
}

# bats test_tags=any-user
@test "a request that outlives drain_timeout ends with its old version" {
	printf 'drain_timeout = 300ms\n' | conf
	version_make 1
	deploy "$D/src/v.c"
	serve
	get /v 200
	curl -s -o "$D/slow" -w '%{http_code}' --max-time 30 "$WEB/v?ms=8000" >"$D/code" &
	local slow=$!
	eventually is_executing
	version_make 2
	deploy "$D/src/v.c"
	wait "$slow"
	cat "$D/code" "$D/slow"
	[ "$(cat "$D/code")" = 503 ]
	grep -q unavailable "$D/slow"
	get /v 200 'v=2 '
}

is_executing() {
	[ -n "$(pool_processes cfn-worker)" ] && sleep 0.3
}

@test "rollback, disable, enable, restart, remove" {
	local pid
	version_make 1
	deploy "$D/src/v.c"
	version_make 2
	deploy "$D/src/v.c"
	serve
	get /v 200 'v=2 '
	deploy rollback v
	get /v 200 'v=1 '
	deploy list | grep -qE '^v +v1 +active '
	deploy show v | grep -q '^cpu_share *any$'
	deploy disable v
	expect_cause /v 503 disabled
	[ -n "$(header Retry-After)" ]
	deploy enable v
	get /v 200 'v=1 '
	pid=$(pool_processes cfn-worker)
	deploy restart v
	get /v 200 'v=1 '
	eventually no_longer "$pid"
	deploy remove v
	get /v 404
	deploy gc >"$D/out"
	grep -qE '^deleted [0-9]+ versions? and [0-9]+ blobs?, [0-9]+ bytes ' "$D/out"
	get /v 404
}

# bats test_tags=any-user
@test "a locked function refuses every change by name, serves on, and is unlocked by a word" {
	version_make 1
	deploy "$D/src/v.c"
	version_make 2
	deploy "$D/src/v.c"
	serve
	refused 64 deploy lock v
	deploy lock --reason 'release week' v
	version_make 3
	for change in "$D/src/v.c" 'rollback v' 'disable v' 'enable v' 'remove v' 'lock --reason again v'; do
		# shellcheck disable=SC2086 # words of one command
		refused 77 deploy $change
		grep -q 'v is locked since .* by .*: release week' "$D/err"
	done
	get /v 200 'v=2 '
	deploy restart v
	deploy list | grep -q 'active, locked'
	deploy show v | grep -q '^locked .*: release week'
	[ "$(deploy --json show v | jq -r .lock.reason)" = 'release week' ]
	deploy --json list | jq -e '.[0].lock | .by != "" and .since != ""'
	deploy unlock v
	refused 66 deploy unlock v
	[ "$(deploy --json show v | jq .lock)" = null ]
	deploy "$D/src/v.c"
	get /v 200 'v=3 '
}

no_longer() {
	local pid
	for pid in $1; do
		is_alive "$pid" && return 1
	done
	return 0
}

# bats test_tags=any-user
@test "a source that does not compile says where, and the old version goes on" {
	local rc=0
	version_make 1
	deploy "$D/src/v.c"
	serve
	printf '#include <cfn.h>\nint v(cfn_request *q, cfn_response *r)\n{\n\treturn nonsense;\n}\n' >"$D/src/v.c"
	deploy "$D/src/v.c" >"$D/out" 2>"$D/err" || rc=$?
	[ "$rc" -eq 65 ]
	grep -q "$D/src/v.c:4:[0-9]*: error: .*nonsense" "$D/err"
	grep -q '\^~*' "$D/err"
	get /v 200 'v=1 '
	deploy check "$D/src/v.c" 2>/dev/null || rc=$?
	[ "$rc" -eq 65 ]
}

@test "a version that does not load or refuses itself never becomes active, and the reason is said" {
	local rc=0
	version_make 1
	deploy "$D/src/v.c"
	serve
	{
		cat "$D/src/v.c"
		printf 'int cfn_init(void)\n{\n\treturn -1;\n}\n'
	} >"$D/src/new.c" && mv "$D/src/new.c" "$D/src/v.c"
	deploy "$D/src/v.c" >"$D/out" 2>"$D/err" || rc=$?
	[ "$rc" -ne 0 ]
	grep -q cfn_init "$D/err"
	get /v 200 'v=1 '
	version_make 3
	printf '__attribute__((constructor)) static void early(void)\n{\n\t__builtin_trap();\n}\n' >>"$D/src/v.c"
	rc=0
	deploy "$D/src/v.c" >"$D/out" 2>"$D/err" || rc=$?
	[ "$rc" -ne 0 ]
	get /v 200 'v=1 '
}

# bats test_tags=any-user
@test "a handler that is not there, and one that needs what no library has, are refused" {
	hello_make hello "Hello"
	refused 65 cfn-deploy --registry "$R" deploy --entry nobody "$D/src/hello.c"
	source_make needs.c <<-END
		int elsewhere(void);
		int needs(cfn_request *q, cfn_response *r);
		int needs(cfn_request *q, cfn_response *r)
		{
			(void)q;
			return cfn_send(r, 200, "text/plain", "%d", elsewhere());
		}
	END
	run deploy "$D/src/needs.c"
	[ "$status" -eq 65 ]
	[[ $output == *elsewhere* ]]
}

@test "the compiler sees no secret and no network, and ends" {
	local rc=0
	echo 'top secret' >"$D/secret"
	printf '#include "%s/secret"\n#include "/etc/shadow"\n' "$D" >"$D/src/reads.c"
	deploy "$D/src/reads.c" >"$D/out" 2>"$D/err" || rc=$?
	[ "$rc" -eq 65 ]
	not grep -q 'top secret\|root:' "$D/err"
	printf '#include __FILE__\n#include __FILE__\n' >"$D/src/bomb.c"
	rc=0
	deploy "$D/src/bomb.c" >"$D/out" 2>"$D/err" || rc=$?
	[ "$rc" -eq 65 ]
	printf 'int a[1 << 30] = { 1 };\n' >"$D/src/large.c"
	rc=0
	deploy "$D/src/large.c" >"$D/out" 2>"$D/err" || rc=$?
	[ "$rc" -ne 0 ]
}

# bats test_tags=any-user
@test "another function's route is refused, an active one is not dropped by accident" {
	hello_make one "one"
	hello_make two "two"
	deploy deploy --route /same "$D/src/one.c"
	refused 65 cfn-deploy --registry "$R" deploy --route /same "$D/src/two.c"
	grep -q /same "$D/err"
	run deploy deploy --route /elsewhere "$D/src/one.c"
	[ "$status" -ne 0 ]
	[[ $output == *replace-routes* ]]
	deploy deploy --route /elsewhere --replace-routes "$D/src/one.c"
	serve
	get /same 404
	get /elsewhere 200 one
	sed -i 's/one\\n/one again\\n/' "$D/src/one.c"
	deploy "$D/src/one.c"
	get /elsewhere 200 'one again'
}

@test "concurrent deploys are all there" {
	local i pids=()
	serve
	for i in 1 2 3 4 5 6; do
		hello_make "many$i" "number $i"
		deploy "$D/src/many$i.c" >"$D/out.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || { cat "$D"/out.*; return 1; }
	done
	for i in 1 2 3 4 5 6; do
		get "/many$i" 200 "number $i"
	done
}

# bats test_tags=any-user
@test "concurrent deploys of one function: the last version is whole, none is lost" {
	local i pids=()
	for i in 1 2 3 4; do
		mkdir -p "$D/src/$i"
		sed "s/VERSION/$i/g" "$functions/version.c" >"$D/src/$i/v.c"
		deploy "$D/src/$i/v.c" >"$D/out.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || { cat "$D"/out.*; return 1; }
	done
	serve
	get /v 200
	[ "$(grep -o 'v=[0-9]*' "$D/body" | sort -u | wc -l)" -eq 1 ]
	# Whichever was activated last is active; all are there.
	[ "$(n_versions v)" -eq 4 ]
}

@test "a C++ function, with exceptions and the standard library" {
	deploy "$functions/plusplus.cc"
	serve
	get '/plusplus?n=12' 200 'sum 78'
	get '/plusplus?n=-1' 400 'negative'
}

@test "environment, limits and a shared folder belong to their function" {
	deploy deploy --env 'GREETING=good day' --env EMPTY= --shared files --body-size 1K "$functions/demo.c"
	serve
	get '/demo/environment?name=GREETING' 200 'good day'
	get '/demo/environment?name=HOME' 200 '(not set)'
	request /demo/files/a.txt -d 'kept text'
	expect 201 'saved 9'
	get /demo/files/a.txt 200 'kept text'
	request /demo/length --data-binary "$(head -c 1024 /dev/zero | tr '\0' a)"
	expect 200 'length 1024'
	expect_cause /demo/length 413 body_too_large --data-binary "$(head -c 1025 /dev/zero | tr '\0' a)"
}

@test "cp brings files into a shared folder and out of it" {
	deploy deploy --shared files "$functions/demo.c"
	serve
	printf 'from outside' >"$D/in.txt"
	deploy cp "$D/in.txt" files:in.txt
	get /demo/files/in.txt 200 'from outside'
	request /demo/files/out.txt -d 'from inside'
	expect 201
	deploy cp files:out.txt "$D/out.txt"
	[ "$(cat "$D/out.txt")" = 'from inside' ]
	run deploy cp "$D/in.txt" files:../escape.txt
	[ "$status" -ne 0 ]
	[ -z "$(find "$D" -name escape.txt)" ]
}

# bats test_tags=any-user
@test "cp out of a folder that is not there makes none" {
	deploy deploy "$functions/demo.c"
	serve
	run deploy cp nosuch: <<<x
	[ "$status" -ne 0 ]
	[[ $output == *"shared folder 'nosuch': No such file or directory"* ]]
	run deploy cp nosuch:file "$D/file"
	[ "$status" -ne 0 ]
	[ ! -e "$D/shared/nosuch" ]
}

# bats test_tags=any-user
@test "cp writes to a pipe and leaves it one, and gives standard input no name" {
	deploy deploy --shared files "$functions/demo.c"
	serve
	printf 'inside' | deploy cp - files:a.txt
	mkfifo "$D/pipe"
	cat "$D/pipe" >"$D/read" 3>&- &
	deploy cp files:a.txt "$D/pipe"
	wait $!
	[ -p "$D/pipe" ]
	[ "$(cat "$D/read")" = inside ]
	run deploy cp - files: <<<x
	[ "$status" -eq 64 ]
}

# bats test_tags=any-user
@test "a pool that is silent is said to be, by status, cp and a change" {
	hello_make hello "Hello"
	deploy "$D/src/hello.c"
	serve
	kill -STOP "$POOL"
	local asked=() pid rc
	deploy status >"$D/status" 3>&- &
	asked+=($!)
	deploy cp files: >"$D/cp" 2>&1 3>&- &
	asked+=($!)
	deploy disable hello 2>"$D/disable"
	for pid in "${asked[@]}"; do
		rc=0
		wait "$pid" || rc=$?
		[ "$rc" -eq 75 ]
	done
	kill -CONT "$POOL"
	grep -q 'did not answer' "$D/status"
	grep -q 'did not answer' "$D/cp"
	grep -q 'did not answer' "$D/disable"
}

@test "a read-only shared folder cannot be written" {
	deploy deploy --shared files:ro "$functions/demo.c"
	serve
	request /demo/files/a.txt -d x
	expect 500
	printf 'given' >"$D/in.txt"
	deploy cp "$D/in.txt" files:in.txt
	get /demo/files/in.txt 200 given
}

# bats test_tags=any-user
@test "status and list are read by people and by programs" {
	hello_make hello "Hello"
	deploy "$D/src/hello.c"
	deploy status
	serve
	get /hello 200
	deploy status | grep -q hello
	deploy --json status | jq -e . >/dev/null
	deploy --json list | jq -e . >/dev/null
	deploy --json show hello | jq -e . >/dev/null
	deploy --json history hello | jq -e . >/dev/null
	deploy --json list | grep -q '"hello"'
}

# bats test_tags=any-user
@test "a pool that cannot load a version votes against it, and its reason is said" {
	source_make big.c <<-'END'
		#include <stdlib.h>
		#include <string.h>
		int big(cfn_request *q, cfn_response *r)
		{
			(void)q;
			return cfn_send(r, 200, "text/plain", "big\n");
		}
		int cfn_init(void)
		{
			char *p = malloc(32 << 20);
			return p ? (memset(p, 1, 32 << 20), p[5] - 1) : -1;
		}
	END
	conf <<<$'[function big]\nmemory = 4M'
	serve
	refused 65 cfn-deploy --registry "$R" deploy "$D/src/big.c"
	grep -q 'not active: pool .*cfn_init' "$D/err"
	[ "$(cfn-deploy --registry "$R" --json show big | jq -r .state)" = inactive ]
	get /big 404
	pool_stop TERM
	deploy "$D/src/big.c"
	[ "$(cfn-deploy --registry "$R" --json show big | jq -r .state)" = active ]
}
