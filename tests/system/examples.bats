#!/usr/bin/env bats
# examples.bats - the example functions: what their own tests say, and all of them behind nginx.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

examples=$tree/examples/functions

setup() {
	place_make
}

teardown() {
	place_remove
}

# The functions of the manifest, each with tests of its own.
names() {
	sed -n 's/^\[function \(.*\)\]$/\1/p' "$examples/cfn.ini"
}

@test "the tests of every example pass in the sandbox" {
	local name
	cfn-deploy test "$examples" >"$D/tap" 2>"$D/tap.err" 3>&- ||
		{ grep -A 12 '^not ok' "$D/tap"; cat "$D/tap.err"; return 1; }
	for name in $(names); do
		grep -q "^ok .*/$name/tests/" "$D/tap" || { echo "$name has no test"; return 1; }
	done
	[ "$(names | wc -l)" -eq "$(find "$examples" -mindepth 1 -maxdepth 1 -type d | wc -l)" ]
}

# token PATH: what the hidden field of the page's form holds; its cookies are kept.
token() {
	request "$1" -b "$D/jar" -c "$D/jar"
	expect 200 name=\"csrf\" || return 1
	TOKEN=$(sed -n 's/.*name="csrf" value="\([^"]*\)".*/\1/p;T;q' "$D/body")
}

@test "one manifest deploys every example, and each answers through nginx" {
	local time signature
	conf <<<"shared_dir = $D/shared"
	pool_start
	deploy apply --yes "$examples"
	nginx_start
	get '/hello?name=Ada' 200 'Hello, Ada!'
	request '/echo?a=1' -d 'a body'
	expect 200 'a body'
	request '/csv?to=html' --data-binary $'a,b\n1,<2>\n'
	expect 200 '<tr><td>1<td>&lt;2&gt;'
	request /notes --json '{"title":"milk"}'
	expect 201 '"title":"milk"'
	get /notes 200 '"title":"milk"'
	request /links -d url=https://example.org/
	expect 201 /to/
	request "$(cat "$D/body")"
	[ "$CODE $(header Location)" = '302 https://example.org/' ]
	get '/sparkline?values=1,2,3' 200 PNG
	get '/sparkline?values=1,2,3' 200 PNG
	[ "$(header X-Cache)" = HIT ]
	get '/primes?n=1000' 200 '"primes":168'
	expect_cause '/primes?n=1099511627775' 504 cpu_time_limit
	request /wordcount -d 'a b a'
	expect 200 '2 a'
	request /upload -F "file=@$D/cfn.conf;filename=c.txt"
	[ "$CODE" = 303 ]
	request /upload/c.txt
	cmp "$D/body" "$D/cfn.conf"
	echo '<h1>a site</h1>' >"$D/index.html"
	deploy cp "$D/index.html" site:
	deploy cp "$D/index.html" site:404.html
	get /site/ 200 'a site'
	get /site/none 404 'a site'
	[ "$(header Content-Type)" = 'text/html; charset=utf-8' ]
	get '/clock/ticks?n=1' 200 'event: tick'
	request /webhook -d body
	expect 503 'No secret'
	deploy secret set webhook WEBHOOK_SECRET <<<example-secret
	time=$(date +%s)
	signature=$(printf %s "m.$time.body" | openssl dgst -sha256 -hmac example-secret -r | cut -d' ' -f1)
	request /webhook -H 'X-Webhook-Id: m' -H "X-Webhook-Timestamp: $time" -H "X-Webhook-Signature: $signature" -d body
	expect 202 'm is kept'
	[ "$(deploy cp inbox:m.msg -)" = body ]
	token /guestbook
	request /guestbook -b "$D/jar" -c "$D/jar" --data-urlencode 'name=Ada' --data-urlencode 'text=<hello>' \
		--data-urlencode "csrf=$TOKEN"
	[ "$CODE" = 303 ]
	get /guestbook 200 '&lt;hello&gt;'
	token /account
	request /account/register -b "$D/jar" -c "$D/jar" -d name=ada -d 'password=a long password' \
		--data-urlencode "csrf=$TOKEN"
	[ "$CODE" = 303 ]
	request /account -b "$D/jar"
	expect 200 '<b>ada</b>'
}

@test "the clock says goodbye when another version comes" {
	pool_start
	cp "$examples/clock/clock.c" "$D/src/"
	deploy "$D/src/clock.c"
	nginx_start
	curl -sN --max-time 60 "$WEB/clock/ticks" >"$D/ticks" 3>&- &
	eventually grep -q 'event: tick' "$D/ticks"
	echo '/* another one */' >>"$D/src/clock.c"
	deploy "$D/src/clock.c"
	wait $!
	[ "$(tail -n 3 "$D/ticks")" = $'event: bye\ndata: back in a moment' ]
}
