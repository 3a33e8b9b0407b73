# shellcheck shell=bash disable=SC2154,SC2317
# scale.sh - a pool of very many functions: until it serves, and until a change of one of them is published.

serves_all() {
	grep -q "serving $((functions + 1)) functions" "$run/scale"
}

# Through the registry's own code; in memory, for a disk is not what is measured.
scale_make() {
	cfn-deploy --registry "$in_memory/r.db" init >>"$run/out" 2>&1
	cfn-deploy --registry "$in_memory/r.db" deploy "$tree/bench/functions/hello.c" >>"$run/out" 2>&1
	"$build/bench/many" "$in_memory/r.db" hello "$functions"
}

scale_start() {
	cfn-pool --registry "$in_memory/r.db" --listen "unix:$in_memory/x.sock" >"$run/scale" 2>&1 </dev/null &
	echo $! >"$run/scale.pid"
	wait_until 60 serves_all
}

scale_change() {
	cfn-deploy --registry "$in_memory/r.db" disable hello-7 && cfn-deploy --registry "$in_memory/r.db" enable hello-7
}

# change NAME: two changes, a round after the other.  With a pool they take as much longer as it takes until both are
# published.
changes() {
	local round
	for ((round = 1; round <= 2 * rounds; round++)); do
		timed_figure "$round" "$1" scale_change
	done
}

measure_scale() {
	scale_make || die "$EX_SOFTWARE" "no registry of $functions functions"
	changes change_alone
	timed_figure 1 scale scale_start
	pids+=("$(cat "$run/scale.pid")") # what is timed runs in a shell of its own
	changes change_pooled
	awk '$2 ~ /^change_/ && $3 == "ms" { ms[$2, $1] = $4; n = $1 > n ? $1 : n }
		END { for (i = 1; i <= n; i++) print (ms["change_pooled", i] - ms["change_alone", i]) / 2 }' "$run/figures" |
		figures change.ms
}
