#!/usr/bin/env bats
# clock.bats - the clock of a machine is put back and forward by a day, in User-mode Linux (tests/uml/boot): limits of time
# are not the clock's, requests go on, and what is deployed afterwards is served and recorded.
# shellcheck disable=SC2034,SC2154
load ../system/helper

setup() {
	[ "$(id -u)" -eq 0 ]
	[[ $(uname -r) == 6.1.* ]]
	place_make
	hello_make hello "hello"
	source_make slow.c <<-'END'
		#include <time.h>
		int slow(cfn_request *q, cfn_response *r);
		int slow(cfn_request *q, cfn_response *r)
		{
			(void)q;
			nanosleep(&(struct timespec){ .tv_sec = 3 }, 0);
			return cfn_send(r, 200, "text/plain", "slept\n");
		}
	END
	deploy "$D/src/hello.c"
	deploy "$D/src/slow.c"
}

teardown() {
	place_remove
}

# says TEXT: what hello answers.
says() {
	fcgi <<<$'get 1 /hello 0\nread-all' | grep -qx "|$1"
}

has_begun() {
	grep -q '^end 1 0 0' "$D/kept"
}

# step DAYS TEXT: the clock, while a request of three seconds is under way on a connection that has had one and gets
# another; hello answers TEXT.
step() {
	local workers
	{
		printf 'get 1 /hello 1\nread\nget 1 /slow 1\nread\nget 1 /hello 0\nread-all\n'
	} | fcgi >"$D/kept" 3>&- &
	eventually has_begun
	workers=$(pool_processes cfn-worker)
	date -s "@$(($(date +%s) + $1 * 86400))" >/dev/null
	says "$2"
	wait $!
	grep -qx '|slept' "$D/kept"
	[ "$(grep -c '^end 1 0 0' "$D/kept")" -eq 3 ]
	# Nobody was ended for a time that had not passed.
	[ -z "$(comm -23 <(sort <<<"$workers") <(pool_processes cfn-worker | sort))" ]
}

@test "a clock that is put back and forward by a day costs no request, and deploys are served and recorded as ever" {
	local day text=hello
	conf <<<$'request_terminate_timeout = 60s\npm = ondemand\npm.process_idle_timeout = 1h'
	pool_start
	for day in -1 2 -1; do
		step "$day" "$text"
		text="hello after $day"
		hello_make hello "$text"
		deploy "$D/src/hello.c"
		eventually says "$text"
	done
	deploy rollback hello
	eventually says "hello after 2"
	deploy verify
	deploy audit --verify
	not grep -E 'error:|watchdog' "$D/error.log"
	pool_stop TERM
	pool_start
	says "hello after 2"
}
