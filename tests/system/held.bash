# shellcheck shell=bash disable=SC2034,SC2046,SC2154
# held.bash - what a pool's trusted processes hold: descriptors, threads, mounts, processes, private memory.

# In KiB, of the private memory of one process: what an allocator keeps differs from look to look.
readonly MEMORY_BOUND=768

trusted() {
	echo "$POOL" "$(pool_processes cfn-spawn)" "$(pool_processes cfn-router)"
}

# What they hold, a line each: descriptors, threads, mounts, and all processes of the pool.
held() {
	local pid
	for pid in $(trusted); do
		say "$(cat "/proc/$pid/comm") $(find "/proc/$pid/fd" -mindepth 1 | wc -l) descriptors" \
			"$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l) threads" \
			"$(wc -l <"/proc/$pid/mountinfo") mounts"
	done
	say "$(descendants "$POOL" | wc -l) processes"
}

# memory [PID...]: private memory of each in KiB, or of the trusted ones.
memory() {
	local pid
	[ $# -gt 0 ] || set -- $(trusted)
	for pid in "$@"; do
		awk '/^RssAnon:/ { printf "%d ", $2 }' "/proc/$pid/status"
	done
}

# memory_is_flat BEFORE NOW
memory_is_flat() {
	local i
	local -a before now
	read -ra before <<<"$1"
	read -ra now <<<"$2"
	for i in "${!before[@]}"; do
		[ "${now[i]}" -le $((before[i] + MEMORY_BOUND)) ] || { echo "KiB of each process: $1, then $2"; return 1; }
	done
}
