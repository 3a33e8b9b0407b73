#!/usr/bin/env bats
# faults.bats - a system call of the sandboxes' set-up fails (strace's fault injection) in a pool that serves: 503
# with a reason in the log, nothing left behind, and all is well when it is over.  Each call of each process in turn
# is tests/unit/test_faults.c.
# shellcheck disable=SC2154
load helper

setup() {
	place_make
	conf <<<'pm.max_requests = 1'
	hello_make hi "the answer"
	deploy "$D/src/hi.c" >/dev/null
}

teardown() {
	[ -z "${TRACER:-}" ] || kill -INT "$TRACER" || true
	place_remove
}

ask() {
	fcgi <<<$'begin 1 1 0\nparam REQUEST_METHOD GET\nparam SCRIPT_NAME /hi\nparam HTTP_ACCEPT application/problem+json\nparams 1\nend 1\nread-all' \
		>"$D/answer"
}
answers() { ask && grep -q 'the answer' "$D/answer"; }
is_traced() { ! grep -q '^TracerPid:.0$' "/proc/$1/status"; }
is_not_traced() { ! is_traced "$1"; }
no_worker() { [ -z "$(pool_processes cfn-worker)" ]; }
n_reasons() { grep -c "'hi' version 1 cannot start:" "$D/error.log" || true; }

# faulty CALL ERROR: from now on in everything that the spawner starts, and in itself.
faulty() {
	local spawner
	spawner=$(pool_processes cfn-spawn)
	strace -qq -f -o "$D/strace" -e "trace=$1" -e "inject=$1:error=$2" -p "$spawner" 3>&- &
	TRACER=$!
	eventually is_traced "$spawner"
}

faulty_no_more() {
	kill -INT "$TRACER"
	wait "$TRACER" || true
	TRACER=
	eventually is_not_traced "$(pool_processes cfn-spawn)"
}

@test "while no sandbox can be made requests get 503 and one reason each, and then answers" {
	local call error before
	# Or the first ones are there already.
	sed -i '/^\[global\]/a pm.spare_sandboxes = 0' "$D/cfn.conf"
	pool_start
	answers
	while read -r call error; do
		eventually no_worker
		before=$(n_reasons)
		faulty "$call" "$error"
		ask
		grep -q 'Status: 503' "$D/answer" || { echo "$call:"; cat "$D/answer"; return 1; }
		grep -q 'Retry-After: [1-9]' "$D/answer"
		grep -q '"cause":"unavailable"' "$D/answer"
		[ "$(n_reasons)" -eq $((before + 1)) ] || { echo "$call:"; cat "$D/error.log"; return 1; }
		eventually no_worker
		grep -q INJECTED "$D/strace"
		faulty_no_more
		eventually answers
	done <<-END
		clone3 EAGAIN
		setresuid EAGAIN
		execveat ENOMEM
		mount EACCES
		fsopen ENOMEM
		move_mount ENOMEM
		pivot_root EBUSY
		capset EPERM
		landlock_restrict_self E2BIG
		seccomp ENOMEM
	END
}

@test "a pool whose sandboxes cannot be made refuses to start and says why in one line" {
	local call error words
	while read -r call error words; do
		refused 78 timeout 150 strace -qq -f -o "$D/strace" -e "trace=$call" -e "inject=$call:error=$error" \
			"$(command -v cfn-pool)" -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
		grep -q "$words" "$D/err" || { echo "$call:"; cat "$D/err"; return 1; }
	done <<-END
		unshare EPERM network and mount namespace
		setsid EPERM setsid
		memfd_create EMFILE memfd_create
		pivot_root EBUSY pivot_root
		landlock_restrict_self E2BIG landlock
		seccomp ENOMEM seccomp
	END
}

@test "a pool whose router cannot be confined refuses to start and says why in one line" {
	refused 70 timeout 150 strace -qq -f -o "$D/strace" -e trace=getsockname -e inject=getsockname:error=ENOMEM \
		"$(command -v cfn-pool)" -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	cat "$D/err"
	grep -q 'router 0 ended: exit 1, listening socket: Cannot allocate memory' "$D/err"
}
