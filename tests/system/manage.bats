#!/usr/bin/env bats
# manage.bats - functions managed over HTTP: who may, what it answers, and what is left of it.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
load helper

setup() {
	place_make
	hello_make func2 "two"
	mv "$D/src/func2.c" "$D/func2.c"
	hello_make other "other"
	deploy "$D/src/other.c"
}

teardown() {
	place_remove
}

# serve [LINE...]: a pool with these lines in [management], behind nginx, or what START says.
serve() {
	{
		printf 'management = on\n%s\n[management]\n' "$GLOBAL"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} | conf
	token ci 'deploy:/route2*'
	[ "$EUID" -ne 0 ] || chown -R nobody "$D/reg"
	pool_start
	${START:-nginx_start}
	eventually answers
}

answers() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 20 "$WEB/mgnt")" = 401 ]
}

# token NAME SCOPE: TOKEN is its text.
token() {
	TOKEN=$(cfn-deploy -c "$D/cfn.conf" --registry "$R" token create "$1" --scope "$2" 2>/dev/null)
}

# ask PATH [CURL-ARGUMENT...]: with the token.
ask() {
	local path=$1
	shift
	request "$path" -H "Authorization: Bearer $TOKEN" "$@"
}

put() {
	ask /mgnt -X POST -F route=/route2 -F function_name=func2 -F "code=@$D/func2.c" "$@"
}

# put_bare: the same by a client that says in the body alone what its boundary is; curl's -F always says it in the header.
put_bare() {
	{
		printf -- '--x-y\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' route /route2 function_name func2
		printf -- '--x-y\r\nContent-Disposition: form-data; name="code"; filename="func2.c"\r\n\r\n'
		cat "$D/func2.c"
		printf '\r\n--x-y--\r\n'
	} >"$D/form"
	ask /mgnt -X POST -H 'Content-Type: multipart/form-data' --data-binary "@$D/form"
}

json=(-H 'Accept: application/json')

field() {
	[ "$(jq -r "$1" "$D/body")" = "$2" ] || {
		cat "$D/body"
		return 1
	}
}

@test "one command deploys a function, with and without a boundary in its header" {
	serve
	put
	expect 200 'func2 v1: GET, HEAD, POST /route2'
	[[ $(header Content-Type) == text/plain* ]]
	[ "$(header Cache-Control)" = no-store ]
	get /route2 200 two
	sed -i 's/two/again/' "$D/func2.c"
	put_bare
	expect 200 'func2 v2'
	get /route2 200 again
	put -H 'Accept: application/json'
	expect 200
	field .version 2
	cfn-deploy -c "$D/cfn.conf" --registry "$R" status >"$D/said"
	grep -q '^management *path /mgnt, stage ready, ' "$D/said"
	grep -q 'func2 v2 by token:ci' <(cfn-deploy --registry "$R" audit)
}

@test "what does not compile is 422, with file, line and column" {
	serve
	printf '#include <cfn.h>\nint func2(cfn_request *q, cfn_response *r)\n{\n\treturn nothing;\n}\n' >"$D/func2.c"
	put
	expect 422 "func2.c:4:16: error: 'nothing' undeclared"
	put "${json[@]}"
	expect 422
	[[ $(header Content-Type) == application/problem+json* ]]
	field '[.diagnostics[] | select(.severity == "error")][0] | "\(.file) \(.line) \(.column)"' 'func2.c 4 16'
	get /route2 404
}

@test "all of a function's life: files, list, source, versions, roll back, switch, lock, remove" {
	serve
	printf '#define TEXT "parts\\n"\n' >"$D/text.h"
	printf '#include <cfn.h>\n#include "text.h"\nint func2(cfn_request *q, cfn_response *r) { (void)q; return cfn_send(r, 200, "text/plain", TEXT); }\n' >"$D/func2.c"
	put -F "code=@$D/text.h" -F memory=64M -F method=GET
	expect 200 'func2 v1: GET /route2'
	get /route2 200 parts
	sed -i 's/parts/more/' "$D/text.h"
	put -F "code=@$D/text.h"
	expect 200 v2
	get /route2 200 more
	ask /mgnt "${json[@]}"
	expect 200
	field '[.[].function] | join(" ")' func2
	ask /mgnt/func2
	expect 200 '==> text.h <=='
	ask '/mgnt/func2?version=1' "${json[@]}"
	expect 200
	grep -q parts "$D/body"
	ask /mgnt/func2/versions
	expect 200 token:ci
	ask /mgnt/func2/rollback -X POST
	expect 200 v1
	get /route2 200 parts
	ask /mgnt/func2/rollback -d version=2
	expect 200 v2
	ask /mgnt/func2/disable -X POST
	expect 200 disabled
	get /route2 503
	ask /mgnt/func2/enable -X POST
	expect 200 enabled
	ask /mgnt/func2/lock -X POST
	expect 400 reason
	ask /mgnt/func2/lock -d reason=audit
	expect 200 locked
	put -F "code=@$D/text.h"
	expect 423 audit
	ask /mgnt/func2 -X DELETE "${json[@]}"
	expect 423
	ask /mgnt/func2/unlock -X POST
	expect 200 unlocked
	cfn-deploy --registry "$R" lock --reason operator func2
	ask /mgnt/func2/unlock -X POST
	expect 423 'a token cannot unlock it: operator'
	cfn-deploy --registry "$R" unlock func2
	ask /mgnt/func2/disable -d name=other
	expect 400
	ask '/mgnt/func2/rollback?version=1' -d version=2
	expect 400
	ask /mgnt/func2 -X DELETE
	expect 200 removed
	get /route2 404
	ask /mgnt/func2
	expect 404
}

@test "routes may stand in the file, and are within the scope or refused" {
	serve
	printf '#include <cfn.h>\nstatic int a(cfn_request *q, cfn_response *r) { (void)q; return cfn_send(r, 200, "text/plain", "a"); }\nCFN_ROUTES({ "GET", "/route2/a", a }, { "GET", "/x", a });\n' >"$D/table.c"
	ask /mgnt -F "code=@$D/table.c"
	expect 403 'route /x is not within'
	sed -i 's,"/x","/route2b",' "$D/table.c"
	ask /mgnt -F "code=@$D/table.c"
	expect 200 'table v1'
	get /route2b 200 a
	ask /mgnt -F route=/other -F function_name=func2 -F "code=@$D/func2.c"
	expect 403 'route /other'
	ask /mgnt -F route=/route2 -F name=other -F "code=@$D/func2.c"
	expect 409 "the name 'other' is taken"
	not grep -q /other "$D/body"
	for name in missing other; do
		ask "/mgnt/$name" -X DELETE
		expect 404
		sed "s/$name/NAME/g" "$D/body" >"$D/body.$name"
		ask "/mgnt/$name/rollback?version=1" -X POST
		expect 404
		sed "s/$name/NAME/g" "$D/body" >>"$D/body.$name"
		ask "/mgnt/$name?version=1"
		expect 404
		sed "s/$name/NAME/g" "$D/body" >>"$D/body.$name"
	done
	diff "$D/body.missing" "$D/body.other"
	ask /mgnt -F shared=other -F route=/route2 -F "code=@$D/func2.c"
	expect 400 "no field 'shared'"
	get /other 200 other
}

@test "who shows no good token is refused, and whoever goes on has to wait" {
	local good i
	serve
	request /mgnt
	expect 401 'needs a token'
	[[ $(header WWW-Authenticate) == Bearer* ]]
	good=$TOKEN
	token caller run
	ask /mgnt
	expect 403 'may not deploy'
	TOKEN=$good
	ask /mgnt -H 'Origin: https://evil.example'
	expect 403 'another site'
	ask /mgnt -H 'Sec-Fetch-Site: cross-site'
	expect 403
	request /mgnt --cookie "token=$good; Authorization=Bearer $good"
	expect 401
	cfn-deploy --registry "$R" token revoke caller
	for ((i = 0; i < 10; i++)); do
		request /mgnt -H "Authorization: Bearer ${good%?}$((i % 2))x"
		[ "$CODE" = 401 ]
	done
	ask /mgnt
	expect 429
	[ "$(header Retry-After)" -ge 1 ]
	eventually audit_says manage_refused
	[ "$(cfn-deploy -c "$D/cfn.conf" --registry "$R" audit | grep -c manage_refused)" -le 2 ]
}

audit_says() {
	cfn-deploy -c "$D/cfn.conf" --registry "$R" audit | grep -q "$1"
}

# held TOKEN: a request with the token whose body stops in its middle, as without a web server that holds it back.
held() {
	printf '%s\n' 'begin 1 1 0' 'param REQUEST_METHOD POST' 'param REQUEST_URI /mgnt' 'param REMOTE_ADDR 192.0.2.9' \
		"param HTTP_AUTHORIZATION Bearer $1" 'param CONTENT_TYPE multipart/form-data' 'param CONTENT_LENGTH 90000' \
		'params 1' 'stdin 1 @80000' 'read' | "$CFN_CLIENT" "$SOCKET"
}

@test "who asks is known before the body comes, and one token's bodies leave room for another's" {
	local first second i
	serve
	first=$TOKEN
	token second 'deploy:/route2*'
	second=$TOKEN
	held cfn_none >"$D/out"
	grep -q '^|Status: 401' "$D/out"
	for ((i = 0; i < 24; i++)); do
		held "$first" >"$D/out.$i" 3>&- &
		started $!
	done
	TOKEN=$first
	eventually coded 503
	TOKEN=$second
	eventually coded 200
	put
	expect 200 v1
	not grep -q . "$D"/out.*
}

# coded STATUS: the answer to a question.
coded() {
	ask /mgnt
	[ "$CODE" = "$1" ]
}

@test "a token that is revoked is worth nothing at once, nor one that is over" {
	serve
	ask /mgnt
	expect 200
	sql "UPDATE token SET expires_at = 1; UPDATE state SET value = value + 1"
	put
	[[ $CODE == 40[13] ]]
	eventually is_over
	token ci2 'deploy:/route2*'
	ask /mgnt
	expect 200
	cfn-deploy --registry "$R" token revoke ci2
	ask /mgnt
	expect 401
}

is_over() {
	ask /mgnt
	[ "$CODE" = 401 ]
}

@test "lighttpd hands all of it on" {
	START='lighttpd_start spawn'
	serve
	put_bare
	expect 200 'func2 v1'
	get /route2 200 two
	ask /mgnt/func2/versions "${json[@]}"
	expect 200
	ask /mgnt/func2 -X DELETE
	expect 200 removed
}

@test "where keys are trusted it signs with its own, within what that may" {
	export XDG_DATA_HOME=$D/home
	mkdir "$D/keys.d"
	GLOBAL="keys_dir = $D/keys.d"
	conf <<<"$GLOBAL"
	cfn-deploy -c "$D/cfn.conf" --registry "$R" key new >"$D/ci.pem"
	cfn-deploy -c "$D/cfn.conf" --registry "$R" key trust ci "$D/ci.pem"
	cp "$D/home/cfn/deploy.key" "$D/reg/key"
	chmod 600 "$D/reg/key"
	START='nginx_start s/#mgnt//' # its addresses
	serve "key = $D/reg/key"
	grep -q '^ *allow 127.0.0.1' "$D/nginx/nginx.conf"
	put
	expect 200 'func2 v1'
	get /route2 200 two
	cfn-deploy -c "$D/cfn.conf" --registry "$R" audit | grep -q 'activate func2 .*signed by'
	rm "$D/reg/key"
	sed -i 's/two/three/' "$D/func2.c"
	put
	[ "$CODE" != 200 ]
	get /route2 200 two
}

@test "what is no request of its own is refused" {
	serve 'max_body = 64K'
	cfn-deploy --registry "$R" deploy --function wide --entry other --route '/*' --method PUT --method PATCH "$D/src/other.c" >/dev/null
	ask /mgnt -X PUT
	expect 405 'not one of this resource'
	[ "$(header Allow)" = 'GET, HEAD, POST' ]
	ask /mgnt/x/y/z -X PATCH
	expect 404
	ask /mgnt/func2/nothing -X POST
	expect 404
	ask /mgnt/func2/rollback
	expect 405
	[ "$(header Allow)" = POST ]
	ask /mgnt -d '{}' -H 'Content-Type: application/json'
	expect 415
	ask /mgnt -F route=/route2
	expect 400 code
	ask /mgnt -F route=/route2 -F 'code=@'"$D/func2.c"';filename=../func2.c'
	expect 400
	ask /mgnt -F route=/route2 -F 'code=@'"$D/func2.c"';filename=.x.c'
	expect 400
	head -c 70000 /dev/zero | tr '\0' ' ' >>"$D/func2.c"
	put
	expect 413
	refused 65 cfn-deploy --registry "$R" deploy --function mine --entry other --route /mgnt/x "$D/src/other.c"
	grep -q reserved "$D/err"
}

@test "twenty at once are all done, one after the other" {
	local i pids=()
	serve
	for ((i = 1; i <= 20; i++)); do
		curl -s -o "$D/out.$i" -w '%{http_code}\n' --max-time 250 "$WEB/mgnt" -H "Authorization: Bearer $TOKEN" \
			-F "route=/route2/$i" -F "name=f$i" -F entry=func2 -F "code=@$D/func2.c" >"$D/code.$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for ((i = 1; i <= 20; i++)); do
		grep -qx 200 "$D/code.$i" || cat "$D/out.$i"
	done
	[ "$(cat "$D"/code.* | sort | uniq -c | xargs)" = '20 200' ]
	get /route2/20 200 two
}

managers() {
	descendants "$POOL" | while read -r pid; do
		[[ $(ps -o comm= -p "$pid") != cfn-manage ]] || echo "$pid"
	done
}

compiles() {
	local pid
	for pid in $(managers); do descendants "$pid" cc1; done | grep -q .
}

# freeze: all below the pool stands still, and is remembered to the last one.
freeze() {
	local pid before=-1 now=0
	while [ "$before" -ne "$now" ]; do
		before=$now
		for pid in $(descendants "$POOL"); do kill -STOP "$pid" 2>/dev/null || true; done
		now=$(descendants "$POOL" | wc -l)
	done
	: >"$D/below" # the rest is remembered when it is ended
	remember_below "$POOL"
}

@test "the pool serves on while what has the management stands still, and replaces it" {
	local pid below
	serve
	for pid in $(managers); do
		below=$(descendants "$pid")
		[ -z "$below" ] || break
	done
	: >"$D/below"
	remember_below "$pid"
	kill -STOP "$pid"
	# shellcheck disable=SC2086
	kill -KILL $below
	get /other 200 other
	eventually answers
	all_gone
	ask /mgnt
	expect 200
	cfn-deploy -c "$D/cfn.conf" --registry "$R" status >"$D/said"
	grep -q '^management .*crashes 1' "$D/said"
}

nobody_has_the_registry() {
	! pgrep -f -- "$R" >/dev/null
}

# long_make: a source that takes its time.
long_make() {
	local i
	{
		printf '#include <cfn.h>\n'
		for ((i = 0; i < 4000; i++)); do printf 'int v%d(int a) { return a * %d; }\n' "$i" "$i"; done
		tail -n +2 "$D/func2.c"
	} >"$D/long.c"
}

# long_freeze: it is being deployed, and all stands still; DEPLOY will have the status, in $D/long.code.
long_freeze() {
	curl -s -o /dev/null -w '%{http_code}' --max-time 100 "$WEB/mgnt" -H "Authorization: Bearer $TOKEN" -F route=/route2 \
		-F function_name=func2 -F "code=@$D/long.c;filename=func2.c" >"$D/long.code" 3>&- &
	DEPLOY=$!
	eventually compiles
	freeze
}

# thaw FILE: those that are remembered in it.
thaw() {
	local pid
	while read -r pid _; do kill -CONT "$pid" 2>/dev/null || true; done <"$1"
}

@test "a deploy in whose middle a process of the management is killed has changed nothing, and the next one is done" {
	local executor pid victim
	serve
	long_make
	for victim in front executor cfn-deploy; do
		long_freeze
		mv "$D/below" "$D/frozen"
		executor=$(pgrep -P "$POOL" -x cfn-manage)
		case $victim in
		front) pid=$(pgrep -P "$executor" -x cfn-manage) ;;
		executor) pid=$executor ;;
		cfn-deploy) pid=$(pgrep -P "$executor" -x cfn-deploy) ;;
		esac
		remember_below "$([ "$victim" = cfn-deploy ] && echo "$pid" || echo "$executor")"
		kill -KILL "$pid"
		thaw "$D/frozen"
		wait "$DEPLOY"
		[[ $(cat "$D/long.code") == 50[0-4] ]]
		eventually all_gone
		eventually answers
		get /route2 404
		cfn-deploy --registry "$R" verify
		not grep -q func2 <(cfn-deploy --registry "$R" audit)
	done
	put
	expect 200 'func2 v1'
	get /route2 200 two
	cfn-deploy -c "$D/cfn.conf" --registry "$R" status | grep '^management .*crashes 2'
}

@test "nothing is left when the master is killed in the middle of a deploy" {
	serve
	long_make
	long_freeze
	kill -KILL "$POOL"
	thaw "$D/below"
	eventually all_gone
	eventually nobody_has_the_registry
	wait "$DEPLOY" || true
	cfn-deploy --registry "$R" verify
}
