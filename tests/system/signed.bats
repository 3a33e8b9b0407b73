#!/usr/bin/env bats
# signed.bats - activations that have to be signed: what somebody who may write the registry tries, and what a key
# may.  The sqlite3 shell is that somebody.
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	mkdir "$D/keys.d"
	conf <<<"keys_dir = $D/keys.d"
	export XDG_DATA_HOME=$D/home
	tool key new >"$D/alice.pem"
}

teardown() {
	place_remove
}

tool() {
	cfn-deploy -c "$D/cfn.conf" --registry "$R" "$@" 3>&-
}

# as NAME COMMAND...: with another key than the deployer's.
as() {
	XDG_DATA_HOME=$D/home.$1 tool "${@:2}"
}

# say NAME TEXT: deploys a function that answers TEXT.
say() {
	hello_make "$1" "$2"
	tool "$D/src/$1.c" >"$D/out"
}

# answers PATH CODE [TEXT]
answers() {
	fcgi <<<"get 1 $1 0"$'\n'"read-all" >"$D/answer"
	if ! grep -q "^|Status: $2" "$D/answer" || ! grep -qF -- "${3:-}" "$D/answer"; then
		echo "expected $*:"
		cat "$D/answer"
		return 1
	fi
}

n_refused() {
	grep -c 'is refused: ' "$D/error.log" || true
}

more_refused() {
	[ "$(n_refused)" -gt "$1" ]
}

# tamper SQL: as who may write the registry; the pool is made to look.
tamper() {
	sql "PRAGMA foreign_keys = ON; BEGIN; $1; UPDATE state SET value = value + 1; COMMIT"
}

restart() {
	pool_stop TERM
	pool_start
}

# Functions "victim", in two versions, and "good", all signed by alice, whose key is trusted; a pool serves them.
serve_signed() {
	tool key trust alice "$D/alice.pem"
	say good fine
	say victim one
	say victim two
	pool_start
	answers /victim 200 two
	answers /good 200 fine
}

# bats test_tags=any-user
@test "without a trusted key everything is served as ever, signed or not" {
	pool_start
	say good signed
	as nobody "$D/src/good.c"
	hello_make other plain
	as nobody "$D/src/other.c"
	answers /good 200 signed
	answers /other 200 plain
	tool disable good
	answers /good 503
	as nobody enable good
	answers /good 200
	not grep -q refused "$D/error.log"
	tool --json verify | jq -e '.ok and (.required | not)'
}

# bats test_tags=any-user
@test "a secret that anybody may set does not take the place of what is signed" {
	source_make victim.c <<-'END'
		int victim(cfn_request *q, cfn_response *r);
		int victim(cfn_request *q, cfn_response *r)
		{
			const char *role = cfn_env("ROLE"), *other = cfn_env("OTHER");
			(void)q;
			return cfn_send(r, 200, "text/plain", "%s %s\n", role ? role : "-", other ? other : "-");
		}
	END
	tool deploy --env ROLE=guest "$D/src/victim.c"
	pool_start
	answers /victim 200 'guest -'
	as nobody secret set victim ROLE <<<admin
	as nobody secret set victim OTHER <<<set
	eventually answers /victim 200 'admin set'
	# From the key on, without a restart, and after one.
	tool key trust alice "$D/alice.pem"
	eventually answers /victim 200 'guest set'
	restart
	answers /victim 200 'guest set'
}

# bats test_tags=any-user
@test "invoke asks what is signed, and nothing else" {
	serve_signed
	[ "$(tool invoke victim 2>/dev/null)" = two ]
	refused 65 tool invoke victim --version 1
	grep -q 'refused: ' "$D/err"
	tamper "UPDATE version SET artifact = (SELECT artifact FROM version WHERE number = 1 AND function_id = (
		SELECT id FROM function WHERE name = 'victim')) WHERE number = 2"
	# A refused change is one that did not happen.
	[ "$(tool invoke victim 2>/dev/null)" = two ]
	restart
	refused 65 tool invoke victim
}

# bats test_tags=any-user
@test "once a key is trusted only what is signed becomes active and is served" {
	pool_start
	hello_make good one
	as nobody "$D/src/good.c"
	answers /good 200 one
	tool key trust alice "$D/alice.pem" | grep -q '1 pool knows'
	answers /good 503
	refused 65 as nobody "$D/src/good.c"
	grep -q 'key sign good' "$D/err"
	refused 65 as nobody rollback good 1
	grep -q "function 'good' version 1 is refused: it is not signed, and signatures are required" "$D/error.log"
	one_line <(grep refused "$D/error.log")
	hello_make good two
	refused 65 as nobody "$D/src/good.c"
	grep -q 'key' "$D/err"
	answers /good 503
	tool key sign good
	answers /good 200 one
	tool "$D/src/good.c"
	answers /good 200 two
	tool rollback good
	answers /good 200 one
	refused 65 as nobody rollback good 2
	answers /good 200 one
	restart
	answers /good 200 one
}

# bats test_tags=any-user
@test "without a pool the keys of the configuration decide" {
	tool key trust alice "$D/alice.pem"
	hello_make good one
	refused 77 as nobody "$D/src/good.c"
	[ "$(tool --json list | jq -r '.[0].state')" = inactive ]
	tool "$D/src/good.c"
	pool_start
	answers /good 200 one
}

# What somebody who may write the registry can change, one line each: a word of the refusal | SQL.
attacks() {
	cat <<-'END'
		signature|UPDATE version SET artifact = (SELECT artifact FROM version WHERE function_id = (SELECT id FROM function WHERE name = 'good')) WHERE id = (SELECT active_version FROM function WHERE name = 'victim')
		signature|UPDATE version SET policy = '{"memory":"256M"}' WHERE id = (SELECT active_version FROM function WHERE name = 'victim')
		signature|UPDATE version SET policy = '{"shared":"others"}' WHERE id = (SELECT active_version FROM function WHERE name = 'victim')
		signature|UPDATE version SET policy = '{"env":["LD_PRELOAD=/tmp/x"]}' WHERE id = (SELECT active_version FROM function WHERE name = 'victim')
		signature|UPDATE version SET entry = 'main' WHERE id = (SELECT active_version FROM function WHERE name = 'victim')
		signature|UPDATE route SET pattern = '/taken' WHERE version_id = (SELECT active_version FROM function WHERE name = 'victim')
		signature|UPDATE route SET methods = 1 WHERE version_id = (SELECT active_version FROM function WHERE name = 'victim')
		older|UPDATE function SET active_version = (SELECT min(id) FROM version WHERE function_id = function.id) WHERE name = 'victim'
		signature|UPDATE function SET active_version = (SELECT min(id) FROM version WHERE function_id = function.id) WHERE name = 'victim'; UPDATE activation SET number = number + 1000000 WHERE function = 'victim' AND version = 1
		signature|UPDATE activation SET signature = (SELECT signature FROM activation WHERE function = 'good') WHERE function = 'victim'
		not signed|DELETE FROM activation WHERE function = 'victim'
		signature|UPDATE version SET number = 7 WHERE id = (SELECT active_version FROM function WHERE name = 'victim'); UPDATE activation SET version = 7 WHERE function = 'victim' AND version = 2
	END
}

@test "whoever writes the registry changes nothing that runs, now or at the next start" {
	local word sql n
	serve_signed
	sql ".backup $D/sound.db"
	while IFS='|' read -r word sql <&4; do
		n=$(n_refused)
		tamper "$sql"
		echo "$sql"
		eventually more_refused "$n"
		grep -F 'is refused' "$D/error.log" | tail -n 1 | grep -qF -- "$word"
		answers /victim 200 two
		answers /good 200 fine
		restart
		if [[ $sql == *"'/taken'"* ]]; then answers /taken 503; else answers /victim 503; fi
		answers /good 200 fine
		cp "$D/sound.db" "$R"
		restart
		answers /victim 200 two
	done 4< <(attacks)
}

# bats test_tags=any-user
@test "an older registry in the place of this one is refused by name, and what is newer goes on" {
	serve_signed
	sql ".backup $D/older.db"
	say victim three
	answers /victim 200 three
	# Over it, and as another file.
	cp "$D/older.db" "$R"
	eventually more_refused 0
	grep -q "function 'victim' version 2 is refused: it is an older one" "$D/error.log"
	answers /victim 200 three
	answers /good 200 fine
	cp "$D/older.db" "$D/reg/new"
	mv "$D/reg/new" "$R"
	restart
	answers /victim 503
	answers /good 200 fine
	not tool verify >"$D/out"
	grep -q 'fault: victim: it is an older one' "$D/out"
	# Who runs the pool makes it forget what it saw.
	cp "$R.pool/activations" "$D/seen"
	rm "$R.pool/activations"
	kill -HUP "$POOL"
	eventually answers /victim 200 two
	cp "$D/seen" "$R.pool/activations"
	kill -HUP "$POOL"
	restart
	answers /victim 503
	# Whoever has a key makes it the newest, as it is.
	tool key sign
	answers /victim 200 two
	tool verify
}

# bats test_tags=any-user
@test "a removed or disabled function does not come back without a key" {
	serve_signed
	sql ".backup $D/older.db"
	tool remove victim
	answers /victim 404
	tool disable good
	answers /good 503
	refused 65 as nobody enable good
	tamper "UPDATE function SET is_enabled = 1"
	sleep 1.2
	answers /good 503
	tamper "UPDATE activation SET is_enabled = 1"
	eventually more_refused 0
	answers /good 503
	cp "$D/older.db" "$R"
	eventually more_refused 1
	answers /victim 503
	answers /good 503
	restart
	answers /victim 503
	answers /good 503
}

# bats test_tags=any-user
@test "a key signs for its routes, functions and folders alone" {
	serve_signed
	as bob key new >"$D/bob.pem"
	hello_make shop Shop
	refused 65 as bob deploy --route /shop/:id "$D/src/shop.c"
	grep -q 'is not trusted' "$D/err"
	tool key trust bob "$D/bob.pem" --route '/shop/*' --function 'shop*' --shared shop
	as bob deploy --route /shop/:id "$D/src/shop.c"
	answers /shop/1 200 Shop
	refused 65 as bob deploy --route /good/x --replace-routes "$D/src/shop.c"
	grep -q "key 'bob' may not sign route /good/x" "$D/err"
	hello_make victim Bob
	refused 65 as bob deploy --route /shop/v --replace-routes "$D/src/victim.c"
	grep -q "may not sign function victim" "$D/err"
	refused 65 as bob deploy --route /shop/:id --shared others "$D/src/shop.c"
	grep -q "may not sign shared folder others" "$D/err"
	answers /victim 200 two
	answers /shop/1 200 Shop
	[ "$(tool --json key list | jq -r '.keys[] | select(.name == "bob") | .routes[0]')" = '/shop/*' ]
	# Who signed is shown.
	[ "$(tool --json list | jq -r '.[] | select(.function == "shop") | .signer')" = bob ]
	tool show shop | grep -q '^signed  *bob, activation [0-9]'
	tool history victim | grep -q alice
	# A key may be revoked while the other one goes on; its own function ends.
	tool key revoke bob
	answers /shop/1 503
	answers /victim 200 two
	tool key sign shop
	answers /shop/1 200 Shop
}

# bats test_tags=any-user
@test "the last key's end is not the end of signatures" {
	serve_signed
	tool key revoke alice
	answers /victim 503
	restart
	answers /good 503
	hello_make good again
	refused 65 tool "$D/src/good.c"
	tool key trust again "$D/alice.pem"
	answers /victim 200 two
}

@test "a fault in the folder of keys keeps those that were read, and a pool from starting" {
	serve_signed
	echo 'route = *' >"$D/keys.d/bad.pub"
	eventually grep -q 'bad.pub.*the keys that were read before hold' "$D/error.log"
	answers /victim 200 two
	pool_stop TERM
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R" -t
	rm "$D/keys.d/bad.pub"
	chmod g+w "$D/keys.d"
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	grep -q 'others may write it' "$D/err"
	chmod g-w "$D/keys.d"
	chmod 666 "$D/keys.d/alice.pub"
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	chmod 644 "$D/keys.d/alice.pub"
	mv "$D/keys.d" "$D/away"
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	mv "$D/away" "$D/keys.d"
	pool_start
	answers /victim 200 two
}

@test "a pool that root starts for somebody else takes the keys of root alone" {
	if [ "$(id -u)" -ne 0 ]; then
		# Nobody's keys but his own and root's.
		say good fine
		tool key trust alice "$D/alice.pem"
		[ "$(stat -c %u "$D/keys.d/alice.pub")" -eq "$(id -u)" ]
		pool_start
		answers /good 503 || answers /good 200
		return
	fi
	tool key trust alice "$D/alice.pem"
	say good fine
	chown -R 7002:7002 "$D/reg"
	chown -R 7002 "$D/keys.d"
	chmod 711 "$D"
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	chown -R 0 "$D/keys.d"
	pool_start
	answers /good 200 fine
	[ "$(stat -c %u:%a "$R.pool/activations")" = 7002:600 ]
}

@test "the deployer's key is made once, is his alone, and is read as such" {
	[ "$(stat -c %a "$D/home/cfn/deploy.key")" = 600 ]
	[ "$(stat -c %a "$D/home/cfn")" = 700 ]
	cp "$D/home/cfn/deploy.key" "$D/before"
	refused 73 tool key new
	cmp "$D/home/cfn/deploy.key" "$D/before"
	tool key show | diff - "$D/alice.pem"
	refused 66 as nobody key show
	grep -q 'cfn-deploy key new' "$D/err"
	hello_make good fine
	chmod 640 "$D/home/cfn/deploy.key"
	refused 77 tool "$D/src/good.c"
	grep -q 'chmod 600' "$D/err"
	chmod 600 "$D/home/cfn/deploy.key"
	refused 66 tool --key "$D/none" "$D/src/good.c"
	CFN_KEY=$D/none refused 66 tool "$D/src/good.c"
	refused 65 tool --key "$D/alice.pem" "$D/src/good.c" || refused 77 tool --key "$D/alice.pem" "$D/src/good.c"
	CFN_KEY=$D/before as nobody "$D/src/good.c"
	tool show good | grep -q '^signed'
}

@test "key trust and revoke refuse what a pool would refuse, and leave the folder sound" {
	refused 64 tool key
	refused 64 tool key nonsense
	refused 64 tool key trust alice
	refused 64 tool key trust ../alice "$D/alice.pem"
	refused 65 tool key trust alice "$D/cfn.conf"
	refused 66 tool key trust alice "$D/none"
	refused 65 tool key trust alice "$D/alice.pem" --route shop
	refused 65 tool key trust alice "$D/alice.pem" --function '../x'
	[ -z "$(ls -A "$D/keys.d")" ]
	conf <<<"keys_dir = $D/etc/cfn/keys.d"
	tool key trust alice "$D/alice.pem"
	[ "$(ls -A "$D/etc/cfn/keys.d")" = alice.pub ]
	conf <<<"keys_dir = $D/keys.d"
	tool key trust alice - --route /a --route '/b/*' <"$D/alice.pem"
	refused 65 tool key trust alice "$D/alice.pem"
	refused 65 tool key trust twin "$D/alice.pem"
	[ "$(ls -A "$D/keys.d")" = alice.pub ]
	refused 66 tool key revoke bob
	tool key revoke alice
	[ "$(ls -A "$D/keys.d")" = alice.revoked ]
	tool key list | grep -q 'signatures are required'
}

# bats test_tags=any-user
@test "verify finds every kind of fault, and what openssl made is as good" {
	openssl genpkey -algorithm ed25519 -out "$D/own.key" 2>/dev/null
	openssl pkey -in "$D/own.key" -pubout -out "$D/own.pem"
	chmod 600 "$D/own.key"
	tool key trust own "$D/own.pem"
	export CFN_KEY=$D/own.key
	say good fine
	tool verify | grep -q 'own  *ok'
	tool --json verify | jq -e '.ok and .required and .activations[0].signer == "own"'
	sql ".backup $D/sound.db"
	faulty "UPDATE blob SET data = x'00' WHERE digest = (SELECT source FROM version)" 'digest'
	faulty "UPDATE version SET policy = 'x'" 'version with id'
	faulty "DELETE FROM blob" 'refers'
	faulty "UPDATE version SET entry = 'other'" 'signature'
	faulty "DELETE FROM activation" 'not signed'
}

# faulty SQL WORD: verify says so, in both forms, with exit status 65.
faulty() {
	local rc=0
	sql "$1"
	tool verify >"$D/out" || rc=$?
	[ "$rc" -eq 65 ]
	grep "^fault: .*$2" "$D/out"
	tool --json verify >"$D/out" || true
	jq -e '(.ok | not) and .n_faults > 0' "$D/out"
	cp "$D/sound.db" "$R"
}

# The registry of a program before there were signatures.
make_older() {
	sql "DROP TABLE activation; DROP TABLE audit; DROP TABLE token; DROP TABLE secret; DELETE FROM state WHERE name <> 'generation'; PRAGMA user_version = 1;
		ALTER TABLE function DROP COLUMN locked_at; ALTER TABLE function DROP COLUMN locked_by;
		ALTER TABLE function DROP COLUMN lock_reason"
}

# bats test_tags=any-user
@test "a registry from before there were signatures is served as it is, and brought up to date by the next change" {
	hello_make good one
	as nobody "$D/src/good.c"
	make_older
	pool_start
	answers /good 200 one
	tool list | grep -q good
	[ "$(sql 'PRAGMA user_version')" = 1 ]
	say good two
	answers /good 200 two
	[ "$(sql 'PRAGMA user_version')" -gt 1 ]
	tool key trust alice "$D/alice.pem"
	answers /good 200 two
}

@test "who may write the registry's folder cannot make a pool forget by taking its state away" {
	conf <<<""
	say good fine
	pool_start
	chmod g+w "$D/reg"
	conf <<<"keys_dir = $D/keys.d"
	kill -HUP "$POOL"
	tool key trust alice "$D/alice.pem"
	eventually grep -q 'others could take it away: .*/reg: others may write it.*next start is refused' "$D/error.log"
	pool_stop TERM
	refused 73 cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	grep -q 'others could take it away: .*/reg: others may write it' "$D/err"
	mkdir -m 700 "$D/state"
	conf <<-END
		keys_dir = $D/keys.d
		state_dir = $D/state
	END
	pool_start
	answers /good 200 fine
}

# bats test_tags=any-user
@test "a key cannot take the numbers that others need" {
	serve_signed
	as bob key new >"$D/bob.pem"
	tool key trust bob "$D/bob.pem" --route '/bob/*'
	# What bob removes has the largest number that there is.
	sql "INSERT INTO activation SELECT function, 9007199254740990, 2, 1, key, signature, 0 FROM activation
		WHERE function = 'victim' LIMIT 1"
	as bob remove victim
	eventually grep -q "removal of function 'victim' is refused: its number 9007199254740991 is more than a day" "$D/error.log"
	sql "DELETE FROM activation WHERE number > 9000000000000000"
	say victim three
	answers /victim 200 three
}
