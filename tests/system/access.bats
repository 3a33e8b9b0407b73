#!/usr/bin/env bats
# access.bats - the access log in php-fpm's letters, and what no log holds.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	conf <<-'END'
		access.format = %m %r%Q%q %s %n M=%M k=%{kilo}M C=%C d=%{milliseconds}d
	END
	sed 's|/fails/|/fresh/|g' "$functions/fails.c" >"$D/src/fresh.c"
	deploy deploy --function fresh --mode fresh "$D/src/fresh.c" >/dev/null
	deploy deploy --function demo "$functions/demo.c" >/dev/null
	pool_start
	nginx_start
}

teardown_file() {
	place_remove
}

@test "letters tell peak memory, CPU and time" {
	get /fresh/works 200
	get /fresh/crashes/now 500
	eventually grep -qE "^GET /fresh/crashes/now 500 fresh M=[1-9][0-9]+ k=[1-9][0-9]+ C=[0-9]+ d=[0-9]+$" "$D/access.log"
	get '/fresh/works?after' 200
	eventually grep -qE "^GET /fresh/works\?after 200 fresh M=[1-9][0-9]+ k=[1-9]" "$D/access.log"
}

@test "a worker that lives on tells its peak memory with its first request, where the letter asks for it" {
	get '/demo/hello?name=first' 200
	eventually grep -qE '^GET /demo/hello\?name=first 200 demo M=[1-9][0-9]+ k=[1-9]' "$D/access.log"
}

@test "what clients show is in no log" {
	local secret=Zz9-not-for-logs
	request "/demo/hello?name=seen&access_token=$secret&%70assword=$secret&API_KEY=$secret" \
		-H "Authorization: Bearer $secret" -H "Cookie: cfn-demo=$secret; a=$secret" -H "X-Api-Key: $secret"
	expect 200
	request "/fresh/crashes/now?token=$secret" -H "Authorization: Basic $secret" -H "Cookie: a=$secret"
	expect 500
	request "/nowhere?token=$secret" -H "Authorization: Bearer $secret"
	expect 404
	eventually grep -qF 'name=seen&access_token=***&%70assword=***&API_KEY=***' "$D/access.log"
	eventually grep -q '^GET /nowhere?token=\*\*\*' "$D/access.log"
	eventually test -n "$(find "$R.pool/crashes" -name '*-fresh')"
	not grep -rF "$secret" "$D/access.log" "$D/error.log" "$D/function.log" "$D/pool.out" "$R.pool"
}
