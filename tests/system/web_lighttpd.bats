#!/usr/bin/env bats
# web_lighttpd.bats - functions through lighttpd: a pool started by spawn-fcgi, over TCP, and by bin-path.
# bats file_tags=any-user
# shellcheck disable=SC2154
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

# The listening socket reaches cfn-pool as descriptor 0.
spawn_fcgi() {
	spawn-fcgi -n "$@" -- "$(command -v cfn-pool)" -c "$D/cfn.conf" --registry "$R" >>"$D/pool.out" 2>&1 3>&- &
	POOL=$!
	started "$POOL"
	eventually pool_is_up_or_gone
	remember_below "$POOL"
}

by_spawn() { spawn_fcgi -M 0666 -s "${SOCKET#unix:}" && lighttpd_start spawn; }
by_binpath() { lighttpd_start binpath; }
by_tcp() {
	local port
	port=$(port_free)
	SOCKET=tcp:127.0.0.1:$port
	spawn_fcgi -a 127.0.0.1 -p "$port" && lighttpd_start spawn
}

@test "lighttpd and spawn-fcgi: requests" { by_spawn; case_requests; }
@test "lighttpd and spawn-fcgi: refusals" { by_spawn; case_refusals; }
@test "lighttpd and spawn-fcgi: bodies" { by_spawn; case_bodies; }
@test "lighttpd and spawn-fcgi: a body past the limit" { by_spawn; case_body_past_the_limit; }
@test "lighttpd and spawn-fcgi: a chunked body" { by_spawn; case_chunked; }
@test "lighttpd and spawn-fcgi: a slow body" { by_spawn; case_slow_body; }
@test "lighttpd and spawn-fcgi: 60 KiB of headers" { by_spawn; case_many_headers; }
@test "lighttpd and spawn-fcgi: clients that leave" { by_spawn; case_client_leaves; }
@test "lighttpd and spawn-fcgi: 200 at once on four workers" { by_spawn; case_concurrent; }
@test "lighttpd and spawn-fcgi: pipelined requests to different functions" { by_spawn; case_pipelined; }
@test "lighttpd and spawn-fcgi: a stream arrives in parts" { by_spawn; case_stream; }

@test "lighttpd over TCP: requests" { by_tcp; case_requests; }
@test "lighttpd over TCP: bodies" { by_tcp; case_bodies; }

@test "lighttpd's bin-path: requests" { by_binpath; case_requests; }
@test "lighttpd's bin-path: refusals" { by_binpath; case_refusals; }
@test "lighttpd's bin-path: bodies" { by_binpath; case_bodies; }
@test "lighttpd's bin-path: a body past the limit" { by_binpath; case_body_past_the_limit; }
@test "lighttpd's bin-path: a chunked body" { by_binpath; case_chunked; }
@test "lighttpd's bin-path: a slow body" { by_binpath; case_slow_body; }
@test "lighttpd's bin-path: 60 KiB of headers" { by_binpath; case_many_headers; }
@test "lighttpd's bin-path: clients that leave" { by_binpath; case_client_leaves; }
@test "lighttpd's bin-path: 200 at once on four workers" { by_binpath; case_concurrent; }

@test "lighttpd ends the pool that it started" {
	local server
	by_binpath
	get /neighbour 200
	read -r server _ < <(tail -n 1 "$D/started")
	remember_below "$server"
	[ "$(sort -u "$D/below" | wc -l)" -gt 3 ]
	process_stop TERM "$server"
	eventually all_gone
}
