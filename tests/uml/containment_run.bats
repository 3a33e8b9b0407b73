#!/usr/bin/env bats
# containment_run.bats - every attempt of tests/containment inside the box of a stranger's program on Linux 6.1
# without Landlock: the outcome is the same, as Landlock is a second line.
# shellcheck disable=SC2034,SC2154
# A process takes long to start here; those that have to meet a limit need not wait for it.
ATTEMPT_CPU_MS=10000 ATTEMPT_WALL_MS=20000 SHORT_CPU_MS=2000 SHORT_WALL_MS=6000
load ../containment/corpus

# User-mode Linux has one table of calls: to it int $0x80 is an ordinary one, which the filter judges as such.
ATTEMPTS_LEFT_OUT=sys_int80

setup_file() {
	[ "$(id -u)" -eq 0 ]
	[[ $(uname -r) == 6.1.* ]]
	corpus_make c cpp
}

teardown_file() {
	place_remove
}

@test "a run is held in the same way by another kernel: files, disk and memory" { attempts_are run fs disk mem; }
@test "a run is held in the same way by another kernel: processes and signals" { attempts_are run proc sig; }
@test "a run is held in the same way by another kernel: namespaces, privileges, descriptors and sockets" { attempts_are run ns priv fd net; }
@test "a run is held in the same way by another kernel: its other system calls" { attempts_are run sys; }
@test "a run is held in the same way by another kernel: time, state and crashes" { attempts_are run time sched state crash out; }
@test "a run is held in the same way by another kernel: C++, and what is allowed" { attempts_are run cpp good; }
