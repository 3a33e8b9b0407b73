#!/usr/bin/env bats
# slow.bats - requests that take longer than request_slowlog_timeout: where they were, as taken from outside.
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	conf <<-END
		slowlog = $D/slow.log
		crashes.of_function = 64
		[function stuck]
		request_slowlog_timeout = 200ms
		[function fresh]
		request_slowlog_timeout = 200ms
		[function mapped]
		request_slowlog_timeout = 200ms
		[function ended]
		wall_time = 400ms
		[function ended-fresh]
		wall_time = 400ms
	END
	deploy deploy --function stuck "$functions/stuck.c" >/dev/null
	sed 's|/stuck/|/fresh/|g' "$functions/stuck.c" >"$D/src/fresh.c"
	deploy deploy --function fresh --mode fresh "$D/src/fresh.c" >/dev/null
	sed 's|/stuck/|/quick/|g' "$functions/stuck.c" >"$D/src/quick.c"
	deploy deploy --function quick "$D/src/quick.c" >/dev/null
	sed 's|/stuck/|/ended/|g' "$functions/stuck.c" >"$D/src/ended.c"
	deploy deploy --function ended "$D/src/ended.c" >/dev/null
	# Of one version ten records in a minute are kept, which the tests before have asked for.
	sed 's|/stuck/|/mapped/|g' "$functions/stuck.c" >"$D/src/mapped.c"
	deploy deploy --function mapped "$D/src/mapped.c" >/dev/null
	sed 's|/stuck/|/ended-fresh/|g' "$functions/stuck.c" >"$D/src/ended-fresh.c"
	deploy deploy --function ended-fresh --mode fresh "$D/src/ended-fresh.c" >/dev/null
	pool_start
	nginx_start
}

teardown_file() {
	place_remove
}

is_written() {
	jq -e --arg id "$1" 'select(.request_id == $id)' "$D/slow.log" >"$D/slow"
}

# slow: the line of the last request, in $D/slow.
slow() {
	eventually is_written "$(header X-Request-Id)"
}

holds() {
	jq -e "$1" "$D/slow" >/dev/null || { jq . "$D/slow"; return 1; }
}

@test "a function that spins is named with the place where it is, and shown in lines of its source" {
	local path
	for path in /stuck/spins /fresh/spins; do
		get "$path?token=hidden" 200
		slow
		holds '.cause == "slow" and (.route | endswith("/spins")) and .elapsed_us >= 200000 and .cpu_us > 0'
		holds '.threads[0].frames[0] | startswith("= ")'
		holds '.log == ["spinning"]'
		not grep -q hidden "$D/slow"
		cfn-deploy --registry "$R" --json crashes "$(jq .id "$D/slow")" 3>&- >"$D/record"
		# Its caller is found on the stack, too.
		jq -e '[.threads[0].lines[] | select(test("^spins at (stuck|fresh).c:[0-9]+$"))] | length > 0' \
			"$D/record" || { cat "$D/record"; return 1; }
	done
}

@test "a function that sleeps is named with its system call, and sleeps on" {
	local path
	for path in /stuck/sleeps /fresh/sleeps; do
		get "$path" 200 'slept 0'
		slow
		holds '.threads[0].state == "sleeping" and (.threads[0].call | endswith("nanosleep"))'
	done
	cfn-deploy --registry "$R" crashes "$(jq .id "$D/slow")" 3>&- | grep -qE '^thread [0-9]+, sleeping in clock_nanosleep:$'
}

@test "a function that is looked at misses no signal" {
	# A signal has to come between two calls of who looks: not each time, but nearly always on a machine with time.
	for _ in 1 2 3 4 5 6; do
		get /stuck/rings 200 rings
		slow
	done
}

@test "a stack that a function has made up is bounded, and marked" {
	get /stuck/forges 200
	slow
	holds '(.threads[0].frames | length) <= 64 and ([.threads[0].frames[1:][] | startswith("? ")] | all)'
	get /stuck/loses 200 found
	slow
	holds '.threads[0].state == "running" and (.threads[0].frames | length) == 1'
	get /stuck/works 200
}

@test "a function that maps much, and a file of its artifact's name, is found where it is" {
	get /mapped/hides 200 hidden
	slow
	cfn-deploy --registry "$R" --json crashes "$(jq .id "$D/slow")" 3>&- >"$D/record"
	jq -e '[.threads[0].lines[] | select(test("^(burn|now|hides) at mapped.c:[0-9]+$"))] | length > 0' "$D/record" ||
		{ cat "$D/record"; return 1; }
}

@test "a function that nobody asked about is not looked at, and no process is left" {
	get /quick/spins 200
	not is_written "$(header X-Request-Id)"
	remember_below "$POOL"
	ps -o stat= --ppid "$(pool_processes cfn-spawn)" >"$D/states"
	not grep -q Z "$D/states"
}

# of REQUEST-ID: the id of its record.
of() {
	cfn-deploy --registry "$R" --json crashes 3>&- | jq -e --arg id "$1" '.crashes[] | select(.request_id == $id) | .id'
}

# has_stack PATH: one that is ended there, whose record says where it was; on a machine without time there may be none.
has_stack() {
	get "$1" 504
	eventually of "$(header X-Request-Id)" >/dev/null
	cfn-deploy --registry "$R" --json crashes "$(of "$(header X-Request-Id)")" 3>&- >"$D/slow"
	jq -e '.threads[0].frames | length > 0' "$D/slow"
}

@test "a request that is ended for its time has its stack in its record, and is in no slow log" {
	local function
	for function in ended ended-fresh; do
		eventually has_stack /$function/spins
		holds '.cause == "wall_time_limit" and .limit.wall_time_ms == 400'
		holds '.ending == "signal KILL"'
		holds '[.threads[0].lines[] | select(test("^spins at ended(-fresh)?.c:[0-9]+$"))] | length > 0'
		eventually has_stack /$function/sleeps
		holds '.threads[0].call | endswith("nanosleep")'
		not grep -q "$(header X-Request-Id)" "$D/slow.log"
	done
}

@test "a slow log that was moved away is made anew at USR1" {
	mv "$D/slow.log" "$D/slow.old"
	kill -USR1 "$POOL"
	eventually test -e "$D/slow.log"
	get /fresh/sleeps 200
	slow
}
