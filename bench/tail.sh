# shellcheck shell=bash disable=SC2154,SC2317
# tail.sh - what slow requests and crash loops do to the others, by ask.c, which tells answers by their status.

# asked ROUND NAME STATUS [STATUS]: figures of the answers with that status, from ask's lines on standard input; any other
# status than those two is an error.
asked() {
	awk -v round="$1" -v name="$2" -v status="$3" -v also="${4:-none}" '
		function put(metric, value) { print round, name, metric, value }
		$1 == status { n = $2; put("n", $2); put("p50", $3); put("p90", $4); put("p99", $5); put("p999", $6); next }
		$1 != also { errors += $2 }
		END { put("errors", n > 0 ? errors + 0 : errors + 1) }' >>"$run/figures"
}

# ask PATH CONNECTIONS MILLISECONDS [FIELD]
ask() {
	"$build/bench/ask" "$(port_of more)" "$@"
}

# A function that is fast but for one request in a thousand.
tail_rare() {
	local name
	for name in $(turned "$1" rare rare_flat); do
		ask "/$name" 16 $((seconds * 1000)) "Authorization: Bearer $token" | asked "$1" "$name" 200 202
	done
}

# Hello alone, and beside a function that sleeps and has as many requests as it may.
tail_limit() {
	local name other=
	for name in $(turned "$1" alone beside); do
		[ "$name" = alone ] || {
			ask /slow 8 $((seconds * 1000 + 500)) >"$run/slow" &
			other=$!
			sleep 0.25
		}
		ask /hello 16 $((seconds * 1000)) | asked "$1" "hello_$name" 200
		[ -z "$other" ] || wait "$other"
		other=
	done
	asked "$1" slow 200 <"$run/slow"
}

# tail_beside_crashes ROUND NAME PATH: hello while four clients ask for what crashes again and again, and never stop.
tail_beside_crashes() {
	local other
	ask "$3" 4 $((seconds * 1000 + 500)) >/dev/null &
	other=$!
	sleep 0.25
	ask /hello 16 $((seconds * 1000)) | asked "$1" "hello_$2" 200
	wait "$other"
}

# Hello alone, beside a function that crashes at each request, and beside one that answers for a while and then crashes.
tail_crashes() {
	local name
	for name in $(turned "$1" calm crashes serves_and_crashes); do
		case $name in
		calm) ask /hello 16 $((seconds * 1000)) | asked "$1" hello_calm 200 ;;
		crashes) tail_beside_crashes "$1" "$name" /crash ;;
		*) tail_beside_crashes "$1" "$name" '/crash_late?ms=120' ;;
		esac
	done
}

# One request runs, one waits, and that is all that there is room for.
tail_full() {
	local other
	ask '/full?ms=2000' 2 1200 >/dev/null &
	other=$!
	sleep 0.4
	ask '/full?ms=2000' 1 700 | asked "$1" full 503
	wait "$other"
	sleep 1.2
}

measure_tail() {
	local round
	ask /rare 16 2000 >/dev/null # the router has to see it sleep once
	for ((round = 1; round <= rounds; round++)); do
		tail_rare "$round"
		tail_limit "$round"
		tail_crashes "$round"
		tail_full "$round"
	done
}
