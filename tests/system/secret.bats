#!/usr/bin/env bats
# secret.bats - values that a function reads, and that nobody else can read, move or find anywhere.
# shellcheck disable=SC2034,SC2154
load helper

readonly VALUE='correct horse battery staple 4711'

setup() {
	place_make
	source_make keeper.c <<-'END'
		#include <stdio.h>
		#include <string.h>
		#include <unistd.h>
		extern char **environ;
		int keeper(cfn_request *q, cfn_response *r);
		int keeper(cfn_request *q, cfn_response *r)
		{
			const char *value = cfn_env(cfn_query(q, "name") ? cfn_query(q, "name") : "KEY");
			int n = 0;
			for (char **e = environ; *e; e++)
				n += value && strstr(*e, value) != NULL;
			if (cfn_query(q, "slow")) {
				cfn_log(q, CFN_NOTICE, "begun");
				sleep(2);
			}
			return cfn_send(r, 200, "text/plain", "value '%s', %zu bytes, %d in the environment\n", value ? value : "none",
			                value ? strlen(value) : 0, n);
		}
	END
	deploy deploy --env 'KEY=of the environment' --env OTHER=kept "$D/src/keeper.c"
}

teardown() {
	place_remove
}

secret() {
	cfn-deploy --registry "$R" secret "$@" 3>&-
}

slow_has_begun() {
	grep -q begun "$D/function.log"
}

has_value() {
	request '/keeper'
	expect 200 "value '$1'"
}

@test "a secret reaches its function alone, at once, and is found nowhere else" {
	local slow pid
	pool_start
	nginx_start
	has_value 'of the environment'
	curl -s "$WEB/keeper?slow=1" >"$D/slow" &
	slow=$!
	eventually slow_has_begun
	secret set keeper KEY <<<"$VALUE"
	eventually has_value "$VALUE"
	get '/keeper?name=OTHER' 200 "value 'kept'"
	grep -q '0 in the environment' "$D/body"
	# What ran meanwhile was not cut off.
	wait "$slow"
	grep -q "value 'of the environment'" "$D/slow"
	secret list >"$D/list"
	grep -qE '^keeper +KEY +20' "$D/list"
	secret --json list keeper | jq -e '.[0].name == "KEY" and (.[0] | has("sealed") | not)'
	cfn-deploy --registry "$R" invoke keeper >"$D/invoked"
	grep -qF "$VALUE" "$D/invoked"
	rm "$D/invoked" "$D/body"
	cfn-deploy --registry "$R" --json show keeper >"$D/show"
	cfn-deploy --registry "$R" audit >"$D/audit"
	grep -q 'secret_set' "$D/audit"
	not grep -rqF "$VALUE" "$D/reg" "$D"/*.log "$D/show" "$D/audit" "$D/list"
	not grep -rqF "$(printf %s "$VALUE" | od -An -tx1 | tr -d ' \n')" "$D/reg"
	for pid in "$POOL" $(descendants "$POOL"); do
		not grep -qaF "$VALUE" "/proc/$pid/environ" "/proc/$pid/cmdline" 2>/dev/null
	done
	secret remove keeper KEY
	eventually has_value 'of the environment'
	run secret remove keeper KEY
	[ "$status" -ne 0 ]
	[[ $output == *"has no secret 'KEY'"* ]]
}

@test "a secret that was moved in the registry, or is another pool's, is left out and named" {
	pool_start
	nginx_start
	secret set keeper KEY <<<"$VALUE"
	eventually has_value "$VALUE"
	sql "INSERT INTO secret SELECT function, 'MOVED', sealed, created_at, author FROM secret;
		INSERT INTO secret SELECT 'other', name, sealed, created_at, author FROM secret WHERE name = 'KEY';
		UPDATE state SET value = value + 1 WHERE name = 'generation'"
	sed 's/keeper(/other(/' "$D/src/keeper.c" >"$D/src/other.c"
	deploy "$D/src/other.c"
	request /other
	expect 200 "value 'none'"
	get '/keeper?name=MOVED' 200 "value 'none'"
	grep -q "function 'keeper': secret 'MOVED' is left out: it was sealed for another pool, function or name" "$D/error.log"
	has_value "$VALUE"
	pool_stop TERM
	rm "$R.pool/secret.key"
	pool_start
	has_value 'of the environment'
	not grep -qF "$VALUE" "$D/error.log"
}

@test "a secret survives a restart and a deploy, and goes with its function" {
	pool_start
	nginx_start
	secret set keeper KEY --file <(printf '%s' "$VALUE")
	pool_stop TERM
	pool_start
	has_value "$VALUE"
	sed -i 's/value .%s., %zu/second &/' "$D/src/keeper.c"
	deploy "$D/src/keeper.c"
	request /keeper
	expect 200 "second value '$VALUE'"
	cfn-deploy --registry "$R" remove keeper
	deploy deploy "$D/src/keeper.c"
	request /keeper
	expect 200 "value 'none'"
	[ "$(stat -c %a "$R.pool/secret.key")" = 600 ]
}

@test "what is no secret is refused, and a value on the command line is never taken" {
	local i
	run secret set keeper KEY <<<"$VALUE"
	[ "$status" -eq 69 ]
	[[ $output == *'no pool'* ]]
	pool_start
	run secret set keeper KEY "$VALUE" <<<x
	[ "$status" -eq 64 ]
	not grep -qF "$VALUE" <<<"$output"
	run secret set keeper KEY </dev/null
	[ "$status" -eq 65 ]
	run secret set keeper KEY < <(printf 'a\0b')
	[ "$status" -eq 65 ]
	run secret set keeper KEY < <(head -c 4097 /dev/zero | tr '\0' s)
	[ "$status" -eq 65 ]
	[[ $output == *'at most 4096 bytes'* ]]
	run secret set keeper 9KEY <<<x
	[ "$status" -eq 64 ]
	# 32 of 4 KiB are what a function may have, and what it gets.
	for ((i = 1; i <= 32; i++)); do
		head -c 4096 /dev/zero | tr '\0' s | secret set keeper "KEY$i" >/dev/null
	done
	run secret set keeper KEY33 <<<x
	[ "$status" -ne 0 ]
	[[ $output == *'has 32 secrets'* ]]
	secret set keeper KEY32 <<<replaced
	nginx_start
	request '/keeper?name=KEY31'
	expect 200 '4096 bytes'
	request '/keeper?name=KEY32'
	expect 200 "value 'replaced'"
	chmod 644 "$R.pool/secret.key"
	pool_stop TERM
	run cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	[ "$status" -ne 0 ]
	[[ $output == *'secret.key: others may use it'* ]]
}

@test "a terminal is asked twice, without echo" {
	pool_start
	nginx_start
	{ sleep 1; echo "$VALUE"; sleep 1; echo "$VALUE"; } |
		script -qec "cfn-deploy --registry $R secret set keeper KEY" "$D/typed" >/dev/null
	eventually has_value "$VALUE"
	not grep -qF "$VALUE" "$D/typed"
	{ sleep 1; echo "$VALUE"; sleep 1; echo other; } |
		script -qec "cfn-deploy --registry $R secret set keeper KEY2" "$D/typed" >/dev/null || true
	grep -q 'the values differ' "$D/typed"
	get '/keeper?name=KEY2' 200 "value 'none'"
}

@test "whoever is interrupted at the question has his echo back" {
	local key
	pool_start
	for key in $'\x03' $'\x1c'; do
		# The shell lives on behind it, as one that somebody sits at.
		{ sleep 1; printf %s "$key"; sleep 1; } | script -qec "
			trap : INT QUIT
			cfn-deploy --registry $R secret set keeper KEY3
			echo \"ended by \$?\"
			stty -a" "$D/typed" >/dev/null
		grep -q 'interrupted; nothing was set' "$D/typed"
		grep -qE 'ended by (130|131)' "$D/typed"
		grep -qE '(^|[ ;])echo( |;|$)' "$D/typed"
		not grep -qE '(^|[ ;])-echo( |;|$)' "$D/typed"
	done
}
