#!/usr/bin/env bats
# registry.bats - bad input: options, files and registries that are not what they should be.  One line, the right
# exit status, and the registry unharmed; a pool that runs goes on with what it has.
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	hello_make hello "Hello"
}

teardown() {
	chmod -R u+rwX "$D" 2>/dev/null
	place_remove
}

tool() {
	cfn-deploy --registry "$R" "$@"
}

# The registry is sound and has what it had.
unharmed() {
	[ "$(sql 'PRAGMA integrity_check')" = ok ]
	tool list >/dev/null
}

answers_hello() {
	fcgi <<<$'get 1 /hello 0\nread-all' | grep -q '|Hello'
}

# bats test_tags=any-user
@test "unknown options and commands" {
	refused 64 cfn-deploy --no-such-option
	refused 64 tool no-such-command
	mkdir "$D/shop"
	(cd "$D" && refused 64 cfn-deploy shop)
	grep -q 'cfn-deploy deploy shop$' "$D/err"
	refused 64 tool list --no-such-option
	refused 64 tool deploy --route
	refused 64 cfn-pool --no-such-option
	refused 64 cfn-pool --registry
	refused 64 cfn-pool --registry "$R" --listen nowhere
}

# bats test_tags=any-user
@test "help and version are no errors" {
	cfn-deploy --help | grep -q deploy
	cfn-pool --help | grep -q -- --listen
	cfn-pool --version | grep -q '[0-9]'
	cfn-deploy --version | grep -q '[0-9]'
}

# bats test_tags=any-user
@test "files that are missing" {
	refused 66 tool deploy "$D/src/missing.c"
	refused 66 cfn-deploy --registry "$D/missing.db" list
	refused 66 cfn-pool --registry "$D/missing.db" --listen "$SOCKET"
	refused 66 cfn-pool -c "$D/missing.conf" --registry "$R" --listen "$SOCKET"
	not test -e "$D/missing.db"
}

# bats test_tags=any-user
@test "a configuration with an unknown key is refused by its line" {
	printf '[global]\nregistry = %s\nno_such_key = 1\n' "$R" >"$D/bad.conf"
	refused 78 cfn-pool -c "$D/bad.conf" -t
	grep -q 'bad.conf:3' "$D/err"
	grep -q no_such_key "$D/err"
	printf '[global]\nrouters = 1000\n' >"$D/bad.conf"
	refused 78 cfn-pool -c "$D/bad.conf" -t
}

# bats test_tags=any-user
@test "-t says that a configuration is good, -tt prints it" {
	cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET" -t
	cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET" -tt >"$D/out" 2>&1
	grep -q 'routers = 1' "$D/out"
	grep -q "$R" "$D/out"
	not test -S "$D/x.sock"
}

# bats test_tags=any-user
@test "a registry that is not one" {
	local junk=$D/reg/junk.db
	head -c 20000 /dev/urandom >"$junk"
	cp "$junk" "$D/before"
	refused 65 cfn-deploy --registry "$junk" list
	refused 65 cfn-deploy --registry "$junk" deploy "$D/src/hello.c"
	refused 65 cfn-deploy --registry "$junk" init
	refused 65 cfn-pool --registry "$junk" --listen "$SOCKET"
	cmp "$junk" "$D/before"
	sqlite3 "$D/reg/other.db" 'CREATE TABLE notes (text)'
	refused 65 cfn-deploy --registry "$D/reg/other.db" list
	refused 65 cfn-pool --registry "$D/reg/other.db" --listen "$SOCKET"
	[ "$(sqlite3 "$D/reg/other.db" .tables)" = notes ]
	run timeout 150 cfn-deploy --registry "$D/reg" list
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
}

# bats test_tags=any-user
@test "a registry from a newer version" {
	tool "$D/src/hello.c"
	sql 'PRAGMA user_version = 999'
	refused 65 tool list || refused 78 tool list
	refused 65 tool deploy "$D/src/hello.c" || refused 78 tool deploy "$D/src/hello.c"
	run timeout 150 cfn-pool --registry "$R" --listen "$SOCKET"
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	[ "$(sql 'PRAGMA user_version')" = 999 ]
}

@test "init leaves an existing registry as it is" {
	tool "$D/src/hello.c"
	tool init
	tool list | grep -q hello
}

@test "a registry that another one holds is temporarily not available" {
	tool "$D/src/hello.c"
	hold_lock
	refused 75 tool deploy --route /again "$D/src/hello.c"
	release_lock
	unharmed
	tool list | grep -q hello
}

# An exclusive lock by a process of its own, until release_lock.
hold_lock() {
	mkfifo "$D/lock"
	{
		echo 'BEGIN EXCLUSIVE;'
		echo 'SELECT 1;'
		read -r _ <"$D/lock"
		echo 'ROLLBACK;'
	} | sqlite3 "$R" >"$D/lock.out" 3>&- &
	eventually test -s "$D/lock.out"
}

release_lock() {
	echo >"$D/lock"
	eventually is_unlocked
}

is_unlocked() {
	sqlite3 "$R" 'BEGIN EXCLUSIVE; ROLLBACK' 2>/dev/null
}

@test "a registry that may not be written" {
	tool "$D/src/hello.c"
	chmod 444 "$R"
	chmod 555 "$D/reg"
	chmod 777 "$D"
	refused 77 unprivileged cfn-deploy --registry "$R" deploy --route /again "$D/src/hello.c"
	chmod 755 "$D/reg"
	chmod 644 "$R"
	unharmed
}

# Root may write whatever it likes: nobody may not.
unprivileged() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"
	else
		"$@"
	fi
}

# Where mounting is allowed and seen by nobody else.
with_own_mounts() {
	if [ "$(id -u)" -eq 0 ]; then
		unshare --mount "$@"
	else
		unshare --user --map-current-user --keep-caps --mount "$@"
	fi
}

@test "a registry on a full disk" {
	local script=$D/full.sh
	tool "$D/src/hello.c"
	cat >"$script" <<-END
		set -eu
		mount -t tmpfs -o size=256k,mode=755 cfn "$D/full"
		cp "$R" "$D/full/r.db"
		head -c 10000000 /dev/zero >"$D/full/filler" 2>/dev/null || true
		rc=0
		setpriv --ambient-caps=-all --inh-caps=-all cfn-deploy --registry "$D/full/r.db" deploy --route /again "$D/src/hello.c" >"$D/out" 2>"$D/err" || rc=\$?
		rm "$D/full/filler"
		[ "\$(sqlite3 "$D/full/r.db" 'PRAGMA integrity_check')" = ok ]
		cfn-deploy --registry "$D/full/r.db" list >"$D/list"
		exit "\$rc"
	END
	mkdir "$D/full"
	run with_own_mounts bash "$script"
	echo "$output"
	cat "$D/err"
	[ "$status" -eq 73 ] || [ "$status" -eq 74 ]
	one_line "$D/err"
	grep -q hello "$D/list"
}

@test "a registry that is locked, unreadable, corrupt or gone while the pool runs" {
	tool "$D/src/hello.c"
	conf <<<""
	pool_start
	eventually answers_hello
	hold_lock
	sleep 1.5
	answers_hello
	release_lock
	answers_hello
	cp "$R" "$D/good.db"

	mv "$R" "$R.away"
	sleep 1.5
	answers_hello
	mv "$R.away" "$R"

	if [ "$(id -u)" -ne 0 ]; then
		chmod 000 "$R"
		sleep 1.5
		answers_hello
		chmod 644 "$R"
	fi

	# Written over in place, as a failing disk would.
	head -c "$(stat -c %s "$R")" /dev/urandom >"$D/noise"
	cat "$D/noise" >"$R"
	sleep 2
	answers_hello
	[ "$(grep -ciE 'registry' "$D/error.log")" -le 12 ]
	grep -qi registry "$D/error.log"
	cat "$D/good.db" >"$R"
	hello_make later "Later"
	eventually deploys_later
	eventually answers_later
	answers_hello
}

deploys_later() {
	tool deploy "$D/src/later.c" >"$D/out" 2>&1 3>&-
}

answers_later() {
	fcgi <<<$'get 1 /later 0\nread-all' | grep -q '|Later'
}

# How long the lock is held at least; a change waits for 5 seconds.
readonly LOCK_TIME=${CFN_LOCK_TIME:-3}

# bats test_tags=any-user
@test "a registry that is held for long costs changes meanwhile, no request, and a change that waits goes through" {
	local end=$((SECONDS + LOCK_TIME))
	tool "$D/src/hello.c"
	conf <<<""
	pool_start
	hello_make later "Later"
	hold_lock
	kill -HUP "$POOL"
	eventually grep -q 'reloaded; .*: locked by another process, and is looked at again' "$D/error.log"
	until [ "$SECONDS" -ge "$end" ]; do
		refused 75 tool deploy "$D/src/later.c"
		answers_hello
	done
	tool deploy "$D/src/later.c" >"$D/out" 2>&1 3>&- &
	release_lock
	# What the lock left of its patience is a matter of the machine's load.
	wait $! || deploys_later
	eventually answers_later
	not grep -q 'goes on serving' "$D/error.log"
}

# page_damage TABLE: its first page, PAGE, is noise; the file as it was is good.db.
page_damage() {
	cp "$R" "$D/good.db"
	PAGE=$(sql "SELECT rootpage FROM sqlite_schema WHERE name = '$1'")
	dd if=/dev/urandom of="$R" bs="$(sql 'PRAGMA page_size')" seek=$((PAGE - 1)) count=1 conv=notrunc status=none
}

deploy_later_is_served() {
	hello_make later "Later"
	deploys_later
	eventually answers_later
}

says_damage() {
	grep -q 'generation [0-9]* goes on serving' "$D/error.log"
}

# bats test_tags=any-user
@test "a page that is damaged costs no request, is said once and found, and the pool is back with the file" {
	tool "$D/src/hello.c"
	conf <<<""
	pool_start
	page_damage version
	verify_names version
	answers_hello
	# A change beside it, or the pool would have no reason to look.
	sql "UPDATE state SET value = value + 1 WHERE name = 'generation'"
	eventually says_damage
	# It looks again, and again.
	sleep 2.5
	answers_hello
	[ "$(grep -c 'goes on serving' "$D/error.log")" -eq 1 ]
	cat "$D/good.db" >"$R"
	eventually grep -q 'can be read again' "$D/error.log"
	answers_hello
	deploy_later_is_served
	page_damage version
	pool_stop TERM
	refused 65 cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	grep -q "$R: read: damaged ('cfn-deploy verify' says where; put a backup in its place)" "$D/err"
	cat "$D/good.db" >"$R"
	pool_start
	answers_hello
}

# verify_names TABLE: and the page, and goes on to what stands behind it.
verify_names() {
	local rc=0
	tool verify >"$D/found" || rc=$?
	cat "$D/found"
	[ "$rc" -eq 65 ]
	grep -q "^fault: table $1: .*[Pp]age $PAGE\b" "$D/found"
	grep -q ' [1-9][0-9]* blobs' "$D/found"
}

@test "damaged audit rows keep no pool from starting and serving, and changes end with what to do until they are back" {
	tool "$D/src/hello.c"
	conf <<<""
	page_damage audit
	verify_names audit
	pool_start
	answers_hello
	hello_make later "Later"
	refused 65 tool deploy "$D/src/later.c"
	grep -q 'put a backup in its place' "$D/err"
	answers_hello
	[ "$(cat "$D/pool.out" "$D/error.log" | grep -c "audit log: .*damaged")" -eq 1 ]
	# What is served follows the registry all the same.
	sql "UPDATE function SET is_enabled = 0; UPDATE state SET value = value + 1 WHERE name = 'generation'"
	eventually is_disabled
	cat "$D/good.db" >"$R"
	eventually answers_hello
	deploy_later_is_served
}

is_disabled() {
	fcgi <<<$'get 1 /hello 0\nread-all' | grep -q '^|Status: 503'
}

# bats test_tags=any-user
@test "names, routes, methods and limits that are none are refused" {
	refused 64 tool deploy --function 'No Name' "$D/src/hello.c"
	refused 64 tool deploy --route nowhere "$D/src/hello.c"
	refused 64 tool deploy --route '/a/../b' "$D/src/hello.c"
	refused 64 tool deploy --method BREW "$D/src/hello.c"
	refused 64 tool deploy --memory 1 "$D/src/hello.c"
	refused 64 tool deploy --env 'NO' "$D/src/hello.c"
	refused 64 tool deploy --shared '../x' "$D/src/hello.c"
	tool list >"$D/list"
	not grep -q hello "$D/list"
}

# bats test_tags=any-user
@test "functions that are not there" {
	local command
	for command in show history rollback enable disable remove restart; do
		refused 66 tool "$command" nobody
		grep -q "no function 'nobody' in registry " "$D/err"
	done
}

@test "a source that is an empty folder, empty, too large, a link, a pipe or a device is refused by its name" {
	local code why command=()
	mkdir "$D/src/folder"
	: >"$D/src/empty.c"
	truncate -s 5000000 "$D/src/large.c"
	ln -s hello.c "$D/src/link.c"
	mkfifo "$D/src/fifo.c"
	while read -ra command && read -r code why; do
		refused "$code" timeout 150 cfn-deploy --registry "$R" "${command[@]}"
		grep -qF "${command[-1]}: $why" "$D/err"
	done <<-END
		deploy $D/src/folder
		66 no C or C++ file in it
		$D/src/empty.c
		65 the artifact does not include <cfn.h>
		$D/src/large.c
		65 larger than 4 MiB
		$D/src/link.c
		64 a symbolic link
		$D/src/fifo.c
		64 not a plain file
		/dev/zero
		64 not a plain file
	END
	unharmed
}

@test "the caller's own registry is made without init, another one is not" {
	XDG_STATE_HOME=$D/state HOME=$D cfn-deploy "$D/src/hello.c"
	[ -f "$D/state/cfn/registry.db" ]
	CFN_REGISTRY=$D/reg/none.db refused 66 cfn-deploy list
	CFN_REGISTRY=$R cfn-deploy list
}

# bats test_tags=any-user
@test "two functions that somebody gave one version leave the pool and the third as they are" {
	hello_make other "Other"
	hello_make third "Third"
	deploy "$D/src/hello.c"
	deploy "$D/src/other.c"
	deploy "$D/src/third.c"
	MALLOC_PERTURB_=165 pool_start
	# Without its primary key the table takes it; the first one then gets a version that cannot start.
	sql "BEGIN; CREATE TABLE copy AS SELECT * FROM version; DROP TABLE version;
		ALTER TABLE copy RENAME TO version; UPDATE version SET id = 1 WHERE id = 2;
		UPDATE function SET active_version = 1 WHERE name = 'other'; DELETE FROM route WHERE version_id < 3;
		UPDATE state SET value = value + 1 WHERE name = 'generation'; COMMIT"
	sleep 1.5
	sql "BEGIN; UPDATE version SET id = 100, number = 50, entry = 'none' WHERE rowid = 1;
		UPDATE function SET active_version = 100 WHERE name = 'hello';
		UPDATE function SET active_version = NULL WHERE name = 'other';
		UPDATE state SET value = value + 1 WHERE name = 'generation'; COMMIT"
	sleep 1.5
	sql "BEGIN; UPDATE function SET active_version = NULL WHERE name = 'hello';
		UPDATE state SET value = value + 1 WHERE name = 'generation'; COMMIT"
	sleep 1.5
	kill -0 "$POOL"
	fcgi <<<$'get 1 /third 0\nread-all' | grep -q '|Third'
}
