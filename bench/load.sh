# shellcheck shell=bash disable=SC2154,SC2317
# load.sh - requests a second and their times, by wrk: every peer with so many connections, and some of them with 1 to 256.

# load ROUND PEER CONNECTIONS SECONDS [NAME]: figures of PEER_cCONNECTIONS.
load() {
	wrk -t1 -c"$3" -d"${4}s" --timeout 20s -s "$tree/bench/report.lua" "$(cat "$run/url.$2")" \
		-- "$(cat "$run/body.$2" 2>/dev/null)" |
		awk -v round="$1" -v name="${5:-$2}_c$3" '
			function put(metric, value) { print round, name, metric, value }
			/^RESULT/ {
				is_said = 1
				put("rps", sprintf("%.1f", $2 * 1e6 / $3)); put("errors", $4 + $5)
				put("p50", $6); put("p90", $7); put("p99", $8); put("p999", $9)
			}
			END { if (!is_said) put("errors", 1) }' >>"$run/figures"
}

measure_load() {
	local round name c
	for ((round = 1; round <= rounds; round++)); do
		for name in $(turned "$round" cfn open bare24 kore php cached fcgiwrap fresh json php_json light light_bare); do
			load "$round" "$name" 16 "$seconds"
		done
		for name in $(turned "$round" cfn bare24 bare64 kore); do
			load "$round" "$name" 64 "$seconds"
		done
		for name in $(turned "$round" cfn fresh bare24); do
			load "$round" "$name" 1 "$seconds"
		done
		say "round $round of $rounds"
	done
	[ -z "$is_quick" ] || return 0
	for ((round = 1; round <= (rounds + 1) / 2; round++)); do
		for c in 1 4 16 64 256; do
			for name in $(turned "$round" cfn bare64 php kore); do
				load "$round" "$name" "$c" 1 "scale_$name"
			done
		done
	done
}
