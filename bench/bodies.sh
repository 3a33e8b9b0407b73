# shellcheck shell=bash disable=SC2154,SC2317
# bodies.sh - a large body up and one down, and what the router holds afterwards.

# body ROUND PEER up|down: MiB a second.
body() {
	local options=(-o "$run/body.answer") want=$((body_mib << 20)) is=
	[ "$3" = down ] || options+=(-X POST -H 'Expect:' -H 'Content-Type: application/octet-stream' -T "$run/body.bytes")
	is=$(curl -s --max-time 60 -w '%{http_code} %{size_download} %{time_total}' "${options[@]}" "$(body_url "$2")")
	read -r code size time <<<"$is"
	if [ "$3" = up ]; then
		size=$(cat "$run/body.answer")
	else
		want=$((100 << 20)) # what the function gives, always
	fi
	if [ "$code" = 200 ] && [ "$size" = "$want" ]; then
		figure "$1" "$2_$3" mib_s "$(awk -v n="$want" -v t="$time" 'BEGIN { printf "%.1f", n / 1048576 / t }')"
		figure "$1" "$2_$3" errors 0
	else
		figure "$1" "$2_$3" errors 1
	fi
}

body_url() {
	sed 's|/hello$|/body|' "$run/url.$1"
}

# Resident memory of that pool's router, in KiB.
router_memory() {
	awk '/^VmRSS:/ { print $2 }' "/proc/$(descendants "$more" cfn-router)/status"
}

measure_bodies() {
	local round name
	head -c $((body_mib << 20)) /dev/zero >"$run/body.bytes"
	figure 1 router_before kib "$(router_memory)"
	for ((round = 1; round <= rounds; round++)); do
		for name in $(turned "$round" more bare_body); do
			body "$round" "$name" up
			body "$round" "$name" down
		done
	done
	figure 1 router_after kib "$(router_memory)"
}
