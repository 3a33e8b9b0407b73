#!/usr/bin/env bats
# inside.bats - the router and the spawner of a real pool as if somebody had taken them over: system calls executed in
# them from outside (inject.c), what they hold, and who may do such a thing.
# shellcheck disable=SC2154
load helper

setup() {
	place_make
	hello_make hi "the answer"
	deploy "$D/src/hi.c" >/dev/null
	pool_start
	answers
	ROUTER=$(pool_processes cfn-router)
	SPAWNER=$(pool_processes cfn-spawn)
	WORKER=$(pool_processes cfn-worker | tail -n 1)
}

teardown() {
	place_remove
}

answers() { fcgi <<<$'get 1 /hi 0\nread-all' | grep -q 'the answer'; }
inject() { "${CFN_CLIENT%/*}/inject" "$@"; }

@test "a router that was taken over can do nothing but serve" {
	inject "$ROUTER" router
	answers
	[ "$(pool_processes cfn-router)" = "$ROUTER" ]
}

@test "a router's filter lets through what it needs and no more" {
	# Beside these: exit, and by argument fcntl, futex, ioctl, mmap, mprotect, newfstatat, setsockopt and socketpair.
	inject "$ROUTER" list | tr '\n' ' ' | fmt -w 100 >"$D/list"
	diff - "$D/list" <<-END
		read write close fstat poll munmap brk rt_sigaction rt_sigprocmask readv writev sched_yield
		mremap madvise nanosleep getpid sendmsg recvmsg shutdown gettimeofday getrusage getuid getgid
		geteuid getegid getppid rt_sigpending rt_sigtimedwait sigaltstack gettid time restart_syscall
		clock_gettime clock_getres clock_nanosleep epoll_wait epoll_ctl ppoll epoll_pwait accept4
		recvmmsg sendmmsg getcpu getrandom rseq
	END
	answers
}

@test "a router holds its listener, its channel, the logs, its event loop, a worker, and nothing else" {
	if [ "$(id -u)" -ne 0 ]; then
		not ls "/proc/$ROUTER/fd"
		return
	fi
	find "/proc/$ROUTER/fd" -mindepth 1 -printf '%f %l\n' | sort -n | sed -e 's/:\[[0-9]*\]$//' >"$D/fds"
	diff - "$D/fds" <<-END
		0 /dev/null
		1 /dev/null
		2 $D/error.log
		3 socket
		4 socket
		5 $D/access.log
		6 $D/function.log
		7 $D/error.log
		8 anon_inode:[eventpoll]
		10 socket
		11 pipe
		12 anon_inode:seccomp notify
	END
}

# refuses_to_be_traced PID COMMAND...: by what runs under the command.
refuses_to_be_traced() {
	local pid=$1
	shift
	"$@" "$CFN_INJECT" "$pid" attach >"$D/out" 2>&1 && return 1
	grep -q 'attach: Operation not permitted' "$D/out" || { cat "$D/out"; return 1; }
}

# Whoever starts a pool owns its namespaces, and root everything; from a sandbox, or with its uid, it is another matter.
@test "with the uid of a sandbox, or from another one, nobody may trace router, spawner or worker" {
	local pid uid
	cp "${CFN_CLIENT%/*}/inject" "$D/inject"
	chmod 755 "$D/inject"
	CFN_INJECT=$D/inject
	for pid in "$ROUTER" "$SPAWNER" "$WORKER"; do
		uid=$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")
		if [ "$(id -u)" -eq 0 ]; then
			[ "$uid" -ne 0 ]
			refuses_to_be_traced "$pid" setpriv --reuid="$uid" --regid="$uid" --clear-groups
			refuses_to_be_traced "$pid" setpriv --reuid="$uid" --regid="$uid" --clear-groups unshare --user
		else
			[ "$uid" -eq "$(id -u)" ]
			refuses_to_be_traced "$pid" unshare --user
		fi
	done
	answers
}

@test "a spawner that was taken over reaches no network, no master and, started by root, no registry" {
	inject "$SPAWNER" spawner "$R" "$POOL"
	if [ "$(id -u)" -eq 0 ]; then
		chmod 640 "$R"
		inject "$SPAWNER" spawner-of-root "$R" "$POOL"
	fi
	is_alive "$POOL"
	answers
}
