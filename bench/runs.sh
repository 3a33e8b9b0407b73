# shellcheck shell=bash disable=SC2154,SC2317
# runs.sh - programs run as POST /api/run does, beside bare commands and bubblewrap, and what many of them leave behind.

runner_is_idle() {
	[ -z "$(descendants "$runner" cfn-run-keeper)" ]
}

# runner_size NAME: resident memory of the idle runner, front and maker, and how many files it keeps.
runner_size() {
	local pid sum=0
	wait_until 10 runner_is_idle
	for pid in $(descendants "$runner" cfn-runner); do
		sum=$((sum + $(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status")))
	done
	figure 1 "$1" kib "$sum"
	figure 1 "$1" files "$(find "$run/runner/r.db.pool/runs" -type f | wc -l)"
}

# runner_ask N: so many runs of a small program, eight at a time; how many were answered.
runner_ask() {
	curl -s --no-progress-meter -Z --parallel-max 8 --max-time 300 -o /dev/null -w '%{http_code}\n' \
		-H 'Content-Type: application/json' --data-binary '{"lang":"C","code":"int main(void) { return 0; }"}' \
		"http://127.0.0.1:$(port_of runner)/api/run#[1-$1]" 2>>"$run/out" | grep -c '^200$'
}

growth() {
	runner_ask 8 >/dev/null
	runner_size runner_before
	figure 1 runner_after errors $((many - $(runner_ask "$many")))
	runner_size runner_after
}

measure_runs() {
	mkdir -m 755 "$run/runs"
	"$build/bench/runs" "$((rounds + 1))" "$run/runs" "$tree/languages.d" "$(port_of runner)" >"$run/runs.out" ||
		figure 1 box errors 1
	awk '{ print $1, $2, "us", $3 }' "$run/runs.out" >>"$run/figures"
	growth
}
