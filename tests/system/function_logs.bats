#!/usr/bin/env bats
# function_logs.bats - a log for each function (%n): made with its first line, opened again, and nothing else's.
# bats file_tags=any-user
# shellcheck disable=SC2016,SC2034,SC2154
load helper

setup_file() {
	local name
	place_make
	mkdir "$D/fn"
	conf <<<''
	sed -i "s|^function_log = .*|function_log = $D/fn/%n.log|" "$D/cfn.conf"
	for name in one two linked piped; do
		source_make "$name.c" <<-END
			int $name(cfn_request *q, cfn_response *r);
			int $name(cfn_request *q, cfn_response *r)
			{
				cfn_log(q, CFN_NOTICE, "$name says %s", cfn_query(q, "text"));
				return cfn_send(r, 200, "text/plain", "said\n");
			}
		END
		deploy "$D/src/$name.c"
	done
	echo mine >"$D/victim"
	ln -s "$D/victim" "$D/fn/linked.log"
	ln -s "$D/none" "$D/fn/two.log"
	mkfifo "$D/fn/piped.log"
	pool_start
	nginx_start
}

teardown_file() {
	place_remove
}

logs() {
	cfn-deploy --registry "$R" --config "$D/cfn.conf" logs "$@" 3>&-
}

@test "a function's lines are in its own file, which is made with the first of them" {
	[ ! -e "$D/fn/one.log" ]
	[ -z "$(logs one)" ]
	get '/one?text=first' 200
	eventually grep -q '"function":"one".*"text":"one says first"' "$D/fn/one.log"
	[ "$(stat -c %a "$D/fn/one.log")" = 640 ]
	logs one | grep -q 'one says first$'
	[ -z "$(logs two)" ]
	[ -z "$(logs piped)" ]
	refused 64 cfn-deploy --registry "$R" --config "$D/cfn.conf" logs
	refused 64 cfn-deploy --registry "$R" --config "$D/cfn.conf" logs ../one
	refused 66 cfn-deploy --registry "$R" --config "$D/cfn.conf" logs nope
}

@test "what is no file there, or a link, is not written, and the lines are not lost" {
	local name
	for name in linked two piped; do
		get "/$name?text=astray" 200
		eventually grep -q "$name says astray" "$D/pool.out"
	done
	[ "$(cat "$D/victim")" = mine ]
	[ ! -e "$D/none" ]
	grep -qE "open log '[^']*/(linked|two|piped).log'.*lines go to standard error" "$D/error.log"
}

@test "it is opened again at SIGUSR1, and followed" {
	local follower
	get '/one?text=before' 200
	cfn-deploy --registry "$R" --config "$D/cfn.conf" logs -f one >"$D/followed" 3>&- &
	follower=$!
	eventually grep -q 'says before' "$D/followed"
	mv "$D/fn/one.log" "$D/fn/one.old"
	rm "$D/fn/two.log"
	kill -USR1 "$POOL"
	is_new() {
		get '/one?text=after' 200 && grep -q 'says after' "$D/fn/one.log"
	}
	eventually is_new
	eventually grep -q 'says after' "$D/followed"
	kill "$follower"
	# What was in the way of another one has gone, too.
	get '/two?text=now' 200
	eventually grep -q 'two says now' "$D/fn/two.log"
	not grep -q 'two says' "$D/fn/one.log"
}

@test "%n stands once, in the name of a file" {
	local value
	for value in "$D/%n/log" "$D/%n%n.log" "$D/%n/%n" syslog:/%n; do
		printf '[global]\nfunction_log = %s\n' "$value" >"$D/bad.conf"
		run cfn-pool -t -c "$D/bad.conf" --registry "$R"
		[ "$status" -eq 78 ]
		[[ $output == *function_log* ]]
	done
}
