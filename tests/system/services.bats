#!/usr/bin/env bats
# services.bats - what service managers are given: units that systemd finds nothing to say about, users and folders, and
# logs that are rotated under a pool.
# shellcheck disable=SC2154,SC2034
load helper

setup() {
	place_make
	mkdir -p "$D/services"
	# As make does it, for this test's prefix.
	local file name
	for file in "$tree"/services/*.in "$tree"/services/*/*.in; do
		name=${file#"$tree/services/"}
		mkdir -p "$D/services/$(dirname "$name")"
		sed -e "s|@sbindir[@]|$(dirname "$(command -v cfn-pool)")|g" -e "s|@localstatedir[@]|$D/var|g" -e 's|@webgroup[@]|www-data|g' \
			"$file" >"$D/services/${name%.in}"
	done
}

teardown() {
	place_remove
}

# bats test_tags=any-user
@test "systemd has nothing to say about the units, and finds the service confined" {
	cd "$D/services/systemd"
	run systemd-analyze verify --man=no ./cfn.service ./cfn.socket
	[ "$status" -eq 0 ]
	not grep -q 'cfn\.' <<<"$output"
	systemd-analyze security --offline=yes --threshold=62 ./cfn.service >/dev/null
}

# bats test_tags=any-user
@test "one user and the folders are all that is made" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	mkdir -p "$D/root/etc" "$D/root/usr/lib/sysusers.d" "$D/root/usr/lib/tmpfiles.d"
	sed "s|$D/var|/var|" "$D/services/systemd/sysusers.conf" >"$D/root/usr/lib/sysusers.d/cfn.conf"
	sed "s|$D/var|/var|" "$D/services/systemd/tmpfiles.conf" >"$D/root/usr/lib/tmpfiles.d/cfn.conf"
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

# script_make runit|s6: as the script says it, but for the folder of the socket and where the configuration is; what serves is
# in $D/sv.
script_make() {
	mkdir -p "$D/sv/cfn"
	sed -e "s|/run/cfn|$D/run|; s|-F --replace|& -c $D/cfn.conf --registry $R --listen $SOCKET|" "$D/services/$1/run" >"$D/sv/cfn/run"
	grep -q -- "-F --replace -c $D/cfn.conf" "$D/sv/cfn/run"
	chmod 755 "$D/sv/cfn/run"
}

# service_pid: as the supervisor says it; fails when none runs.
service_pid() {
	case $SUPERVISOR in
	runit) sv status "$D/sv/cfn" | sed -n 's/^run: .*(pid \([0-9]*\)).*/\1/p' ;;
	s6) s6-svstat -o pid "$D/sv/cfn" | grep -v '^-1$' ;;
	esac | grep .
}

another_pool() {
	local pid
	pid=$(service_pid) && [ "$pid" != "$1" ] && pool_answers && POOL=$pid && remember_below "$POOL"
}

reloaded() {
	[ "$(grep -c 'reloaded; generation' "$D/error.log")" -ge "$1" ]
}

# supervised RELOAD REOPEN QUIT DOWN: what all of them do, each argument a command.
supervised() {
	eventually another_pool 0
	$1
	eventually reloaded 1
	mv "$D/access.log" "$D/access.old"
	$2
	eventually test -e "$D/access.log"
	$3
	eventually another_pool "$POOL"
	kill -s KILL "$POOL"
	eventually another_pool "$POOL"
	$4
	not service_pid
	not pool_answers
	[ "$(grep -c 'stopping when the requests are answered' "$D/error.log")" -ge 1 ]
}

@test "under runit the pool is started, reloaded, started again when it ends or is killed, and stopped" {
	SUPERVISOR=runit
	script_make runit
	runsvdir "$D/sv" >>"$D/runit.out" 2>&1 3>&- &
	started $!
	supervised "sv hup $D/sv/cfn" "sv 1 $D/sv/cfn" "sv quit $D/sv/cfn" "sv -w 60 down $D/sv/cfn"
	sv exit "$D/sv/cfn"
}

@test "under s6 the pool is started, reloaded, started again when it ends or is killed, and stopped" {
	SUPERVISOR=s6
	script_make s6
	s6-svscan "$D/sv" >>"$D/s6.out" 2>&1 3>&- &
	started $!
	supervised "s6-svc -h $D/sv/cfn" "s6-svc -1 $D/sv/cfn" "s6-svc -q $D/sv/cfn" "s6-svc -wD -T 60000 -d $D/sv/cfn"
}

# openrc_make: the service is in an /etc/init.d and a /run of its own, where OpenRC believes that it has booted the machine;
# what is started there ends with the shell that holds them.
openrc_make() {
	sed -e "s|^command_args=.*|command_args=\"-F -c $D/cfn.conf --registry $R --listen $SOCKET\"|" \
		-e "s|\"\$command\" -t|& -c $D/cfn.conf --registry $R|" "$D/services/openrc/cfn" >"$D/cfn.init"
	cat >"$D/openrc" <<-END
		mount -t tmpfs -o mode=755 tmpfs /run
		mount -t tmpfs -o mode=755 tmpfs /etc/init.d
		for folder in started starting stopping stopped inactive wasinactive failed daemons options exclusive scheduled hotplugged tmp; do
			mkdir -p "/run/openrc/\$folder"
		done
		: >/run/openrc/softlevel
		mkdir /run/lock
		cp "$D/cfn.init" /etc/init.d/cfn
		printf '#!/sbin/openrc-run\nstart() { :; }\n' >/etc/init.d/localmount
		chmod 755 /etc/init.d/*
		: >"$D/openrc.ready"
		while :; do sleep 1; done
	END
	unshare --mount --pid --fork --kill-child --mount-proc --propagation private sh "$D/openrc" >>"$D/openrc.out" 2>&1 3>&- &
	started $!
	eventually test -e "$D/openrc.ready"
	OPENRC=$(pgrep -P $!)
}

# rc ACTION: of the service.
rc() {
	nsenter -t "$OPENRC" -m -p env -i PATH="$PATH" LC_ALL=C rc-service cfn "$1" >>"$D/openrc.out" 2>&1 3>&-
}

rc_pid() {
	nsenter -t "$OPENRC" -m -p cat /run/cfn-pool.pid
}

# bats test_tags=any-user
@test "under OpenRC the pool is started, reloaded, started again when it was killed, and stopped" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	local first
	openrc_make
	rc start
	eventually pool_answers
	remember_below "$OPENRC"
	rc status
	first=$(rc_pid)
	rc reload
	eventually reloaded 1
	mv "$D/access.log" "$D/access.old"
	rc reopen
	eventually test -e "$D/access.log"
	[ "$(rc_pid)" = "$first" ]
	nsenter -t "$OPENRC" -m -p kill -s KILL "$first"
	eventually not pool_answers
	rc restart
	eventually pool_answers
	remember_below "$OPENRC"
	[ "$(rc_pid)" != "$first" ]
	rc stop
	not pool_answers
	grep -q 'stopping when the requests are answered' "$D/error.log"
	not rc status
	# A configuration that the pool would not start with is found first.
	echo 'nonsense = 1' >>"$D/cfn.conf"
	not rc start
}
