#!/usr/bin/env bats
# services.bats - what service managers are given: units that systemd finds nothing to say about, users and folders, and
# logs that are rotated under a pool.
# shellcheck disable=SC2154,SC2034
load helper

setup() {
	place_make
	mkdir -p "$D/services"
	# As make does it, for this test's prefix.
	local file
	for file in "$tree"/services/*.in "$tree"/services/*/*.in; do
		sed -e "s|@sbindir[@]|$(dirname "$(command -v cfn-pool)")|g" -e "s|@localstatedir[@]|$D/var|g" -e 's|@webgroup[@]|www-data|g' \
			"$file" >"$D/services/$(basename "${file%.in}")"
	done
}

teardown() {
	place_remove
}

# bats test_tags=any-user
@test "systemd has nothing to say about the units, and finds the service confined" {
	cd "$D/services"
	run systemd-analyze verify --man=no ./cfn.service ./cfn.socket
	[ "$status" -eq 0 ]
	not grep -q 'cfn\.' <<<"$output"
	systemd-analyze security --offline=yes --threshold=62 ./cfn.service >/dev/null
}

# bats test_tags=any-user
@test "one user and the folders are all that is made" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	mkdir -p "$D/root/etc" "$D/root/usr/lib/sysusers.d" "$D/root/usr/lib/tmpfiles.d"
	sed "s|$D/var|/var|" "$D/services/sysusers.conf" >"$D/root/usr/lib/sysusers.d/cfn.conf"
	sed "s|$D/var|/var|" "$D/services/tmpfiles.conf" >"$D/root/usr/lib/tmpfiles.d/cfn.conf"
	printf 'root:x:0:\nadm:x:4:\n' >"$D/root/etc/group"
	printf 'root:x:0:0::/root:/bin/sh\n' >"$D/root/etc/passwd"
	systemd-sysusers --root="$D/root"
	grep -q '^cfn:' "$D/root/etc/passwd"
	[ "$(grep -c . "$D/root/etc/passwd")" -eq 2 ]
	systemd-tmpfiles --root="$D/root" --create
	[ "$(stat -c %a "$D/root/var/lib/cfn/registry")" = 2770 ]
	[ "$(stat -c %a "$D/root/var/lib/cfn/pool")" = 700 ]
	[ "$(stat -c %a "$D/root/var/log/cfn")" = 2750 ]
}

@test "logs are rotated under a pool, and no line is lost" {
	mkdir -p "$D/var/log/cfn"
	chmod 755 "$D/var/log/cfn" "$D/var/log" "$D/var"
	hello_make hello "hello there"
	deploy "$D/src/hello.c"
	conf <<<""
	sed -i "s|$D/\([a-z]*\)\.log|$D/var/log/cfn/\1.log|" "$D/cfn.conf"
	pool_start
	# The service manager's part is this pool's signal.
	sed -e "/^\t\tif /,/^\t\tfi/d" -e "s|^\tpostrotate|&\n\t\tkill -s USR1 $POOL|" \
		-e "s|create .*|create 0640|" "$D/services/logrotate" >"$D/logrotate.conf"
	grep -q "kill -s USR1 $POOL" "$D/logrotate.conf"
	before=$(cat "$D"/var/log/cfn/access.log* | wc -l)
	for n in 1 2 3; do
		pool_answers
		logrotate --force --state "$D/logrotate.state" "$D/logrotate.conf"
		eventually test -s "$D/var/log/cfn/access.log.1"
		pool_answers
		eventually test -s "$D/var/log/cfn/access.log"
	done
	kill -s USR1 "$POOL"
	all_lines() { [ "$(for f in "$D"/var/log/cfn/access.log*; do zcat -f "$f"; done | wc -l)" -eq $((before + 6)) ]; }
	eventually all_lines
}

# As the script says it, but for the folder of the socket and where the configuration is.
runit_make() {
	mkdir -p "$D/sv/cfn"
	sed -e "s|/run/cfn|$D/run|; s|-F --replace|& -c $D/cfn.conf --registry $R --listen $SOCKET|" "$D/services/run" >"$D/sv/cfn/run"
	grep -q -- "-F --replace -c $D/cfn.conf" "$D/sv/cfn/run"
	chmod 755 "$D/sv/cfn/run"
}

sv_says() {
	sv status "$D/sv/cfn" | grep -q "^$1"
}

another_pool() {
	sv_says run && [ "$(cat "$D/sv/cfn/supervise/pid")" != "$1" ] && pool_answers
}

@test "under runit the pool is started, reloaded, started again when it ends, and stopped" {
	runit_make
	runsvdir "$D/sv" >>"$D/runit.out" 2>&1 3>&- &
	started $!
	eventually pool_answers
	POOL=$(cat "$D/sv/cfn/supervise/pid")
	remember_below "$POOL"
	sv hup "$D/sv/cfn"
	eventually grep -q 'reload' "$D/error.log"
	sv quit "$D/sv/cfn"
	eventually another_pool "$POOL"
	POOL=$(cat "$D/sv/cfn/supervise/pid")
	remember_below "$POOL"
	sv -w 60 down "$D/sv/cfn"
	sv_says down
	sv exit "$D/sv/cfn"
}

# bats test_tags=any-user
@test "the scripts for runit, s6 and OpenRC start the pool in the foreground" {
	for file in run cfn; do
		sh -n "$D/services/$file"
	done
	for name in runit/run s6/run; do
		grep -q '^mkdir -p /run/cfn && exec @sbindir@/cfn-pool -F --replace$' "$tree/services/$name.in"
	done
	grep -q '^pidfile=/run/cfn-pool.pid$' "$tree/services/openrc/cfn.in"
}
