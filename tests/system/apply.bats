#!/usr/bin/env bats
# apply.bats - many functions from one manifest: all of them or none.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	mkdir -p "$D/m/two"
	hello_make one "one 1"
	mv "$D/src/one.c" "$D/m"
	hello_make two "two 1"
	mv "$D/src/two.c" "$D/m/two"
	manifest <<-'END'
		[function one]
		source = one.c
		route = GET /one
		memory = 64M

		[function two]
		source = two
		route = GET,POST /two
		env.WHO = world
	END
}

teardown() {
	place_remove
}

manifest() {
	cat >"$D/m/cfn.ini"
}

apply() {
	cfn-deploy --registry "$R" apply "$@" 3>&- </dev/null
}

# acts: what the plan says, a word a function.
acts() {
	apply --json --dry-run "$D/m" | jq -c '[.plan[] | .act]'
}

# active: name, version and paths of every function.
active() {
	cfn-deploy --registry "$R" --json list | jq -c '[.[] | [.function, .version, .state, .routes[].path]]'
}

# written FUNCTION: the number in the source of the active version.
written() {
	cfn-deploy --registry "$R" source "$1" | grep -o "\"$1 [0-9]*" | cut -d' ' -f2
}

@test "the functions of a manifest are served, and only what changes gets a version" {
	pool_start
	nginx_start
	[ "$(acts)" = '["create","create"]' ]
	[ "$(active)" = '[]' ]
	apply "$D/m" >"$D/out"
	grep -qx '+ one  *create' "$D/out"
	grep -q '^applied .*1 pool serves it' "$D/out"
	get /one 200 'one 1'
	get /two 200 'two 1'
	(cd "$D/m" && apply) >"$D/out"
	grep -q '^unchanged ' "$D/out"
	[ "$(active)" = '[["one",1,"active","/one"],["two",1,"active","/two"]]' ]
	sed -i 's/two 1/two 2/' "$D/m/two/two.c"
	sed -i 's/64M/80M/; s/world/you/' "$D/m/cfn.ini"
	[ "$(apply --json -n "$D/m" | jq -c '[.applied, (.plan[] | .what)]')" = '[false,"memory","source, environment"]' ]
	get /two 200 'two 1'
	[ "$(apply --json "$D/m/cfn.ini" | jq -c '[.applied, .pools, (.plan[] | .act, .version)]')" = '[true,1,"change",2,"change",2]' ]
	get /two 200 'two 2'
	cfn-deploy --registry "$R" show one | grep -qx 'memory  *80M'
	# The manifest is the whole truth: what it does not say any more is the default again.
	sed -i '/memory/d; /WHO/d; s,/one,/uno,' "$D/m/cfn.ini"
	[ "$(apply --json -n "$D/m" | jq -c '[.plan[] | .what]')" = '["memory, routes","environment"]' ]
	apply "$D/m"
	get /one 404
	get /uno 200 'one 1'
	cfn-deploy --registry "$R" audit --verify
}

@test "when one does not compile, load or fit, nothing changes" {
	pool_start
	nginx_start
	apply "$D/m"
	before=$(active)
	sed -i 's/one 1/one 2/' "$D/m/one.c"
	echo 'int broken = x;' >>"$D/m/two/two.c"
	run cfn-deploy --registry "$R" apply "$D/m" 3>&-
	[ "$status" -eq 65 ]
	grep -q "^$D/m/two/two.c:[0-9]*:14: error: " <<<"$output"
	sed -i '$d' "$D/m/two/two.c"
	cat >>"$D/m/two/two.c" <<<'int cfn_init(void); int cfn_init(void) { return -1; }'
	run cfn-deploy --registry "$R" apply "$D/m" 3>&-
	[ "$status" -eq 65 ]
	sed -i '$d' "$D/m/two/two.c"
	# A route of a function that the manifest does not have.
	hello_make third "third"
	deploy "$D/src/third.c"
	before=$(active)
	sed -i 's,/two$,/third,' "$D/m/cfn.ini"
	refused 65 apply "$D/m"
	grep -q "nothing is changed: two: route /third belongs to function 'third'" "$D/err"
	# Two of the manifest's own, known before anything is compiled.
	sed -i 's,/third$,/one,' "$D/m/cfn.ini"
	refused 65 apply "$D/m" --dry-run
	grep -q 'route /one is that of \[function one\], too' "$D/err"
	[ "$(active)" = "$before" ]
	get /one 200 'one 1'
}

@test "routes go from one function to the other in one step, and a table's do, too" {
	pool_start
	nginx_start
	apply "$D/m"
	sed -i 's,GET /one,GET /x,; s,GET\,POST /two,GET /one,; s,GET /x,GET /two,' "$D/m/cfn.ini"
	apply "$D/m"
	get /one 200 'two 1'
	get /two 200 'one 1'
	sed -i '/two$/,$s/^route.*//' "$D/m/cfn.ini"
	cat >>"$D/m/two/two.c" <<<'CFN_ROUTES({ "GET", "/two", two });'
	sed -i 's,GET /two,GET /one,' "$D/m/cfn.ini"
	apply "$D/m"
	get /one 200 'one 1'
	get /two 200 'two 1'
	[ "$(acts)" = '["unchanged","unchanged"]' ]
}

# What is found in the artifact alone, and what the registry keeps, is not taken for a change.
@test "a second apply changes nothing, whatever the functions use" {
	mkdir "$D/m/visits"
	cat >"$D/m/visits/visits.cpp" <<-'END'
		#include <cfn.h>
		extern "C" int handle(cfn_request *q, cfn_response *r) { return cfn_send(r, 200, "text/plain", "%s\n", cfn_session(q, "n") ? "again" : "first"); }
	END
	cat >>"$D/m/cfn.ini" <<-'END'

		[function visits]
		source = visits
		smoke = GET /visits=200
		shared = data
		env.A = one
		env.B = two
		mode = fresh
		link = m
		wall-time = 2s
		tmp_size = 1M
	END
	apply "$D/m"
	[ "$(acts)" = '["unchanged","unchanged","unchanged"]' ]
	apply "$D/m" | grep -q '^unchanged '
	[ "$(active | jq -c '[.[][1]]')" = '[1,1,1]' ]
}

@test "a function that is not in the manifest is removed when that is asked for, and confirmed" {
	apply "$D/m"
	hello_make third "third"
	deploy "$D/src/third.c"
	[ "$(acts)" = '["unchanged","unchanged"]' ]
	apply --prune --dry-run "$D/m" | grep -qx -- '- third  *remove'
	run apply --prune "$D/m"
	[ "$status" -eq 64 ]
	[[ $output == *--yes* ]]
	# Asked on a terminal: anything but yes is no.
	run script -qec "cfn-deploy --registry $R apply --prune $D/m" /dev/null <<<n
	[[ $output == *'apply? [y/N]'*'nothing is changed'* ]]
	[ "$(active | jq length)" -eq 3 ]
	run script -qec "cfn-deploy --registry $R apply --prune $D/m" /dev/null <<<y
	[ "$(active | jq length)" -eq 2 ]
	deploy "$D/src/third.c"
	apply --prune --yes "$D/m"
	[ "$(active | jq length)" -eq 2 ]
}

@test "a locked function is left alone, and with it all the others" {
	apply "$D/m"
	cfn-deploy --registry "$R" lock two --reason 'release week'
	sed -i 's/one 1/one 2/' "$D/m/one.c"
	sed -i 's/two 1/two 2/' "$D/m/two/two.c"
	refused 77 apply "$D/m"
	grep -q 'release week' "$D/err"
	[ "$(active)" = '[["one",1,"active","/one"],["two",1,"active","/two"]]' ]
	manifest <<<$'[function one]\nsource = one.c\nroute = GET /one'
	refused 77 apply --prune --yes "$D/m"
	cfn-deploy --registry "$R" unlock two
	apply --prune --yes "$D/m"
	[ "$(active)" = '[["one",2,"active","/one"]]' ]
}

@test "what leads out of the manifest's folder is refused" {
	local source
	mkdir "$D/beside"
	cp "$D/m/one.c" "$D/beside/one.c"
	ln -s "$D/beside" "$D/m/way"
	ln -s "$D/beside/one.c" "$D/m/link.c"
	mkfifo "$D/m/pipe.c"
	for source in ../beside/one.c two/../../beside/one.c "$D/beside/one.c" way/one.c link.c pipe.c /etc/shadow; do
		manifest <<<$'[function one]\nsource = '"$source"
		refused 64 timeout 150 cfn-deploy --registry "$R" apply "$D/m"
		not grep -q root: "$D/err"
	done
	manifest <<<$'[function one]\nsource = none.c'
	refused 66 apply "$D/m"
	manifest <<<$'[function one]\nsource = one.c\nmemroy = 64M'
	refused 65 apply "$D/m"
	grep -q "$D/m/cfn.ini:3: unknown key 'memroy'" "$D/err"
	manifest <<<$'[function one]\nsource = one.c\nmemory = 1'
	refused 64 apply "$D/m"
	grep -q '\[function one\]: ' "$D/err"
	rm "$D/m/cfn.ini"
	refused 66 apply "$D/m"
	[ "$(active)" = '[]' ]
}

@test "killed at any moment it leaves the old set or the new one, and two at once one of both" {
	local i n
	pool_start
	nginx_start
	apply "$D/m"
	n=${CFN_QUICK:+3}
	for ((i = 2; i < ${n:-10}; i++)); do
		sed -i "s/one [0-9]*/one $i/" "$D/m/one.c"
		sed -i "s/two [0-9]*/two $i/" "$D/m/two/two.c"
		cfn-deploy --registry "$R" apply "$D/m" >/dev/null 2>&1 3>&- &
		sleep "0.$((i * 13 % 70 + 10))"
		kill -9 $! || true
		wait $! || true
		[ "$(written one)" = "$(written two)" ] || { active; return 1; }
	done
	apply "$D/m"
	cp -r "$D/m" "$D/n"
	sed -i 's/one [0-9]*/one n/' "$D/n/one.c"
	sed -i 's/two [0-9]*/two n/' "$D/n/two/two.c"
	sed -i 's/one [0-9]*/one m/' "$D/m/one.c"
	sed -i 's/two [0-9]*/two m/' "$D/m/two/two.c"
	apply "$D/m" >"$D/out.m" 2>&1 &
	apply "$D/n" >"$D/out.n" 2>&1 || { cat "$D/out.n"; return 1; }
	wait $! || { cat "$D/out.m"; return 1; }
	request /one
	[ "$(cat "$D/body")" = 'one m' ] || [ "$(cat "$D/body")" = 'one n' ]
	get /two 200 "two $(cut -d' ' -f2 "$D/body")"
	cfn-deploy --registry "$R" audit --verify
}

@test "every function is signed, and a key that may not sign one of them changes none" {
	local state=$D/keys
	export HOME=$D XDG_DATA_HOME=$D
	mkdir -m 755 "$state"
	conf <<<"keys_dir = $state"
	cfn-deploy key new >"$D/own.pem"
	cfn-deploy -c "$D/cfn.conf" key trust own "$D/own.pem" --route '/one'
	refused 77 cfn-deploy -c "$D/cfn.conf" --registry "$R" apply "$D/m"
	[ "$(active | jq -c '[.[][2]] | unique')" = '["inactive"]' ]
	sed -i 's,/two$,/one/two,' "$D/m/cfn.ini"
	cfn-deploy -c "$D/cfn.conf" key revoke own
	cfn-deploy -c "$D/cfn.conf" key trust own "$D/own.pem" --route '/one*' || cfn-deploy -c "$D/cfn.conf" key trust own "$D/own.pem"
	cfn-deploy -c "$D/cfn.conf" --registry "$R" apply "$D/m" 3>&-
	cfn-deploy -c "$D/cfn.conf" --registry "$R" verify
	cfn-deploy -c "$D/cfn.conf" --registry "$R" apply "$D/m" 3>&- | grep -q '^unchanged'
}
