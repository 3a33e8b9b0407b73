#!/usr/bin/env bats
# soak.bats - a mixed load with deploys, crashes, kills, sessions, streams and programs, for SOAK_TIME seconds: what the
# pool holds afterwards is what it held before.  `make soak` is an hour of it.
# bats file_tags=any-user
# shellcheck disable=SC2030,SC2031,SC2034,SC2046,SC2154
load helper
load held
load runs

readonly SOAK_TIME=${SOAK_TIME:-30} WARM_TIME=10
[ "$SOAK_TIME" = 30 ] || BATS_TEST_TIMEOUT=$((SOAK_TIME * 2 + 900))

setup() {
	place_make
	mkdir "$D/tmp"
	chmod 1777 "$D/tmp"
	export TMPDIR=$D/tmp
}

teardown() {
	touch "$D/over"
	place_remove
}

# goes_on UNTIL: whether there is more to do.
goes_on() {
	[ ! -e "$D/over" ] && [ "$(date +%s)" -lt "$1" ]
}

# Requests one behind the other on a connection, as a web server sends them; how many had their answer.
load_hello() {
	local n
	while goes_on "$1"; do
		n=$(yes $'get 1 /hello 1\nread' | head -n 400 | fcgi 2>/dev/null | grep -c '^|hello') || true
		echo "200 $n" >>"$D/hello.count"
	done
}

load_others() {
	while goes_on "$1"; do
		fcgi <<<$'get 1 /breaks 0\nread-all' >/dev/null 2>&1 || true
		fcgi <<<$'get 1 /demo/stream 0\nread-record' >/dev/null 2>&1 || true
		curl -s --max-time 20 -o /dev/null -c "$D/jar" -b "$D/jar" "$WEB/s/login?user=ann" || true
		curl -s --max-time 60 -o "$D/run.out" -H 'Content-Type: application/json' -d '{"lang":"Bash","code":"echo 42"}' "$WEB/api/run" || true
		jq -r '.stdout | rtrimstr("\n")?' "$D/run.out" >>"$D/run.count" 2>/dev/null || true
	done
}

load_deploys() {
	local i
	for ((i = 0; ; i++)); do
		goes_on "$1" || return 0
		hello_make hello "hello $1 $i"
		deploy "$D/src/hello.c" >/dev/null 2>&1 || true
		deploy rollback hello >/dev/null 2>&1 || true
		deploy disable breaks >/dev/null 2>&1 || true
		deploy enable breaks >/dev/null 2>&1 || true
		deploy status >/dev/null 2>&1 || true
		deploy export --active "$D/hello.cfn" >/dev/null 2>&1 || true
		deploy gc --keep 3 >/dev/null 2>&1 || true
		echo >>"$D/deploys.count"
	done
}

# manage TOKEN [CURL-ARGUMENT...]: one word in manage.count, the status.
manage() {
	curl -s --max-time 60 -o /dev/null -w '%{http_code}\n' -H "Authorization: Bearer $1" "${@:2}" "$WEB/mgnt" >>"$D/manage.count" || true
}

load_management() {
	local i
	for ((i = 0; ; i++)); do
		goes_on "$1" || return 0
		hello_make managed "managed $1 $i"
		manage "$TOKEN" -F route=/managed -F function_name=managed -F "code=@$D/src/managed.c"
		manage "$TOKEN" -F route=/managed -F function_name=managed -F 'code=no C;filename=managed.c'
		manage "$TOKEN"
		# From another address each time: one that fails too often is refused whatever it shows.
		manage "${TOKEN%?????}wrong" --interface "127.0.1.$((i % 250 + 1))" -F "code=@$D/src/managed.c"
		sleep 0.5
	done
}

# A worker or its init each second or so, a router every twentieth time.
load_kills() {
	local i pids
	for ((i = 1; ; i++)); do
		goes_on "$1" || return 0
		mapfile -t pids < <(pool_processes cfn-worker)
		[ ${#pids[@]} -eq 0 ] || kill -KILL "${pids[RANDOM % ${#pids[@]}]}" 2>/dev/null || true
		[ $((i % 20)) -ne 0 ] || kill -KILL "$(pool_processes cfn-router | head -n 1)" 2>/dev/null || true
		echo >>"$D/kills.count"
		sleep 0.7
	done
}

# mixed SECONDS
mixed() {
	local until pids=() part
	until=$(($(date +%s) + $1))
	for part in hello others deploys management kills; do
		"load_$part" "$until" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
}

at_rest() {
	[ -z "$(pool_processes cfn-worker)" ] && [ "$(pool_processes cfn-router | wc -l)" -eq 1 ] &&
		deploy --json status | jq -e '.pools[0] | .spares == .spares_wanted' >/dev/null
}

# What runs of programs hold: as many processes as wait for the next ones.
settled() {
	eventually runner_answers && eventually at_rest
}

# The runner's first two and both of the management; what comes and goes has a higher number.
others_that_stay() {
	pool_processes cfn-runner | sort -n | head -n 2
	pool_processes cfn-manage | sort -n
}

# What each holds, a number behind each name.  Of a candidate the master keeps the artifact until the time of its vote is
# over, and a web server its connections: descriptors may be a few more, everything else is what it was.
sum_up() {
	local pid
	for pid in $(trusted) $(others_that_stay); do
		echo "$(cat "/proc/$pid/comm")-descriptors $(find "/proc/$pid/fd" -mindepth 1 ! -lname '/memfd:artifact*' \
			! -lname '/memfd:environment*' | wc -l)"
		echo "$(cat "/proc/$pid/comm")-threads $(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)"
		echo "$(cat "/proc/$pid/comm")-mounts $(wc -l <"/proc/$pid/mountinfo")"
		echo "$(cat "/proc/$pid/comm")-memory-files $(find "/proc/$pid/fd" -lname '/memfd:*' ! -lname '/memfd:artifact*' \
			! -lname '/memfd:environment*' | wc -l)"
	done
	echo "processes $(($(descendants "$POOL" | wc -l) - $(pool_processes cfn-runner | wc -l)))"
	echo "state-files $(find "$R.pool" "$R.run" -mindepth 1 -maxdepth 1 ! -name 'audit*' | wc -l)"
	echo "temporary-files $(find "$TMPDIR" -mindepth 1 | wc -l)"
}

# holds_no_more BEFORE NOW
holds_no_more() {
	paste -d' ' <(echo "$1") <(echo "$2") | awk '
		$1 != $3 || $4 > $2 + ($1 ~ /descriptors/ ? 4 : 0) { print "was", $1, $2, "and is", $3, $4; n++ }
		END { exit n > 0 }'
}

@test "after a mixed load a pool holds what it held before" {
	local before memory said TOKEN
	printf 'management = on\npm = ondemand\npm.process_idle_timeout = 1s\n[run]\nenabled = on\nmax_concurrent = 2\n' | conf
	hello_make hello "hello, before"
	deploy "$D/src/hello.c"
	deploy "$functions/breaks.c"
	deploy "$functions/demo.c"
	deploy "$functions/session.c"
	TOKEN=$(cfn-deploy -c "$D/cfn.conf" --registry "$R" token create ci --scope 'deploy:/managed' 2>/dev/null)
	[ "$EUID" -ne 0 ] || chown -R nobody "$D/reg"
	pool_start
	nginx_start
	eventually runner_answers
	mixed "$WARM_TIME"
	settled
	before=$(sum_up) memory=$(memory $(trusted) $(others_that_stay))
	mixed "$SOAK_TIME"
	settled
	echo "$(awk '{ asked += $1; got += $2 } END { print asked, "asked,", got, "answered" }' "$D/hello.count")," \
		"$(wc -l <"$D/run.count") runs, $(wc -l <"$D/deploys.count") rounds of deploys, $(wc -l <"$D/kills.count") kills;" \
		"management $(sort "$D/manage.count" | uniq -c | awk '{ printf "%s%s: %s", n++ ? ", " : "", $2, $1 }');" \
		"KiB of master, spawner, router, runner, management: $memory, then $(memory $(trusted) $(others_that_stay))" |
		tee "$D/summary"
	sed 's/^/# /' "$D/summary" >&3
	holds_no_more "$before" "$(sum_up)"
	memory_is_flat "$memory" "$(memory $(trusted) $(others_that_stay))"
	# And what the management had of it: 502.
	not grep -vqxE '200|401|422|429|50[23]' "$D/manage.count"
	for said in 200 401 422; do
		grep -qx "$said" "$D/manage.count"
	done
	# A router that is killed costs the run that it waits for.
	not grep -vqxE '42|null' "$D/run.count"
	deploy verify
	[ "$(sql 'PRAGMA integrity_check')" = ok ]
	fcgi <<<$'get 1 /hello 0\nread-all' | grep -q '^|hello'
}
