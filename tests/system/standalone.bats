#!/usr/bin/env bats
# standalone.bats - functions as plain programs, made with the installed pkg-config file.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	D=$(mktemp -d "${CFN_TMP:-/tmp}/cfnt.XXXXXX")
	export D
	cat >"$D/notes.c" <<-'END'
		#include <cfn.h>
		#include <stdio.h>

		/* Names that the library has, too. */
		int err_set(void) { return 7; }
		int fail(void) { return 7; }

		int cfn_init(void)
		{
			puts("begins");
			return cfn_env("REFUSE") ? -1 : 0;
		}
		void cfn_fini(void) { puts("ends"); }
		static int note(cfn_request *q, cfn_response *r)
		{
			puts("printed");
			cfn_log(q, CFN_INFO, "logged");
			return cfn_send(r, 200, 0, "note %s of %s, %d\n", cfn_param(q, "id"), cfn_query(q, "name"), err_set());
		}
		static int add(cfn_request *q, cfn_response *r)
		{
			const char *text = cfn_form(q, "text");
			return text ? cfn_send(r, 201, 0, "added %s, %s\n", text, cfn_env("AUTHOR"))
			            : cfn_error(r, 400, "no text");
		}
		static int begin(cfn_request *q, cfn_response *r)
		{
			int rc = cfn_session_set(q, r, "a", "b");
			return rc < 0 ? rc : cfn_send(r, 200, 0, "begun for %s\n", cfn_header(q, "X-Who"));
		}
		CFN_ROUTES({ "GET", "/notes/:id", note }, { "POST", "/notes", add }, { "GET", "/begin", begin });
	END
	make_program "${CC:-cc}" notes "$D/notes.c"
	make_program "${CXX:-c++}" plusplus "$functions/plusplus.cc"
}

teardown_file() {
	rm -rf "$D"
}

# make_program COMPILER NAME SOURCE: as cfn(3) says.
make_program() {
	local flags=() where
	if [ -n "${CFN_PREFIX:-}" ]; then
		where=$(find "$CFN_PREFIX" -name cfn-standalone.pc)
		read -ra flags < <(PKG_CONFIG_PATH=${where%/*} pkg-config --cflags --libs cfn-standalone)
	else
		read -ra flags < <(PKG_CONFIG_PATH=$CFN_BUILD/src/standalone pkg-config --cflags --libs \
			--define-variable=libdir="$CFN_BUILD" --define-variable=includedir="$tree/src/function" cfn-standalone)
	fi
	"$1" -o "$D/$2" "$3" "${flags[@]}"
}

# gives STATUS ARGUMENT...: the program's exit status; what it answers is in out, the rest in log.
gives() {
	local want=$1 rc=0
	shift
	timeout 150 "$D/${program:-notes}" "$@" >"$D/out" 2>"$D/log" || rc=$?
	[ "$rc" = "$want" ] || { echo "exit status $rc"; cat "$D/out" "$D/log"; return 1; }
}

@test "a program answers the requests of its command line, and what the function prints and logs is not in the answers" {
	gives 0 'GET /notes/4%2a?name=Ada+L' 'HEAD /notes/5' </dev/null
	diff "$D/out" - <<-'END'
		Status: 200 OK
		Content-Type: text/plain; charset=utf-8
		X-Content-Type-Options: nosniff
		Content-Length: 20

		note 4* of Ada L, 7

		Status: 200 OK
		Content-Type: text/plain; charset=utf-8
		X-Content-Type-Options: nosniff
		Content-Length: 20

	END
	diff "$D/log" <(printf '%s\n' begins printed 'info: logged' printed 'info: logged' ends)
	gives 0 --header 'X-Who: Grace' 'GET /begin'
	grep -qx 'begun for Grace' "$D/out"
	not grep -i x-cfn "$D/out"
}

@test "a body comes from standard input" {
	AUTHOR=me gives 0 'POST /notes' <<<'text=a+b%21'
	grep -qx 'added a b!' <(tr -d '\n' <"$D/out" | grep -o 'added.*!')
	grep -q ', me$' "$D/out"
	gives 76 --header 'Content-Type: text/plain' 'POST /notes' <<<'text=a'
	grep -q '^Status: 400 ' "$D/out"
	head -c 8388609 /dev/zero >"$D/large"
	gives 76 'POST /notes' <"$D/large"
	grep -q '^Status: 413 ' "$D/out"
}

@test "without arguments it is a CGI program" {
	local cgi=(REQUEST_METHOD=POST PATH_INFO=/notes CONTENT_TYPE=application/x-www-form-urlencoded CONTENT_LENGTH=6)
	env "${cgi[@]}" AUTHOR=me "$D/notes" <<<'text=axyz' >"$D/out" 2>/dev/null
	grep -qx $'Status: 201 Created\r' "$D/out"
	grep -qx 'added a, me' "$D/out"
	REQUEST_METHOD=GET SCRIPT_NAME=/notes/1/../2 QUERY_STRING=name=Bob CFN_PARAM_id=forged HTTP_X_A=1 "$D/notes" \
		>"$D/out" 2>/dev/null
	grep -qx 'note 2 of Bob, 7' "$D/out"
	REQUEST_METHOD=GET PATH_INFO=/absent "$D/notes" >"$D/out" 2>/dev/null
	grep -qx $'Status: 404 Not Found\r' "$D/out"
}

@test "the exit status tells what was wrong" {
	gives 76 'GET /absent' 'GET /notes/1'
	grep -q '^Status: 404 ' "$D/out"
	grep -q '^Status: 200 ' "$D/out"
	gives 76 'DELETE /notes/1'
	grep -qx 'Allow: GET, HEAD' "$D/out"
	gives 76 'GET /notes/1?name=%zz'
	grep -q '^Status: 400 ' "$D/out"
	gives 64
	gives 64 'FETCH /notes'
	gives 64 'GET notes'
	gives 64 --header 'X Y: z' 'GET /notes/1'
	REFUSE=1 gives 65 'GET /notes/1'
	grep -q 'cfn_init refused' "$D/log"
	not grep -x ends "$D/log"
	gives 65 --entry sleep 'GET /'
	[ ! -s "$D/out" ]
	grep -q "no handler 'sleep'" "$D/log"
}

@test "a handler in C++ is found by the program's name, or by --entry" {
	local program=plusplus
	gives 0 'GET /any/path?n=4'
	grep -qx 'sum 10' "$D/out"
	cp "$D/plusplus" "$D/other"
	program=other
	gives 65 'GET /?n=4'
	gives 76 --entry plusplus 'GET /?n=-4'
	grep -qx negative "$D/out"
}
