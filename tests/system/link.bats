#!/usr/bin/env bats
# link.bats - libraries of the operator's list in functions, JSON with one of them, and who decides what is loaded.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	deploy deploy --link z,jansson "$functions/json.c"
	pool_start
	nginx_start
}

teardown_file() {
	place_remove
}

setup() {
	B=$(mktemp -d "$D/t.XXXXXX")
}

json() {
	request "$1" -H 'Content-Type: application/json' --data-binary "$2"
}

@test "a linked function parses JSON and answers with it, and frees both" {
	json /json/add '{"a": 40, "b": 2}'
	expect 200 '{"sum":42,"more":[true,null]}'
	[ "$(header Content-Type)" = application/json ]
	get /json/library 200 '"crc":1'
	# 400 bodies of 100 KiB, parsed twice each, in 128 MiB.
	{ printf '["' && head -c 100000 /dev/zero | tr '\0' x && printf '"]'; } >"$B/large"
	for ((i = 0; i < 400; i++)); do
		printf '%surl = "%s/json/twice"\nheader = "Content-Type: application/json"\ndata-binary = "@%s"\noutput = "/dev/null"\nwrite-out = "%%{http_code}\\n"\n' \
			"$([ "$i" = 0 ] || printf 'next\n_')" "$WEB" "$B/large"
	done | sed 's/^_//' >"$B/curl"
	[ "$(curl -s -K "$B/curl" | sort | uniq -c | tr -s ' ')" = " 400 200" ]
}

@test "what is no JSON is told from what is malformed" {
	request /json/add -H 'Content-Type: text/plain' --data '{"a": 1, "b": 2}'
	expect 415 'not of type application/json'
	request /json/add -H 'Content-Type: application/vnd.api+json; charset=utf-8' --data '{"a": 1, "b": 2}'
	expect 200 '"sum":3'
	request /json/add -H 'Content-Type: application/jsonp' --data '{}'
	expect 415
	for body in '{"a": 1' '{"a": 1, "a": 2, "b": 3}' '3' '' '{"a": "\u0000"}' $'{"a": "\xff"}' '{"a": 1} x' \
		'{"a": 99999999999999999999}'; do
		json /json/add "$body"
		expect 400
	done
	json /json/add '{"a": 1}'
	expect 422 "Object item not found: b"
	for depth in 2048 2049; do
		head -c "$depth" /dev/zero | tr '\0' '[' >"$B/$depth"
		head -c "$depth" /dev/zero | tr '\0' ']' >>"$B/$depth"
	done
	json /json/add "@$B/2048"
	expect 422
	json /json/add "@$B/2049"
	expect 400 'maximum parsing depth'
	json /json/broken '{}'
	expect 500
	get /json/nothing 500
}

@test "libraries are kept by the next version, are replaced by others, and by none" {
	deploy --json show json | jq -e '.link == ["jansson", "z"]'
	cp "$functions/json.c" "$B/json.c"
	echo '/* another */' >>"$B/json.c"
	deploy "$B/json.c"
	deploy show json | grep -q '^libraries *jansson z$'
	get /json/library 200 '"crc":1'
	ends 65 deploy deploy --link jansson "$B/json.c"
	grep -q 'undefined reference to `crc32' "$D/err"
	grep -q 'what is missing is in libraries; link them with --link jansson,z$' "$D/err"
	source_make alien.c <<-'END'
		int nobody_has_this(void);
		int alien(cfn_request *q, cfn_response *r);
		int alien(cfn_request *q, cfn_response *r)
		{
			(void)q;
			return cfn_send(r, 200, NULL, "x") + nobody_has_this();
		}
	END
	ends 65 deploy "$D/src/alien.c"
	grep -q 'libraries are linked with --link NAME,NAME...; there are: crypto jansson m sqlite3 z' "$D/err"
	ends 65 deploy deploy --link none "$B/json.c"
	grep -q 'undefined reference' "$D/err"
	deploy check --link jansson,z "$B/json.c"
	get /json/library 200 '"crc":1'
}

@test "C++ and a process for each request have them, too" {
	source_make plus.cc <<-'END'
		#include <cfn_json.h>
		#include <string>
		CFN_C int plus(cfn_request *q, cfn_response *r)
		{
			json_t *in = cfn_json(q, nullptr);
			return cfn_send_json(r, 200, json_string(std::string(in ? "read" : "none").c_str()));
		}
	END
	deploy deploy --link jansson --mode fresh "$D/src/plus.cc"
	json /plus '[]'
	expect 200 '"read"'
	get /plus 200 '"none"'
}

@test "what is not on the list is refused by name, and what is not installed with its package" {
	refused 77 deploy deploy --link jansson,ssl "$functions/json.c"
	grep -q "library 'ssl' is not on this server's list, which is: crypto, jansson, m, sqlite3, z (\[link\] in cfn.conf)" "$D/err"
	refused 64 deploy deploy --link ../../etc/x "$functions/json.c"
	printf '[link]\nfrob = libfrob.so.1 libfrob-dev\n' >"$B/conf"
	refused 66 deploy -c "$B/conf" deploy --link frob "$functions/json.c"
	grep -q "library 'frob' (libfrob.so.1) is not installed: apt-get install libfrob-dev" "$D/err"
}

@test "a missing header is advised with the packages of the linked libraries" {
	source_make lost.c <<-'END'
		#include <jansson/none.h>
	END
	ends 65 deploy deploy --link jansson "$D/src/lost.c"
	grep -q 'the headers of libraries are in packages: libjansson-dev$' "$D/err"
}

@test "a pool without the library says so in its vote, and one that does not allow it loads it for nobody" {
	place=$D
	place_make
	deploy deploy --link z,jansson "$functions/json.c"
	conf <<-END
		[link]
		jansson =
		z = libz.so.99
	END
	source_make other.c <<-'END'
		#include <zlib.h>
		int other(cfn_request *q, cfn_response *r);
		int other(cfn_request *q, cfn_response *r)
		{
			(void)q;
			return cfn_send(r, 200, "text/plain", "%s", zlibVersion());
		}
	END
	pool_start
	# It was deployed before; the registry is not what decides.
	printf 'get 1 /json/library 0\nread\n' | fcgi | grep -q '^|Status: 503'
	eventually grep -q "library 'jansson' is not on this server's list" "$D/error.log"
	refused 65 deploy deploy --link z "$D/src/other.c"
	grep -q 'is not active: pool [0-9]*: .*it is linked with a library that is not here: libz.so.99' "$D/err"
	refused 65 deploy deploy --link z,jansson --env A=1 "$functions/json.c"
	grep -q "pool [0-9]*: library 'jansson' is not on this server's list" "$D/err"
	# By other means than cfn-deploy.
	sql "UPDATE version SET policy = '{\"link\":\"m frob\"}'; UPDATE state SET value = value + 1 WHERE name = 'generation'"
	library_is_refused() {
		printf 'get 1 /json/library 0\nread\n' | fcgi | grep -q '^|Status: 503' &&
			grep -q "library 'frob' is not on this server's list" "$D/error.log"
	}
	eventually library_is_refused
	place_remove
	D=$place R=$place/reg/r.db SOCKET=unix:$place/x.sock
}
