#!/usr/bin/env bats
# run_storm.bats - many runs over HTTP: attacks among good ones, and one after the other; every good one is right, and
# nothing is left or grows.
# bats file_tags=any-user
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
load helper
load runs

setup() {
	place_make
}

teardown() {
	place_remove
}

# On the command line of every attack.
MARK=run-storm-$BATS_ROOT_PID-$$

# attack NAME STATUS... <CODE: in bash, or C where there is an #include; how it may end.
attack() {
	local lang=Bash
	cat >"$D/src/code"
	! grep -q '#include' "$D/src/code" || lang=C
	program "$lang" "{args: [\"$MARK\"], limits: {wall_ms: 400, cpu_ms: 250}, compile_limits: {wall_ms: 1000}}" \
		<"$D/src/code" >"$D/attacks/$1.json"
	echo "${*:2}" >"$D/attacks/$1.may"
}

attacks_make() {
	mkdir "$D/attacks"
	attack fork_bomb process_limit cpu_time_limit wall_time_limit <<-'END'
		f() { f "$1" | f "$1" & wait; }; f "$1"; exit 1
	END
	attack memory_bomb memory_limit cpu_time_limit wall_time_limit <<-'END'
		#include <stdlib.h>
		#include <string.h>
		int main(void) { for (;;) { char *p = malloc(1 << 20); if (!p) return 1; memset(p, 1, 1 << 20); } }
	END
	attack yes output_limit cpu_time_limit wall_time_limit <<<'exec yes "$1"'
	attack gib output_limit cpu_time_limit wall_time_limit <<<'exec head -c 1073741824 /dev/urandom'
	attack loop cpu_time_limit wall_time_limit <<<'while :; do :; done'
	attack sleep wall_time_limit <<<'sleep 98765'
	attack deaf wall_time_limit cpu_time_limit <<<'trap "" HUP INT QUIT TERM USR1 USR2 PIPE; while :; do sleep 98765; done'
	attack daemon nonzero_exit wall_time_limit <<-'END'
		#include <signal.h>
		#include <unistd.h>
		int main(void) { for (int i = 1; i < 65; i++) signal(i, SIG_IGN); if (fork() == 0) { setsid(); fork(); for (;;) pause(); } return 3; }
	END
	attack disk nonzero_exit cpu_time_limit wall_time_limit <<<'cat /dev/urandom >/tmp/fill || exit 5'
	attack inodes nonzero_exit cpu_time_limit wall_time_limit <<<'i=0; while : >"/tmp/$i"; do i=$((i + 1)); done; exit 5'
	attack descriptors nonzero_exit <<-'END'
		#include <unistd.h>
		int main(void) { int n = 0; while (n < 10000 && dup(0) >= 0) n++; return n < 64 ? 5 : 0; }
	END
	attack threads process_limit wall_time_limit <<-'END'
		#include <pthread.h>
		#include <unistd.h>
		static void *wait(void *x) { for (;;) pause(); return x; }
		int main(void) { pthread_t t; while (pthread_create(&t, NULL, wait, NULL) == 0) ; usleep(200000); return 1; }
	END
	attack unread nonzero_exit <<<'exit 5'
	jq -c '.input = "x" * 1000000' "$D/attacks/unread.json" >"$D/src/unread"
	mv "$D/src/unread" "$D/attacks/unread.json"
	attack closed wall_time_limit <<<'exec <&- >&- 2>&-; sleep 98765'
	attack compiler compile_error compile_time_limit <<-'END'
		#include "/dev/zero"
		int main(void) { return 0; }
	END
	attack syscalls syscall_denied cpu_time_limit wall_time_limit <<-'END'
		#include <sys/ptrace.h>
		int main(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0) == -1; }
	END
}

# good NUMBER: a request that answers with it.
good() {
	local fields="{input: \"$1\"}"
	case $(($1 % 3)) in
	0) program Bash "$fields" <<<'read -r n; echo "good $n"' ;;
	1) program Python "$fields" <<<'print("good", input())' ;;
	2) program C "$fields" <<<'#include <stdio.h>
int main(void) { int n; return scanf("%d", &n) != 1 || printf("good %d\n", n) < 0; }' ;;
	esac
}

# asks_make N: asks 1 to N, every second one an attack.
asks_make() {
	local i names=("$D"/attacks/*.json)
	mkdir "$D/asks"
	for ((i = 1; i <= $1; i++)); do
		if [ $((i % 2)) -eq 0 ]; then
			good "$i" >"$D/asks/$i"
		else
			ln -s "${names[$((i / 2 % ${#names[@]}))]}" "$D/asks/$i"
		fi
	done
}

# ask_all N CLIENTS: the answers are said.NUMBER.
ask_all() {
	seq "$1" | xargs -P "$2" -I{} curl -s --max-time 120 -o "$D/said.{}" -H 'Content-Type: application/json' \
		--data-binary "@$D/asks/{}" "$WEB/api/run" 3>&-
}

# answers FIRST N: "NUMBER STATUS STDOUT" of every second one, STDOUT only where it is short.
answers() {
	(cd "$D" && seq "$1" 2 "$2" | sed 's/^/said./' |
		xargs jq -r '"\(input_filename | ltrimstr("said.")) \(.status) \(.stdout | select(length < 99) // "" | rtrimstr("\n"))"')
}

# Every attack ended with one of the words for it.
attacks_ended() {
	local number status rest may rc=0
	while read -r number status rest; do
		may=$(readlink "$D/asks/$number")
		grep -qw "$status" "${may%.json}.may" && continue
		echo "${may##*/} ended as $status, which is none of $(cat "${may%.json}.may"): $(head -c 1000 "$D/said.$number")"
		rc=1
	done
	return "$rc"
}

no_attack_is_there() {
	not pgrep -f "$MARK"
}

# What there is here of boxes: mounts, cgroups, files.
host_now() {
	grep -F " $D" /proc/self/mountinfo || true
	find /sys/fs/cgroup -name 'box-*' -type d 2>/dev/null | sort
	find "$D" -mindepth 1 -maxdepth 1 ! -name 'said.*' -printf '%f\n' | sort
	[ "$(id -u)" -ne 0 ] || ls -A "$R.pool/runs"
}

lanes() {
	deploy status --json | jq '.pools[0].run.lanes'
}

# What there is of the runner while nothing runs: its processes, and what root sees of their mounts and descriptors.  A
# router keeps its lanes for a while.
runner_now() {
	local pids
	mapfile -t pids < <(runner_pids | sort -n)
	echo "${pids[@]}"
	pids=("${pids[@]/#//proc/}")
	[ "$(id -u)" -eq 0 ] || return 0
	find "${pids[@]}" -maxdepth 2 -path '*/fd/*' -printf '%p %l\n' >"$D/src/descriptors"
	cat "${pids[@]/%//mountinfo}" | sort
	grep -v socket: "$D/src/descriptors" | sort
	echo "$(($(grep -c socket: "$D/src/descriptors") - $(lanes))) sockets"
}

# Nothing runs: the front and the maker.
has_only_runner() {
	[ "$(runner_pids | wc -l)" -eq 2 ]
}

@test "good runs among attacks, eight at a time, are right, every one, and nothing is left" {
	local n=${CFN_QUICK:+64}
	n=${n:-200}
	attacks_make
	asks_make "$n"
	run_serve
	ask_all 32 1
	eventually has_only_runner
	touch "$D/host" "$D/runner"
	runner_now >"$D/runner"
	host_now >"$D/host"
	ask_all "$n" 8
	answers 2 "$n" | diff - <(seq 2 2 "$n" | sed 's/.*/& accepted good &/')
	answers 1 "$n" >"$D/ended"
	[ "$(wc -l <"$D/ended")" -eq $((n / 2)) ]
	attacks_ended <"$D/ended"
	rm "$D/ended"
	eventually no_attack_is_there
	eventually has_only_runner
	host_now | diff "$D/host" -
	runner_now | diff "$D/runner" -
	post "$(good 1)"
	result .stdout 'good 1'
}

@test "after a thousand runs there are no more descriptors, processes and files than after the first" {
	local n=${CFN_QUICK:+200}
	n=${n:-1000}
	run_serve
	program C '{args: ["x"], cases: [{input: "a"}, {input: "b"}]}' <<<'int main(void) { return 0; }' >"$D/ask"
	touch "$D/runner" "$D/host" "$D/codes"
	post "@$D/ask"
	eventually has_only_runner
	runner_now >"$D/runner"
	host_now >"$D/host"
	curl -s -Z --parallel-immediate --parallel-max 4 --max-time 280 -w '%{http_code} ' -o /dev/null \
		-H 'Content-Type: application/json' --data-binary "@$D/ask" "$WEB/api/run?n=[1-$n]" >"$D/codes"
	[ "$(tr ' ' '\n' <"$D/codes" | grep -c 200)" -eq "$n" ]
	eventually has_only_runner
	runner_now | diff "$D/runner" -
	host_now | diff "$D/host" -
	post "@$D/ask"
	result .status accepted
	result .compile.cached true
}
