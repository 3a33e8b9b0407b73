#!/usr/bin/env bats
# web_nginx.bats - functions through nginx: with and without keep-alive, over unix and TCP sockets.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper
load web

setup_file() {
	base_make
}

teardown_file() {
	place_remove
}

setup() {
	base_use
}

teardown() {
	place_remove
}

readonly PLAIN='/keepalive 32/d;/fastcgi_keep_conn on/d'
readonly UNBUFFERED='s/request_buffering on/request_buffering off/'

keep_alive() { pool_start && nginx_start; }
no_keep_alive() { pool_start && nginx_start "$PLAIN"; }
tcp() { SOCKET=tcp:127.0.0.1:$(port_free) && pool_start && nginx_start; }
unbuffered() { pool_start && nginx_start "$UNBUFFERED"; }

@test "nginx with keep-alive: requests" { keep_alive; case_requests; }
@test "nginx with keep-alive: refusals" { keep_alive; case_refusals; }
@test "nginx with keep-alive: bodies" { keep_alive; case_bodies; }
@test "nginx with keep-alive: a body past the limit" { keep_alive; case_body_past_the_limit; }
@test "nginx with keep-alive: a chunked body" { keep_alive; case_chunked; }
@test "nginx with keep-alive: a slow body" { keep_alive; case_slow_body; }
@test "nginx with keep-alive: 60 KiB of headers" { keep_alive; case_many_headers; }
@test "nginx with keep-alive: clients that leave" { keep_alive; case_client_leaves; }
@test "nginx with keep-alive: 200 at once on four workers" { keep_alive; case_concurrent; }
@test "nginx with keep-alive: pipelined requests to different functions" { keep_alive; case_pipelined; }
@test "nginx with keep-alive: a stream arrives in parts" { keep_alive; case_stream; }

@test "nginx without keep-alive: requests" { no_keep_alive; case_requests; }
@test "nginx without keep-alive: refusals" { no_keep_alive; case_refusals; }
@test "nginx without keep-alive: bodies" { no_keep_alive; case_bodies; }
@test "nginx without keep-alive: a body past the limit" { no_keep_alive; case_body_past_the_limit; }
@test "nginx without keep-alive: a chunked body" { no_keep_alive; case_chunked; }
@test "nginx without keep-alive: a slow body" { no_keep_alive; case_slow_body; }
@test "nginx without keep-alive: 60 KiB of headers" { no_keep_alive; case_many_headers; }
@test "nginx without keep-alive: clients that leave" { no_keep_alive; case_client_leaves; }
@test "nginx without keep-alive: 200 at once on four workers" { no_keep_alive; case_concurrent; }
@test "nginx without keep-alive: a stream arrives in parts" { no_keep_alive; case_stream; }

@test "nginx over TCP: requests" { tcp; case_requests; }
@test "nginx over TCP: bodies" { tcp; case_bodies; }
@test "nginx over TCP: clients that leave" { tcp; case_client_leaves; }
@test "nginx over TCP: 200 at once on four workers" { tcp; case_concurrent; }

@test "nginx that does not hold bodies back: bodies" { unbuffered; case_bodies; }
@test "nginx that does not hold bodies back: a chunked body" { unbuffered; case_chunked; }
@test "nginx that does not hold bodies back: a slow body" { unbuffered; case_slow_body; }
@test "nginx that does not hold bodies back: clients that leave" { unbuffered; case_client_leaves; }

@test "a body past our limit is our 413 where nginx lets it through" {
	pool_start
	nginx_start 's/client_max_body_size 8m/client_max_body_size 64m/'
	zeros $((BODY_LIMIT + 1)) >"$D/upload.bin"
	expect_cause /demo/length 413 body_too_large --data-binary "@$D/upload.bin"
	expect_cause /demo/length 413 body_too_large -T - -X POST < <(zeros $((3 * BODY_LIMIT)))
	request /demo/length -T - -X POST < <(zeros "$BODY_LIMIT")
	expect 200 "length $BODY_LIMIT"
}

@test "the TLS server of the example answers" {
	local port command
	pool_start
	port=$(port_free)
	mkdir -p "$D/nginx"
	command=$(cfn-deploy --registry "$R" webserver nginx 2>/dev/null | sed -n '/mkdir -p tls/,/cert.pem$/{s/^ *# *//;p}')
	(cd "$D/nginx" && eval "$command") >"$D/openssl.out" 2>&1
	nginx_start "s/#tls //;s/127.0.0.1:[0-9]* ssl/127.0.0.1:$port ssl/"
	[ "$(curl -s --cacert "$D/nginx/tls/cert.pem" "https://localhost:$port/neighbour")" = 'the neighbour' ]
}

@test "without a pool nginx says 502, and answers again when there is one" {
	pool_start
	nginx_start
	pool_stop TERM || true
	request /neighbour
	[ "$CODE" = 502 ]
	pool_start
	get /neighbour 200
}

@test "nginx: the files of a form are saved, whole or not at all" {
	deploy deploy --shared uploads "$CFN_TREE/examples/functions/upload/upload.c"
	conf <<<"shared_dir = $D/shared"
	pool_start
	nginx_start "$UNBUFFERED"
	zeros "$MIB" >"$D/one.bin"
	zeros $((5 * MIB)) >"$D/large.bin"
	request /upload -F 'note=a text' -F "file=@$D/one.bin" -F "file=@$D/one.bin;filename=../../two.bin"
	expect 303
	request /upload
	expect 200 'one.bin</a>, 1048576 bytes'
	expect 200 'two.bin</a>, 1048576 bytes'
	curl -s "$WEB/upload/two.bin" | cmp - "$D/one.bin"
	request /upload/two.bin -r 10-19
	expect 206 aaaaaaaaaa
	[ "$(header Content-Range)" = "bytes 10-19/$MIB" ]
	request /upload/two.bin -H "If-None-Match: $(header ETag)"
	[ "$CODE" = 304 ]
	request /upload/two.bin --head
	[ "$(header Content-Length)" = "$MIB" ]
	request /upload -F "file=@$D/large.bin;filename=two.bin"
	expect 413 'at most'
	request /upload -d 'no form with files'
	expect 415 'multipart/form-data'
	request /upload -F "file=@$D/one.bin;filename=.hidden"
	expect 303
	[ "$(find "$D/shared/uploads" -type f -printf '%f\n' | sort | paste -sd' ')" = 'hidden one.bin two.bin' ]
	cmp "$D/shared/uploads/two.bin" "$D/one.bin"
}
