#!/usr/bin/env bats
# smoke.bats - a version that does not answer as it must never replaces the old one.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	version 1 200
}

teardown() {
	place_remove
}

# version NUMBER STATUS: shop.c, which answers with its number, and checks with this status.
version() {
	source_make shop.c <<-END
		#include <stdio.h>
		#include <stdlib.h>
		#include <unistd.h>
		static int show(cfn_request *q, cfn_response *r) { (void)q; return cfn_send(r, 200, 0, "version $1\n"); }
		static int check(cfn_request *q, cfn_response *r)
		{
			if (cfn_query(q, "die")) { fprintf(stderr, "no \\033[31mstock\n"); fflush(stderr); abort(); }
			return cfn_send(r, $2, 0, "checked\n");
		}
		static int hang(cfn_request *q, cfn_response *r) { (void)q; (void)r; for (;;) sleep(1); return 204; }
		CFN_ROUTES({ "GET", "/shop", show }, { "GET POST", "/check", check }, { "GET", "/hang", hang });
	END
}

# fails WORDS ARGUMENT...: a deploy of shop.c is refused in one line with these words, and version 1 goes on.
fails() {
	local words=$1
	shift
	refused 65 cfn-deploy --registry "$R" deploy "$@" "$D/src/shop.c"
	grep -q -- "$words" "$D/err" || { cat "$D/err"; return 1; }
	[ "$(cfn-deploy --registry "$R" --json list | jq '.[0].version')" -eq 1 ]
}

all_that_fails() {
	version 2 500
	fails "smoke 'GET /check=200': 500"
	version 2 200
	fails "smoke 'GET /check?die=1=200': no answer (crash, signal ABRT); it wrote: no .x1b.31mstock" --smoke 'GET /check?die=1=200'
	fails "smoke 'GET /hang=200': no answer (wall_time_limit" --smoke 'GET /hang=200' --wall-time 300ms
	fails "has no route for '/none'" --smoke 'GET /none=200'
	fails "smoke 'GET /check=404': 200" --smoke 'GET /shop=200' --smoke 'GET /check=404'
}

@test "without a pool it is asked in a sandbox of its own" {
	deploy deploy --smoke 'GET /check=200' --smoke 'POST /check?x=1=200' "$D/src/shop.c"
	all_that_fails
}

@test "every pool asks it before it is active, and the old one serves on" {
	local other
	pool_start
	nginx_start
	deploy deploy --smoke 'GET /check=200' "$D/src/shop.c"
	cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "unix:$D/y.sock" >>"$D/other.out" 2>&1 3>&- &
	other=$!
	started "$other"
	two_pools() { [ "$(cfn-deploy --registry "$R" --json status | jq length)" -eq 2 ]; }
	eventually two_pools
	all_that_fails
	get /shop 200 'version 1'
	grep -q 'pool [0-9]*: smoke' "$D/err"
	version 2 200
	deploy deploy "$D/src/shop.c"
	get /shop 200 'version 2'
}

@test "they are kept with the version, shown, replaced and dropped" {
	deploy deploy --smoke 'GET /check=200' --smoke 'GET /shop=200' "$D/src/shop.c"
	[ "$(cfn-deploy --registry "$R" --json show shop | jq -c .smoke)" = '["GET /check=200","GET /shop=200"]' ]
	[ "$(cfn-deploy --registry "$R" show shop | grep -c '^smoke ')" -eq 2 ]
	version 2 500
	fails "smoke 'GET /check=200': 500"
	deploy deploy --smoke 'GET /check=500' "$D/src/shop.c"
	[ "$(cfn-deploy --registry "$R" --json show shop | jq -c .smoke)" = '["GET /check=500"]' ]
	deploy deploy --smoke none "$D/src/shop.c"
	[ "$(cfn-deploy --registry "$R" --json show shop | jq -c .smoke)" = '[]' ]
	for wrong in /check=200 'get /check=200' 'GET check=200' 'GET /check' 'GET /check=20' 'GET /a b=200' 'GET /check=600'; do
		refused 64 cfn-deploy --registry "$R" deploy --smoke "$wrong" "$D/src/shop.c"
	done
}

@test "one that fails in a manifest leaves all its functions as they were" {
	mkdir "$D/m"
	cp "$D/src/shop.c" "$D/m"
	hello_make other "other 1"
	mv "$D/src/other.c" "$D/m"
	printf '[function other]\nsource = other.c\n[function shop]\nsource = shop.c\nsmoke = GET /check=200\nsmoke = GET /shop=200\n' >"$D/m/cfn.ini"
	cfn-deploy --registry "$R" apply "$D/m" 3>&-
	version 2 500
	cp "$D/src/shop.c" "$D/m"
	sed -i 's/other 1/other 2/' "$D/m/other.c"
	run cfn-deploy --registry "$R" apply "$D/m" 3>&-
	[ "$status" -eq 65 ]
	[[ $output == *"smoke 'GET /check=200': 500"* ]]
	[ "$(cfn-deploy --registry "$R" --json list | jq -c '[.[].version]')" = '[1,1]' ]
}

@test "a function that asks who calls is called by smoke, and in its tests by test" {
	mkdir -p "$D/who/tests"
	cat >"$D/who/who.c" <<-'END'
		#include <cfn.h>
		int who(cfn_request *q, cfn_response *r);
		int who(cfn_request *q, cfn_response *r)
		{
			const char *user = cfn_user(q), *wanted = cfn_query(q, "user");
			return cfn_send(r, user && wanted && !strcmp(user, wanted) ? 200 : 403, 0, "%s\n", user ? user : "nobody");
		}
	END
	sed -i '1i #include <string.h>' "$D/who/who.c"
	deploy deploy --auth bearer --smoke 'GET /who?user=smoke=200' "$D/who/who.c"
	printf 'GET /who?user=test\nHTTP 200\n\ntest\n' >"$D/who/tests/who.http"
	cfn-deploy test --auth bearer "$D/who" 3>&-
}
