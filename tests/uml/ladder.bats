#!/usr/bin/env bats
# ladder.bats - the isolation ladder on a Linux 6.1 without Landlock, in User-mode Linux (tests/uml/boot): the level that
# the kernel gives is served with and said, and below the one that is required a pool refuses to start, whoever starts it.
# shellcheck disable=SC2034,SC2154
load ../system/helper

setup_file() {
	[ "$(id -u)" -eq 0 ]
	[[ $(uname -r) == 6.1.* ]]
	place_make
	hello_make hello "hello from 6.1"
	deploy "$D/src/hello.c"
	# What an ordinary user has.
	mkdir "$D/user"
	printf '[global]\nlisten = unix:%s/x.sock\nregistry = %s/reg/r.db\nstate_dir = %s/pool\n' \
		"$D/user" "$D/user" "$D/user" >"$D/user/cfn.conf"
	cp -a "$D/reg" "$D/user/reg"
	chown -R 7001:7001 "$D/user"
	printf '#!/bin/sh\nexec "$@"\n' >"$D/as_root"
	printf '#!/bin/sh\nexec setpriv --reuid=7001 --regid=7001 --clear-groups --inh-caps=-all "$@"\n' >"$D/as_user"
	chmod 755 "$D"/as_*
	PATH=$D:$PATH NAMESPACES=$(cat /proc/sys/user/max_user_namespaces)
	export PATH NAMESPACES
}

teardown() {
	echo "$NAMESPACES" >/proc/sys/user/max_user_namespaces
	sed -i '/^require_isolation/d' "$D/cfn.conf" "$D/user/cfn.conf"
}

teardown_file() {
	place_remove
}

# examined CODE WHO: how the doctor ends for him; $D/json is what it finds, $D/text the same for people.
examined() {
	local rc=0
	"$2" cfn-deploy -c "$D/cfn.conf" doctor --json >"$D/json" 3>&- || rc=$?
	[ "$rc" -eq "$1" ] || { echo "exit status $rc, not $1:"; cat "$D/json"; return 1; }
	rc=0
	"$2" cfn-deploy -c "$D/cfn.conf" doctor >"$D/text" 3>&- || rc=$?
	[ "$rc" -eq "$1" ]
}

# found JQ-EXPRESSION: it holds of what the doctor found.
found() {
	jq -e "$1" "$D/json" >/dev/null || { echo "not so: $1"; jq . "$D/json"; return 1; }
}

# both_are_refused TEXT: no pool starts, neither root's nor an ordinary user's, and each says so in one line with this.
both_are_refused() {
	refused 78 timeout 150 as_root cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	grep -q "$1.*; see 'cfn-deploy doctor'\$" "$D/err"
	refused 78 timeout 150 as_user cfn-pool -c "$D/user/cfn.conf"
	grep -q "$1.*; see 'cfn-deploy doctor'\$" "$D/err"
	not test -e "$D/x.sock"
	not test -e "$D/user/x.sock"
}

# serves WHO ARGUMENT...: his pool starts with them, says that it is strong, and a function answers.
serves() {
	local who=$1
	shift
	"$who" cfn-pool "$@" >>"$D/pool.out" 2>&1 3>&- &
	POOL=$!
	started "$POOL"
	eventually pool_is_up_or_gone
	fcgi <<<$'get 1 /hello 0\nread-all' | grep -q 'hello from 6.1'
	grep -q 'isolation strong: user mount pid ipc uts cgroup net limits capabilities seccomp$' "$D/error.log" "$D/pool.out"
	kill "$POOL"
	eventually process_is_gone "$POOL"
	rm -f "$D/error.log" "$D/pool.out"
}

both_serve() {
	serves as_root -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	SOCKET=unix:$D/user/x.sock serves as_user -c "$D/user/cfn.conf"
}

@test "without Landlock the level is strong, which the doctor and the pool say, and a function is served" {
	for who in as_root as_user; do
		examined 0 "$who"
		found '.level == "strong" and .starts and .first_to_fail == null'
		found '[.layers[] | select(.works != true and .required)] == []'
		found '.layers[] | select(.layer == "Landlock") | .works == false and (.why | contains("not implemented"))'
		found '.warnings | any(contains("strong, not full: Landlock"))'
		grep -q '^level: strong; require_isolation = strong: a pool starts here$' "$D/text"
	done
	both_serve
}

@test "require_isolation = full is refused, and Landlock named" {
	echo 'require_isolation = full' | tee -a "$D/cfn.conf" >>"$D/user/cfn.conf"
	examined 69 as_root
	found '.level == "strong" and (.starts | not) and .first_to_fail == "Landlock"'
	grep -q '^first to fail: Landlock: ' "$D/text"
	both_are_refused 'require_isolation = full, but this kernel has no Landlock, which makes it strong'
}

@test "without user namespaces a pool is refused, root's too, and the sysctl named that helps" {
	echo 0 >/proc/sys/user/max_user_namespaces
	for who in as_root as_user; do
		examined 69 "$who"
		found '.level == "none" and (.starts | not) and .first_to_fail == "user namespaces"'
		found '.layers[0].advice | contains("sysctl -w user.max_user_namespaces=")'
	done
	both_are_refused 'user.max_user_namespaces'
}

# The security module of Ubuntu 23.10 and later, which there allows the namespace and then refuses its mounts.
@test "where AppArmor refuses mounts a pool is refused, and started when the printed profile is loaded" {
	local prefix
	prefix=$(realpath "$(dirname "$(command -v cfn-deploy)")/..")
	printf 'profile cfn-restricted %s/** { capability, network, signal, ptrace, unix, / rwkml, /** rwkmlix, }\n' \
		"$prefix" | apparmor_parser -K -r
	for who in as_root as_user; do
		examined 69 "$who"
		found '.level == "none" and .first_to_fail == "mount namespace" and .layers[0].works'
		found '.layers[] | select(.layer == "mount namespace") | (.why | contains("Permission denied"))
			and (.advice | contains("doctor --apparmor"))'
	done
	both_are_refused 'mount namespace: Permission denied'
	# As far as this parser and kernel know it.
	cfn-deploy doctor --apparmor | grep -vE '^abi |^  userns,' | apparmor_parser -K -r
	both_serve
}
