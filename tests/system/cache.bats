#!/usr/bin/env bats
# cache.bats - answers that the router gives again by itself, and those that it must not.
# bats file_tags=any-user
# shellcheck disable=SC2154 # D, R and SOCKET come from helper.bash

load helper

setup() {
	place_make
	cp "$functions/pages.c" "$D/src/pages.c"
}

teardown() {
	place_remove
}

# serve [OPTION...]: the function with these options, behind nginx.
serve() {
	deploy deploy "$@" "$D/src/pages.c"
	pool_start
	nginx_start
}

# page QUERY [CURL-ARGUMENT...]: MAKER is the request that the answer was made for.
page() {
	local query=$1
	shift
	request "/pages?$query" "$@"
	MAKER=$(sed -n 's/^made for //p' "$D/body")
}

# was HIT|MISS: what the answer says of itself.
was() {
	[ "$(header X-Cache)" = "$1" ] || { cat "$D/head"; return 1; }
}

# made_again QUERY [CURL-ARGUMENT...]: two requests are two answers.
made_again() {
	local first
	page "$@"
	first=$MAKER
	page "$@"
	if [ -z "$MAKER" ] || [ "$MAKER" = "$first" ]; then
		cat "$D/head"
		return 1
	fi
}

# made_anew QUERY: the answer is another one than MAKER's.
made_anew() {
	local first=$MAKER
	page "$@"
	[ "$MAKER" != "$first" ]
}

# given_again QUERY [CURL-ARGUMENT...]: the second answer is the first.
given_again() {
	local first
	page "$@"
	first=$MAKER
	page "$@"
	[ -n "$MAKER" ]
	[ "$MAKER" = "$first" ]
	was HIT
}

@test "an answer is given again, with its age, under an id of its own, until its version is replaced" {
	serve --cache 1h
	page a=1
	was MISS
	[ "$(header X-Request-Id)" = "$MAKER" ]
	page a=1
	was HIT
	[ "$(header Age)" -ge 0 ]
	[ -n "$(header Date)" ]
	[ "$(header X-Request-Id)" != "$MAKER" ]
	request '/pages?a=1' --head
	expect 200
	was HIT
	[ "$(header Content-Length)" = "$(curl -s "$WEB/pages?a=1" | wc -c)" ]
	made_again a=2\&b="$RANDOM"\&control=no-store
	eventually grep -q '"cache":"hit"' "$D/access.log"
	grep -q '"cache":"miss"' "$D/access.log"
	[ "$(deploy --json status | jq '[.. | .cache_hits? // empty] | add')" -ge 2 ]
	echo '/* 2 */' >>"$D/src/pages.c"
	deploy "$D/src/pages.c"
	page a=1
	was MISS
	deploy rollback pages
	page a=1
	was MISS
	deploy disable pages
	get '/pages?a=1' 503
	deploy enable pages
	page a=1
	was MISS
}

@test "a secret that is set or removed, and a restart, end what is kept" {
	local act
	serve --cache 1h
	for act in 'secret set pages KEY' 'secret remove pages KEY' 'restart pages'; do
		given_again "a=${act// /-}"
		# shellcheck disable=SC2086 # words
		deploy $act <<<value
		eventually made_anew "a=${act// /-}"
	done
}

@test "no answer to one client is given to another" {
	serve --cache 1h
	# What is this client's alone is neither kept nor answered out of the cache.
	for own in 'Cookie: a=1' 'Authorization: Bearer x' 'Range: bytes=0-3' 'Cache-Control: no-store'; do
		page own=1
		made_again own=1 -H "$own"
		[ -z "$(header X-Cache)" ]
		given_again own=1
	done
	# What a function could tell clients apart by does not reach it.
	page other=1 -H 'X-Forwarded-Host: evil.example' -H 'User-Agent: evil' -H 'X-Forwarded-For: 1.2.3.4'
	given_again other=1
	not grep -q evil "$D/body"
	grep -qx 'forwarded -' "$D/body"
	grep -qx 'agent -' "$D/body"
	# Its host does, and so it is another's answer.
	page other=1 -H 'Host: evil.example'
	was MISS
	page other=1
	was HIT
	not grep -q evil "$D/body"
	# A client cannot ask for less than others.
	given_again other=1 -H 'Cache-Control: no-cache' -H 'Pragma: no-cache'
}

@test "a function says what is kept, and for how long" {
	serve --cache 1h
	for query in control=no-store control=private control=no-cache control=max-age=0 control=%22broken cookie=1 \
		vary=Cookie 'vary=*' vary=Accept,X-Own status=201 status=302 status=403 status=500; do
		made_again "$query"
	done
	for query in control=public control=max-age=60 vary=Accept-Encoding vary=Origin status=404 status=410; do
		given_again "$query"
	done
	given_again x-cache=forged
	given_again control=max-age=1
	eventually is_made_anew control=max-age=1
	page tag=abc
	request '/pages?tag=abc' -H 'If-None-Match: "abc"'
	expect 304
	was HIT
	request '/pages?tag=abc' -H 'If-None-Match: "other"'
	expect 200
}

is_made_anew() {
	page "$1"
	[ "$(header X-Cache)" = MISS ]
}

@test "many that ask the same at once cost one request, a deploy and a crash in the middle included" {
	serve --cache 1h --pm-max-children 1
	together 'wait=500&a=1' 30
	[ "$(sed -n 's/^made for //p' "$D"/same.* | sort | uniq -c | wc -l)" = 1 ]
	[ "$(cat "$D"/same.* | grep -c 'made for')" = 30 ]
	# Who leads dies: each of the others gets an answer all the same.
	together 'wait=200&die=1' 5
	[ "$(find "$D" -name 'same.*' -size +0 | wc -l)" = 5 ]
	# The version is replaced while they wait: none is left over.
	echo '/* 2 */' >>"$D/src/pages.c"
	together 'wait=3000&a=2' 20 deploy "$D/src/pages.c"
	[ "$(cat "$D"/same.* | grep -c 'made for')" = 20 ]
}

# together QUERY N [COMMAND...]: N clients at once, answers in $D/same.I; the command runs meanwhile.
together() {
	local i clients=()
	rm -f "$D"/same.*
	for ((i = 0; i < $2; i++)); do
		curl -s --max-time 60 -o "$D/same.$i" "$WEB/pages?$1" 3>&- &
		started $!
		clients+=($!)
	done
	shift 2
	[ $# -eq 0 ] || "$@"
	wait "${clients[@]}"
}

@test "nginx's cache of the example keeps what the function says, as long as it says" {
	deploy "$D/src/pages.c"
	pool_start
	nginx_start 's/#cache //'
	page control=max-age=60
	was MISS
	[ "$(header X-Request-Id)" = "$MAKER" ]
	given_again control=max-age=60
	[ "$(header X-Request-Id)" != "$MAKER" ]
	for query in a=1 control=no-store control=private control=no-cache 'control=max-age=60&cookie=1'; do
		made_again "$query"
	done
	made_again control=max-age=60 -H 'Cookie: a=1'
	made_again control=max-age=60 -H 'Authorization: x'
	given_again control=max-age=60
	page control=max-age=1
	eventually is_past control=max-age=1
}

# Its time is over: nginx has asked again.
is_past() {
	page "$1"
	[ "$(header X-Cache)" = EXPIRED ]
}
