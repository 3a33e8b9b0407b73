# shellcheck shell=bash disable=SC2154,SC2317
# costs.sh - what a request takes of the system (calls, context switches, CPU time), and what a worker, a sandbox and a
# look-up of a route do.

# Each with its init, which has the same name.
workers() {
	descendants "$pool" cfn-worker
}

# switches_and_time PID...: context switches and microseconds of CPU time, of all together.
switches_and_time() {
	local pid
	for pid; do
		cat "/proc/$pid/status" "/proc/$pid/schedstat" 2>/dev/null
	done | awk '/ctxt_switches:/ { n += $2 } /^[0-9]+ [0-9]+ [0-9]+$/ { us += $1 / 1000 } END { printf "%d %d\n", n, us }'
}

# cost ROUND NAME CONNECTIONS: of the requests of a second, of the router and of all workers with their inits.
cost() {
	local part before='' after='' n
	local -A who=([router]=$(descendants "$pool" cfn-router) [worker]=$(workers))
	for part in router worker; do
		# shellcheck disable=SC2086 # several
		before+=" $(switches_and_time ${who[$part]})"
	done
	n=$("$build/bench/ask" "$(port_of cfn)" /hello "$3" 1000 | awk '$1 == 200 { print $2 }')
	for part in router worker; do
		# shellcheck disable=SC2086
		after+=" $(switches_and_time ${who[$part]})"
	done
	awk -v round="$1" -v c="$3" -v n="${n:-0}" -v before="$before" -v after="$after" 'BEGIN {
		split(before, b); split(after, a); split("router worker", part)
		for (i = 1; i <= 2; i++) {
			name = part[i] "_c" c
			print round, name, "errors", n > 0 ? 0 : 1
			if (n > 0) {
				printf "%d %s switches %.3f\n", round, name, (a[2 * i - 1] - b[2 * i - 1]) / n
				printf "%d %s cpu_us %.2f\n", round, name, (a[2 * i] - b[2 * i]) / n
			}
		}
	}' >>"$run/figures"
}

is_traced() {
	local pid
	for pid; do
		! grep -q '^TracerPid:.0$' "/proc/$pid/status" || return 1
	done
}

# calls PART CONNECTIONS N PID...: N requests, and the calls of these processes for each, by name.
calls() {
	local part=$1 c=$2 n=$3 tracer good
	shift 3
	strace -qq -f -c -U name,calls -o "$run/calls" "${@/#/-p}" 2>/dev/null &
	tracer=$!
	wait_until 10 is_traced "$@"
	good=$(curl -s --no-progress-meter -Z --parallel-max "$c" -o /dev/null -w '%{http_code}\n' \
		"$(cat "$run/url.cfn")?n=[1-$n]" | grep -c '^200$')
	kill -INT "$tracer"
	wait "$tracer"
	awk -v name="${part}_c$c" -v n="$n" -v bad=$((n - good)) '
		$2 ~ /^[0-9]+$/ && $1 != "total" { printf "1 %s call_%s %.3f\n", name, $1, $2 / n; sum += $2 }
		END { printf "1 %s calls %.2f\n1 %s errors %d\n", name, sum / n, name, bad }' "$run/calls" >>"$run/figures"
}

measure_calls() {
	local c round
	for c in 1 16; do
		for ((round = 1; round <= rounds; round++)); do
			cost "$round" cfn "$c"
		done
		[ "$(id -u)" -eq 0 ] || continue # an ordinary user may not look into a sandbox
		# shellcheck disable=SC2046 # several
		calls router "$c" 1600 $(descendants "$pool" cfn-router)
		# shellcheck disable=SC2046
		calls worker "$c" 1600 $(workers)
	done
}

# Private memory of an idle worker with its init, in KiB.
worker_memory() {
	local pid sum=0 n=0 kib
	for pid in $(workers); do
		kib=$(awk '/^Private_/ { s += $2 } END { print s + 0 }' "/proc/$pid/smaps_rollup" 2>/dev/null) || continue
		[ "${kib:-0}" -gt 0 ] || continue
		sum=$((sum + kib)) n=$((n + 1))
	done
	[ "$n" -eq 0 ] || echo $((2 * sum / n))
}

# What each stage of a sandbox costs when it is entered: "PART STAGE MICROSECONDS" with tabs.
stages() {
	(cd "$build" && bench/stages) | awk -F '\t' '{ gsub(" ", "_", $2); print 1, "stage", NR ":" $1 ":" $2, $3 }'
}

measure_costs() {
	measure_calls
	worker_memory | figures idle_worker.kib
	"$build/bench/lookup" | awk '/hot/ { print $NF }' | figures lookup.ratio
	stages >>"$run/figures"
}
