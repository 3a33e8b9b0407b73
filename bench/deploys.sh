# shellcheck shell=bash disable=SC2154,SC2317
# deploys.sh - a deploy beside the compiler alone, a swap, and the first request of a function without a worker.

# timed COMMAND...: its milliseconds; fails as it does.
timed() {
	local before=$EPOCHREALTIME
	"$@" >>"$run/out" 2>&1 || return
	awk -v a="$before" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f\n", (b - a) * 1000 }'
}

# source_new N: another hello, at another path.
source_new() {
	mkdir -p "$run/deploys"
	sed -e "s/Hello/Hello $1/" "$tree/bench/functions/hello.c" >"$run/deploys/hello.c"
}

deploy_new() {
	cfn-deploy --registry "$run/more/r.db" deploy --function swapped --route /swapped --entry hello "$run/deploys/hello.c"
}

compile_new() {
	gcc -std=gnu17 -O2 -g -fPIC -shared -Wall -I "$CFN_INCLUDEDIR" -o "$run/deploys/hello.so" "$run/deploys/hello.c"
}

# timed_figure ROUND NAME COMMAND
timed_figure() {
	local ms
	if ms=$(timed "$3"); then
		figure "$1" "$2" ms "$ms"
		figure "$1" "$2" errors 0
	else
		figure "$1" "$2" errors 1
	fi
}

# From the commit of an activation to the first answer of the new version.
swap() {
	local asker
	source_new "swap $1"
	"$build/bench/swap" "$(port_of more)" /swapped "$run/more" >"$run/swap" 2>>"$run/out" &
	asker=$!
	sleep 0.2
	deploy_new >>"$run/out" 2>&1
	if wait "$asker"; then
		figure "$1" swap us "$(cat "$run/swap")"
		figure "$1" swap errors 0
	else
		figure "$1" swap errors 1
	fi
}

no_workers() {
	[ -z "$(workers)" ]
}

# spares N: so many wait.
spares() {
	[ "$(descendants "$pool" cfn-spare | wc -w)" -eq "$1" ]
}

# first_request ROUND NAME SPARES: the first request to a function without a worker, with so many spare sandboxes:
# milliseconds, over a warm one.
first_request() {
	local url cold warm
	url=$(cat "$run/url.cfn")
	sed -i '/^pm.spare_sandboxes/d' "$run/cfn.conf"
	echo "pm.spare_sandboxes = $3" >>"$run/cfn.conf"
	kill -HUP "$pool"
	cfn-deploy --registry "$run/cfn/r.db" restart hello >/dev/null 2>&1
	wait_until 5 no_workers
	wait_until 5 spares "$3"
	cold=$(curl -s -o "$run/first" -w '%{time_total}' "$url")
	warm=$(curl -s -o /dev/null -w '%{time_total}' "$url")
	figure "$1" "$2" ms "$(awk -v c="$cold" -v w="$warm" 'BEGIN { printf "%.3f", (c - w) * 1000 }')"
	figure "$1" "$2" errors "$(grep -c -v '^Hello, world!$' "$run/first")"
}

measure_deploys() {
	local round name
	for ((round = 1; round <= 2 * rounds; round++)); do
		source_new "$round"
		for name in $(turned "$round" deploy_new compile_new); do
			timed_figure "$round" "${name%_new}" "$name"
		done
	done
	for ((round = 1; round <= 2 * rounds; round++)); do
		swap "$round"
	done
	for ((round = 1; round <= 3 * rounds; round++)); do
		first_request "$round" first 2
		first_request "$round" first_alone 0
	done
}
