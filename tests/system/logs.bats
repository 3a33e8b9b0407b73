#!/usr/bin/env bats
# logs.bats - cfn-deploy logs: what functions wrote, by function, time and request; followed over a rotation.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	deploy "$functions/demo.c"
	hello_make quiet "says nothing"
	deploy "$D/src/quiet.c"
	pool_start
	nginx_start
	get '/demo/says?text=one' 200
	first=$(header X-Request-Id)
	get '/demo/says?text=two' 200
	export first
	eventually grep -q 'by cfn_log: two' "$D/function.log"
}

teardown_file() {
	place_remove
}

logs() {
	cfn-deploy --registry "$R" --config "$D/cfn.conf" logs "$@" 3>&-
}

@test "records are lines, by function and request" {
	logs >"$D/out"
	grep -E "^20[0-9T:.-]+Z demo v1 notice \[$first\]: by cfn_log: one$" "$D/out"
	[ "$(grep -c . "$D/out")" -ge 6 ]
	logs --request-id "$first" demo >"$D/out"
	grep -q 'cfn_log: one' "$D/out"
	not grep -q two "$D/out"
	[ -z "$(logs quiet)" ]
	[ -z "$(logs --request-id none)" ]
}

@test "records are JSON as they stand in the log" {
	logs --json | cmp - "$D/function.log"
}

@test "records are taken from a time on" {
	logs --since 1h | grep -q 'cfn_log: one'
	[ -z "$(logs --since 2999-01-01)" ]
	logs --since 2020-01-01T08:30 demo | grep -q 'cfn_log: two'
	run logs --since tomorrow
	[ "$status" -eq 64 ]
	[[ $output == *"'tomorrow' is no time"* ]]
}

@test "what a function wrote cannot act on the terminal or look like another record" {
	get '/demo/says?text=%1b%5b31mred%0Aforged' 200
	eventually grep -q forged "$D/function.log"
	not grep -q $'\e' <(logs)
	not grep -q '^forged' <(logs)
	logs | grep -qF 'x1b[31mred'
}

@test "a function that said nothing has no lines, and one that there is not is said to be none" {
	[ -z "$(logs quiet)" ]
	refused 66 logs nope
	grep -q "no function 'nope'" "$D/err"
	refused 66 timeout 150 cfn-deploy --registry "$R" --config "$D/cfn.conf" logs --follow nope
}

@test "lines that are no records are passed over" {
	cp "$D/function.log" "$D/broken.log"
	printf 'no json\n[1]\n{"time":7}\n%0300000d\n{"time":"2026-01-01T00:00:00.000Z","function":"demo","text":"last"}\n{"cut' 0 \
		>>"$D/broken.log"
	sed "s|^function_log.*|function_log = $D/broken.log|" "$D/cfn.conf" >"$D/broken.conf"
	cfn-deploy --registry "$R" --config "$D/broken.conf" logs --since 2020-01-01 >"$D/out" 3>&-
	[ "$(tail -n1 "$D/out")" = '2026-01-01T00:00:00.000Z demo v0  [-]: last' ]
	[ "$(grep -c 'by cfn_log: one' "$D/out")" = 1 ]
	cfn-deploy --registry "$R" --config "$D/broken.conf" logs >"$D/out" 3>&-
	[ "$(grep -c . "$D/out")" -eq $(($(wc -l <"$D/function.log") + 1)) ]
}

@test "following goes on after a rotation, and ends with its reader" {
	local follower
	cfn-deploy --registry "$R" --config "$D/cfn.conf" logs -f demo >"$D/followed" 3>&- &
	follower=$!
	eventually grep -q 'cfn_log: two' "$D/followed"
	get '/demo/says?text=three' 200
	eventually grep -q 'cfn_log: three' "$D/followed"
	mv "$D/function.log" "$D/function.old"
	get '/demo/says?text=four' 200
	kill -USR1 "$POOL"
	eventually test -e "$D/function.log"
	get '/demo/says?text=five' 200
	eventually grep -q 'cfn_log: five' "$D/followed"
	grep -q 'cfn_log: four' "$D/followed"
	kill "$follower"
	{ timeout 60 cfn-deploy --registry "$R" --config "$D/cfn.conf" logs -f 3>&- && : >"$D/ended"; } | head -n 1 | grep -q .
	[ -e "$D/ended" ]
}

@test "a log that cannot be had is said in one line" {
	: >"$D/empty.conf"
	run cfn-deploy --registry "$R" --config "$D/empty.conf" logs
	[ "$status" -eq 78 ]
	[[ $output == *'no function_log'*'-c FILE'* ]]
	[ "${#lines[@]}" -eq 1 ]
	printf '[global]\nfunction_log = %s\n' "$D/none" >"$D/none.conf"
	run cfn-deploy --registry "$R" --config "$D/none.conf" logs
	[ "$status" -eq 66 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *"$D/none'"* ]]
}
