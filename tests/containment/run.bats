#!/usr/bin/env bats
# run.bats - every attempt inside the box of a stranger's program: the outcome of the manifest, whoever runs it, and
# nothing left of it.
# shellcheck disable=SC2034,SC2154
load corpus

setup_file() {
	corpus_make c cpp
}

teardown_file() {
	place_remove
}

@test "files of a run: the toolchain is read, nothing else, and nothing is changed" { attempts_are run fs; }
@test "disk of a run: bytes, inodes and depth end, and only a plain file is fetched" { attempts_are run disk; }
@test "memory of a run: none beyond the limit, none that nobody counts" { attempts_are run mem; }
@test "processes of a run: so many, its own and of the toolchain's programs, and no other is seen or reached" { attempts_are run proc sig; }
@test "namespaces: none is made or entered" { attempts_are run ns; }
@test "privileges: uid 1000, no capability, and no way to be anybody else" { attempts_are run priv; }
@test "descriptors: three, and nothing of them reaches others" { attempts_are run fd; }
@test "sockets: none of any family" { attempts_are run net; }
@test "the kernel: no keys, logs, programs, rings, watches, modules or other architectures" { attempts_are run sys; }
@test "time: nobody sets the clock or the scheduler, outstays its limit, or stays by stopping" {
	attempts_are run time sched
}
@test "a crash is named, and a flood of output is ended" { attempts_are run crash out; }
@test "no word of who started it is in the environment or in the memory" { attempts_are run state; }
@test "nothing of one run is there in the next" { attempts_are run state; }
@test "C++ finds the same walls" { attempts_are run cpp; }
@test "what is allowed works" { attempts_are run good; }
