#!/usr/bin/env bats
# hearing.bats - lines of what the master starts go where error_log says: spawner, runner and management.
# shellcheck disable=SC2154
load helper
load runs

setup_file() {
	place_make
	printf 'management = on\n[run]\nenabled = on\n' | conf
	hello_make func2 two
	[ "$EUID" -ne 0 ] || chown -R nobody "$D/reg"
	[ "$EUID" -ne 0 ] || chown nobody "$D" # whose pool makes its new log there
	TOKEN=$(cfn-deploy -c "$D/cfn.conf" --registry "$R" token create ci --scope 'deploy:/*' 2>/dev/null)
	export TOKEN
	pool_start
	nginx_start
	eventually runner_answers
	eventually manager_is_up
}

teardown_file() {
	place_remove
}

manager_is_up() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 20 "$WEB/mgnt")" = 401 ]
}

a_spare_waits() {
	SPARE=$(pool_processes cfn-spare | head -n 1)
	[ -n "$SPARE" ]
}

it_runs() {
	request "/api/run/$ID"
	jq -e '.status == "running"' "$D/body" >/dev/null && [ -n "$(pool_processes cfn-run-keeper)" ]
}

# The part that starts cfn-deploy is the one that the pool started.
executor() {
	pgrep -P "$POOL" -x cfn-manage
}

# forks_no_more PID: set by its own uid, which alone may.
forks_no_more() {
	local as=()
	[ "$EUID" -ne 0 ] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
	"${as[@]}" prlimit --pid "$1" --nproc=1:
}

# provoke: a line of the spawner, of the runner's maker and its front, and of the management's executor, which may fork no more.
provoke() {
	eventually a_spare_waits
	kill -KILL "$SPARE"
	async "$(bash_run 'sleep 60')"
	eventually it_runs
	# shellcheck disable=SC2046
	kill -KILL $(pool_processes cfn-run-keeper)
	forks_no_more "$(executor)"
	request /mgnt -X POST -H "Authorization: Bearer $TOKEN" -F route=/route2 -F function_name=func2 -F "code=@$D/src/func2.c"
}

# are_in FILE BEFORE: the lines, each with the process that wrote it, BEFORE in front of its name.
are_in() {
	eventually grep -qE "$2cfn-spawn\[[0-9]+\].*: a spare sandbox ended: " "$1"
	eventually grep -qE "$2cfn-runner\[[0-9]+\].*: job [0-9]+: its keeper ended with status 0x9" "$1"
	eventually grep -qE "$2cfn-runner\[[0-9]+\].*: run $ID: its keeper ended " "$1"
	eventually grep -qE "$2cfn-manage\[[0-9]+\].*: fork: " "$1"
}

# logs_to PLACE: from a reload on.
logs_to() {
	sed -i "s|^error_log = .*|error_log = $1:$D/log|" "$D/cfn.conf"
	kill -HUP "$POOL"
}

# What the pool says itself before it serves may be there.
none_is_on_standard_error() {
	not grep -qE 'cfn-(spawn|runner|manage)' "$D/pool.out"
}

# A socket whose messages are lines of $D/got.
socket_start() {
	perl -MSocket -e '
		socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un($ARGV[0])) or die;
		chmod 0666, $ARGV[0]; $| = 1;
		while (defined recv($s, my $m, 65536, 0)) { $m =~ s/[^ -~]/?/g; print "$m\n" }' "$D/log" >"$D/got" 3>&- &
	started "$!"
	eventually test -S "$D/log"
}

@test "they go to the file, and to the new one after USR1" {
	mv "$D/error.log" "$D/error.old"
	kill -USR1 "$POOL"
	eventually test -e "$D/error.log"
	provoke
	are_in "$D/error.log" '^20[^ ]+ '
	not grep -qE 'a spare sandbox ended|its keeper ended|: fork: ' "$D/error.old"
	none_is_on_standard_error
}

@test "they are messages of the system's log and of the journal, and no standard error has them" {
	socket_start
	logs_to syslog
	eventually grep -q 'notice: reloaded' "$D/got"
	provoke
	are_in "$D/got" '^<[0-9]+>cfn\[[0-9]+\]: [a-z]+: '
	logs_to journal
	eventually grep -q '^PRIORITY=.*notice: reloaded' "$D/got"
	: >"$D/got"
	provoke
	are_in "$D/got" '^PRIORITY=[34].*MESSAGE.*: '
	none_is_on_standard_error
}

@test "what the spawner says when it cannot start is on standard error" {
	mkdir "$D/libexec"
	cp -a "${CFN_LIBEXECDIR:-$CFN_PREFIX/libexec/cfn}/." "$D/libexec/"
	cp --remove-destination "$(command -v ls)" "$D/libexec/cfn-spawn" # which takes its arguments for files
	run env CFN_LIBEXECDIR="$D/libexec" cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "unix:$D/y.sock"
	[ "$status" -eq 78 ]
	grep -qE '^cfn-pool: .*cfn-spawn' <<<"$output"
	grep -qE '^20[^ ]+ cfn-spawn\[[0-9]+\] error: .*cannot access' <<<"$output"
}
