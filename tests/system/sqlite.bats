#!/usr/bin/env bats
# sqlite.bats - SQLite in a shared folder: several workers of a function write one database, and some die of it.
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	conf <<-END
		pm.max_children = 4
		file_size = 4M
	END
	# Its database is made when it is first loaded, which is before there is a folder.
	deploy deploy --link sqlite3 --shared counter "$functions/counter.c"
	pool_start
	nginx_start
}

teardown_file() {
	place_remove
}

# hits N: so many at the counter, by eight clients; what they were told is in $D/told, one number a line.
hits() {
	local i pids=()
	for ((i = 0; i < 8; i++)); do
		curl -s --max-time 150 -X POST "$WEB/counter/hit?[1-$(($1 / 8))]" >"$D/hits.$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	cut -d ' ' -f 1 "$D"/hits.? | sort -n >"$D/told"
}

counter() {
	request /counter
	cat "$D/body"
}

@test "four workers count in one database, and no count is lost or given twice" {
	hits 400
	seq 400 | diff - "$D/told"
	# Each has an init.
	[ "$(pool_processes cfn-worker | wc -l)" -eq 8 ]
	[ "$(counter)" -eq 400 ]
	get /counter/check 200 ok
}

@test "workers that are killed within a transaction leave what was there before it" {
	before=$(counter)
	hits 80 &
	busy=$!
	for ((i = 0; i < 5; i++)); do
		expect_cause /counter/die 500 crash -X POST
	done
	wait "$busy"
	get /counter/check 200 ok
	[ "$(counter)" -eq $((before + $(grep -c '^[0-9]*$' "$D/told"))) ]
	[ "$(sqlite3 "$D/reg/shared/counter/counter.db" 'SELECT count(*) FROM filler')" -eq 0 ]
}

@test "past the size of a file it is an error that SQLite sees, and the database goes on" {
	before=$(counter)
	request /counter/fill -X POST
	expect 500
	grep -E 'disk I/O error|full' "$D/body"
	get /counter/check 200 ok
	[ "$(counter)" -eq "$before" ]
	request /counter/hit -X POST
	expect 200 "$((before + 1)) by"
}

@test "in a process for each request it counts as well, with a journal and not with WAL" {
	deploy deploy --mode fresh --env FRESH=1 "$functions/counter.c"
	before=$(counter)
	hits 80
	[ "$(counter)" -eq $((before + 80)) ]
	expect_cause /counter/die 500 crash -X POST
	[ "$(counter)" -eq $((before + 80)) ]
	get /counter/check 200 ok
	# The shared memory of WAL is MAP_SHARED, which no two requests may have.
	request /counter/wal -X POST
	expect 200 wal
	request /counter/hit -X POST
	expect 500 'disk I/O error (5386)'
}
