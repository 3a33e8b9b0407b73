#!/usr/bin/env bats
# fastcgi.bats - straight at the socket: what a broken or hostile web server sends.  The router answers as the
# specification says or closes, and goes on serving others.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	deploy "$functions/demo.c"
	conf <<<""
	pool_start
	POOL_BEFORE=$(pool_processes cfn-router)
	export POOL_BEFORE
}

teardown_file() {
	place_remove
}

# The same router, and it answers.
teardown() {
	local answer
	answer=$(fcgi <<<$'get 1 /demo/hello 0\nread-all')
	grep -q 'Hello, world' <<<"$answer" || { echo "afterwards: $answer"; return 1; }
	[ "$(pool_processes cfn-router)" = "$POOL_BEFORE" ]
}

# said TEXT...: each stands in the output of the last `run`.
said() {
	local text
	for text; do
		[[ $output == *"$text"* ]] || { echo "not said: $text"; echo "$output"; return 1; }
	done
}

@test "a request is answered and the connection closed" {
	run fcgi <<<$'get 1 /demo/hello 0\nread-all'
	said '|Status: 200' '|Hello, world!' 'end 1 0 0' closed
}

@test "with KEEP_CONN the connection stays for the next request" {
	run fcgi <<-END
		get 1 /demo/hello 1
		read
		get 7 /demo/item/3 1
		read
		get 1 /nothing 0
		read-all
	END
	said "end 1 0 0" "|GET item '3'" "end 7 0 0" "|Status: 404" closed
}

@test "requests sent ahead on one connection are answered in order" {
	run fcgi <<-END
		get 1 /demo/item/a 1
		read
		get 2 /demo/item/b 1
		get 3 /demo/item/c 0
		read
		read-all
	END
	[ "$status" -eq 0 ]
	said "item 'a'" "item 'b'"
}

@test "a wrong version closes the connection" {
	run fcgi <<<$'header 9 1 1 8 0\nbytes 0001000000000000\nread-all'
	[ "$status" -eq 0 ]
	said closed
}

@test "GET_VALUES is answered, with a hundred pairs too" {
	run fcgi <<<$'values 3\nread-record\nvalues 100\nread-record\nget 1 /demo/hello 0\nread-all'
	[ "$status" -eq 0 ]
	said 'record 10 0' 'Hello, world!'
}

@test "an unknown management record is answered with UNKNOWN_TYPE" {
	run fcgi <<<$'header 1 77 0 0 0\nread-record\nget 1 /demo/hello 0\nread-all'
	said 'record 11 0 8' 'Hello, world!'
}

@test "a connection that reads none of its GET_VALUES answers is closed, not kept for" {
	run fcgi < <(yes 'values 3' | head -n 40000; echo read-all)
	[ "$status" -eq 0 ]
	said closed
}

@test "a request with a long hostile method has one line in the log, and the next one its own" {
	local n method
	n=$(wc -l <"$D/access.log")
	method=$(printf '"%.0s' {1..30000})
	run fcgi <<-END
		begin 1 1 1
		param REQUEST_METHOD $method
		param SCRIPT_NAME /longmethod
		params 1
		end 1
		read
		get 2 /aftermethod 0
		read-all
	END
	said "|Status: 40" "|Status: 404"
	[ "$(tail -n +$((n + 1)) "$D/access.log" | jq -r .path | tr '\n' ' ')" = "/longmethod /aftermethod " ]
}

@test "a second BEGIN on a busy connection cannot be multiplexed" {
	run fcgi <<-END
		begin 1 1 1
		param REQUEST_METHOD GET
		param SCRIPT_NAME /demo/nap
		param QUERY_STRING ms=300
		params 1
		end 1
		begin 2 1 1
		read
		read
	END
	[ "$status" -eq 0 ]
	said 'end 2 0 1' 'end 1 0 0'
}

@test "another role is unknown" {
	run fcgi <<<$'begin 1 2 1\nread\nget 2 /demo/hello 0\nread-all'
	said 'end 1 0 3' 'Hello, world!'
}

@test "an aborted request ends, and the connection serves the next" {
	run fcgi <<-END
		begin 1 1 1
		param REQUEST_METHOD POST
		param SCRIPT_NAME /demo/length
		param CONTENT_LENGTH 100
		params 1
		stdin 1 abc
		abort 1
		read
		get 2 /demo/hello 0
		read-all
	END
	[ "$status" -eq 0 ]
	said 'end 1' 'Hello, world!'
}

@test "a request that is aborted while its function runs ends" {
	run fcgi <<-END
		begin 1 1 1
		param REQUEST_METHOD GET
		param SCRIPT_NAME /demo/nap
		param QUERY_STRING ms=500
		params 1
		end 1
		abort 1
		read
	END
	[ "$status" -eq 0 ]
	said 'end 1'
}

@test "clients that leave in the middle of a body are no crashes of the function" {
	for _ in 1 2 3 4 5 6; do
		half_a_body | fcgi >/dev/null
	done
	eventually six_are_gone
	sleep 0.5 # more than the router's patience with a worker that closed
	not grep "'demo'.*ended" "$D/error.log"
}

# The pause lets the body arrive before its client leaves.
half_a_body() {
	cat <<-END
		begin 1 1 0
		param REQUEST_METHOD POST
		param SCRIPT_NAME /demo/pieces
		param CONTENT_LENGTH 400000
		params 1
		stdin 1 @200000
	END
	sleep 0.2
}

six_are_gone() {
	[ "$(grep '/demo/pieces' "$D/access.log" | grep -c client_gone)" -eq 6 ]
}

@test "params over the limit are a 431" {
	run fcgi <<-END
		begin 1 1 0
		param REQUEST_METHOD GET
		param SCRIPT_NAME /demo/hello
		param HTTP_LARGE @98304
		params 1
		end 1
		read-all
	END
	said '|Status: 431' params_too_large 'end 1'
}

@test "params within the limit pass" {
	run fcgi <<-END
		begin 1 1 0
		param REQUEST_METHOD GET
		param SCRIPT_NAME /demo/headers
		param HTTP_LARGE @90000
		params 1
		end 1
		read-all
	END
	said '|Status: 200' 'end 1'
}

@test "params without end do not stop the router" {
	local i
	{
		echo 'begin 1 1 0'
		for ((i = 0; i < 40; i++)); do
			printf 'param HTTP_X_%d @60000\nparams-open 1\n' "$i"
		done
		echo read-all
	} >"$D/script"
	run fcgi <"$D/script"
	[ "$status" -eq 0 ]
	said closed
}

@test "a pair that reaches past the end of its params is a 400 or closes" {
	run fcgi <<<$'begin 1 1 0\nheader 1 4 1 4 0\nbytes 7f7f4142\nheader 1 4 1 0 0\nheader 1 5 1 0 0\nread-all'
	[ "$status" -eq 0 ]
	said closed
	[[ $output != *'Status: 200'* ]]
}

@test "a pair with a length of 2 GiB is a 400 or closes" {
	run fcgi <<<$'begin 1 1 0\nheader 1 4 1 8 0\nbytes ffffffffffffffff\nheader 1 4 1 0 0\nheader 1 5 1 0 0\nread-all'
	[ "$status" -eq 0 ]
	said closed
	[[ $output != *'Status: 200'* ]]
}

@test "params split at every byte are the same request" {
	{
		echo 'begin 1 1 0'
		printf '0e0352455155455354' | fold -w 2 | split_records
		printf '5f4d4554484f44474554' | fold -w 2 | split_records
		printf '0b0b5343524950545f4e414d452f64656d6f2f68656c6c6f' | fold -w 2 | split_records
		printf 'header 1 4 1 0 0\nheader 1 5 1 0 0\nread-all\n'
	} >"$D/script"
	run fcgi <"$D/script"
	said 'Hello, world!' 'end 1 0 0'
}

split_records() {
	local byte
	while read -r byte || [ -n "$byte" ]; do
		printf 'header 1 4 1 1 0\nbytes %s\n' "$byte"
	done
}

@test "padding of 255 bytes is skipped" {
	{
		printf 'header 1 1 1 8 255\nbytes 0001000000000000\nfill 255\n'
		printf 'header 1 4 1 43 7\nbytes 0e03524551554553545f4d4554484f444745540b0b5343524950545f4e414d452f64656d6f2f68656c6c6f\nfill 7\n'
		printf 'header 1 4 1 0 255\nfill 255\nheader 1 5 1 0 255\nfill 255\nread-all\n'
	} >"$D/script"
	run fcgi <"$D/script"
	said 'Hello, world!' 'end 1 0 0'
}

@test "records of another request id are ignored or close the connection" {
	run fcgi <<-END
		begin 1 1 0
		param REQUEST_METHOD GET
		param SCRIPT_NAME /demo/hello
		params-open 1
		stdin 9 stray
		params 1
		end 1
		read-all
	END
	[ "$status" -eq 0 ]
	said closed
}

@test "a record before any BEGIN is ignored or closes the connection" {
	run fcgi <<<$'stdin 1 abc\nshutdown\nread-all'
	[ "$status" -eq 0 ]
	said closed
}

@test "request id 0 in a BEGIN is no request" {
	run fcgi <<<$'begin 0 1 0\nshutdown\nread-all'
	[ "$status" -eq 0 ]
	said closed
}

@test "a BEGIN that is too short closes the connection" {
	run fcgi <<<$'header 1 1 1 3 0\nbytes 000100\nread-all'
	[ "$status" -eq 0 ]
	said closed
}

@test "a truncated record and a truncated request are forgotten" {
	run fcgi <<<$'header 1 1 1 8 0\nbytes 0001\nshutdown\nread-all'
	said closed
	run fcgi <<<$'begin 1 1 1\nparam REQUEST_METHOD GET\nparams-open 1\nshutdown\nread-all'
	said closed
}

@test "bytes that are no FastCGI at all close the connection" {
	run fcgi <<<$'bytes 474554202f20485454502f312e310d0a0d0a\nread-all'
	[ "$status" -eq 0 ]
	said closed
}

@test "a body longer than CONTENT_LENGTH says, and one shorter, are counted and not trusted" {
	run fcgi <<-END
		begin 1 1 1
		param REQUEST_METHOD POST
		param SCRIPT_NAME /demo/pieces
		param CONTENT_LENGTH 3
		params 1
		stdin 1 aaaaaa
		end 1
		read
		begin 1 1 0
		param REQUEST_METHOD POST
		param SCRIPT_NAME /demo/pieces
		param CONTENT_LENGTH 30
		params 1
		stdin 1 aaa
		end 1
		read-all
	END
	[ "$status" -eq 0 ]
	said 'end 1' closed
}

@test "a CONTENT_LENGTH that is no number is a 400 or is not trusted" {
	run fcgi <<-END
		begin 1 1 0
		param REQUEST_METHOD POST
		param SCRIPT_NAME /demo/pieces
		param CONTENT_LENGTH -99999999999999999999
		params 1
		stdin 1 aaa
		end 1
		read-all
	END
	said 'end 1' closed
}

@test "paths that are none are a 400, methods that are none a 405 or a 501" {
	local path
	for path in '/../etc' 'demo' $'/demo/\x01x' $'/demo/\xff'; do
		run fcgi <<-END
			begin 1 1 0
			param REQUEST_METHOD GET
			param SCRIPT_NAME $path
			params 1
			end 1
			read-all
		END
		said '|Status: 400' '400 Bad Request'
	done
	run fcgi <<-END
		begin 1 1 0
		param REQUEST_METHOD BREW
		param SCRIPT_NAME /demo/hello
		params 1
		end 1
		read-all
	END
	[[ $output == *'Status: 405'* || $output == *'Status: 501'* || $output == *'Status: 400'* ]]
}

@test "a list of the client's may come in two params, and what can be said once alone may not" {
	local name
	for name in HTTP_ACCEPT HTTP_ACCESS_CONTROL_REQUEST_HEADERS REQUEST_URI HTTP_COOKIE; do
		printf '%s\n' 'begin 1 1 0' 'param REQUEST_METHOD GET' 'param SCRIPT_NAME /demo/hello' "param $name a/b" \
			"param $name c/d" 'params 1' 'end 1' 'read' | fcgi
	done >"$D/answers"
	[ "$(grep -c '^|Status: 200' "$D/answers")" = 2 ]
	[ "$(grep -c '^|Status: 400' "$D/answers")" = 2 ]
}

@test "a request without any params is a 400" {
	run fcgi <<<$'begin 1 1 0\nheader 1 4 1 0 0\nheader 1 5 1 0 0\nread-all'
	said '|Status: 400' 'end 1'
}

@test "the path may come in REQUEST_URI alone, and in PATH_INFO" {
	run fcgi <<-END
		begin 1 1 1
		param REQUEST_METHOD GET
		param REQUEST_URI /demo/item/x%20y?q=1
		params 1
		end 1
		read
		begin 1 1 0
		param REQUEST_METHOD GET
		param SCRIPT_NAME /demo
		param PATH_INFO /item/z
		params 1
		end 1
		read-all
	END
	said "item 'x y'" "item 'z'"
}

@test "fifty half requests keep nobody waiting" {
	local i pids=()
	for ((i = 0; i < 50; i++)); do
		{ echo 'begin 1 1 1'; sleep 3; } | fcgi >/dev/null 2>&1 3>&- &
		pids+=($!)
	done
	for ((i = 0; i < 10; i++)); do
		run fcgi <<<$'get 1 /demo/hello 0\nread-all'
		said 'Hello, world!'
	done
	wait "${pids[@]}"
}
