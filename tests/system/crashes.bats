#!/usr/bin/env bats
# crashes.bats - records of functions that failed: what is in them, what bounds them, who sees them.
# shellcheck disable=SC2034,SC2154
load helper

SECRET=hunter2-and-more
export SECRET

setup_file() {
	place_make
	conf <<-END
		crashes.of_function = 4
		cpu_time = 300ms
	END
	deploy deploy --function fails "$functions/fails.c" >/dev/null
	sed 's|/fails/|/fresh/|g' "$functions/fails.c" >"$D/src/fresh.c"
	deploy deploy --function fresh --mode fresh "$D/src/fresh.c" >/dev/null
	pool_start
	cfn-deploy --registry "$R" secret set fails SECRET <<<"$SECRET" 3>&-
	nginx_start
}

teardown_file() {
	place_remove
}

crashes() {
	cfn-deploy --registry "$R" "$@" 3>&-
}

# of REQUEST-ID: the id of its record.
of() {
	crashes --json crashes | jq -e --arg id "$1" '.crashes[] | select(.request_id == $id) | .id'
}

# record: the whole record of the last request, in $D/record.
record() {
	local id
	id=$(header X-Request-Id)
	eventually of "$id" >/dev/null
	crashes --json crashes "$(of "$id")" >"$D/record"
}

holds() {
	jq -e "$1" "$D/record" >/dev/null || { jq . "$D/record"; return 1; }
}

@test "a crash is recorded with request, route, signal, stack and last lines" {
	local path
	for path in /fails/crashes/now /fresh/crashes/now; do
		get "$path?token=hidden" 500
		record
		holds '.cause == "crash" and .ending == "signal SEGV" and .signal == 11'
		holds '.method == "GET" and (.route | endswith("/crashes/:how")) and .version == 1'
		holds '.memory_kb > 0 and .elapsed_us >= 0'
		holds '.said_stack[0] | test("inner at f[a-z]+.c:[0-9]+")'
		holds '.log == ["before the fall"]'
		not grep -q hidden "$D/record"
	done
}

@test "a record is shown to people, with the lines of the source" {
	get /fails/crashes/shown 500
	record
	crashes crashes "$(jq .id "$D/record")" >"$D/out"
	grep -q '^it says that it crashed (SEGV at 0x0) here:$' "$D/out"
	grep -qE '^  inner at fails.c:[0-9]+$' "$D/out"
	grep -q '^  before the fall$' "$D/out"
	crashes crashes fails | grep -q 'GET /fails/crashes/:how'
	not grep -q fails <(crashes crashes fresh)
	[ -z "$(crashes crashes --since 2999-01-01)" ]
	refused 66 crashes crashes 1000000000000
}

# on_terminal COLUMNS: the list, as a terminal of this width shows it.
on_terminal() {
	script -qec "stty cols $1; cfn-deploy --registry '$R' crashes" /dev/null </dev/null 3>&- | tr -d '\r'
}

@test "a function that there is none of is named, and one that never failed says nothing" {
	sed 's|/fails/|/never/|g' "$functions/fails.c" >"$D/src/never.c"
	deploy deploy --function never "$D/src/never.c" >/dev/null
	[ -z "$(crashes crashes never)" ]
	refused 66 crashes crashes nobody
	grep -q nobody "$D/err" || { cat "$D/err"; return 1; }
}

@test "on a narrow terminal a record is two lines, and none is longer than it has to be" {
	get /fails/crashes/narrow 500
	record
	on_terminal 200 | grep -qE '^id +time +function +version +cause +ending +request$'
	on_terminal 60 >"$D/out"
	not grep -q 'version' "$D/out"
	grep -qE '^[0-9]{13}  [^ ]+  fails v1$' "$D/out"
	grep -qE '^  crash, signal SEGV  GET /fails/crashes/:how$' "$D/out"
}

@test "a limit is recorded with what it was" {
	local path
	for path in /fails/spins /fresh/spins; do
		get "$path" 504
		record
		holds '.cause == "cpu_time_limit" and .limit.cpu_time_ms == 300 and .ending == "signal KILL"'
		holds '.cpu_us >= 300000'
	done
}

@test "what a function says of its end is its word, cannot act on a terminal, and shows no secret" {
	get /fails/lies 500
	record
	holds '.cause == "crash" and .ending == "exit 7"'
	crashes crashes "$(jq .id "$D/record")" >"$D/out"
	not grep -q $'\e' "$D/out"
	not grep -qF "$SECRET" "$D/record" "$D/out"
	holds '.log[0] | test("the secret is \\*+\\.")'
	not grep -rqF "$SECRET" "$R.pool/crashes"
}

@test "a secret that is cut into lines, or cut off, is shown in no part" {
	get /fails/cuts 500
	record
	jq -r '.log[]' "$D/record" | tr -d '\n' >"$D/out"
	grep -qF '****' "$D/out"
	not grep -qF "${SECRET:0:8}" "$D/out"
	not grep -qF "${SECRET: -8}" "$D/out"
}

# The router tells of them together, with the next one.
others_are_counted() {
	request /fresh/crashes/again
	crashes --json crashes fresh | jq -e '[.crashes[].others] | add > 0'
}

# One that is started for each request: the workers of the other would be started later and later.
@test "who crashes all the time pushes out his own records alone, and what is left out is counted" {
	local kept
	get /fails/crashes/kept 500
	record
	kept=$(jq .id "$D/record")
	yes $'get 1 /fresh/crashes/again 1\nread' | head -n 200 | fcgi >"$D/answers"
	[ "$(grep -c '^|Status: 500' "$D/answers")" = 100 ]
	get /fresh/works 200
	crashes --json crashes fresh >"$D/out"
	jq -e '.crashes | length | . > 0 and . <= 4' "$D/out"
	eventually others_are_counted
	crashes --json crashes fails | jq -e --argjson id "$kept" '.crashes | any(.id == $id)'
}

@test "records are the pool's own files, and one that is none is passed over" {
	[ "$(stat -c %a "$R.pool/crashes")" = 700 ]
	[ -z "$(find "$R.pool/crashes" -type f ! -perm 600)" ]
	echo '{"cut' >"$R.pool/crashes/2000000000000-fails"
	ln -s /etc/passwd "$R.pool/crashes/2000000000001-fails"
	mkdir "$R.pool/crashes/2000000000002-fails"
	crashes --json crashes | jq -e '.crashes | length > 0' >/dev/null
	get /fails/crashes/still 500
	rm -r "$R.pool/crashes"/200000000000?-fails
}
