#!/usr/bin/env bats
# containment_function.bats - every attempt of tests/containment inside a function on Linux 6.1 without Landlock: the
# outcome is the same, as Landlock is a second line.  Those in C: the compiler of C++ meets its limit of CPU time here.
# shellcheck disable=SC2034,SC2154
# A process takes long to start here, and so do the limits to be met.
ATTEMPT_CPU_MS=10000 ATTEMPT_WALL_MS=20000
load ../containment/corpus

# User-mode Linux has one table of calls: to it int $0x80 is an ordinary one, which the filter judges as such.
ATTEMPTS_LEFT_OUT="sys_int80 good_cpp"

setup_file() {
	[ "$(id -u)" -eq 0 ]
	[[ $(uname -r) == 6.1.* ]]
	place_make
	corpus_pool c
	host_remember
}

teardown_file() {
	place_remove
}

@test "a function is held in the same way by another kernel: files, disk and memory" { attempts_are function fs disk mem; }
@test "a function is held in the same way by another kernel: processes and signals" { attempts_are function proc sig; }
@test "a function is held in the same way by another kernel: namespaces, privileges, descriptors and sockets" { attempts_are function ns priv fd net; }
@test "a function is held in the same way by another kernel: its other system calls" { attempts_are function sys; }
@test "a function is held in the same way by another kernel: time, state and crashes" { attempts_are function time sched state crash; }
@test "a function is held in the same way by another kernel: what is allowed" { attempts_are function good; }
