#!/usr/bin/env bats
# doctor.bats - on a system that lacks a layer cfn-deploy doctor names it, with the reason and what to do, and the pool
# refuses in one line or serves with the level that there is.
# shellcheck disable=SC2154
load helper

setup() {
	place_make
	without=${CFN_CLIENT%/*}/without
}

teardown() {
	place_remove
}

doctor() {
	cfn-deploy -c "$D/cfn.conf" doctor "$@" 3>&-
}

# A system on which no further user namespace can be made.  The caller seems to be root there.
without_namespaces() {
	unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' sh "$@"
}

# examined CODE [COMMAND...]: how the doctor ends there; $D/json is what it finds, $D/text the same for people.
examined() {
	local code=$1 rc=0
	shift
	"$@" cfn-deploy -c "$D/cfn.conf" doctor --json >"$D/json" 2>"$D/err" 3>&- || rc=$?
	[ "$rc" -eq "$code" ] || { echo "exit status $rc, not $code:"; cat "$D/json" "$D/err"; return 1; }
	rc=0
	"$@" cfn-deploy -c "$D/cfn.conf" doctor >"$D/text" 2>>"$D/err" 3>&- || rc=$?
	[ "$rc" -eq "$code" ] && [ ! -s "$D/err" ] && one_line "$D/json"
}

# found JQ-EXPRESSION: it holds of what the doctor found.
found() {
	jq -e "$1" "$D/json" >/dev/null || { echo "not so: $1"; jq . "$D/json"; return 1; }
}

# layer NAME JQ-EXPRESSION: it holds of the layer's row.
layer() {
	found "[.layers[] | select(.layer == \"$1\")] | length == 1 and (.[0] | $2)"
}

# pool_refuses [COMMAND...]: with the one line in $D/err.
pool_refuses() {
	refused 78 "$@" cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	grep -q "; see 'cfn-deploy doctor'\$" "$D/err"
}

@test "where everything works the level is full" {
	examined 0
	found '.level == "full" and .starts and .first_to_fail == null and (.memory | startswith("rlimit (") or startswith("cgroup ("))'
	found 'all(.layers[] | select(.required); .works and .why == "" and .advice == "")'
	layer Landlock '.works and (.detail | test("ABI [0-9]+"))'
	grep -q '^level: full; require_isolation = strong: a pool starts here$' "$D/text"
	[ "$(grep -cE '^memory: (rlimit|cgroup) [(]' "$D/text")" -eq 1 ]
	not compgen -G '/tmp/cfn-doctor.*'
}

@test "without user namespaces it names them and the sysctl, and the pool refuses" {
	examined 69 without_namespaces
	found '.level == "none" and (.starts | not) and .first_to_fail == "user namespaces"'
	layer 'user namespaces' '.works == false and (.why | contains("No space left on device"))'
	layer 'user namespaces' '.advice | contains("sysctl -w user.max_user_namespaces=")'
	layer 'mount namespace' '.works == null and (.why | contains("user namespaces"))'
	grep -q '^first to fail: user namespaces: ' "$D/text"
	pool_refuses without_namespaces
	grep -q 'user.max_user_namespaces' "$D/err"
}

@test "where clone3 is forbidden it points to the container" {
	examined 69 "$without" ENOSYS clone3
	found '.first_to_fail == "user namespaces"'
	layer 'user namespaces' '(.why | contains("not implemented")) and (.advice | contains("seccomp"))'
	pool_refuses "$without" ENOSYS clone3
}

@test "where the ids of uid_range do not exist the id maps are named" {
	examined 69 unshare -Ur
	found '.first_to_fail == "id maps"'
	layer 'id maps' '.works == false and (.advice | contains("uid_range")) and (.why | contains("\n") | not)'
	layer 'mount namespace' '.works == null and (.why | contains("id maps"))'
	pool_refuses unshare -Ur
}

@test "where mounts are forbidden in user namespaces it points to AppArmor, and the pool refuses" {
	examined 69 "$without" EACCES mount
	found '.level == "none" and .first_to_fail == "mount namespace"'
	layer 'user namespaces' '.works'
	layer 'mount namespace' '(.why | contains("Permission denied")) and (.advice | contains("doctor --apparmor"))'
	layer 'whole sandbox' '.works == false'
	pool_refuses "$without" EACCES mount
	grep -q 'mount namespace: Permission denied' "$D/err"
}

@test "where detached mounts or pivot_root fail the root is named" {
	local call
	for call in fsopen move_mount pivot_root; do
		examined 69 "$without" EPERM "$call"
		found '.first_to_fail == "root"'
		pool_refuses "$without" EPERM "$call"
	done
}

@test "without seccomp it is named" {
	examined 69 "$without" EINVAL seccomp
	found '.first_to_fail == "seccomp"'
	layer seccomp '.advice | contains("CONFIG_SECCOMP_FILTER")'
	pool_refuses "$without" EINVAL seccomp
}

@test "without Landlock the level is strong, and said" {
	examined 0 "$without" ENOSYS landlock_create_ruleset
	found '.level == "strong" and .starts and .first_to_fail == null'
	found '.warnings | any(contains("strong, not full: Landlock"))'
	layer Landlock '.works == false and (.why | contains("not implemented")) and (.advice | contains("lsm="))'
	grep -q '^warning: the isolation is strong' "$D/text"
}

@test "a pool without Landlock serves, and says so" {
	local pool
	pool=$(command -v cfn-pool)
	printf '#!/bin/sh\nexec "%s" ENOSYS landlock_create_ruleset "%s" "$@"\n' "$without" "$pool" >"$D/cfn-pool"
	chmod 755 "$D/cfn-pool"
	PATH=$D:$PATH pool_start
	grep -q 'isolation strong' "$D/error.log"
	pool_stop TERM
}

@test "require_isolation = full is refused without Landlock" {
	conf <<<'require_isolation = full'
	examined 69 "$without" ENOSYS landlock_create_ruleset
	found '.level == "strong" and (.starts | not) and .first_to_fail == "Landlock"'
	grep -q '^level: strong; require_isolation = full: a pool does not start here$' "$D/text"
	pool_refuses "$without" ENOSYS landlock_create_ruleset
	grep -q 'require_isolation = full.*Landlock' "$D/err"
	examined 0
}

@test "without its programs it says what to install" {
	mkdir "$D/no"$'\377\n'"thing"
	CFN_LIBEXECDIR=$D/no$'\377\n'thing examined 69
	layer 'whole sandbox' '.why | contains("no\\xff\\x0athing")'
	found '.first_to_fail == "whole sandbox"'
	layer 'whole sandbox' '(.why | contains("cfn-router")) and (.advice | contains("make install"))'
}

@test "groups that amount to root are warned of" {
	local risky
	if [ "$(id -u)" -eq 0 ]; then
		set -- setpriv --reuid 61199 --regid 61199 --groups "$(getent group disk | cut -d: -f3)"
	fi
	risky=$("$@" id -Gn | tr ' ' '\n' | grep -cxE 'docker|sudo|adm|disk|lxd|shadow|kvm') || true
	examined 0 "$@"
	found ".warnings | map(select(contains(\"is in the groups\"))) | length == ($risky | if . > 0 then 1 else 0 end)"
	layer 'id maps' '.works and (.detail | contains("one host uid"))'
}

@test "the AppArmor profile allows user namespaces to the three programs, where they are" {
	local program
	doctor --apparmor >"$D/profile"
	grep -qx 'abi <abi/4.0>,' "$D/profile"
	[ "$(grep -c '^profile /.* flags=(unconfined) {$' "$D/profile")" -eq 3 ]
	[ "$(grep -cx '  userns,' "$D/profile")" -eq 3 ]
	for program in cfn-pool cfn-deploy; do
		grep -q "^profile $(realpath "$(command -v "$program")") " "$D/profile"
	done
	while read -r _ program _; do
		[ -x "$program" ]
	done < <(grep '^profile ' "$D/profile")
	mkdir "$D/o{d}d"
	: >"$D/o{d}d/cfn-spawn"
	CFN_LIBEXECDIR="$D/o{d}d" refused 70 cfn-deploy doctor --apparmor
}

@test "a level that it does not know and arguments are refused" {
	refused 64 cfn-deploy doctor everything
	conf <<<'require_isolation = some'
	refused 78 cfn-deploy -c "$D/cfn.conf" doctor
}

# bats test_tags=any-user
@test "web servers that are here are named, with the line to run and whether their user reaches the socket" {
	command -v nginx >/dev/null && id www-data >/dev/null || skip "no nginx, or no user www-data"
	[ "$EUID" -eq 0 ] || skip "the socket is given to another user"
	conf <<<"listen = $SOCKET"
	examined 0
	grep -q '^web server: nginx: cfn-deploy webserver nginx$' "$D/text"
	[ "$(grep -c "^warning: no socket ${SOCKET#unix:} " "$D/text")" -eq 1 ]
	pool_start
	chmod 600 "${SOCKET#unix:}"
	examined 0
	grep -q "^warning: nginx's user www-data cannot connect to ${SOCKET#unix:}, whose mode is 0600: " "$D/text"
	found '.web_servers[] | select(.server == "nginx") | .user == "www-data" and (.can_connect | not) and (.warnings | length) > 0'
	chgrp www-data "${SOCKET#unix:}"
	chmod 660 "${SOCKET#unix:}"
	examined 0
	grep -q "^web server: nginx, whose user www-data can connect to $SOCKET: cfn-deploy webserver nginx\$" "$D/text"
	found '.web_servers[] | select(.server == "nginx") | .can_connect'
	chmod 700 "$D"
	examined 0
	grep -q "^warning: nginx's user www-data cannot enter the folder $D\$" "$D/text"
	chmod 755 "$D"
}
