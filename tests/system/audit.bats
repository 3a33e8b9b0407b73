#!/usr/bin/env bats
# audit.bats - both audit chains around a real pool: every event is in them, and whatever is changed, removed, moved or
# cut off afterwards is found and named.
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	hello_make hello "Hello"
	L=$R.pool/audit.log
	conf <<-END
		wall_time = 1s
		memory = 48M
	END
}

teardown() {
	place_remove
}

tool() {
	cfn-deploy --registry "$R" "$@" 3>&-
}

# entries CHAIN EVENT [JQ-FILTER]: how many there are.
entries() {
	tool --json audit | jq --arg chain "$1" --arg event "$2" \
		"[.entries[] | select(.chain == \$chain and .event == \$event) | select(${3:-true})] | length"
}

has() {
	[ "$(entries "$@")" -ge 1 ]
}

# comes CHAIN EVENT [JQ-FILTER]: within the time that the pool lets an entry wait, and much more.
comes() {
	eventually has "$@" || { tool audit; return 1; }
}

verified() {
	tool audit --verify || { tool audit; return 1; }
}

# signed: the head is that of the last entry.
signed() {
	[ "$(jq .number "$R.pool/audit.head")" = "$(tail -n 1 "$L" | jq .number)" ]
}

# found TEXT: --verify names it, first.
found() {
	refused 65 tool audit --verify
	grep -qF -- "$1" "$D/err" || { cat "$D/out" "$D/err"; return 1; }
}

hostile() {
	deploy deploy --function "$1" --entry "$1" "$functions/hostile.c" >/dev/null
	request "/$1?go"
}

answers_hello() {
	fcgi <<<$'get 1 /hello 0\nread-all' | grep -q '|Hello'
}

# A log of ten entries or more, of a pool that has ended.
some_log() {
	pool_start
	deploy "$D/src/hello.c"
	for _ in 1 2 3 4; do
		tool disable hello
		tool enable hello
	done
	comes pool registry '.count == 10'
	pool_stop TERM
	verified
	cp -a "$R.pool" "$D/kept.pool"
}

restore() {
	rm -rf "$R.pool"
	cp -a "$D/kept.pool" "$R.pool"
}

@test "every change of the registry is an entry of its own, with who made it" {
	hello_make second "Second"
	deploy "$D/src/hello.c"
	hello_make hello "Hello again"
	deploy "$D/src/hello.c"
	tool rollback hello
	tool disable hello
	tool enable hello
	tool gc --keep 0
	tool remove hello
	for event in deploy activate rollback disable enable gc remove; do
		has registry "$event" ".uid == $(id -u) and .actor != \"\""
	done
	has registry rollback '.function == "hello" and .version == 1'
	[ "$(entries registry deploy)" = 2 ]
	tool audit | grep -q 'rollback hello v1'
	verified
}

@test "what happens to functions and the pool is in the pool's log" {
	pool_start
	nginx_start
	hostile segfaults
	comes pool crash '.function == "segfaults" and .version == 1 and .cause == "crash"'
	hostile sleeps
	comes pool kill '.function == "sleeps" and .cause == "wall_time_limit"'
	hostile allocates
	comes pool kill '.function == "allocates" and .cause == "memory_limit"'
	hostile junk_before
	comes pool kill '.function == "junk_before" and .cause == "bad_response"'
	comes pool registry '.count == 8'
	pool_stop TERM
	has pool start '.detail | startswith("isolation ")'
	has pool stop
	tool audit --function sleeps | grep -q ' kill sleeps v1 wall_time_limit'
	[ "$(tool audit --function sleeps | grep -c hello)" = 0 ]
	[ -z "$(tool audit --since 2999-01-01)" ]
	[ -n "$(tool audit --since 1h)" ]
	verified
}

# bats test_tags=any-user
@test "a pool that cannot start a version says why" {
	deploy "$D/src/hello.c"
	sql "PRAGMA foreign_keys = OFF; UPDATE version SET entry = 'nothing'"
	pool_start
	printf 'get 1 /hello 0\nread-all\n' | fcgi >"$D/answer"
	grep -q start_failed "$D/answer"
	comes pool start_refused '.function == "hello" and (.detail | contains("nothing"))'
}

# bats test_tags=any-user
@test "a byte that is changed is found, wherever it is" {
	some_log
	for line in 1 4 "$(wc -l <"$L")"; do
		sed -i "${line}s/\"time\":\"2/\"time\":\"3/" "$L"
		found "audit.log, line $line (entry $line)"
		restore
	done
	verified
}

# bats test_tags=any-user
@test "entries that are removed are found: in the middle, at the beginning, at the end, all" {
	some_log
	n=$(wc -l <"$L")
	sed -i 4,5d "$L"
	found "entries 4 to 5 are missing before entry 6"
	restore
	sed -i 1d "$L"
	found "entry 1 is missing at the beginning"
	restore
	sed -i "\$d" "$L"
	found "entry $n is missing at the end: the signed head knows them"
	restore
	: >"$L"
	found "entries 1 to $n are missing at the end"
	restore
	rm "$L"
	found "entries 1 to $n are missing at the end"
	restore
	verified
}

# bats test_tags=any-user
@test "entries that are swapped, doubled or written anew are found" {
	some_log
	sed -i -e '4{h;d}' -e '5G' "$L"
	found "entry 4 is missing before entry 5"
	restore
	sed -i 4p "$L"
	found "entry 4 stands behind entry 4"
	restore
	# A chain of one's own, with good hashes: another pool's.
	rm -r "$R.pool"
	pool_start
	for _ in 1 2 3 4 5 6; do
		tool disable hello
		tool enable hello
	done
	comes pool registry '.count == 22'
	pool_stop TERM
	cp "$R.pool/audit.log" "$D/other.log"
	cp "$R.pool/audit.head" "$D/other.head"
	restore
	cp "$D/other.log" "$L"
	found "is not the one that the signed head knows"
	cp "$D/other.head" "$R.pool/audit.head"
	found "the head is not signed with key"
	restore
	found_with_key "$D/kept.pool/audit.pub"
}

# found_with_key FILE: a log and a key that are both another one's do not pass with the key kept elsewhere.
found_with_key() {
	tool audit --verify --public-key "$1"
	rm -r "$R.pool"
	pool_start
	pool_stop TERM
	refused 65 tool audit --verify --public-key "$1"
	grep -q "the head is not signed with key" "$D/err"
}

# bats test_tags=any-user
@test "a signature that is gone or damaged is found" {
	some_log
	sed -i 's/"number":1/"number":2/' "$R.pool/audit.head"
	found "the head is not signed with key"
	restore
	echo '{}' >"$R.pool/audit.head"
	found "audit.head: not a signed head"
	restore
	rm "$R.pool/audit.pub"
	found "audit.pub"
}

# bats test_tags=any-user
@test "rows of the registry that are edited, removed or all gone are found" {
	some_log
	cp "$R" "$D/kept.db"
	sql "UPDATE audit SET actor = 'nobody' WHERE number = 3"
	found "registry: row 3 is not what was written"
	cp "$D/kept.db" "$R"
	sql "DELETE FROM audit WHERE number = 3"
	found "registry: row 3 is missing"
	cp "$D/kept.db" "$R"
	sql "DELETE FROM audit WHERE number > 8"
	found "registry: rows 9 to 10 are missing at the end"
	cp "$D/kept.db" "$R"
	sql "DELETE FROM audit; UPDATE state SET value = 0 WHERE name = 'audit'"
	found "registry: rows 1 to 10 are missing at the end: the pool saw them at"
	# Made anew, with hashes and all: only the pool's log can tell.
	tool disable hello
	for _ in 1 2 3 4 5; do
		tool enable hello
		tool disable hello
	done
	found "is not the one that the pool saw at"
	cp "$D/kept.db" "$R"
	verified
}

# bats test_tags=any-user
@test "what is cut off behind a pool that runs is found although it was not signed" {
	pool_start
	deploy "$D/src/hello.c"
	comes pool registry '.count == 2'
	cp "$L" "$D/short.log"
	tool disable hello
	comes pool registry '.count == 3'
	cp "$D/short.log" "$L"
	found "at the end: the pool that runs knows them"
	# The pool notices, too, and does not give the numbers again.
	tool enable hello
	comes pool repaired
	found "entry 4 is missing before entry 5"
}

# bats test_tags=any-user
@test "a pool that was killed leaves a chain that the next one goes on" {
	pool_start
	deploy "$D/src/hello.c"
	comes pool registry
	eventually signed
	remember_below "$POOL"
	kill -KILL "$POOL"
	eventually all_gone
	verified
	# Killed in the middle of a line.
	printf '{"number":' >>"$L"
	found "it is torn"
	pool_start
	comes pool repaired '.detail | contains("10 bytes")'
	pool_stop TERM
	[ "$(entries pool start)" = 2 ]
	verified
}

# bats test_tags=any-user
@test "two deploys at once give one chain, two pools write one log" {
	pool_start
	POOL_ONE=$POOL
	SOCKET=unix:$D/y.sock pool_start
	for i in 1 2 3 4; do
		hello_make "one$i" One
		hello_make "two$i" Two
		deploy "$D/src/one$i.c" >/dev/null &
		deploy "$D/src/two$i.c" >/dev/null
		wait $!
	done
	[ "$(entries registry activate)" = 8 ]
	comes pool registry '.count == 16'
	pool_stop TERM
	kill -TERM "$POOL_ONE"
	wait "$POOL_ONE"
	[ "$(entries pool start)" = 2 ]
	[ "$(entries pool stop)" = 2 ]
	verified
}

@test "a log that may not grow stops no request, and one line says so" {
	printf '[global]\nlisten.mode = 0666\n' >"$D/cfn.conf"
	deploy "$D/src/hello.c"
	# Through a pipe, which has no limit of its own.
	cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET" > >(cat >>"$D/pool.out") 2>&1 3>&- &
	POOL=$!
	started "$POOL"
	eventually pool_is_up_or_gone
	answers_hello
	comes pool start
	prlimit --pid "$POOL" --fsize="$(($(stat -c %s "$L") + 100)):"
	for _ in 1 2 3; do
		# shellcheck disable=SC2046 # some numbers
		kill -KILL $(pool_processes cfn-worker)
		eventually answers_hello
		eventually grep -q 'audit log: .*serving goes on' "$D/pool.out"
	done
	[ "$(grep -c 'audit log: .*serving goes on' "$D/pool.out")" = 1 ]
	[ "$(entries pool crash)" = 0 ]
	# With room again everything that waited is written.
	prlimit --pid "$POOL" --fsize=unlimited:
	comes pool crash '.function == "hello" and .count >= 3'
	eventually grep -q 'audit log: written again' "$D/pool.out"
	pool_stop TERM
	verified
}

@test "whoever may not read the pool's log is told so, and sees the registry's part" {
	some_log
	if [ "$(id -u)" = 0 ]; then
		chmod 755 "$D/reg"
		chmod 666 "$R"
		chmod 777 "$D/reg"
		as=(setpriv --reuid=7777 --regid=7777 --clear-groups)
	else
		chmod 000 "$R.pool"
		as=()
	fi
	"${as[@]}" cfn-deploy --registry "$R" audit >"$D/out" 2>"$D/err" 3>&-
	grep -q 'registry 1 deploy hello' "$D/out"
	not grep -q ' pool ' "$D/out"
	one_line "$D/err"
	grep -q "is for its owner to read" "$D/err"
	refused 77 "${as[@]}" cfn-deploy --registry "$R" audit --verify
	chmod 700 "$R.pool"
}

# bats test_tags=any-user
@test "what is in the files is not believed" {
	some_log
	mkfifo "$D/fifo"
	rm "$L"
	ln -s /etc/passwd "$L"
	refused 65 tool audit --verify
	rm "$L"
	mkfifo "$L"
	refused 65 tool audit --verify
	rm "$L"
	head -c 300000 /dev/zero >"$L"
	refused 65 tool audit --verify
	rm "$L"
	truncate -s 1T "$L"
	refused 65 tool audit --verify
	rm "$L"
	head -c 300000 /dev/urandom >"$L"
	refused 65 tool audit --verify
	# Control bytes of a function do not reach the terminal.
	restore
	sed -i '2s/"event":"/"event":"\x1b[31m/' "$L"
	tool audit --verify >"$D/out" 2>&1 || true
	not grep -q $'\x1b' "$D/out"
}
