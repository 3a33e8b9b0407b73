# shellcheck shell=bash disable=SC2034,SC2154
# web.bash - what every web server in front of the pool has to show, whichever it is: cases for web_*.bats.

readonly MIB=1048576 BODY_LIMIT=8388608

# The registry that all tests of a file begin with, made once.
base_make() {
	place_make
	deploy "$functions/demo.c"
	hello_make neighbour "the neighbour"
	deploy "$D/src/neighbour.c"
	BASE=$D
	export BASE
	: >"$D/started"
}

base_use() {
	place_make
	cp -a "$BASE/reg/." "$D/reg/"
	# For 200 at once; one more than fits is a 503, which life.bats looks at.
	conf <<<'queue = 256'
}

zeros() {
	head -c "$1" /dev/zero | tr '\0' a
}

case_requests() {
	get /demo/hello 200 'Hello, world!'
	[[ $(header Content-Type) == text/plain* ]]
	get '/demo/hello?name=Ada' 200 'Hello, Ada!'
	[ "$(header Content-Length)" = 12 ]
	[ -n "$(header X-Request-Id)" ]
	get /demo/id 200
	grep -qF "id $(header X-Request-Id)" "$D/body"
	request /demo/hello --head
	expect 200
	not grep -q Hello "$D/body"
	[ "$(header Content-Length)" = 14 ]
	get /neighbour 200 'the neighbour'
	get /demo/item/42 200 "GET item '42'"
	request /demo/item/a%20b -X DELETE
	expect 200 "DELETE item 'a b'"
	get /demo/rest/a/b 200 "rest 'a/b'"
	get /demo/./item/../item//7 200 "GET item '7'"
	get '/demo/big?kib=3000' 200
	[ "$(wc -c <"$D/body")" -eq $((3000 * 1024)) ]
}

case_refusals() {
	expect_cause /nothing 404 no_route
	expect_cause /demo/hello 405 method_not_allowed -X POST -d x
	[[ $(header Allow) == *GET* ]]
	[[ $(header Allow) == *HEAD* ]]
	[[ $(header Allow) != *POST* ]]
	request /demo/length -X OPTIONS
	[ "$CODE" = 200 ] || [ "$CODE" = 204 ]
	[[ $(header Allow) == *POST* ]]
	request /nothing -H 'Accept: text/html'
	expect 404 no_route
	[[ $(header Content-Type) == text/plain* ]]
	[ "$(wc -l <"$D/body")" -eq 2 ]
	request /demo/headers -H 'Proxy: http://evil.example'
	expect 200 'proxy no'
	get /demo/sets 201 'split refused: yes'
	[ "$(header X-Own)" = kept ]
	[ -z "$(header X-Injected)$(header X-Accel-Redirect)$(header X-Sendfile)" ]
	not grep -q root: "$D/body"
}

case_bodies() {
	local n
	for n in 0 1 65535 65536 $MIB $BODY_LIMIT; do
		zeros "$n" >"$D/upload.bin"
		request /demo/length --data-binary "@$D/upload.bin"
		expect 200 "length $n announced $n"
		request /demo/pieces --data-binary "@$D/upload.bin"
		expect 200 "pieces $n wrong 0"
	done
}

case_body_past_the_limit() {
	zeros $((BODY_LIMIT + 1)) >"$D/upload.bin"
	request /demo/length --data-binary "@$D/upload.bin" -H 'Expect:'
	[ "$CODE" = 413 ]
	get /demo/hello 200
}

case_chunked() {
	request /demo/length -T - -X POST < <(zeros 300000)
	expect 200 'length 300000'
	request /demo/pieces -T - -X POST < <(zeros 300000)
	expect 200 'pieces 300000 wrong 0'
}

slowly() {
	local i
	for ((i = 0; i < 5; i++)); do
		zeros 1000
		sleep 0.2
	done
}

case_slow_body() {
	request /demo/pieces -T - -X POST -H 'Transfer-Encoding:' -H 'Content-Length: 5000' < <(slowly)
	expect 200 'pieces 5000 wrong 0'
}

case_many_headers() {
	local i value arguments=()
	value=$(zeros 7600)
	for i in 1 2 3 4 5 6 7 8; do
		arguments+=(-H "X-Large-$i: $value")
	done
	request /demo/headers "${arguments[@]}"
	expect 200
	[ "$(awk '{ print $4 }' "$D/body")" -gt 60800 ]
}

# Whoever goes before the answer costs nobody else anything.
case_client_leaves() {
	local i
	for i in 1 2 3 4 5 6; do
		curl -s --max-time 0.2 -o "$D/null" "$WEB/demo/nap?ms=1500" &
		zeros 4000000 | curl -s --limit-rate 100k --max-time 0.3 -o "$D/null" --data-binary @- "$WEB/demo/length" &
		curl -s --max-time 0.3 -o "$D/null" "$WEB/demo/stream?n=1000" &
	done
	for i in 1 2 3 4 5 6 7 8 9 10; do
		get /neighbour 200
	done
	wait_for_curls
	get /demo/hello 200
}

wait_for_curls() {
	local pid
	for pid in $(jobs -p); do
		! is_child_curl "$pid" || wait "$pid" || true
	done
	return 0
}

is_child_curl() {
	[ "$(ps -o comm= -p "$1")" = curl ]
}

# 200 at once on at most four workers: every one is answered.
case_concurrent() {
	curl -s -Z --parallel-immediate --parallel-max 200 --max-time 60 -w '%{http_code}\n' -o "$D/null" \
		"$WEB/demo/nap?ms=20&n=[1-200]" >"$D/codes" || true
	[ "$(sort "$D/codes" | uniq -c | awk '{ print $1 ":" $2 }')" = 200:200 ] || {
		sort "$D/codes" | uniq -c
		return 1
	}
}

# Requests sent in one go on one connection are answered in order, each by its own function.
case_pipelined() {
	local host=${WEB#http://} path
	exec 4<>"/dev/tcp/${host%:*}/${host#*:}"
	for path in /demo/hello /neighbour /nothing /demo/item/9 /neighbour; do
		printf 'GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n' "$path"
	done >&4
	printf 'GET /demo/rest/last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&4
	timeout 150 cat <&4 >"$D/answers"
	exec 4>&-
	[ "$(grep -aoE "Hello, world|the neighbour|404 Not Found: no_route|item '9'|rest 'last'" "$D/answers" |
		tr '\n' ' ')" = "Hello, world the neighbour 404 Not Found: no_route item '9' the neighbour rest 'last' " ] || {
		cat "$D/answers"
		return 1
	}
}

# A stream arrives in parts, not at its end.
case_stream() {
	curl -sN --max-time 30 "$WEB/demo/stream?n=400" >"$D/parts" &
	eventually grep -q 'part 2' "$D/parts"
	not grep -q 'part 400' "$D/parts"
	kill $!
	get '/demo/stream?n=3' 200 'part 3'
}
