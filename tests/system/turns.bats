#!/usr/bin/env bats
# turns.bats - how many requests of a function may be in execution at once, whatever runs and is replaced.
# bats file_tags=any-user
# shellcheck disable=SC2154 # D, R and SOCKET come from helper.bash

load helper

setup() {
	place_make
	CLIENTS=()
	conf <<<'routers = 3
queue = 1024'
	sed 's/VERSION/1/' "$functions/turns.c" >"$D/src/turns.c"
}

teardown() {
	place_remove
}

# clients TARGET: eight at once until clients_stop, a connection for every request; codes in $D/codes.
clients() {
	local i
	: >"$D/codes"
	for ((i = 0; i < 8; i++)); do
		client "$i" "$1" 3>&- &
		started $!
		CLIENTS+=($!)
	done
}

client() {
	while [ ! -e "$D/enough" ]; do
		curl -s -o "$D/answer$1" --max-time 60 -w '%{http_code}\n' "$WEB$2" >>"$D/codes"
	done
}

clients_stop() {
	: >"$D/enough"
	wait "${CLIENTS[@]}"
	[ "$(sort -u "$D/codes")" = 200 ] || { sort "$D/codes" | uniq -c; return 1; }
}

more_codes() {
	[ "$(wc -l <"$D/codes")" -ge "$1" ]
}

one_waits() {
	[ "$(deploy --json status | jq '[.. | .requests_queued? // empty] | add')" = 1 ]
}

@test "an exclusive function has one request in execution, over workers, routers, versions and restarts" {
	deploy deploy --exclusive yes --shared turns "$D/src/turns.c"
	pool_start
	nginx_start
	clients /turns
	for version in 2 3; do
		sed "s/VERSION/$version/" "$functions/turns.c" >"$D/src/turns.c"
		deploy "$D/src/turns.c"
		deploy restart turns
	done
	eventually more_codes 100
	clients_stop
}

@test "a stream of an exclusive function is its one request, and the next waits for its end" {
	deploy deploy --exclusive yes --shared turns "$D/src/turns.c"
	pool_start
	nginx_start
	curl -sN --max-time 60 -o "$D/held" "$WEB/turns/hold" 3>&- &
	local held=$!
	started "$held"
	eventually grep -q held "$D/held"
	curl -s --max-time 60 -o "$D/next" "$WEB/turns" 3>&- &
	started $!
	eventually one_waits
	[ ! -s "$D/next" ]
	kill "$held"
	eventually grep -q 'in turn' "$D/next"
}

@test "concurrency holds over routers, beside pm.max_children" {
	deploy deploy --concurrency 2 --pm-max-children 8 --shared turns "$D/src/turns.c"
	pool_start
	nginx_start
	clients '/turns?n=2'
	eventually more_codes 100
	clients_stop
}
