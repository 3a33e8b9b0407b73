#!/usr/bin/env bats
# session.bats - sessions through a real web server: what a browser keeps, and what nobody else can make or read.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	deploy "$tree/tests/system/functions/session.c"
}

teardown() {
	place_remove
}

# as JAR PATH STATUS [TEXT] [CURL-ARGUMENT...]: as a browser with these cookies.
as() {
	local jar=$1 path=$2 status=$3 text=${4:-}
	shift $(($# < 4 ? $# : 4))
	request "$path" -b "$D/$jar" -c "$D/$jar" "$@"
	expect "$status" "$text"
}

# The value of the session's cookie in a jar.
value() {
	awk '$6 == "cfn-session" { print $7 }' "$D/$1"
}

@test "a session lives from login to logout, is one browser's, and is not stored" {
	conf <<<'session_time = 2h'
	pool_start
	nginx_start
	as ada /s/show 200 "user nobody cookie ''"
	[ -z "$(header Set-Cookie)" ]
	as ada '/s/login?user=Ada%20L%0A%26' 200 'login 0'
	[[ $(header Set-Cookie) == cfn-session=*'; Path=/; Max-Age=7200; HttpOnly; SameSite=Lax' ]]
	[ "$(header Cache-Control)" = 'private, no-store' ]
	[ -z "$(header X-CFN-Session)" ]
	as ada /s/show 200 'user Ada L'
	[ -z "$(header Set-Cookie)" ]
	[ "$(header Cache-Control)" = 'private, no-store' ]
	as bob /s/show 200 'user nobody'
	as ada /s/plain 200
	[ -z "$(header Cache-Control)" ]
	as ada /s/failed 500
	as ada /s/show 200 'user Ada L'
	as ada /s/logout 200 'logout 0'
	as ada /s/show 200 'user nobody'
	as ada /s/stream 200 '0 0 -114'
	as ada /s/show 200 'user streamer'
}

@test "a session survives a deploy, a roll-back, several routers, another mode and a restart" {
	conf <<<'routers = 2'
	pool_start
	nginx_start
	as ada '/s/login?user=ada' 200
	sed 's/user %s cookie/second %s cookie/' "$tree/tests/system/functions/session.c" >"$D/src/session.c"
	deploy deploy --mode fresh "$D/src/session.c"
	for _ in 1 2 3 4 5 6; do
		as ada /s/show 200 'second ada'
	done
	cfn-deploy --registry "$R" rollback session
	as ada /s/show 200 'user ada'
	pool_stop TERM
	pool_start
	as ada /s/show 200 'user ada'
	as ada /s/form 200
	as ada /s/post 200 posted -d "csrf=$(cat "$D/body")"
	[ "$(stat -c %a "$R.pool/session.keys")" = 600 ]
}

@test "a cookie that was forged, cut, or is another function's or pool's, is no session" {
	local cookie last
	sed 's|/s/|/o/|g' "$tree/tests/system/functions/session.c" >"$D/src/other.c"
	deploy "$D/src/other.c"
	pool_start
	nginx_start
	as ada '/s/login?user=ada' 200
	cookie=$(value ada)
	last=${cookie: -1}
	request /s/show -b "cfn-session=$cookie"
	expect 200 'user ada'
	for forged in "${cookie%?}" "${cookie}A" "${cookie%?}$([ "$last" = A ] && echo Q || echo A)" "B${cookie#?}" ''; do
		request /s/show -b "cfn-session=$forged"
		expect 200 'user nobody'
	done
	# Nor does the other one see it, whatever its name.
	request /o/show -b "cfn-session=$cookie; cfn-other=$cookie; a=b"
	expect 200 'user nobody'
	grep -qE "cookie ' +;  +; a=b'" "$D/body"
	not grep -qF "$cookie" "$D/body"
	request /s/show -H 'CFN-Session: 00112233445566778899aabbccddeeff&user=evil' -H 'X-CFN-Session: x'
	expect 200 'user nobody'
	pool_stop TERM
	rm "$R.pool/session.keys"
	pool_start
	request /s/show -b "cfn-session=$cookie"
	expect 200 'user nobody'
}

@test "a form is taken from a page of its own session alone" {
	local token
	pool_start
	nginx_start
	as ada /s/form 200
	token=$(cat "$D/body")
	as ada /s/form 200
	[ "$(cat "$D/body")" != "$token" ]
	as ada /s/post 200 posted -d "csrf=$token"
	as ada /s/post 200 posted -X POST -H "X-CSRF-Token: $token"
	as ada /s/post 403 '' -d 'csrf='
	as ada /s/post 403 '' -d "csrf=${token%?}$([ "${token: -1}" = 0 ] && echo 1 || echo 0)"
	as bob /s/form 200
	as bob /s/post 403 '' -d "csrf=$token"
	request /s/post -d "csrf=$token"
	expect 403
	as ada /s/logout 200
	as ada /s/post 403 '' -d "csrf=$token"
}

@test "over HTTPS the cookie is one that plain HTTP can neither set nor see" {
	local cookie
	pool_start
	nginx_start 's/fastcgi_param HTTP_PROXY/fastcgi_param HTTPS on; fastcgi_param HTTP_PROXY/'
	request '/s/login?user=ada'
	expect 200
	[[ $(header Set-Cookie) == __Host-cfn-session=*'; Secure; HttpOnly; SameSite=Lax' ]]
	cookie=$(header Set-Cookie)
	cookie=${cookie%%;*}
	request /s/show -b "$cookie"
	expect 200 'user ada'
	request /s/show -b "${cookie#__Host-}"
	expect 200 'user nobody'
	# Behind something that speaks HTTPS and does not say so.
	pool_stop TERM
	conf <<<'session_cookie = secure'
	pool_start
	nginx_start
	request '/s/login?user=ada'
	[[ $(header Set-Cookie) == __Host-cfn-session=*'; Secure;'* ]]
}

@test "a pool refuses keys of sessions that others could have" {
	pool_start
	pool_stop TERM
	chmod 640 "$R.pool/session.keys"
	run cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	[ "$status" -ne 0 ]
	[[ $output == *'session.keys: others may use it (mode 0640); set it to 0600'* ]]
	mv "$R.pool/session.keys" "$D/keys"
	chmod 600 "$D/keys"
	ln -s "$D/keys" "$R.pool/session.keys"
	run cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	[ "$status" -ne 0 ]
	[[ $output == *'session.keys: Too many levels of symbolic links'* ]]
	rm "$R.pool/session.keys"
	echo '1 00' >"$R.pool/session.keys"
	chmod 600 "$R.pool/session.keys"
	run cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET"
	[ "$status" -eq 65 ]
	[[ $output == *"session.keys, line 1: not 'EPOCH HEX'"* ]]
}

@test "sessions go over to a new secret, and end when theirs is two ago" {
	pool_start
	nginx_start
	as ada '/s/login?user=ada' 200
	cp "$D/ada" "$D/old"
	cfn-deploy --registry "$R" secret rotate-sessions
	# Renewed when it is used.
	as ada /s/show 200 'user ada'
	[ "$(value ada)" != "$(value old)" ]
	cfn-deploy --registry "$R" secret rotate-sessions
	as ada /s/show 200 'user ada'
	as old /s/show 200 'user nobody'
	[ "$(wc -l <"$R.pool/session.keys")" = 2 ]
}
