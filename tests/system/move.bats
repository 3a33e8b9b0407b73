#!/usr/bin/env bats
# move.bats - functions that travel in a file from one registry to another, copies of a whole registry and their way
# back, and what gc takes.
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	export XDG_DATA_HOME=$D/home
	conf <<<"keys_dir = $D/keys.d"
	mkdir "$D/keys.d"
}

teardown() {
	place_remove
}

tool() {
	cfn-deploy -c "$D/cfn.conf" --registry "$R" "$@" 3>&-
}

# other COMMAND...: the same with a second registry.
other() {
	cfn-deploy -c "$D/cfn.conf" --registry "$D/other.db" "$@" 3>&-
}

# say NAME TEXT: deploys a function that answers TEXT.
say() {
	hello_make "$1" "$2"
	tool "$D/src/$1.c" >"$D/out"
}

answers() {
	fcgi <<<"get 1 $1 0"$'\n'"read-all" | grep -qF -- "$2"
}

content() {
	sqlite3 "$1" .dump | sha256sum
}

# unchanged COMMAND...: fails in one line with status 65 or the one before it, and leaves the other registry as it was.
unchanged() {
	local code=65 before
	[[ $1 != [0-9]* ]] || { code=$1; shift; }
	before=$(content "$D/other.db")
	refused "$code" "$@" || return 1
	[ "$(content "$D/other.db")" = "$before" ] || { echo "changed by $*"; return 1; }
}

# hostile NAME SQL: a copy of the export that somebody has changed.
hostile() {
	cp "$D/all.cfn" "$D/$1.cfn"
	sqlite3 "$D/$1.cfn" "$2"
}

@test "an export has all of the functions and no secret, is the same bytes again, and comes back as it was" {
	say one "the first"
	say one "the second"
	tool "$functions/demo.c" >/dev/null
	tool rollback one 1 >/dev/null
	tool disable demo
	tool token create caller >/dev/null
	pool_start
	printf 'very-secret-value' | tool secret set one KEY >/dev/null
	tool export "$D/all.cfn"
	tool export "$D/again.cfn"
	cmp "$D/all.cfn" "$D/again.cfn"
	tool export - >"$D/stream.cfn" 2>/dev/null
	cmp "$D/all.cfn" "$D/stream.cfn"
	[ "$(stat -c %a "$D/all.cfn")" = 600 ]
	[ -z "$(sqlite3 "$D/all.cfn" 'SELECT name FROM token UNION SELECT name FROM secret UNION SELECT number FROM audit')" ]
	other init
	other import --dry-run --activate "$D/all.cfn" | grep -q '^plan: 3 new, 0 there already, 2 active'
	[ -z "$(sqlite3 "$D/other.db" 'SELECT * FROM function')" ]
	other import - --activate <"$D/all.cfn"
	other export "$D/back.cfn"
	cmp "$D/all.cfn" "$D/back.cfn"
	other import --activate "$D/all.cfn" | grep -q '^imported: 0 new, 3 there already'
	pool_stop TERM
	cp "$D/other.db" "$R"
	pool_start
	answers /one 'the first'
	answers /demo/hello 'Status: 503'
	tool enable demo
	answers /demo/hello 'Hello, world'
	[ -z "$(find "$D" -name '*.??????' -newer "$D/all.cfn" -name '*.cfn.*')" ]
}

@test "an import changes what serves by a vote, all of it or nothing" {
	say one "from there"
	say two "also from there"
	say two "the newest from there"
	tool export "$D/all.cfn"
	tool export --active two "$D/two.cfn"
	[ "$(sqlite3 "$D/two.cfn" 'SELECT count(*), max(number) FROM version')" = '1|2' ]
	# Another place, where two has versions of its own and one route is somebody else's.
	mv "$R" "$D/away.db"
	cfn-deploy --registry "$R" init >/dev/null
	say two "from here"
	say two "from here, too"
	say three "the third"
	pool_start
	cp "$R" "$D/other.db"
	unchanged 66 other import "$D/all.cfn" none
	other lock two --reason 'release week'
	unchanged 77 other import "$D/all.cfn"
	grep -q 'release week' "$D/err"
	other unlock two
	tool deploy --route /one "$D/src/three.c" --replace-routes >/dev/null
	refused 65 tool import --activate "$D/all.cfn"
	grep -q 'nothing is active that was not: one v1 .*route /one belongs to' "$D/err"
	answers /two 'from here, too'
	# What was added stays, and is not there twice.
	tool import "$D/two.cfn" | grep -q '0 new, 1 there already'
	tool import --activate "$D/all.cfn" two | grep -q '0 new, 2 there already, 1 active'
	eventually answers /two 'the newest from there'
	tool history two | grep -q '^v4 *active'
	tool rollback two 2 >/dev/null
	eventually answers /two 'from here, too'
}

@test "a file from a stranger is checked like a registry, and its artifacts like a compiler's" {
	local digest
	say one "the first"
	tool "$functions/demo.c" >/dev/null
	tool export "$D/all.cfn"
	other init
	other import --activate "$D/all.cfn" one
	head -c 100000 /dev/urandom >"$D/noise.cfn"
	unchanged other import "$D/noise.cfn"
	unchanged other import /dev/null
	unchanged 66 other import "$D/none.cfn"
	[ "$(grep -o none.cfn "$D/err" | wc -l)" -eq 1 ]
	hostile wal 'PRAGMA journal_mode = WAL' >/dev/null
	unchanged other import "$D/wal.cfn"
	hostile trigger "CREATE TRIGGER t AFTER INSERT ON version BEGIN DELETE FROM function; END"
	unchanged other import "$D/trigger.cfn"
	hostile view "ALTER TABLE version RENAME TO v; CREATE VIEW version AS SELECT * FROM v"
	unchanged other import "$D/view.cfn"
	hostile blob "UPDATE blob SET data = zeroblob(5000)"
	unchanged other import "$D/blob.cfn"
	hostile policy "UPDATE version SET policy = 'nonsense'"
	unchanged other import "$D/policy.cfn"
	hostile name "UPDATE function SET name = '../../x' WHERE name = 'demo'"
	unchanged other import "$D/name.cfn"
	hostile route "UPDATE route SET pattern = 'no pattern'"
	unchanged other import "$D/route.cfn"
	hostile orphan "PRAGMA foreign_keys = OFF; DELETE FROM function WHERE name = 'demo'"
	unchanged other import "$D/orphan.cfn"
	cp "$D/all.cfn" "$D/page.cfn"
	head -c 4096 /dev/urandom | dd of="$D/page.cfn" bs=4096 seek=3 conv=notrunc status=none
	unchanged other import "$D/page.cfn"
	# Well-formed, and yet not what a worker may load.
	digest=$(printf 'no shared object' | sha256sum | cut -d' ' -f1)
	hostile elf "INSERT INTO blob VALUES (x'$digest', CAST('no shared object' AS BLOB));
		UPDATE version SET artifact = x'$digest', identity = zeroblob(32)
		WHERE function_id = (SELECT id FROM function WHERE name = 'demo')"
	unchanged other import "$D/elf.cfn"
	grep -q 'demo v1: the artifact' "$D/err"
	hostile rows "UPDATE route SET row = row + 1 WHERE version_id = (SELECT active_version FROM function WHERE name = 'demo')
		AND row < 3 AND position < 1"
	unchanged other import --activate "$D/rows.cfn"
	grep -q 'its routes are not those of its artifact' "$D/err"
	hostile number "UPDATE function SET last_number = 4294967295; UPDATE version SET number = 4294967295"
	other import --activate "$D/number.cfn" >/dev/null
	other history demo | grep -q '^v1 '
	unchanged other import "$D/all.cfn" one one one nobody || [ "$(cat "$D/err")" != "" ]
	[ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'cfn-deploy.*' -user "$(id -u)" -newer "$D/all.cfn" -size -200)" ]
}

@test "nobody else can leave a file beside one that is being imported" {
	local copy
	say one "the first"
	tool export "$D/all.cfn" >/dev/null
	other init >/dev/null
	mkdir -m 1777 "$D/tmp"
	mkfifo "$D/slow.cfn"
	TMPDIR=$D/tmp other import - <"$D/slow.cfn" >"$D/out" &
	exec 7>"$D/slow.cfn"
	cat "$D/all.cfn" >&7
	copied() { copy=$(find "$D/tmp" -type f -size "$(stat -c %s "$D/all.cfn")c") && [ -n "$copy" ]; }
	eventually copied
	[ "$(stat -c %a "${copy%/*}")" = 700 ]
	exec 7>&-
	wait $!
	grep -q 'imported: 1 new' "$D/out"
	[ -z "$(ls -A "$D/tmp")" ]
}

@test "a signature of there counts here when its key is trusted, and nothing unsigned does" {
	tool key new >"$D/alice.pem"
	tool key trust alice "$D/alice.pem"
	say one "signed"
	tool export "$D/all.cfn"
	other init
	XDG_DATA_HOME=$D/nobody other import --activate "$D/all.cfn" | grep -q '1 new, 0 there already, 1 active'
	other verify | grep -q '^one .*alice .*ok'
	rm "$D/other.db"
	other init
	hostile forged "UPDATE activation SET signature = zeroblob(64)"
	XDG_DATA_HOME=$D/nobody refused 77 other import --activate "$D/forged.cfn"
	[ -z "$(sqlite3 "$D/other.db" 'SELECT active_version FROM function WHERE active_version IS NOT NULL')" ]
	# With a key of one's own it is signed anew.
	other import --activate "$D/forged.cfn"
	other verify | grep -q '^one .*alice .*ok'
}

write_on() {
	local i
	for ((i = 0; ; i++)); do
		tool rollback one $((i % 2 + 1)) >/dev/null 2>&1 || true
	done
}

@test "a backup is whole while deployers write, and a pool serves what is put back" {
	local i writer
	say one "the first"
	say one "the second"
	tool token create caller >/dev/null
	pool_start
	printf 'very-secret-value' | tool secret set one KEY >/dev/null
	write_on 3>&- &
	writer=$!
	for i in 1 2 3; do
		tool backup "$D/kept-$i.db"
		[ "$(stat -c %a "$D/kept-$i.db")" = 600 ]
		[ "$(sqlite3 "$D/kept-$i.db" 'PRAGMA integrity_check')" = ok ]
		[ "$(sqlite3 "$D/kept-$i.db" 'SELECT count(*) FROM secret')" = 1 ]
	done
	kill "$writer"
	wait "$writer" || true
	refused 65 tool backup "$R"
	refused 65 tool backup /dev/null
	refused 66 tool backup "$D/nowhere/kept.db"
	grep -qF "/nowhere/kept.db: No such" "$D/err"
	tool rollback one 1 >/dev/null
	tool backup "$D/kept.db"
	say one "the third"
	eventually answers /one 'the third'
	tool remove one
	# As the manual says.
	cp "$D/kept.db" "$R.new"
	mv "$R.new" "$R"
	rm -f "$R-journal"
	eventually answers /one 'the first'
	tool secret list | grep -q KEY
	tool token list | grep -q caller
	say one "the fourth"
	eventually answers /one 'the fourth'
}

@test "gc takes what is old, but not the active version, the way back, nor what a pool serves" {
	local i
	for i in 1 2 3 4 5 6; do
		say one "number $i"
	done
	say two "a"
	say two "b"
	say two "c"
	tool rollback one 5 >/dev/null
	tool gc --older-than 1h --keep 0 | grep -q '^deleted 0 versions'
	tool gc --dry-run --keep 0 >"$D/out"
	[ "$(grep -c '^one v[1236]$' "$D/out")" = 4 ]
	grep -q '^two v1$' "$D/out"
	tool gc --json --dry-run --keep 0 | jq -e '.versions == 5 and .deleted == false' >/dev/null
	[ "$(sql 'SELECT count(*) FROM version')" = 9 ]
	refused 66 tool gc nobody
	refused 64 tool gc --older-than never
	pool_start
	answers /one 'number 5'
	# A pool goes on with a version that is no longer the active one when it has not heard of the change.
	sql "UPDATE function SET active_version = (SELECT v.id FROM version v WHERE v.function_id = function.id AND number = 2)
		WHERE name = 'one'"
	tool gc --keep 0 one | grep -q '^deleted 3 versions and .*; a pool still serves 1 '
	[ "$(sql "SELECT group_concat(number) FROM version v JOIN function f ON f.id = v.function_id AND f.name = 'one'")" = 1,2,5 ]
	answers /one 'number 5'
	[ "$(sql "SELECT count(*) FROM version v JOIN function f ON f.id = v.function_id AND f.name = 'two'")" = 3 ]
	tool rollback one >/dev/null
	eventually answers /one 'number 1'
	# The configuration says it for those who say nothing.
	printf 'gc.keep = 0\ngc.age = 1d\n' >>"$D/cfn.conf"
	tool gc | grep -q '^deleted 0 '
	sed -i '/^gc.age/d' "$D/cfn.conf"
	tool gc | grep -q '^deleted 3 versions'
	[ "$(sql 'PRAGMA freelist_count')" = 0 ]
	[ "$(sql 'PRAGMA integrity_check')" = ok ]
	[ "$(sql 'SELECT count(*) FROM blob WHERE digest NOT IN (SELECT artifact FROM version UNION SELECT source FROM version UNION SELECT debug FROM version)')" = 0 ]
}
