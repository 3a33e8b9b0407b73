#!/usr/bin/env bats
# streams.bats - streams beside ordinary requests: how many, through web servers, and how they end.
# bats file_tags=any-user
# shellcheck disable=SC2154 # D, R and SOCKET come from helper.bash

load helper

setup() {
	place_make
}

teardown() {
	place_remove
}

# serve [LINE...]: a pool with these limits of the function.
serve() {
	printf '[function events]\n' >>"$D/cfn.conf"
	printf '%s\n' "$@" >>"$D/cfn.conf"
	deploy "$functions/events.c"
	pool_start
}

# stream_open NAME [QUERY]: a client with an open stream in $D/NAME; its event has come.
stream_open() {
	curl -sN --max-time 120 -D "$D/$1.head" -o "$D/$1" -H "X-Name: $1" "$WEB/events${2:-}" 3>&- &
	started $!
	echo $! >"$D/$1.pid"
	eventually grep -qx "data: $1" "$D/$1"
}

stream_ended() {
	! is_alive "$(cat "$D/$1.pid")"
}

# The function has logged so many ends of this kind.
ends_logged() {
	[ "$(grep -cF "stream ended: $1" "$D/function.log")" -eq "$2" ]
}

stream_is_open_again() {
	stream_open "$1" 2>/dev/null
}

@test "streams are open beside the only worker, up to their own limit, and a client that leaves makes room" {
	serve 'pm.max_children = 1' 'streams = 2'
	nginx_start
	stream_open one
	get /plain 200 plain
	stream_open two
	for _ in 1 2 3; do
		get /plain 200 plain
	done
	expect_cause /events 503 overloaded
	[ -n "$(header Retry-After)" ]
	get /plain 200 plain
	[ "$(cfn-deploy --registry "$R" --json status | jq '.pools[0].functions[0].streams // .functions[0].streams')" = 2 ]
	kill "$(cat "$D/one.pid")"
	# Who was refused has heard the same.
	eventually ends_logged gone 2
	eventually stream_is_open_again three
	get /plain 200 plain
	not grep -q 'crash' "$D/error.log" "$D/access.log"
}

# Each of these ends what serves; the stream hears of it and says goodbye at once, in any mode.
is_told_by() {
	local name=$1
	shift
	stream_open "$name"
	"$@"
	eventually stream_ended "$name"
	grep -qx 'event: bye' "$D/$name"
}

deploy_again() {
	echo "/* $RANDOM */" >>"$D/src/events.c"
	deploy "$D/src/events.c"
}

stop_gently() {
	pool_stop QUIT
}

told_in_mode() {
	serve "mode = $1"
	cp "$functions/events.c" "$D/src/events.c"
	nginx_start
	is_told_by deployed deploy_again
	is_told_by restarted deploy restart events
	is_told_by rolled_back deploy rollback events
	is_told_by disabled deploy disable events
	deploy enable events
	is_told_by stopped stop_gently
	eventually ends_logged told 5
	not grep -E 'crash|wall_time' "$D/error.log" "$D/access.log"
}

@test "a stream hears of deploy, restart, rollback, disable and QUIT, and says goodbye" {
	told_in_mode reuse
}

@test "in fresh mode too" {
	told_in_mode fresh
}

@test "in fresh mode a client that leaves is heard of, and no ordinary request waits for it" {
	serve 'mode = fresh' 'pm.max_children = 1' 'streams = 1'
	nginx_start
	stream_open one
	get /plain 200 plain
	kill "$(cat "$D/one.pid")"
	eventually ends_logged gone 1
	eventually stream_is_open_again two
	get /plain 200 plain
}

@test "a stream that does not listen is ended after drain_timeout" {
	conf <<<'drain_timeout = 1s'
	serve
	cp "$functions/events.c" "$D/src/events.c"
	nginx_start
	stream_open deaf '?deaf=1'
	deploy_again
	eventually stream_ended deaf
	not grep -q 'event: bye' "$D/deaf"
	get /plain 200 plain
}

@test "lighttpd passes events on as they come, and ordinary requests beside them" {
	serve 'pm.max_children = 1' 'streams = 2'
	lighttpd_start spawn
	stream_open one
	stream_open two
	get /plain 200 plain
	stop_gently
	eventually stream_ended one
	eventually stream_ended two
	grep -qx 'event: bye' "$D/one"
	grep -qx 'event: bye' "$D/two"
}

router_peak() {
	awk '/^VmHWM:/ { print $2 }' "/proc/$(pool_processes cfn-router)/status"
}

# A body through the pool, up and down, its function or its client being slow, in MiB.
bulk_passes() {
	head -c "$1M" /dev/zero >"$D/bytes"
	[ "$(curl -s --max-time 60 -H 'Expect:' -T "$D/bytes" -X POST "$WEB/bulk")" -eq $(($1 << 20)) ]
	[ "$(curl -s --max-time 60 --limit-rate 60M "$WEB/bulk?mib=$1" | wc -c)" -eq $(($1 << 20)) ]
}

@test "a body of 100 MiB passes the router in 2 MiB of memory, whoever is slow" {
	local before
	source_make bulk.c <<-'END'
		#include <unistd.h>
		static char piece[64 << 10];
		static int take(cfn_request *q, cfn_response *r)
		{
			unsigned long long sum = 0;
			ssize_t n;
			for (int i = 0; (n = cfn_read(q, piece, sizeof piece)) > 0; i++) {
				sum += (unsigned long long)n;
				if (i % 8 == 0)
					usleep(3000);
			}
			return cfn_send(r, 200, "text/plain", "%llu\n", sum);
		}
		static int give(cfn_request *q, cfn_response *r)
		{
			long mib = 1;
			int rc = cfn_query_int(q, "mib", 1, 100, &mib);
			rc = cfn_stream(r, 200, "application/octet-stream");
			for (long i = 0; i < 16 * mib && rc == 0; i++)
				rc = cfn_write(r, piece, sizeof piece);
			return rc;
		}
		CFN_ROUTES({ "POST", "/bulk", take }, { "GET", "/bulk", give });
	END
	conf <<<'max.body_size = 256M'
	deploy deploy --body-size 256M --wall-time 60s "$D/src/bulk.c"
	pool_start
	nginx_start 's/client_max_body_size .*;/client_max_body_size 0;/; s/fastcgi_request_buffering on/fastcgi_request_buffering off/'
	bulk_passes 1
	before=$(router_peak)
	bulk_passes 100
	echo "KiB: $before, then $(router_peak)"
	[ "$(router_peak)" -le $((before + 2048)) ]
}
