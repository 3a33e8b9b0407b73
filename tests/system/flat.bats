#!/usr/bin/env bats
# flat.bats - what a pool holds grows neither with requests nor with deploys: descriptors, processes and mounts not at
# all, memory not beyond a bound that does not depend on their number.
# bats file_tags=any-user
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper
load held

# CFN_FLAT_REQUESTS and CFN_FLAT_DEPLOYS: the same for longer, as CONTRIBUTING.md says.
readonly REQUESTS=${CFN_FLAT_REQUESTS:-20000} DEPLOYS=${CFN_FLAT_DEPLOYS:-30} ROUNDS=10
[ "$REQUESTS$DEPLOYS" = 2000030 ] || BATS_TEST_TIMEOUT=36000

setup() {
	place_make
}

teardown() {
	place_remove
}

# ask N PATH: so many requests over one connection; all must be answered.
ask() {
	local n
	n=$(yes "get 1 $2 1"$'\nread' | head -n "$((2 * $1))" | fcgi | grep -c '^end 1 0 0$')
	[ "$n" -eq "$1" ] || { echo "$n of $1 answers"; return 1; }
}

# change N: so many changes of what is active, between versions that are there.
change() {
	local i
	for ((i = 0; i < $1; i++)); do
		cfn-deploy --registry "$R" rollback hello $((i % 2 + 1)) >/dev/null 3>&-
	done
}

# One of everything that comes and goes: a version, a worker that crashes, one for another function, a secret.
stir() {
	hello_make hello "hello, round $1"
	deploy "$D/src/hello.c" >/dev/null
	fcgi <<<$'get 1 /breaks 0\nread-all' >/dev/null
	printf 'secret-%s' "$1" | cfn-deploy --registry "$R" secret set hello KEY >/dev/null 3>&-
	cfn-deploy --registry "$R" disable breaks >/dev/null 3>&-
	cfn-deploy --registry "$R" enable breaks >/dev/null 3>&-
	cfn-deploy --registry "$R" status >/dev/null 3>&-
}

# And both spare sandboxes are there.
only_hello_has_a_worker() {
	[ "$(pool_processes cfn-worker | wc -l)" -eq 2 ] && [ "$(pool_processes cfn-spare | wc -l)" -eq 2 ]
}

# A pool at rest: the worker of the last version and its init, and nothing that ends.
rest() {
	cfn-deploy --registry "$R" restart breaks >/dev/null 3>&- || true
	ask 1 /hello
	eventually only_hello_has_a_worker
}

@test "a pool holds the same after many requests and deploys" {
	local before after memory round
	conf <<-'END'
		pm = ondemand
		pm.max_children = 1
	END
	hello_make hello "hello, before"
	deploy "$D/src/hello.c"
	deploy "$functions/breaks.c"
	pool_start
	for round in 1 2 3; do
		stir "warm $round"
		change 4
		ask $((REQUESTS / 10)) /hello
	done
	rest
	before=$(held) memory=$(memory)
	for ((round = 0; round < ROUNDS; round++)); do
		stir "$round"
		change $((DEPLOYS / ROUNDS - 1))
		ask $((REQUESTS / ROUNDS)) /hello
		ask 20 /nowhere
	done
	rest
	after=$(held)
	echo "KiB of master, spawner, router: $memory, then $(memory)"
	diff <(echo "$before") <(echo "$after")
	memory_is_flat "$memory" "$(memory)"
}
