#!/usr/bin/env bats
# kills.bats - processes of a pool are killed at random under load: how many requests that costs, and that all is well
# afterwards.  CFN_KILLS: how many.  What it took is shown and not asserted.
# bats file_tags=any-user
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper

readonly KILLS=${CFN_KILLS:-8}
[ "$KILLS" = 8 ] || BATS_TEST_TIMEOUT=7200

setup() {
	place_make
	hello_make hello "hello"
	deploy "$D/src/hello.c" >/dev/null
}

teardown() {
	touch "$D/over"
	place_remove
}

# Requests without a pause on a connection at a time, until the end: asked and answered.  With a connection goes the one
# that it had; what the script would have asked then is not asked.
load_on() {
	while [ ! -e "$D/over" ]; do
		yes $'get 1 /hello 1\nread' | head -n 400 | fcgi 2>/dev/null | awk '
			/^\|hello/ { answered++ }
			/^end / { ended++ }
			END { print ended + (ended < 200), answered + 0 }' >>"$D/count.$1" || true
	done
}

# failed: how many requests had another answer, or none.
failed() {
	cat "$D"/count.* | awk '{ sum += $1 - $2 } END { print sum + 0 }'
}

asked() {
	cat "$D"/count.* | awk '{ sum += $1 } END { print sum + 0 }'
}

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

# other_than PIDS PROGRAM: one of this program that was not there.
other_than() {
	[ -n "$(comm -13 <(sort <<<"$1") <(pool_processes "$2" | sort))" ]
}

# kill_one PROGRAM: a random one; says in how many ms there was another one.
kill_one() {
	local pids before
	mapfile -t pids < <(pool_processes "$1")
	[ ${#pids[@]} -gt 0 ] || return 0
	before=$(printf '%s\n' "${pids[@]}")
	kill -KILL "${pids[RANDOM % ${#pids[@]}]}" 2>/dev/null || return 0
	START=$(now_ms)
	eventually other_than "$before" "$1" || return 1
	echo "$(($(now_ms) - START)) $1" >>"$D/times"
}

median() {
	grep " $1\$" "$D/times" | sort -n | awk '{ t[NR] = $1 } END { printf "%d ms, at most %d ms", t[int((NR + 1) / 2)], t[NR] }'
}

answers() {
	fcgi <<<$'get 1 /hello 0\nread-all' | grep -q '^|hello'
}

# storm PROGRAM: kills under load from three clients.
storm() {
	local i pids=()
	conf <<<$'pm = static\npm.max_children = 2'
	pool_start
	for i in 1 2 3; do
		load_on "$i" 3>&- &
		pids+=($!)
	done
	eventually test -s "$D/count.1"
	for ((i = 0; i < KILLS; i++)); do
		kill_one "$1"
	done
	touch "$D/over"
	wait "${pids[@]}"
	echo "# $(wc -l <"$D/times") kills of $1, $(failed) of $(asked) requests failed, the next one was seen after $(median "$1")" >&3
	eventually answers
}

@test "a worker or an init that is killed costs at most the request that it had" {
	storm cfn-worker
	[ "$(failed)" -le "$KILLS" ]
	[ "$(pool_processes cfn-worker | wc -l)" -le 4 ]
}

@test "a router that is killed costs the connections that it had" {
	storm cfn-router
	# Three clients have a connection each, with one request.
	[ "$(failed)" -le $((KILLS * 3)) ]
	[ "$(pool_processes cfn-router | wc -l)" -eq 1 ]
}

@test "a master that is killed leaves nothing, and the next one serves" {
	local i start
	for ((i = 0; i < KILLS / 4; i++)); do
		pool_start
		answers
		remember_below "$POOL"
		kill -KILL "$POOL"
		eventually all_gone
		start=$(now_ms)
		pool_start
		answers
		echo "$(($(now_ms) - start)) serving" >>"$D/times"
		pool_stop TERM
	done
	echo "# the next pool served after $(median serving)" >&3
}

# lines_a_second WORDS: the most of them that a second of the log has.
lines_a_second() {
	grep -F -- "$1" "$D/error.log" | cut -c1-19 | uniq -c | awk '{ if ($1 > most) most = $1 } END { print most + 0 }'
}

# How many ends of workers the log tells of, with those that are counted alone.
told() {
	grep -F "function 'breaks'" "$D/error.log" | grep -F ' ended: ' |
		awk '{ n++ } match($0, /and [0-9]+ more/) { n += substr($0, RSTART + 4) } END { print n + 0 }'
}

ends_are_told() {
	[ "$(told)" -eq "$(of_breaks crashes)" ]
}

# of_breaks KEY: this number of its status.
of_breaks() {
	cfn-deploy --registry "$R" --json status | jq "[.. | objects | select(.name? == \"breaks\") | .$1] | add"
}

# The first starts come at once, so that a single crash costs nobody anything; then they are held back.
@test "a crash loop starts few workers and writes few lines, and its neighbour serves" {
	local i pids=() starts
	deploy "$functions/breaks.c" >/dev/null
	pool_start
	for i in 1 2 3 4; do
		until [ -e "$D/over" ]; do
			fcgi <<<$'get 1 /breaks 0\nread-all' >/dev/null 2>&1 || true
		done 3>&- &
		pids+=($!)
	done
	for ((i = 0; i < 40; i++)); do
		answers
		sleep 0.1
	done
	touch "$D/over"
	starts=$(of_breaks starts)
	wait "${pids[@]}" || true
	echo "# $starts starts, at most $(lines_a_second "function 'breaks'") lines in a second" >&3
	[ "$starts" -le 40 ]
	[ "$(lines_a_second "function 'breaks'")" -eq 1 ]
	eventually ends_are_told
	[ "$(told)" -gt "$(grep -cF "function 'breaks'" "$D/error.log")" ]
	answers
}
