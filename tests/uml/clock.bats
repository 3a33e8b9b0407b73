#!/usr/bin/env bats
# clock.bats - the clock of a machine is put an hour back and a day forward, in User-mode Linux (tests/uml/boot): limits
# of time are not the clock's in any process, and what is the clock's, the ends of tokens and sessions, is right again
# when the clock is.
# shellcheck disable=SC2034,SC2154
load ../system/helper
# Of some 80 s on a machine that has nothing else to do.
BATS_TEST_TIMEOUT=800

readonly BACK=-3600 FORWARD=90000

setup() {
	[ "$(id -u)" -eq 0 ]
	[[ $(uname -r) == 6.1.* ]]
	place_make
	hello_make hello "hello"
	# A request, a wait and a start are under way while the clock is changed.  The signals make the wait, a
	# stream's, look at a clock.
	source_make timed.c <<-'END'
		#include <fcntl.h>
		#include <signal.h>
		#include <sys/time.h>
		#include <time.h>
		#include <unistd.h>
		static void wake(int s) { (void)s; }
		static void begins(const char *file) { close(creat(file, 0600)); }
		static double now(void)
		{
			struct timespec t;
			clock_gettime(CLOCK_MONOTONIC, &t);
			return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
		}
		static int slow(cfn_request *q, cfn_response *r)
		{
			(void)q;
			begins("/slow");
			for (int i = 0; i < 500 && access("/slow", F_OK) == 0; i++)
				usleep(100000);
			return cfn_send(r, 200, "text/plain", "slept\n");
		}
		static int waits(cfn_request *q, cfn_response *r)
		{
			const struct itimerval often = { { 0, 200000 }, { 0, 200000 } };
			double begin = now();
			signal(SIGALRM, wake);
			cfn_stream(r, 200, "text/plain");
			begins("/wait");
			setitimer(ITIMER_REAL, &often, NULL);
			cfn_wait(q, 3000);
			cfn_printf(r, now() - begin > 2.9 ? "waited\n" : "woken too early\n");
			return 200;
		}
		CFN_ROUTES({ "GET", "/t/slow", slow }, { "GET", "/t/wait", waits });
	END
	source_make late.c <<-'END'
		#include <fcntl.h>
		#include <unistd.h>
		int cfn_init(void)
		{
			for (int i = 0; i < 300 && access("/hold", F_OK) == 0; i++) {
				close(creat("/starts", 0600));
				usleep(100000);
			}
			return 0;
		}
		int late(cfn_request *q, cfn_response *r);
		int late(cfn_request *q, cfn_response *r)
		{
			(void)q;
			return cfn_send(r, 200, "text/plain", "late\n");
		}
	END
	mkdir "$D/m"
	cp "$D/src/"*.c "$functions/pages.c" "$functions/session.c" "$D/m"
	cat >"$D/m/cfn.ini" <<-'END'
		[function hello]
		source = hello.c
		[function timed]
		source = timed.c
		shared = timed
		[function late]
		source = late.c
		shared = timed
		[function pages]
		source = pages.c
		cache = 24h
		[function session]
		source = session.c
		auth = bearer
	END
	deploy apply --yes "$D/m"
}

teardown() {
	place_remove
}

# put SECONDS: the clock.
put() {
	date -s "@$(($(date +%s) + $1))" >/dev/null
}

# ask PATH [PARAM VALUE]...: the answer; its text is in SAID.
ask() {
	{
		printf 'begin 1 1 0\nparam REQUEST_METHOD GET\nparam SCRIPT_NAME %s\n' "$1"
		shift
		[ $# -eq 0 ] || printf 'param %s %s\n' "$@"
		printf 'params 1\nend 1\nread-all\n'
	} | fcgi >"$D/answer" 3>&-
	SAID=$(sed -n 's/^|//p' "$D/answer")
}

# says TEXT PATH [PARAM VALUE]...
says() {
	local text=$1
	shift
	ask "$@"
	grep -qF -- "$text" <<<"$SAID"
}

# page QUERY: MADE is the request that the answer was made for.
page() {
	ask /pages QUERY_STRING "$1"
	MADE=$(sed -n 's/^made for //p' <<<"$SAID")
	[ -n "$MADE" ]
}

# is_other_page MADE QUERY
is_other_page() {
	page "$2" && [ "$MADE" != "$1" ]
}

# user NAME: who the session's cookie says is there; with the token.
user() {
	says "user $1" /s/show HTTP_AUTHORIZATION "Bearer $TOKEN" HTTP_COOKIE "$COOKIE"
}

# has STATUS PATH [PARAM VALUE]...
has() {
	local status=$1
	shift
	ask "$@"
	grep -q "^|Status: $status" "$D/answer"
}

# requests_begin: one that runs, on a connection that has had one and gets another, and one that waits.
requests_begin() {
	rm -f "$SHARED/slow" "$SHARED/wait"
	printf 'get 1 /hello 1\nread\nget 1 /t/slow 1\nread\nget 1 /hello 0\nread-all\n' | fcgi >"$D/ran" 3>&- &
	RUNS=$!
	printf 'get 1 /t/wait 0\nread-all\n' | fcgi >"$D/waited" 3>&- &
	WAITS=$!
	eventually test -e "$SHARED/slow"
	eventually test -e "$SHARED/wait"
}

requests_end() {
	wait "$WAITS"
	grep -qx '|waited' "$D/waited" || { cat "$D/waited"; return 1; }
	rm "$SHARED/slow"
	wait "$RUNS"
	grep -qx '|slept' "$D/ran" || { cat "$D/ran"; return 1; }
	[ "$(grep -c '^end 1 0 0' "$D/ran")" -eq 3 ]
}

# redeploy TEXT: of hello.
redeploy() {
	hello_make hello "$1"
	deploy "$D/src/hello.c"
	eventually says "$1" /hello
}

spares_wait() {
	deploy --json status | jq -e '[.. | objects | select(has("spares"))][0] | .spares == .spares_wanted' >/dev/null
}

# The same answer as ever.
is_kept() {
	page a=1
	[ "$MADE" = "$KEPT" ]
}

@test "a clock that is put an hour back and a day forward moves no limit of time, and costs nothing that is not back with it" {
	local workers n
	SHARED=$D/reg/shared/timed
	conf <<<$'request_terminate_timeout = 60s\npm = ondemand\npm.process_idle_timeout = 1h\npm.max_children = 3\nsession_time = 12h'
	TOKEN=$(deploy token create ci --expires 12h 2>/dev/null)
	pool_start
	ask /s/login QUERY_STRING user=ada HTTP_AUTHORIZATION "Bearer $TOKEN"
	COOKIE=$(sed -n 's/^|Set-Cookie: \([^;]*\);.*/\1/p' "$D/answer")
	user ada
	page a=1
	KEPT=$MADE
	deploy lock --reason release timed

	# Back: what is to be in a moment is not in an hour.
	page control=max-age=2
	for n in 1 2 3 4 5 6; do
		eventually has 500 /pages QUERY_STRING die=1
	done
	requests_begin
	n=$MADE
	put $BACK
	eventually is_other_page "$n" control=max-age=2
	eventually has 500 /pages QUERY_STRING die=1
	requests_end
	eventually spares_wait
	is_kept
	user nobody
	redeploy "hello, earlier"

	# Forward: nothing is over that has just begun.
	requests_begin
	touch "$SHARED/hold"
	printf 'get 1 /late 0\nread-all\n' | fcgi >"$D/late" 3>&- &
	LATE=$!
	eventually test -e "$SHARED/starts"
	workers=$(pool_processes cfn-worker)
	put $((FORWARD - BACK))
	says "hello, earlier" /hello
	rm "$SHARED/hold"
	wait "$LATE"
	grep -qx '|late' "$D/late" || { cat "$D/late"; return 1; }
	requests_end
	[ -z "$(comm -23 <(sort <<<"$workers") <(pool_processes cfn-worker | sort))" ]
	is_kept
	has 401 /s/show HTTP_AUTHORIZATION "Bearer $TOKEN" HTTP_COOKIE "$COOKIE"
	refused 77 deploy rollback timed
	redeploy "hello, later"

	# And as it was.
	put -$FORWARD
	user ada
	[ "$(deploy --json history hello | jq -r '[.[].version] | join(" ")')" = '3 2 1' ]
	deploy rollback hello
	eventually says "hello, earlier" /hello
	deploy verify
	deploy audit --verify
	not grep -E 'watchdog|cannot start|not ready' "$D/error.log"
	pool_stop TERM
	pool_start
	says "hello, earlier" /hello
}
