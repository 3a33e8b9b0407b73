#!/usr/bin/env bats
# box.bats - every attempt inside the box of a compiler: the outcome of the manifest, whoever runs cfn-deploy, and
# nothing left of it.
# shellcheck disable=SC2034,SC2154
load corpus

setup_file() {
	corpus_make c cpp
}

teardown_file() {
	place_remove
}

@test "files: the toolchain is read, nothing else, and nothing is changed" { attempts_are box fs; }
@test "disk: bytes, inodes and depth end, and only a plain file is fetched" { attempts_are box disk; }
@test "memory: none beyond the limit, none that nobody counts" { attempts_are box mem; }
@test "processes: so many, of the toolchain's programs, and no other is seen or reached" { attempts_are box proc sig; }
@test "namespaces: none is made or entered" { attempts_are box ns; }
@test "privileges: uid 1000, no capability, and no way to be anybody else" { attempts_are box priv; }
@test "descriptors: three, and nothing of them reaches others" { attempts_are box fd; }
@test "sockets: none of any family" { attempts_are box net; }
@test "the kernel: no keys, logs, programs, rings, watches, modules or other architectures" { attempts_are box sys; }
@test "time: nobody sets the clock or the scheduler, outstays its limit, or stays by stopping" {
	attempts_are box time sched
}
@test "a crash is named, and a flood of output is ended" { attempts_are box crash out; }
@test "no word of who started it is in the environment or in the memory" { attempts_are box state; }
@test "nothing of one run is there in the next" { attempts_are box state; }
@test "C++ finds the same walls" { attempts_are box cpp; }
@test "what is allowed works" { attempts_are box good; }
