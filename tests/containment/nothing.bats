#!/usr/bin/env bats
# nothing.bats - the attempts without a sandbox: they can do what they try, so that their outcome in a sandbox is the
# sandbox's work.  And the harness sees what it is there to see.
# shellcheck disable=SC2034,SC2154
load corpus

setup_file() {
	corpus_make c cpp
}

teardown_file() {
	place_remove
}

@test "files can be read, written and found" { attempts_can fs; }
@test "memory can be taken, shared and run" { attempts_can mem; }
@test "processes can be made, seen and traced" { attempts_can proc sig; }
@test "namespaces can be made" { attempts_can ns; }
@test "privileges can be used" { attempts_can priv; }
@test "descriptors can be had without end" { attempts_can fd; }
@test "sockets can be made and reached" { attempts_can net; }
@test "the kernel gives keys, rings and watches" { attempts_can sys; }
@test "the scheduler can be set" { attempts_can sched; }
@test "a core file has no limit, and the canary is found in the environment and in the memory" { attempts_can crash state; }
@test "C++ can do the same" { attempts_can cpp; }
@test "what is allowed works" { attempts_can good; }

@test "a process that is left is noticed" {
	"$D/bin/attempts.c" time_sleep 3>&- >/dev/null &
	started $!
	not box_is_gone
	kill -KILL $!
	eventually box_is_gone
}

@test "a change of the host is noticed" {
	# A place of its own: those of all are looked at by other tests too.
	local before
	host_places+=" $D/cfn_*"
	host_state
	before=$STATE
	host_state
	[ "$STATE" = "$before" ]
	: >"$D/cfn_mark"
	host_state
	[ "$STATE" != "$before" ]
}

@test "every attempt is in the manifest, and the manifest has no other" {
	diff <(cut -f1 "$containment/manifest.tsv" | tail -n +2 | sort) \
		<({
			find "$containment/programs" -name '*.c*' -printf '%f\n' | sed 's/\..*//'
			sed -n 's/^\t{ "\([a-z0-9_]*\)".*/\1/p' "$containment/calls.c"
		} | sort)
}
