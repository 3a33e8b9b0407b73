#!/usr/bin/env bats
# cgroup.bats - cgroup v2 on Linux 6.1 in User-mode Linux (tests/uml/boot): a leaf for each worker and each box, who gets
# a subtree for them and who does not, what is counted and killed, and what is left of it.
# shellcheck disable=SC2034,SC2153,SC2154,SC2317
load ../system/helper

top=/sys/fs/cgroup

setup_file() {
	[ "$(id -u)" -eq 0 ]
	[[ $(uname -r) == 6.1.* ]]
	place_make
	deploy "$functions/leaf.c"
}

teardown_file() {
	place_remove
}

setup() {
	limits_conf <<<''
	: >"$D/error.log"
}

# Each test starts pools of its own.
teardown() {
	local pid time
	while read -r pid time; do
		! is_alive "$pid" "$time" || process_stop KILL "$pid"
	done <"$D/started"
	: >"$D/started"
	unset -f cfn-pool
	eventually all_gone
	: >"$D/below"
}

# limits_conf <LINES of [global]: small limits, and these.
limits_conf() {
	conf < <(printf 'memory = 8M\ntmp_size = 256K\nopen_files = 2048\n'; cat)
}

ask() {
	fcgi <<<"get 1 $1 0"$'\nread-all'
}

# answers PATH TEXT
answers() {
	local answer
	answer=$(ask "$1") || true
	grep -qF -- "$2" <<<"$answer" || { echo "$1: $answer"; show_logs; return 1; }
}

# folder: of the pool that started last, as it says itself.
folder() {
	sed -n 's/.*memory: cgroup (a leaf for each sandbox in \(.*\))$/\1/p' "$D/error.log" | tail -n 1
}

# leaves FOLDER: those in it that are no spare sandbox's.
leaves() {
	local leaf pid
	for leaf in "$1"/worker-*; do
		[ -d "$leaf" ] || continue
		read -r pid 2>/dev/null <"$leaf/cgroup.procs" && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = cfn-spare ] || echo "$leaf"
	done
}

has_leaves() {
	[ "$(leaves "$1" | wc -l)" -eq "$2" ]
}

# status_has JQ-EXPRESSION: of the only pool.
status_has() {
	cfn-deploy --registry "$R" --json status >"$D/status" 3>&-
	jq -e ".pools[0] | $1" "$D/status" >/dev/null || { echo "not so: $1"; cat "$D/status"; return 1; }
}

# The pool's programs are started from inside a cgroup, as uid 7001 when that is wanted.
cgroup_make() {
	mkdir "$top/$1"
	IN=$top/$1
}

give() {
	chown 7001:7001 "$1" "$1"/cgroup.{procs,subtree_control,threads}
}

# inside COMMAND...: in IN, as the user UID_OF; replaces the shell.
inside() {
	echo 0 >"$IN/cgroup.procs"
	[ -z "${UID_OF:-}" ] || exec setpriv --reuid="$UID_OF" --regid="$UID_OF" --clear-groups env HOME="$D" "$@"
	exec "$@"
}

# --- leaves and boxes by themselves --------------------------------------------------------------------------------

leaf() {
	"${CFN_CLIENT%/*}/leaves" "$1"
}

@test "a leaf lets its processes have what its limit says, and counts it" { leaf at_the_limit; }
@test "a leaf kills what goes past its limit" { leaf past_the_limit; }
@test "processes that go past it together die together" { leaf together_past_the_limit; }
@test "a leaf refuses one process too many" { leaf too_many_processes; }
@test "a leaf that is removed kills who is in it" { leaf removed_while_in_use; }
@test "the end of a leaf is nothing to its neighbour" { leaf a_neighbour_lives_on; }
@test "a leaf that cannot be made is a named failure" { leaf no_room_for_a_leaf; }
@test "a box has a leaf, which counts its files" { leaf a_box_has_a_leaf; }
@test "a box that goes past its memory is ended by its leaf" { leaf a_box_is_ended_by_its_leaf; }
@test "a box that goes past its CPU time is ended by what its leaf counts" { leaf a_box_meets_its_cpu_limit; }

# --- who gets a subtree ----------------------------------------------------------------------------------------------

@test "root among other processes gets one at the top, a worker a leaf with its limits, and nobody is moved" {
	local f w
	limits_conf <<<'cpu_share = 25'
	pool_start
	not grep -q 'cpu_share is not held' "$D/error.log"
	f=$(folder)
	[[ $f == "$top"/cfn-???????? ]]
	[ "$(stat -c %u:%a "$f")" = 200000:700 ]
	[ "$(stat -c %u "$f/cgroup.subtree_control" "$f/memory.max" | sort -u)" = 0 ]
	answers /fine fine
	has_leaves "$f" 1
	w=$(leaves "$f")
	# memory, a 256th of it for page tables, /tmp, 4 MiB, 256 KiB for each process; and the artifact.
	[ "$(cat "$w/memory.max")" -gt $(((8 << 20) + (8 << 12) + (256 << 10) + (4 << 20) + (17 << 18))) ]
	[ "$(cat "$w/memory.max")" -lt $(((8 << 20) + (8 << 12) + (256 << 10) + (4 << 20) + (17 << 18) + (1 << 20))) ]
	[ "$(cat "$w/memory.oom.group" "$w/pids.max" | tr '\n' ' ')" = '1 17 ' ]
	[ "$(cat "$w/cpu.max")" = '25000 100000' ]
	[ ! -e "$w/memory.swap.max" ] || [ "$(cat "$w/memory.swap.max")" = 0 ]
	[ "$(sort "$w/cgroup.procs")" = "$(pool_processes cfn-worker | sort)" ]
	[ "$(sort "$f/trusted/cgroup.procs")" = "$( (pool_processes cfn-spawn && pool_processes cfn-router) | sort)" ]
	grep -qx "$POOL" "$top/cgroup.procs"
	grep -qx "$$" "$top/cgroup.procs"
	status_has '.memory | startswith("cgroup (a leaf for each sandbox in /sys/fs/cgroup/cfn-")'
	cfn-deploy --registry "$R" status 3>&- | grep -q '^memory  *cgroup (a leaf'
	pool_stop TERM || true
	has_leaves "$f" 0
}

@test "root alone in its cgroup, as with systemd's Delegate=, moves itself and makes everything below" {
	local f
	cgroup_make unit.service
	cfn-pool() { inside "$(type -P cfn-pool)" "$@"; }
	pool_start
	f=$(folder)
	[[ $f == "$IN"/cfn-???????? ]]
	[ "$(cat "$IN/main/cgroup.procs")" = "$POOL" ]
	[ -z "$(cat "$IN/cgroup.procs")" ]
	answers /fine fine
	has_leaves "$f" 1
	pool_stop TERM || true
	has_leaves "$f" 0
	is_empty "$IN/main"
}

@test "an ordinary user in a cgroup that is delegated gets one there, and leaves nothing" {
	local f
	cgroup_make user.slice
	give "$IN"
	user_place
	pool_start
	f=$(folder)
	[[ $f == "$IN"/cfn-???????? ]]
	[ "$(stat -c %u "$f")" = 7001 ]
	answers /fine fine
	has_leaves "$f" 1
	pool_stop TERM || true
	[ ! -e "$f" ]
}

# The registry is the user's for the time of a test; its pool is started inside IN.
user_place() {
	UID_OF=7001
	chown -R 7001:7001 "$D"
	cfn-pool() { inside "$(type -P cfn-pool)" "$@"; }
}

@test "an ordinary user to whom nothing is delegated has rlimits, and every report says so and why" {
	cgroup_make nobodys
	user_place
	pool_start
	grep -q "memory: rlimit (RLIMIT_AS of each process, the size of /tmp); no cgroup: cgroup '/nobodys' is not delegated to uid 7001\$" "$D/error.log"
	answers /fine fine
	status_has '.memory | startswith("rlimit (") and endswith("is not delegated to uid 7001")'
	answers /pipes pipes
	pool_stop TERM || true
	doctor() { inside "$(type -P cfn-deploy)" -c "$D/cfn.conf" doctor; }
	(doctor >"$D/text" 3>&-)
	grep -q '^memory: rlimit (.*is not delegated' "$D/text"
	grep -qE '^cgroup delegation +no .*is not delegated.*Delegate=' "$D/text"
}

@test "an ordinary user who is not alone in a cgroup of its own has rlimits, and nobody is moved" {
	local other
	cgroup_make shared.scope
	give "$IN"
	sh -c "echo 0 >$IN/cgroup.procs; exec sleep 300" 3>&- &
	other=$!
	started "$other"
	user_place
	eventually grep -qx "$other" "$IN/cgroup.procs"
	pool_start
	grep -q "memory: rlimit.*no cgroup: other processes are in cgroup '/shared.scope'\$" "$D/error.log"
	grep -qx "$other" "$IN/cgroup.procs"
	[ ! -e "$IN/main" ]
}

@test "cgroup = off is rlimits; cgroup = require refuses to start without one, in one line" {
	limits_conf <<<'cgroup = off'
	pool_start
	grep -q 'memory: rlimit.*no cgroup: switched off$' "$D/error.log"
	pool_stop TERM || true
	cgroup_make nothing
	limits_conf <<<'cgroup = require'
	UID_OF=7001
	chown -R 7001:7001 "$D"
	require() { (inside "$(type -P cfn-pool)" -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"); }
	refused 78 require
	grep -q "^cfn-pool: cgroup = require: cgroup '/nothing' is not delegated to uid 7001; see 'cfn-deploy doctor'\$" "$D/err"
	doctor() { (inside "$(type -P cfn-deploy)" -c "$D/cfn.conf" doctor --json); }
	not doctor >"$D/json" 3>&-
	jq -e '.starts == false and .first_to_fail == "cgroup delegation"' "$D/json"
	UID_OF=
	chown -R 0:0 "$D"
	pool_start
	folder | grep -q .
}

@test "the doctor proves a leaf, and leaves nothing" {
	cfn-deploy -c "$D/cfn.conf" doctor --json >"$D/json" 3>&-
	jq -e '.memory | startswith("cgroup (")' "$D/json"
	jq -e '[.layers[] | select(.layer == "cgroup delegation" or .layer == "memory accounting") | .works] == [true, true]' "$D/json"
	[ -z "$(find "$top" -maxdepth 1 -name 'cfn-*')" ]
}

# --- what a worker gets ----------------------------------------------------------------------------------------------

@test "a function may fill its memory and its /tmp to their limits, has its threads, and sees no cgroup" {
	local answer own
	pool_start
	answer=$(ask /fills)
	own=$(sed -n 's/^|\([0-9]*\) and \([0-9]*\) KiB$/\1/p' <<<"$answer")
	[ "$own" -gt 7000 ]
	[ "$own" -lt 9000 ]
	grep -q ' and 256 KiB$' <<<"$answer"
	answers /threads '16 threads'
	answers /looks 'ENOENT ENOENT ENOENT ENOENT'
	not grep -q memory_limit "$D/error.log"
}

@test "a function that goes past it is killed at its limit, alone; the log and the status say how much it held" {
	local f sibling kib
	pool_start
	f=$(folder)
	answers /fine fine
	ask /sleeps >"$D/sibling.out" 3>&- &
	sibling=$!
	eventually has_leaves "$f" 1
	answers /pipes 'memory_limit'
	wait "$sibling"
	grep -q '^|slept$' "$D/sibling.out"
	answers /fine fine
	grep -qE "function 'leaf' version 1: worker .* ended: signal KILL, memory_limit; cpu [0-9]+ ms, memory [0-9]+ KiB; killed at its memory limit\$" "$D/error.log"
	kib=$(sed -n 's/.*memory_limit; .*memory \([0-9]*\) KiB.*/\1/p' "$D/error.log")
	[ "$kib" -gt 8192 ]
	[ "$kib" -lt 20000 ]
	status_has ".functions[0].memory_peak_kb == $kib and .functions[0].crashes == 1"
	grep -q '"cause":"memory_limit","ending":"signal KILL"' "$D/access.log"
	eventually has_leaves "$f" 1
}

@test "without room for a leaf there is no worker, and the reason is said" {
	limits_conf <<<'pm.spare_sandboxes = 0'
	pool_start
	echo 1 >"$(folder)/cgroup.max.descendants"
	answers /fine unavailable
	grep -q 'cannot start: cgroup: make a leaf: ' "$D/error.log"
	has_leaves "$(folder)" 0
	echo max >"$(folder)/cgroup.max.descendants"
	eventually answers /fine fine
}

# --- what is left ----------------------------------------------------------------------------------------------------

@test "what a killed pool left is removed by the next start, and only that" {
	local first second
	pool_start
	first=$(folder)
	answers /fine fine
	kill -KILL "$POOL"
	wait "$POOL" || true
	eventually all_gone
	[ -d "$first/trusted" ]
	mkdir "$first/worker-77"
	pool_start
	second=$(folder)
	[ "$first" != "$second" ]
	[ ! -e "$first" ]
	# A second pool of the same registry, while the first serves.
	answers /fine fine
	SOCKET=unix:$D/y.sock pool_start
	[ "$(folder)" != "$second" ]
	SOCKET=unix:$D/y.sock answers /fine fine
	has_leaves "$second" 1
	has_leaves "$(folder)" 1
	answers /fine fine
}

@test "a cfn-deploy that is killed while it compiles leaves nothing but what the next one removes" {
	local pid old
	find "$top" -maxdepth 1 -name 'cfn-*' | sort >"$D/before"
	source_make slow.c <<-END
		#include "/dev/zero"
	END
	cfn-deploy --registry "$R" deploy "$D/src/slow.c" >/dev/null 2>&1 3>&- &
	pid=$!
	eventually box_is_there
	kill -KILL "$pid"
	wait "$pid" || true
	old=$(dirname "$BOX")
	eventually is_empty "$BOX"
	[ -d "$old" ]
	hello_make next "the next one"
	deploy check "$D/src/next.c"
	[ ! -e "$old" ]
	[ -z "$(find "$top" -maxdepth 1 -name 'cfn-*')" ]
}

box_is_there() {
	BOX=$(find "$top" -maxdepth 2 -path '*/cfn-*/box-*' | head -n 1)
	[ -n "$BOX" ]
}

# The kernel says of all these files that they have no bytes.
is_empty() {
	not grep -q . "$1/cgroup.procs"
}

# A compiler that is a bomb: six processes with 120 MiB each, under 512 MiB for each and 640 MiB for all.
@test "a compiler that goes past its memory is ended by its leaf, in its own words" {
	cat >"$D/bomb" <<-'END'
		#!/bin/sh
		[ "$1" = --version ] && exec echo bomb
		for i in 1 2 3 4 5 6; do dd if=/dev/zero bs=120M count=1 | sleep 50 & done
		wait
	END
	chmod 755 "$D/bomb"
	mount --bind "$D/bomb" /usr/bin/c99-gcc
	limits_conf <<<'compiler = /usr/bin/c99-gcc'
	hello_make bombed "never"
	refused 65 cfn-deploy -c "$D/cfn.conf" --registry "$R" check "$D/src/bombed.c"
	umount /usr/bin/c99-gcc
	grep -q 'the compiler went over its limit of 512 MiB of memory$' "$D/err"
}
