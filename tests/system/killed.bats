#!/usr/bin/env bats
# killed.bats - cfn-deploy is killed at a system call that changes something, one after the other: what is active is the
# old version or the new one, whole, and the pool serves it.  CFN_KILLED=all: at each of them; else at some.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

readonly CALLS='write pwrite64 fsync fdatasync ftruncate rename unlink unlinkat sendmsg connect openat'
# Of each call so many are picked in the short form, evenly: its first, its last, and between them.
readonly PICKED=${CFN_KILLED:-2}
[ "$PICKED" != all ] || BATS_TEST_TIMEOUT=36000

setup() {
	place_make
	mkdir "$D/m" "$D/tmp"
	# What a killed one leaves.
	export TMPDIR=$D/tmp
	echo "a value" >"$D/value"
	hello_make one "number 1"
	deploy "$D/src/one.c" >/dev/null
	hello_make one "number 2"
	deploy "$D/src/one.c" >/dev/null
	pool_start
}

teardown() {
	place_remove
}

# numbers CALL: which of them the process is killed at; as often as it makes the call when nobody kills it.
numbers() {
	local n i step
	n=$(grep -c "^$1(" "$D/calls") || true
	if [ "$PICKED" = all ] || [ "$n" -le "$PICKED" ]; then
		seq 1 "$n"
		return
	fi
	for ((i = 0; i < PICKED; i++)); do
		echo $((1 + i * (n - 1) / (PICKED - 1)))
	done
}

active() {
	sql "SELECT number FROM version v JOIN function f ON f.active_version = v.id WHERE f.name = 'one'"
}

# The version that answers is in the access log.
serves_active() {
	fcgi <<<$'get 1 /one 0\nread-all' | grep -q '^|number ' &&
		[ "$(tail -n 1 "$D/access.log" | jq -r .version)" = "$(active)" ]
}

# whole WHERE OLD: what there is after a kill.
whole() {
	local now
	[ "$(sql 'PRAGMA integrity_check')" = ok ] || { echo "$1: the file is damaged"; return 1; }
	[ -z "$(sql 'PRAGMA foreign_key_check')" ] || { echo "$1: rows that refer to nothing"; return 1; }
	now=$(active)
	[ "$now" = "$2" ] || [ "$now" = "$(cat "$D/new")" ] || { echo "$1: version $now, not $2 or $(cat "$D/new")"; return 1; }
	deploy verify >"$D/out" || { echo "$1:"; cat "$D/out"; return 1; }
	eventually serves_active || { echo "$1: v$now is not served"; return 1; }
}

# killed_everywhere PREPARE COMMAND...: PREPARE says on standard output which version would be active afterwards, and makes
# what the command needs.
killed_everywhere() {
	local prepare=$1 call n old rc count=0
	shift
	"$prepare" >"$D/new"
	strace -qq -o "$D/calls" -e "trace=${CALLS// /,}" cfn-deploy --registry "$R" "$@" <"$D/value" >/dev/null 2>&1 3>&-
	for call in $CALLS; do
		for n in $(numbers "$call"); do
			"$prepare" >"$D/new"
			old=$(active)
			rc=0
			strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" \
				cfn-deploy --registry "$R" "$@" <"$D/value" >/dev/null 2>&1 3>&- || rc=$?
			whole "$call $n of $*" "$old"
			[ "$rc" -ne 137 ] || count=$((count + 1))
		done
	done
	echo "# $1: killed at $count calls" >&3
	[ "$count" -ge 8 ]
}

last_number() {
	sql "SELECT last_number FROM function WHERE name = 'one'"
}

second() {
	[ "$(active)" = 2 ] || deploy rollback one 2 >/dev/null 2>&1
	echo 1
}

# A version that was not there: what is deployed is new each time.
new_source() {
	hello_make one "number $RANDOM$RANDOM"
	cp "$D/src/one.c" "$D/m"
	echo $(($(last_number) + 1))
}

new_export() {
	new_source >"$D/next"
	cp "$R" "$D/there.db"
	cfn-deploy --registry "$D/there.db" deploy "$D/src/one.c" >/dev/null 2>&1 3>&-
	rm -f "$D/all.cfn"
	cfn-deploy --registry "$D/there.db" export --active one "$D/all.cfn" >/dev/null 3>&-
	cat "$D/next"
}

@test "a deploy that is killed leaves the old version or the new one" {
	killed_everywhere new_source deploy "$D/src/one.c"
}

@test "an apply that is killed leaves the old version or the new one" {
	printf '[function one]\nsource = one.c\n' >"$D/m/cfn.ini"
	killed_everywhere new_source apply --yes "$D/m"
}

@test "an import that is killed leaves the old version or the new one" {
	killed_everywhere new_export import --activate "$D/all.cfn"
}

@test "a rollback that is killed leaves the old version or the new one" {
	killed_everywhere second rollback one
}

no_token() {
	deploy token revoke ci >/dev/null 2>&1 || true
	active
}

no_secret() {
	deploy secret remove one KEY >/dev/null 2>&1 || true
	active
}

# Versions that nobody needs, as they were.
many_versions() {
	[ -e "$D/many.db" ] || cp "$R" "$D/many.db"
	cp "$D/many.db" "$R.again"
	mv "$R.again" "$R"
	active
}

# What the one before left is a whole copy, or not there.
no_backup() {
	if [ -e "$D/kept.db" ]; then
		cfn-deploy --registry "$D/kept.db" verify >/dev/null 2>&1 || return 1
		[ "$(sqlite3 "$D/kept.db" 'SELECT count(*) FROM version')" -eq "$(sql 'SELECT count(*) FROM version')" ] || return 1
	fi
	rm -rf "$D/kept.db"*
	active
}

@test "a token, a secret, a sweep or a backup that is killed is whole or not there, and what is active is untouched" {
	killed_everywhere no_token token create ci
	killed_everywhere no_secret secret set one KEY
	killed_everywhere many_versions gc --keep 0
	killed_everywhere no_backup backup "$D/kept.db"
	no_backup >/dev/null
}
