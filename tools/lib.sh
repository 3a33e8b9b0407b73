# shellcheck shell=bash disable=SC2034,SC2154
# lib.sh - what quickstart, run-tests and the benches share: packages, free ports, ends of processes.
# Sourced by a script that has set `tree`, the source tree.

readonly EX_UNAVAILABLE=69 EX_SOFTWARE=70 EX_CANTCREAT=73 EX_TEMPFAIL=75 EX_USAGE=64

say() {
	printf '%s\n' "$*"
}

# die STATUS TEXT: one line, and the end.
die() {
	printf '%s: %s\n' "${0##*/}" "$2" >&2
	exit "$1"
}

# packages_missing GROUP...: those that dpkg does not have.
packages_missing() {
	local name
	while read -r name; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || printf '%s\n' "$name"
	done < <(awk -v groups=" $* " '!/^#/ && NF && index(groups, " " $1 " ") { print $2 }' "$tree/tools/packages" |
		sort -u)
}

# Every service that the system could start at boot.
services_list() {
	find /lib/systemd/system /usr/lib/systemd/system /etc/init.d -maxdepth 1 -type f 2>/dev/null |
		sed 's|.*/||' | sort -u
}

# Debian starts and enables what it installs.  policy-rc.d forbids the starting, for as long as apt runs.
readonly POLICY=/usr/sbin/policy-rc.d
readonly POLICY_MARK='made by c-web-functions while it installs packages'

services_forbid() {
	if [ -e "$POLICY" ] && ! grep -qF "$POLICY_MARK" "$POLICY"; then
		mv "$POLICY" "$POLICY.cfn-saved"
	fi
	printf '#!/bin/sh\n# %s\nexit 101\n' "$POLICY_MARK" >"$POLICY"
	chmod 755 "$POLICY"
}

services_allow() {
	if [ -e "$POLICY.cfn-saved" ]; then
		mv "$POLICY.cfn-saved" "$POLICY"
	elif grep -qsF "$POLICY_MARK" "$POLICY"; then
		rm -f "$POLICY"
	fi
}

# services_disable BEFORE: whatever has come since the list BEFORE was made shall not start at boot either.
services_disable() {
	local name
	while read -r name; do
		case $name in
		*@.*) ;;
		*.service | *.socket | *.timer)
			deb-systemd-helper disable "$name" >/dev/null 2>&1 ;;
		*.*) ;;
		*)
			update-rc.d "$name" disable >/dev/null 2>&1 ;;
		esac
	done < <(comm -13 <(printf '%s\n' "$1") <(services_list))
	return 0
}

# packages_install NAME...: as root.  A second run at once waits for the first.
packages_install() (
	exec 9>/run/lock/cfn-packages.lock && flock 9 || exit "$EX_UNAVAILABLE"
	before=$(services_list)
	trap 'services_allow; services_disable "$before"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	services_forbid
	export DEBIAN_FRONTEND=noninteractive
	apt=(apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install "$@")
	"${apt[@]}" 9>&- || { apt-get -q update 9>&- && "${apt[@]}" 9>&-; }
)

# packages_need GROUP...: what is missing is installed, or one line to copy is printed.
packages_need() {
	local missing
	command -v dpkg-query >/dev/null || return 0
	mapfile -t missing < <(packages_missing "$@")
	[ ${#missing[@]} -eq 0 ] && return 0
	if [ "$(id -u)" -ne 0 ]; then
		say "These packages are missing:"
		say "    sudo apt-get install --no-install-recommends ${missing[*]}"
		exit "$EX_UNAVAILABLE"
	fi
	say "Installing: ${missing[*]}"
	packages_install "${missing[@]}" || die "$EX_UNAVAILABLE" "apt-get could not install ${missing[*]}"
}

# tree_copy TO: the sources, without what builds and editors leave in a tree.
tree_copy() {
	tar -C "$tree" --exclude=./.git --exclude='./build' --exclude='./build-*' --exclude='*.o' --exclude='*.a' \
		--exclude='.deps' --exclude='.dirstamp' --exclude='./config.status' --exclude='./config.h' \
		--exclude='./config.log' --exclude='./Makefile' --exclude='./stamp-h1' --exclude='./autom4te.cache' \
		-cf - . | tar -C "$1" --no-same-owner -xf -
}

# True when something listens on 127.0.0.1:PORT.
port_is_used() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A port of 127.0.0.1 that is free now; below the range that the kernel gives to outgoing connections.
port_free() {
	local port
	while :; do
		port=$((RANDOM % 12000 + 20000))
		port_is_used "$port" || break
	done
	printf '%s\n' "$port"
}

# wait_until SECONDS COMMAND...: polls until the command succeeds; 1 when the time is over.
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

process_is_gone() {
	! kill -0 "$1" 2>/dev/null
}

# process_stop SIGNAL PID...: asks, waits, and kills what is still there.
process_stop() {
	local signal=$1 pid
	shift
	for pid; do
		kill -s "$signal" "$pid" 2>/dev/null
	done
	for pid; do
		wait_until 10 process_is_gone "$pid" || kill -s KILL "$pid" 2>/dev/null
	done
	return 0
}

# descendants PID [PROGRAM]: the pids below a process, of this program alone.
descendants() {
	ps -e -o pid=,ppid=,comm= | awk -v root="$1" -v program="${2:-}" '
		{ parent[$1] = $2; name[$1] = $3 }
		END {
			for (pid in parent) {
				if (program != "" && name[pid] != program) continue
				for (p = pid; p > 1 && p != root; p = parent[p]) ;
				if (p == root && pid != root) print pid
			}
		}'
}
