#!/usr/bin/env bats
# storms.bats - refused system calls: named in the audit, limited in a request, and a storm of them disables the
# function, until somebody enables it or another version comes.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	hello_make neighbour "the neighbour"
	# As many refused calls as the request asks for, each an answer of its own to what was asked.
	source_make trying.c <<-END
		#include <stdlib.h>
		#include <sys/syscall.h>
		#include <unistd.h>

		int trying(cfn_request *q, cfn_response *r);
		int trying(cfn_request *q, cfn_response *r)
		{
			const char *n = cfn_query(q, "n");

			for (int i = n ? atoi(n) : 0; i > 0; i--)
				syscall(SYS_ptrace, 0, 0, 0, 0);
			return cfn_send(r, 200, "text/plain", "tried\n");
		}
	END
	sed 's/tried/tried again/' "$D/src/trying.c" >"$D/src/second.c"
}

teardown() {
	place_remove
}

tool() {
	cfn-deploy --registry "$R" "$@" 3>&-
}

serve() {
	conf
	deploy "$D/src/neighbour.c"
	deploy "$D/src/trying.c"
	pool_start
	nginx_start
}

has() {
	tool --json audit --function trying | jq -e "[.entries[] | select($1)] | length >= 1" >/dev/null
}

comes() {
	eventually has "$1" || { tool audit; return 1; }
}

# counted N: so many refused calls have reached the pool.
counted() {
	[ "$(tool --json audit --function trying | jq '[.entries[] | select(.event == "denied") | .count] | add')" = "$1" ]
}

is_disabled() {
	expect_cause /trying 503 disabled
}

is_enabled() {
	request /trying
	[ "$CODE" = 200 ]
}

@test "refused calls are in the audit, by name and number, with the request" {
	serve <<<""
	get '/trying?n=7' 200 tried
	id=$(header X-Request-Id)
	comes ".event == \"denied\" and .syscall == \"ptrace\" and .count == 7 and .request == \"$id\" and .version == 1"
	tool audit --verify
}

@test "denied.limit is how many a request may try, and one more ends its worker" {
	serve <<-END
		denied.limit = 5
		[function neighbour]
		denied.limit = 0
	END
	get '/trying?n=5' 200 tried
	expect_cause '/trying?n=6' 500 syscall_denied
	get '/trying?n=5' 200 tried
	comes '.event == "kill" and .cause == "syscall_denied"'
	get /neighbour 200
}

@test "workers that are ended again and again for refused calls disable their function" {
	serve <<-END
		denied.limit = 5
		denied.kills = 3
	END
	for _ in 1 2 3; do
		get /trying 200
		expect_cause '/trying?n=6' 500 syscall_denied
	done
	eventually is_disabled
	get /neighbour 200 'the neighbour'
	[ "$(grep -c "function 'trying' version 1 is disabled: 3 workers ended for refused system calls" "$D/error.log")" = 1 ]
	comes '.event == "storm" and .version == 1 and (.detail | contains("denied.kills = 3"))'
	tool list | grep -q 'trying .*disabled (storm)'
	tool show trying | grep -q 'disabled (storm)'
	[ "$(tool --json show trying | jq .storm)" = true ]
	[ "$(tool --json status | jq -r '.pools[0].storms[0].function')" = trying ]
	tool status | grep -q '^storms'
	# The registry says what it said.
	[ "$(sql "SELECT is_enabled FROM function WHERE name = 'trying'")" = 1 ]
	tool audit --verify
}

@test "many requests that each stay below the limit are a storm too" {
	serve <<-END
		denied.calls = 100
		[function neighbour]
		denied.calls = 0
	END
	for _ in 1 2 3 4; do
		get '/trying?n=20' 200 tried
	done
	eventually counted 80
	get /trying 200
	get '/trying?n=20' 200
	eventually is_disabled
	grep -q "is disabled: 100 refused system calls within 1m" "$D/error.log"
}

@test "it survives the pool, and enable ends it" {
	serve <<-END
		denied.calls = 10
	END
	get '/trying?n=10' 200
	eventually is_disabled
	pool_stop TERM
	pool_start
	is_disabled
	tool enable trying
	eventually is_enabled
	comes '.event == "storm_end" and .version == 1'
	comes '.event == "enable" and .chain == "registry"'
	tool list | grep 'trying' | grep -q ' active'
	pool_stop TERM
	pool_start
	is_enabled
	# It is counted anew.
	get '/trying?n=9' 200
	eventually counted 19
	is_enabled
	get '/trying?n=1' 200
	eventually is_disabled
	tool audit --verify
}

@test "enable is heard by a pool that starts later, and a kill in between loses nothing" {
	serve <<-END
		denied.calls = 10
	END
	get '/trying?n=10' 200
	eventually is_disabled
	remember_below "$POOL"
	kill -KILL "$POOL"
	wait "$POOL" || true
	pool_start
	is_disabled
	pool_stop TERM
	tool enable trying
	pool_start
	is_enabled
}

@test "another version serves, and going back to the one that stormed does not" {
	serve <<-END
		denied.calls = 10
	END
	get '/trying?n=10' 200
	eventually is_disabled
	deploy deploy --function trying --entry trying "$D/src/second.c"
	get /trying 200 'tried again'
	tool list | grep 'trying' | grep -q ' active'
	tool rollback trying
	is_disabled
	tool enable trying
	eventually is_enabled
	get /trying 200 'tried'
}

@test "with 0 no number of them disables a function" {
	serve <<-END
		denied.limit = 3
		denied.kills = 0
		denied.calls = 0
	END
	for _ in 1 2 3 4 5 6; do
		get '/trying?n=3' 200
	done
	for _ in 1 2; do
		expect_cause '/trying?n=4' 500 syscall_denied
	done
	get /trying 200
	not grep -q 'is disabled' "$D/error.log"
}

@test "the keys are the operator's: no option, no max, no value out of range" {
	refused 64 tool deploy --denied-limit 5 "$D/src/trying.c"
	printf '[global]\nmax.denied.limit = 5\n' >"$D/bad.conf"
	refused 78 cfn-pool -c "$D/bad.conf" --registry "$R" -t
	printf '[global]\ndenied.window = 0\n' >"$D/bad.conf"
	refused 78 cfn-pool -c "$D/bad.conf" --registry "$R" -t
	deploy "$D/src/trying.c"
	sql "UPDATE version SET policy = '{\"denied.calls\":\"0\"}'"
	refused 65 cfn-pool --registry "$R" -t
}
