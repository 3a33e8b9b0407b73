#!/usr/bin/env bats
# web_others.bats - functions through Apache, Caddy and HAProxy, each with the configuration that `cfn-deploy webserver`
# prints: what all of them do, and what each of them cannot, as cfn-webserver(7) says it.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper
load web

# Why they are not tried; empty: they are.
left_out() {
	local program
	[ -z "${CFN_QUICK:-}" ] || echo "no further web servers in the quick run"
	for program in apache2 caddy haproxy; do
		command -v "$program" >/dev/null || echo "no $program"
	done
}

setup_file() {
	[ -z "$(left_out)" ] || return 0
	base_make
	source_make other.c <<-'END'
		static int crash(cfn_request *q, cfn_response *r) { (void)q; (void)r; __builtin_trap(); }
		static int status(cfn_request *q, cfn_response *r)
		{
			long n = 200;

			cfn_query_int(q, "n", 200, 599, &n);
			if (cfn_etag(r, "one") == 1)
				return 304;
			return n == 204 || n == 304 ? (int)n : cfn_send(r, (int)n, "text/plain", "status %ld\n", n);
		}
		static int cookies(cfn_request *q, cfn_response *r)
		{
			const char *seen = cfn_cookie(q, "seen");

			cfn_set_cookie(r, "seen", "yes", 60, CFN_COOKIE_HTTP);
			return cfn_send(r, 200, "text/plain", "seen %s\n", seen ? seen : "no");
		}
		CFN_ROUTES({ "GET", "/other/crash", crash }, { "GET", "/other/status", status },
		           { "GET", "/other/cookies", cookies });
	END
	deploy "$D/src/other.c"
	source_make guarded.c <<-'END'
		int guarded(cfn_request *q, cfn_response *r);
		int guarded(cfn_request *q, cfn_response *r)
		{
			return cfn_send(r, 200, "text/plain", "user %s\n", cfn_user(q));
		}
	END
	deploy deploy --auth bearer "$D/src/guarded.c"
	deploy token create ci --scope call:guarded >"$D/token"
	cp "$D/token" "$D/reg/token"
}

teardown_file() {
	[ -z "${D:-}" ] || place_remove
}

setup() {
	local why
	why=$(left_out)
	[ -z "$why" ] || skip "$why"
	base_use
	TOKEN=$(grep -oE 'cfn_[A-Za-z0-9_-]+' "$D/reg/token" | tail -n 1)
}

teardown() {
	[ -z "${D:-}" ] || place_remove
}

apache_start() {
	local as=()
	[ "$(id -u)" -ne 0 ] || as=(-c 'User www-data' -c 'Group www-data')
	mkdir -p "$D/apache"
	web_conf apache
	cp "$D/web.conf" "$D/apache/cfn.conf"
	run_server apache2 -d "$D/apache" -f "$D/apache/cfn.conf" "${as[@]}" -D FOREGROUND
}

caddy_start() {
	web_conf caddy
	run_server env HOME="$D" XDG_DATA_HOME="$D/caddy" XDG_CONFIG_HOME="$D/caddy" \
		caddy run --config "$D/web.conf" --adapter caddyfile
}

haproxy_start() {
	web_conf haproxy
	run_server haproxy -db -f "$D/web.conf"
}

run_server() {
	"$@" >>"$D/web.out" 2>&1 3>&- &
	started $!
	web_wait
	remember_below $!
}

# --- what all do ---------------------------------------------------------------------------------------------------

case_paths() {
	get /demo/item/a%2Fb 404
	get /demo/rest/a%2Fb 200 "rest 'a/b'"
	get /demo/rest/c%20d%3F%2566 200 "rest 'c d?%66'"
	request /demo/rest//a/./b/../c --path-as-is
	expect 200 "rest 'a/c'"
	request /../../demo/hello --path-as-is
	[ "$CODE" = 400 ]
	get '/demo/hello?name=a%2Fb%26c&name=x' 200 'Hello, a/b&c!'
	request /demo/hello -H 'Accept: text/html' -H 'Accept: application/json'
	expect 200
}

case_short_bodies() {
	local n
	for n in 0 1 $MIB $BODY_LIMIT; do
		zeros "$n" >"$D/upload.bin"
		request /demo/pieces --data-binary "@$D/upload.bin"
		expect 200 "pieces $n wrong 0"
	done
	zeros $((BODY_LIMIT + 1)) >"$D/upload.bin"
	request /demo/length --data-binary "@$D/upload.bin" -H 'Expect:'
	[ "$CODE" = 413 ]
	get /demo/hello 200
}

case_answers() {
	local n
	for n in 200 299 404 418 503; do
		get "/other/status?n=$n" "$n" "status $n"
	done
	get '/other/status?n=204' 204
	request /other/status -H 'If-None-Match: "one"'
	[ "$CODE" = 304 ]
	[ ! -s "$D/body" ]
	expect_cause /other/crash 500 crash
	request /other/cookies -c "$D/jar"
	expect 200 'seen no'
	request /other/cookies -b "$D/jar"
	expect 200 'seen yes'
	[ -z "$(header Status)" ]
}

case_tokens() {
	get /guarded 401
	request /guarded -H "Authorization: Bearer $TOKEN"
	expect 200 'user ci'
}

case_disabled() {
	deploy disable neighbour
	expect_cause /neighbour 503 disabled
	[ -n "$(header Retry-After)" ]
	deploy enable neighbour
}

case_some_leave() {
	local i
	for i in 1 2 3; do
		curl -s --max-time 0.2 -o "$D/null" "$WEB/demo/nap?ms=1500" &
		curl -s --max-time 0.3 -o "$D/null" "$WEB/demo/stream?n=1000" &
	done
	wait_for_curls
	get /neighbour 200
	eventually grep -q client_gone "$D/access.log"
}

accepted() {
	deploy --json status | jq '[.pools[].routers[].connections_accepted] | add'
}

# connections_for_20: how many connections to the pool 20 requests in a row took.
connections_for_20() {
	local before i
	get /demo/hello 200
	before=$(accepted)
	for ((i = 0; i < 20; i++)); do
		get /demo/hello 200
	done
	echo $(($(accepted) - before))
}

# without_pool CODE: what the server says while there is none; then it answers again at once.
case_without_pool() {
	pool_stop TERM || true
	request /neighbour
	[ "$CODE" = "$1" ]
	pool_start
	get /neighbour 200
}

case_short() {
	case_requests
	case_refusals
	case_paths
	case_short_bodies
	case_answers
	case_tokens
	case_disabled
	case_stream
	case_some_leave
}

# --- and what each does --------------------------------------------------------------------------------------------

@test "Apache does what every web server has to" { pool_start; apache_start; case_short; }
@test "Caddy does what every web server has to" { pool_start; caddy_start; case_short; }
@test "HAProxy does what every web server has to" { pool_start; haproxy_start; case_short; }

@test "Apache keeps its connections, takes chunked and slow bodies and 60 KiB of headers, and has ids of the pool's" {
	pool_start
	apache_start
	[ "$(connections_for_20)" -le 4 ]
	case_chunked
	case_slow_body
	case_many_headers
	get /demo/id 200
	[[ $(header X-Request-Id) =~ ^[0-9a-f]{32}$ ]]
	case_without_pool 503
}

@test "Caddy makes a connection a request, takes chunked and slow bodies and 60 KiB of headers" {
	pool_start
	caddy_start
	[ "$(connections_for_20)" -eq 20 ]
	case_chunked
	case_slow_body
	case_many_headers
	case_without_pool 502
}

@test "HAProxy makes a connection a request, and refuses chunked bodies and headers beyond its buffer" {
	pool_start
	haproxy_start
	[ "$(connections_for_20)" -eq 20 ]
	case_slow_body
	request /demo/length -T - -X POST < <(zeros 8000)
	expect 200 'length 8000'
	# Its 400 may be lost: it does not read what is still sent.
	request /demo/length -T - -X POST < <(zeros 300000)
	[ "$CODE" != 200 ]
	request /demo/headers -H "X-A: $(zeros 7600)" -H "X-B: $(zeros 7600)" -H "X-C: $(zeros 7600)"
	[ "$CODE" = 400 ]
	case_without_pool 503
}

# page_from ADDRESS PATH: CODE.
page_from() {
	request "$2" --path-as-is --interface "$1"
}

# closed NAME HEX PATTERN: that page below PREFIX, whose first letter is %HEX, is not everybody's, nor is PATTERN in an
# answer, however its path is written.
closed() {
	local path p=${PREFIX:-}
	for path in "$p/$1" "$p/$1?json" "$p/$1/" "$p//$1" "/$p/$1" "$p/%${2}${1#?}" "$p/./$1" "$p/x/../$1" "$p/demo/%2e%2e/$1" \
		"$p/%2F$1" "$p/x/..%2F$1" "$p/x/%2e%2e%2f$1" "/x/..$p/$1" "/./$p/$1" "$p/$1%2F"; do
		page_from 127.0.0.2 "$path"
		case $CODE in 400 | 403 | 404) ;; *) expect "403 at $path" ;; esac
		not grep -qE "$3" "$D/body"
	done
	page_from 127.0.0.2 "$p/$1"
	expect 403
}

web_start() {
	case $1 in lighttpd) lighttpd_start spawn ;; *) "${1}_start" ;; esac
}

@test "the pool's pages are not everybody's without the #status, however their path is written" {
	local server WEB_EDIT='s/#status //'
	printf '%s\n' 'pm.status_path = /status' 'ping.path = /ping' | conf
	pool_start
	for server in nginx lighttpd apache caddy haproxy; do
		echo "$server"
		web_start "$server"
		page_from 127.0.0.1 /status
		expect 200 'accepted conn'
		page_from 127.0.0.2 /demo/hello
		expect 200
		closed status 73 'accepted conn|pong'
		page_from 127.0.0.2 /ping
		expect 403
	done
}

@test "the management is not everybody's without the #mgnt, below the prefix too, however its path is written" {
	local server WEB_EDIT='s/#mgnt //; s/#status //' PREFIX=/fn
	[ "$EUID" -ne 0 ] || chown -R nobody "$D/reg"
	printf '%s\n' 'management = on' 'mount_prefix = /fn' | conf
	pool_start
	for server in nginx lighttpd apache caddy haproxy; do
		echo "$server"
		web_start "$server"
		eventually managed
		page_from 127.0.0.2 /fn/demo/hello
		expect 200
		closed mgnt 6d 'needs a token'
	done
}

managed() {
	page_from 127.0.0.1 /fn/mgnt
	[ "$CODE" = 401 ]
}

@test "each is printed for a pool behind a TCP port, below a path" {
	local server
	SOCKET=tcp:127.0.0.1:$(port_free)
	PREFIX=/fn
	conf <<<'mount_prefix = /fn'
	pool_start
	for server in apache caddy haproxy; do
		"${server}_start"
		get /fn/neighbour 200 'the neighbour'
		get /fn/demo/rest/a 200 "rest 'a'"
		request /neighbour
		[ "$CODE" != 200 ] || [ ! -s "$D/body" ]
	done
}
