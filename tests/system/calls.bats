#!/usr/bin/env bats
# calls.bats - what a request costs in system calls, exactly: hello, one request at a time on one connection, counted by
# strace in the router and in the worker.  One call more in either is a few percent of the requests a second.
#
# When a table here differs, the test prints the difference as a diff ("<" is the table, ">" what was counted).  Fewer calls:
# put the new numbers into the table.  More: find out what asks for them.
# shellcheck disable=SC2154
load helper

setup() {
	place_make
	TRACERS=()
	[ "$(id -u)" -eq 0 ] || skip "not root: strace cannot look into a sandbox"
	command -v strace >/dev/null || skip "no strace"
	hello_make hi "the answer"
}

teardown() {
	[ ${#TRACERS[@]} -eq 0 ] || kill -INT "${TRACERS[@]}" || true
	place_remove
}

is_traced() { ! grep -q '^TracerPid:.0$' "/proc/$1/status"; }

# trace FILE PID...: from now on, these and what they fork.
trace() {
	local file=$1 pid
	shift
	strace -qq -f -s 256 -o "$D/$file" "${@/#/-p}" 3>&- &
	TRACERS+=($!)
	for pid; do
		eventually is_traced "$pid"
	done
}

trace_no_more() {
	kill -INT "${TRACERS[@]}"
	wait "${TRACERS[@]}" || true
	TRACERS=()
}

# ask N: so many requests on one connection, each when the last is answered; all of them are.
ask() {
	local i
	for ((i = 0; i < $1; i++)); do
		printf 'get 1 /hi 1\nread\n'
	done | fcgi >"$D/answers"
	[ "$(grep -c 'the answer' "$D/answers")" -eq "$1" ]
}

# fewest BEGIN END FILE: the calls of a process from a line like BEGIN to the next one like END, by name; of all such
# parts the one with the fewest, because others met a tick of the clock.  Looks at a CPU clock are not counted: how many
# there are depends on how long requests took, here and before.
fewest() {
	sed -E 's/^([0-9]+ +)?([a-z0-9_]+\()/\1 \2/' "$3" | awk -v begin="$1" -v end="$2" '
		{ pid = $0 ~ /^[0-9]/ ? $1 : 0 }
		match($0, / [a-z0-9_]+\(/) {
			name = substr($0, RSTART + 1, RLENGTH - 2)
			if (is_begun[pid] && name != "clock_gettime") {
				n[pid]++
				calls[pid] = calls[pid] name "\n"
			}
			if (is_begun[pid] && $0 ~ end) {
				is_begun[pid] = 0
				if (!best || n[pid] < best) {
					best = n[pid]
					text = calls[pid]
				}
			}
			if ($0 ~ begin) {
				is_begun[pid] = 1
				n[pid] = 0
				calls[pid] = ""
			}
		}
		END { printf "%s", text }' | sort | uniq -c | sed 's/^ *//'
}

# An answer is written, not read.
readonly ANSWER='(write|writev|send|sendto|sendmsg|sendmmsg)[(].*Status: 200'

# Both as the tables say.
is_as_wanted() {
	ask 50
	fewest "$ANSWER" "$ANSWER" "$D/router" >"$D/router.calls"
	fewest "$1" "$2" "$D/worker" >"$D/worker.calls"
	cmp -s "$D/router.want" "$D/router.calls" && cmp -s "$D/worker.want" "$D/worker.calls"
}

# expect_calls BEGIN END: as the tables router.want and worker.want say; BEGIN and END are those of a request in the worker.
# More requests are granted when they differ, for a machine that is busy with others.
expect_calls() {
	deploy "$D/src/hi.c" >/dev/null
	pool_start
	ask 50
	trace router "$(pool_processes cfn-router)"
	# shellcheck disable=SC2046 # init, the worker and, in fresh mode, who waits for a request
	trace worker $(pool_processes cfn-worker)
	eventually is_as_wanted "$@" || true
	trace_no_more
	diff "$D/router.want" "$D/router.calls"
	diff "$D/worker.want" "$D/worker.calls"
}

# bats test_tags=any-user
@test "a request costs the router and the worker these system calls and no more" {
	cat >"$D/router.want" <<-END
		2 epoll_wait
		1 read
		1 recvmmsg
		1 sendmmsg
		2 write
	END
	cat >"$D/worker.want" <<-END
		1 close_range
		1 newfstatat
		1 read
		1 write
	END
	expect_calls "$ANSWER" "$ANSWER"
}

# bats test_tags=any-user
@test "in fresh mode the process of a request makes these system calls and no more" {
	conf <<<'mode = fresh'
	cat >"$D/router.want" <<-END
		2 close
		2 epoll_ctl
		2 epoll_wait
		1 read
		1 recvmmsg
		2 recvmsg
		1 sendmmsg
		1 sendmsg
		1 socketpair
		2 write
	END
	cat >"$D/worker.want" <<-END
		1 close_range
		1 dup2
		1 exit_group
		6 fcntl
		1 read
		1 recvmsg
		3 write
	END
	expect_calls set_robust_list exit_group
}
