#!/usr/bin/env bats
# ladder.bats - the isolation ladder on Linux 6.1 without Landlock, in User-mode Linux (tests/uml/boot): which level a
# kernel gives, that a pool serves with it and says so, and that it refuses to start below what is required.
# shellcheck disable=SC2034,SC2154
load ../system/helper

setup_file() {
	[ "$(id -u)" -eq 0 ] && [[ $(uname -r) == 6.1.* ]]
	place_make
	hello_make hello "hello from 6.1"
	deploy "$D/src/hello.c"
}

teardown_file() {
	place_remove
}

ask() {
	fcgi <<<"get 1 $1 0"$'\nread-all'
}

# answers PATH TEXT
answers() {
	local answer
	answer=$(ask "$1") || true
	grep -qF -- "$2" <<<"$answer" || { echo "$1: $answer"; return 1; }
}

# examined CODE: how the doctor ends; $D/json is what it finds, $D/text the same for people.
examined() {
	local rc=0
	cfn-deploy -c "$D/cfn.conf" doctor --json >"$D/json" 3>&- || rc=$?
	[ "$rc" -eq "$1" ]
	rc=0
	cfn-deploy -c "$D/cfn.conf" doctor >"$D/text" 3>&- || rc=$?
	[ "$rc" -eq "$1" ]
}

# found JQ-EXPRESSION: it holds of what the doctor found.
found() {
	jq -e "$1" "$D/json" >/dev/null || { echo "not so: $1"; jq . "$D/json"; return 1; }
}

@test "without Landlock the level is strong, which the doctor and the pool say, and a function is served" {
	examined 0
	found '.level == "strong" and .starts and .first_to_fail == null'
	found '[.layers[] | select(.works != true and .required)] == []'
	found '.layers[] | select(.layer == "Landlock") | .works == false and (.why | contains("not implemented"))'
	found '.warnings == ["the isolation is strong, not full: Landlock is missing"]'
	grep -q '^level: strong; require_isolation = strong: a pool starts here$' "$D/text"
	pool_start
	grep -q 'isolation strong: user mount pid ipc uts cgroup net limits capabilities seccomp$' "$D/error.log"
	answers /hello 'hello from 6.1'
	pool_stop TERM
}

@test "require_isolation = full is refused in one line, which names Landlock" {
	conf <<<'require_isolation = full'
	examined 69
	found '.level == "strong" and (.starts | not) and .first_to_fail == "Landlock"'
	grep -q '^first to fail: Landlock: ' "$D/text"
	refused 78 cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	grep -q 'require_isolation = full.*no Landlock.*strong.*cfn-deploy doctor' "$D/err"
	conf <<<''
}
