#!/usr/bin/env bats
# boot.bats - tests/uml/boot, which runs commands under another kernel: what comes out of the guest, that the host is
# out of its reach, and that nothing of it is left, however it ends.
# bats file_tags=any-user
# shellcheck disable=SC2016,SC2034,SC2154
load helper

setup() {
	place_make
	boot=$tree/tests/uml/boot
	export CFN_CLIENT
	mkdir "$D/tmp"
}

teardown() {
	place_remove
}

# guest ARGUMENT...: its files are in a folder that shall be empty afterwards.
guest() {
	TMPDIR=$D/tmp "$boot" "$@" 3>&-
}

@test "a command runs as root under Linux 6.1; its output and status come out" {
	local rc=0
	guest sh -c 'id -u; uname -r; echo said >&2; seq 10000; exit 7' >"$D/said" 2>"$D/kernel" || rc=$?
	[ "$rc" -eq 7 ]
	[ "$(sed -n 1p "$D/said")" = 0 ]
	[[ $(sed -n 2p "$D/said") == 6.1.* ]]
	[ "$(sed -n 3p "$D/said")" = said ]
	[ "$(tail -n 10000 "$D/said" | md5sum)" = "$(seq 10000 | md5sum)" ]
	rmdir "$D/tmp"
}

@test "the guest's root writes nothing of the host" {
	local rc=0
	cd "$tree"
	guest sh -c 'touch "$1/written" /written && exit 1; touch /tmp/written && test ! -e "$2"' sh "$tree" "$D/reg" || rc=$?
	[ "$rc" -eq 0 ]
	[ ! -e /written ] && [ ! -e /tmp/written ] && [ ! -e "$tree/written" ]
}

@test "a guest that does not end is ended, and a kernel that panics is said" {
	local rc=0
	guest --timeout 5 sleep 100 >"$D/said" || rc=$?
	[ "$rc" -eq 124 ]
	rc=0
	guest sh -c 'echo c >/proc/sysrq-trigger; sleep 100' >"$D/said" 2>"$D/kernel" || rc=$?
	[ "$rc" -eq 70 ]
	grep -q 'Kernel panic' "$D/kernel"
	rmdir "$D/tmp"
}

guest_is_busy() {
	grep -q busy "$D/said"
}

@test "when boot is killed no process of the guest goes on" {
	local signal
	for signal in TERM KILL; do
		TMPDIR=$D/tmp "$boot" sh -c 'for i in 1 2 3; do (while :; do :; done) & done; echo busy; wait' >"$D/said" 3>&- &
		started $!
		eventually guest_is_busy
		remember_below $!
		[ "$(wc -l <"$D/below")" -ge 5 ]
		kill -s "$signal" $!
		eventually all_gone
		: >"$D/said"
	done
}
