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

# Requests without a pause on a connection at a time, until the end: asked, answered, when the connection began and what
# came last.  With a connection goes the one request that it had; what the script would have asked then is not asked.
load_on() {
	while [ ! -e "$D/over" ]; do
		yes $'get 1 /hello 1\nread' | head -n 400 | fcgi 2>>"$D/client.log" | awk -v began="$EPOCHREALTIME" '
			/^\|hello/ { answered++ }
			/^\|Status: [345]/ || /^[cs][li]/ { last = last " " $0 }
			/^end / { ended++ }
			END { print ended + (ended < 200), answered + 0, began last }' >>"$D/count.$1" || true
	done
}

# failed: how many requests had another answer, or none.
failed() {
	awk '$1 != $2' "$D"/count.* >"$D/lost.log"
	cat "$D"/count.* | awk '{ sum += $1 - $2 } END { print sum + 0 }'
}

asked() {
	cat "$D"/count.* | awk '{ sum += $1 } END { print sum + 0 }'
}

now_us() {
	echo "${EPOCHREALTIME//[!0-9]/}"
}

# victims KIND: all of worker, init or router that serve; a spare is none of them, its init has no worker.
victims() {
	ps -e -o pid=,ppid=,comm= | awk -v spawner="$SPAWNER" -v kind="$1" '
		{ parent[$1] = $2; name[$1] = $3 }
		END {
			for (pid in parent) {
				if (kind == "router" && name[pid] == "cfn-router" && parent[pid] == spawner) print pid
				if (kind == "router" || name[pid] != "cfn-worker" || parent[parent[pid]] != spawner) continue
				print kind == "worker" ? pid : parent[pid]
			}
		}'
}

# parent_of PID: without a process of its own, which would take longer than what is measured.
parent_of() {
	local line=
	PARENT=0
	{ IFS= read -r -d '' line <"/proc/$1/stat" || [ -n "$line" ]; } 2>/dev/null || return 0
	# shellcheck disable=SC2086 # the fields behind the name
	set -- ${line##*) }
	PARENT=$2
}

# is_one PID KIND: of our pool, and its own program.
is_one() {
	local name=
	{ read -r name <"/proc/$1/comm"; } 2>/dev/null || return 1
	case $2-$name in
	router-cfn-router) parent_of "$1" ;;
	worker-cfn-worker | init-cfn-worker) parent_of "$1" && parent_of "$PARENT" ;;
	*) return 1 ;;
	esac
	[ "$PARENT" = "$SPAWNER" ]
}

# came_after PID KIND: whether one is there whose number was given after this one.
came_after() {
	local pid=$1 last max
	read -r _ _ _ _ last </proc/loadavg
	read -r max </proc/sys/kernel/pid_max
	while [ "$pid" -ne "$last" ]; do
		pid=$((pid % max + 1))
		! is_one "$pid" "$2" || return 0
	done
	return 1
}

# kill_one KIND: a random one; says in how many ms there was another one.
kill_one() {
	local pids last start end=$((SECONDS + 90))
	mapfile -t pids < <(victims "$1")
	[ ${#pids[@]} -gt 0 ] || return 0
	read -r _ _ _ _ last </proc/loadavg
	start=$(now_us)
	kill -KILL "${pids[RANDOM % ${#pids[@]}]}" 2>/dev/null || return 0
	until came_after "$last" "$1"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.002
	done
	echo "$((($(now_us) - start) / 1000)) $1" >>"$D/times"
}

# took KIND: median, the 99th of 100, and the longest.
took() {
	grep " $1\$" "$D/times" | sort -n | awk '
		{ t[NR] = $1 }
		END { printf "%d ms in the median, %d ms in 99 of 100, %d ms at most", t[int((NR + 1) / 2)], t[int(NR * 0.99 + 0.99)], t[NR] }'
}

# A tenth of a second to a whole one, where there are many: nobody kills faster for long.
pause() {
	[ "$KILLS" = 8 ] || sleep "$((RANDOM % 900 + 100))e-3"
}

answers() {
	fcgi <<<$'get 1 /hello 0\nread-all' | grep -q '^|hello'
}

# storm KIND: kills under load from three clients.
storm() {
	local i pids=()
	conf <<<$'pm = static\npm.max_children = 2'
	pool_start
	for i in 1 2 3; do
		load_on "$i" 3>&- &
		pids+=($!)
	done
	SPAWNER=$(pool_processes cfn-spawn)
	eventually test -s "$D/count.1"
	for ((i = 0; i < KILLS; i++)); do
		pause
		kill_one "$1"
	done
	touch "$D/over"
	wait "${pids[@]}"
	echo "# $(wc -l <"$D/times") kills of $1, $(failed) of $(asked) requests failed, the next one was there after $(took "$1")" >&3
	eventually answers
}

@test "a worker that is killed costs at most the request that it had" {
	storm worker
	[ "$(failed)" -le "$KILLS" ]
	[ "$(victims worker | wc -l)" -eq 2 ]
}

@test "an init that is killed costs at most the request that its worker had" {
	storm init
	[ "$(failed)" -le "$KILLS" ]
	[ "$(victims init | wc -l)" -eq 2 ]
}

@test "a router that is killed costs the connections that it had" {
	storm router
	[ "$(grep -c 'router 0 ended: signal KILL' "$D/error.log")" -eq "$(grep -c 'router 0 ended' "$D/error.log")" ]
	# Three clients have a connection each, with one request.
	[ "$(failed)" -le $((KILLS * 3)) ]
	[ "$(pool_processes cfn-router | wc -l)" -eq 1 ]
}

# Each second time it is the spawner, with which all but the master ends; that one then does.
@test "a master or a spawner that is killed leaves nothing, and the next pool serves" {
	local i start killed
	for ((i = 0; i < KILLS / 4; i++)); do
		pool_start
		answers
		remember_below "$POOL"
		killed=$POOL
		[ $((i % 2)) -eq 0 ] || killed=$(pool_processes cfn-spawn)
		start=$(now_us)
		kill -KILL "$killed"
		eventually all_gone
		echo "$((($(now_us) - start) / 1000)) gone" >>"$D/times"
		start=$(now_us)
		pool_start
		answers
		echo "$((($(now_us) - start) / 1000)) serving" >>"$D/times"
		pool_stop TERM
	done
	echo "# all was gone after $(took gone); the next pool served after $(took serving)" >&3
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
