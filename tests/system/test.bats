#!/usr/bin/env bats
# test.bats - cfn-deploy test: files of exchanges against the functions beside them, without a registry or a pool.
# shellcheck disable=SC2154
load helper

setup_file() {
	place_make
	mkdir -p "$D/tmp" "$D/book/tests" "$D/many/tests/one"
	export TMPDIR=$D/tmp
	chmod 755 "$D/tmp"
	cp "$functions/book.c" "$D/book"
}

teardown_file() {
	place_remove
}

# Nothing is left, and no registry was made.
teardown() {
	[ -z "$(find "$D/tmp" -mindepth 1)" ] && [ ! -e "$D/none" ]
}

# book NAME <EXCHANGES: the only test of book.c.
book() {
	rm -f "$D"/book/tests/*
	cat >"$D/book/tests/$1.http"
}

# tested RC [ARGUMENT...]: standard output in $D/out, errors in $D/err.
tested() {
	local want=$1 rc=0
	shift
	XDG_STATE_HOME=$D/none cfn-deploy test "$@" >"$D/out" 2>"$D/err" 3>&- || rc=$?
	[ "$rc" -eq "$want" ] || { echo "exit status $rc, not $want:"; cat "$D/out" "$D/err"; return 1; }
}

says() {
	grep -qE -- "$1" "$D/out" || { echo "does not say: $1"; cat "$D/out" "$D/err"; return 1; }
}

@test "exchanges share cookies, captures and the folder of their file, and no other one's" {
	book first <<-'END'
		# Nobody is there yet.
		GET /book
		HTTP 200
		Content-Type: text/html; charset=utf-8
		Set-Cookie: /^visit=1;.*Secure/
		@csrf = /name="csrf" value="([^"]*)"/

		/0 names.visit -.$/

		POST /book?page=1
		X-Twice: {{csrf}}{{csrf}}

		name=Ada%20L&csrf={{csrf}}

		HTTP 303
		Location: /book
		@to = Location: /(.*)/

		GET {{to}}
		HTTP 200

		<input name="csrf" value="{{csrf}}">
		1 names
		<li>Ada L
		visit 1

		GET /book
		Cookie: visit=9
		HTTP 200

		/visit 9/
	END
	cp "$D/book/tests/first.http" "$D/book/tests/second.http"
	tested 0 "$D/book" --shared names
	[ "$(grep -c '^ok ' "$D/out")" = 8 ]
	[ "$(head -2 "$D/out")" = $'TAP version 13\n1..8' ]
	says "^ok 2 - $D/book/tests/first.http:10 POST /book\?page=1 \([0-9.]+ ms\)$"
	says '^# 8 of 8 exchanges are right$'
	cd "$D/book"
	tested 0 book.c --shared names --filter sec --mode fresh
	says '^ok 4 - tests/second.http:27'
	tested 0 . --shared names --filter second --json
	jq -e '.exchanges == 4 and .wrong == 0 and (.outcomes | map(.ok) | all) and .outcomes[1].status == 303' "$D/out"
}

# bats test_tags=any-user
@test "what is not right is told with what came instead, what was logged, and how it ended" {
	book wrong <<-'END'
		GET /book?log=1
		HTTP 201
		Location: /x/

		another

		POST /book?crash=1
		HTTP 500

		GET /book?hang=1
		HTTP 504

		GET /book?lines=1
		HTTP 200

		first
		second
		fourth

		GET /{{missing}}
		HTTP 200

		GET /book
		HTTP 200
	END
	tested 1 "$D/book/book.c" --shared names --wall-time 1500ms
	says '^not ok 1 '
	says '^# line 2: the status is another one$'
	says '^#   - HTTP 201$'
	says '^#   \+ there is none$'
	says '^# output: info: a line of the log'
	says '^# output: printed \\x1b\[1m$'
	says '^not ok 2 '
	says '^# line 7: The function crashed.$'
	says '^# output: crash \(signal ABRT\)$'
	says '^ok 3 '
	says '^not ok 4 '
	says '^#   from its line 3 on:$'
	says '^#   - fourth$'
	says '^#   \+ third$'
	says '^# line 20: \{\{missing\}\} has not been captured$'
	says '^ok 6 '
	says '^# 2 of 6 exchanges are right$'
	tested 1 "$D/book/book.c" --shared names --wall-time 1500ms --json
	jq -e '.wrong == 4 and .outcomes[1].says == ["line 7: The function crashed."]' "$D/out"
}

# bats test_tags=any-user
@test "CPU time is bounded for each exchange, whatever those before it took and how many come behind it" {
	{
		printf 'GET /book?burn=700\nHTTP 200\n\n%.0s' 1 2 3
		printf 'GET /book?burn=3600000\nHTTP 504\n\n/cpu_time_limit/\n\n'
		printf 'GET /book\nHTTP 200\n\n%.0s' {1..100}
	} | book burns
	tested 0 "$D/book/book.c" --shared names --cpu-time 1s --wall-time 100s
	says '^ok 104 '
}

# bats test_tags=any-user
@test "bodies come from files, of bytes too, and streams end with what is expected" {
	book bytes <<-'END'
		PUT /book

		< some.bin
		HTTP 200

		< some.bin

		PUT /book

		< other.bin
		HTTP 200

		< some.bin

		POST /book?parts=1
		Content-Type: multipart/form-data; boundary=b

		--b
		Content-Disposition: form-data; name="a"

		text
		--b--

		HTTP 200

		a=text

		GET /book?stream=1
		HTTP 200

		/^data: 0.*data: 3/

		GET /nowhere
		Accept: application/json
		HTTP 404
		Content-Type: application/problem+json

		/"cause":"no_route"/

		DELETE /book
		HTTP 405

		PUT /book

		< large.bin
		HTTP 413
	END
	printf 'a\0b\r\n\xff\n\n' >"$D/book/tests/some.bin"
	printf 'a\0c\r\n\xff\n\n' >"$D/book/tests/other.bin"
	head -c 3000 /dev/zero >"$D/book/tests/large.bin"
	tested 1 "$D/book" --shared names --body-size 2k
	[ "$(grep -c '^not ok ' "$D/out")" = 1 ]
	says '^not ok 2 '
	says '8 bytes and not 8; byte 2 differs$'
}

# bats test_tags=any-user
@test "functions in one folder have tests of their names, a folder is one function, and one of folders is many" {
	local name
	for name in one two bad; do
		hello_make "$name" "this is $name"
		mv "$D/src/$name.c" "$D/many"
		printf 'GET /%s\nHTTP 200\n\nthis is %s\n' "$name" "$name" >"$D/many/tests/$name.http"
	done
	cp "$D/many/tests/one.http" "$D/many/tests/one-more.http"
	cp "$D/many/tests/one.http" "$D/many/tests/one/still.http"
	tested 0 "$D/many/one.c"
	[ "$(grep -c '^ok ' "$D/out")" = 3 ]
	tested 0 "$D/many/bad.c"
	[ "$(grep -c '^ok ' "$D/out")" = 1 ]
	for name in one two bad; do
		mkdir -p "$D/folders/$name/tests"
		mv "$D/many/$name.c" "$D/folders/$name"
		mv "$D/many/tests/$name.http" "$D/folders/$name/tests"
	done
	echo 'int other; int other = 7;' >"$D/folders/two/other.c"
	tested 0 "$D/folders/two"
	says "^ok 1 - $D/folders/two/tests/two.http:1 GET /two"
	tested 0 "$D/folders/"
	[ "$(grep -c '^ok ' "$D/out")" = 3 ]
	echo 'int x(' >"$D/folders/bad/bad.c"
	tested 65 "$D/folders"
	[ "$(grep -c '^ok ' "$D/out")" = 2 ]
	grep -q 'bad.c:1:' "$D/err"
	mkdir "$D/folders/empty"
	tested 66 "$D/folders/empty"
}

# bats test_tags=any-user
@test "test and invoke take what the cfn.ini of the folder, or the one above, says of the source; the command line wins" {
	local f=$D/set/greet
	mkdir -p "$f/tests"
	source_make greet.c <<-'END'
		#include <math.h>
		#include <stdlib.h>
		#include <unistd.h>
		int begin(cfn_request *q, cfn_response *r);
		int begin(cfn_request *q, cfn_response *r)
		{
			volatile double nine = atof("9");
			return cfn_printf(r, "%s %s %s %g %s", cfn_env("A"), cfn_env("B"),
			                  access("/", W_OK) == 0 ? "kept" : "bare", sqrt(nine), cfn_param(q, "who")) < 0;
		}
	END
	mv "$D/src/greet.c" "$f"
	printf 'GET /hi/Ada\nHTTP 200\n\na b kept 3 Ada\n\nPOST /hi/Ada\nHTTP 405\n' >"$f/tests/greet.http"
	cat >"$D/set/cfn.ini" <<-'END'
		[function other]
		source = other.c
		env.A = wrong

		[function greeting]
		source = greet
		entry = begin
		route = GET /hi/:who
		env.A = a
		env.B = b
		shared = greetings
		link = m
		body_size = 2k
		grant = unix:/nowhere
	END
	tested 0 "$D/set"
	tested 0 "$f/"
	cd "$f"
	tested 0 .
	tested 1 . --env B=mine
	says '^#   \+ a mine kept 3 Ada$'
	tested 64 . --body-size none
	[ "$(XDG_STATE_HOME=$D/none cfn-deploy invoke "$f" --path /hi/Bo --env A=x 2>"$D/err" 3>&-)" = 'x b kept 3 Bo' ]
	sed 's/= greet$/= greet.c/; s/= a$/= near/' ../cfn.ini >cfn.ini
	tested 1 greet.c
	says '^#   \+ near b kept 3 Ada$'
	tested 0 .
	sed 's/= greet$/= ../; s/= a$/= of tests/' ../cfn.ini >tests/cfn.ini
	tested 1 "$D/set"
	says '^#   \+ of tests b kept 3 Ada$'
	echo 'colour = red' >>tests/cfn.ini
	tested 65 .
	grep -qx "cfn-deploy: ./tests/cfn.ini:15: unknown key 'colour'" "$D/err"
}

# reads PATH: a test whose request is that file.
reads() {
	printf 'PUT /book\n\n< %s\n\nHTTP 200\n' "$1" >"$D/beside/tests/beside.http"
}

# bats test_tags=any-user
@test "a test reads the files of its folder and no others" {
	local path
	mkdir -p "$D/beside/tests/below"
	cp "$functions/book.c" "$D/beside"
	echo kept-from-tests >"$D/beside/private"
	echo seen >"$D/beside/tests/below/body"
	ln -s ../private "$D/beside/tests/link"
	ln -s .. "$D/beside/tests/up"
	for path in ../private "$D/beside/private" below/../below/body below/../../private link up/private; do
		reads "$path"
		tested 1 "$D/beside" --shared names
		says "$path: (leads out of the test's folder|a symbolic link)"
		not grep -q kept-from-tests "$D/out"
	done
	reads below/body
	tested 0 "$D/beside" --shared names
}

# bats test_tags=any-user
@test "what cannot be read as exchanges is said before anything runs" {
	local file=$D/book/tests/x.http
	book x <<<'GET book'
	tested 65 "$D/book"
	[ "$(cat "$D/err")" = "cfn-deploy: $file:1: a request such as 'GET /path' is expected here: 'GET book'" ]
	printf 'GET /\0\nHTTP 200\n' >"$file"
	tested 65 "$D/book"
	truncate -s 100M "$file"
	tested 65 "$D/book"
	head -c 4194304 /dev/zero | tr '\0' '\n' >"$file"
	tested 66 "$D/book"
	grep -q 'there is no exchange' "$D/err"
	rm "$file"
	mkfifo "$file"
	tested 65 "$D/book"
	rm "$file"
	tested 66 "$D/book"
	tested 66 "$D/src/missing.c"
	tested 66 "$D/none"
	tested 64
	[ ! -s "$D/out" ]
}

@test "--asan tells of what only a sanitizer sees, with the lines of the source" {
	[ -e "$(gcc -print-file-name=libasan.so)" ] || skip 'there is no libasan here'
	mkdir -p "$D/over/tests"
	{
		echo '#include <cfn.h>'
		cat <<-'END'
			#include <stdlib.h>
			int over(cfn_request *q, cfn_response *r)
			{
				char *volatile bytes = calloc(1, 10);
				int at = atoi(cfn_query(q, "at"));

				bytes[at] = 'x';
				at = cfn_query(q, "shift") ? 1 << (at + 30) : 200;
				free(bytes);
				return cfn_send(r, 200, "text/plain", "%d\n", at);
			}
		END
	} >"$D/over/over.c"
	printf 'GET /over?at=9\nHTTP 200\n\n200\n\nGET /over?at=12\nHTTP 200\n\nGET /over?at=2&shift=1\nHTTP 200\n' >"$D/over/tests/a.http"
	tested 0 "$D/over/over.c"
	tested 1 "$D/over" --asan --memory 64M
	says '^ok 1 '
	says '^not ok 2 '
	says '^# output: ==[0-9]*==ERROR: AddressSanitizer: heap-buffer-overflow'
	says '^# output:     #0 0x[0-9a-f]*  over at over.c:8$'
	says '^not ok 3 '
	says '^# output: over.c:9:[0-9]*: runtime error: shift exponent 32 is too large'
	XDG_STATE_HOME=$D/none cfn-deploy invoke "$D/over" --asan --request 'GET /over?at=11' >"$D/out" 2>"$D/err" || [ $? = 65 ]
	grep -q '#0 0x[0-9a-f]*  over at over.c:8$' "$D/err"
	refused 64 cfn-deploy --registry "$R" deploy --asan "$D/over"
}
