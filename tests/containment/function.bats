#!/usr/bin/env bats
# function.bats - every attempt inside a function of a running pool: the outcome of the manifest, whoever started the
# pool, and nothing left of it.
# shellcheck disable=SC2034,SC2154
load corpus

setup_file() {
	place_make
	corpus_pool c cpp
	host_remember
}

teardown_file() {
	place_remove
}

# Whatever was tried: the same spawner and router, and the neighbour answers.
teardown() {
	[ "$(pool_processes cfn-spawn) $(pool_processes cfn-router)" = "$SPAWNER $ROUTER" ] &&
		printf 'get 1 /neighbour 0\nread\n' | fcgi | grep -q '^|the neighbour'
}

@test "files: none of the host is read, written, found or made" { attempts_are function fs; }
@test "disk: bytes, inodes and depth end" { attempts_are function disk; }
@test "memory: none beyond the limit, none to be run, none that nobody counts" { attempts_are function mem; }
@test "processes: none is made, run, traced, seen or reached" { attempts_are function proc sig; }
@test "namespaces: none is made or entered" { attempts_are function ns; }
@test "privileges: uid 1000, no capability, and no way to be anybody else" { attempts_are function priv; }
@test "descriptors: four, and nothing of them reaches others" { attempts_are function fd; }
@test "sockets: none of any family, by any way" { attempts_are function net; }
@test "the kernel: no keys, logs, programs, rings, watches, modules or other architectures" { attempts_are function sys; }
@test "time: nobody sets the clock or the scheduler, outstays its limit, or stays by stopping" {
	attempts_are function time sched
}
@test "a crash is named, and leaves no core" { attempts_are function crash; }
@test "no word of the master is in the environment or in the memory of a worker" { attempts_are function state; }
@test "nothing of one run is there in the next" { attempts_are function state; }
@test "C++ finds the same walls" { attempts_are function cpp; }
@test "what is allowed works" { attempts_are function good; }

@test "the canary stood in the master: on its command line and in its memory, which nobody else reads" {
	tr '\0' '\n' <"/proc/$POOL/cmdline" | grep -q "$CANARY"
	if [ "$(id -u)" -eq 0 ]; then
		memory_of "$POOL" | grep -aq "$CANARY"
	else
		not test -r "/proc/$POOL/environ"
		not memory_of "$POOL" >/dev/null
	fi
}

# What a process has in its heap and on its stack.
memory_of() {
	local range rest from to
	while read -r range rest; do
		from=$((0x${range%-*})) to=$((0x${range#*-}))
		[[ $rest != *heap* && $rest != *stack* ]] ||
			dd "if=/proc/$1/mem" iflag=skip_bytes,count_bytes "skip=$from" "count=$((to - from))" bs=64K status=none
	done <"/proc/$1/maps"
}
