#!/usr/bin/env bats
# dev.bats - `cfn-deploy dev`: saves that are served, errors that are shown, exchanges that become tests, and its end.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154
load helper

setup() {
	place_make
	hello_make hello "first"
	cd "$D/src" || return
}

teardown() {
	cd / && place_remove
}

# dev_start ARGUMENT...: DEV is its pid, WEB its URL, OUT what it prints.
dev_start() {
	OUT=$D/dev$((++N_DEVS)).out
	cfn-deploy dev "$@" >"$OUT" 2>&1 3>&- </dev/null &
	DEV=$!
	started "$DEV"
	eventually dev_is_up_or_gone
	WEB=$(sed -n 's|^\(http://127.0.0.1:[0-9]*\) through .*|\1|p' "$OUT")
	[ -n "$WEB" ] || { cat "$OUT"; return 1; }
	remember_below "$DEV"
}

dev_is_up_or_gone() {
	grep -qE '^http://' "$OUT" || ! is_alive "$DEV"
}

# said TEXT: it is printed, sooner or later.
said() {
	eventually grep -qF -- "$1" "$OUT" || { echo "not said: $1"; cat "$OUT"; return 1; }
}

# dev_folder: where this one works.
dev_folder() {
	local pool
	pool=$(descendants "$DEV" cfn-pool)
	tr '\0' '\n' <"/proc/$pool/cmdline" | sed -n 's|.*(\(/.*\)/registry.db).*|\1|p'
}

# dev_end SIGNAL: it goes, and everything of it.
dev_end() {
	local folder rc=0
	folder=$(dev_folder)
	[ -d "$folder" ] || return 1
	mv "$D/below" "$D/others"
	remember_below "$DEV"
	kill -s "$1" "$DEV"
	wait "$DEV" || rc=$?
	eventually all_gone && eventually test ! -e "$folder" || return 99
	mv "$D/others" "$D/below"
	return "$rc"
}

gone() {
	request "$1"
	[ "$CODE" = 404 ]
}

# answers TEXT: what /hello says, sooner or later, and never anything that is no answer.
answers() {
	request /hello
	[ "$CODE" = 200 ] || { echo "$CODE while $1 was awaited"; cat "$D/body"; exit 1; }
	grep -qF "$1" "$D/body"
}

@test "every save is served, an error keeps the version before and is shown, and the end leaves nothing" {
	dev_start hello.c
	said 'hello v1: GET, HEAD, POST /hello'
	get /hello 200 first
	said '200  GET /hello'
	# Its web server's user may put nothing in the place of what is ours there.
	[ "$(stat -c '%u %a' "$(dev_folder)/web")" = "$(id -u) $([ "$(id -u)" -eq 0 ] && echo 711 || echo 700)" ]

	# As an editor saves that puts another file in the place of the old one, and then as one that writes into it.
	sed 's/first/second/' hello.c >.hello.c.swp
	mv .hello.c.swp hello.c
	eventually answers second
	sed 's/second/third/' hello.c >new
	cat new >hello.c
	eventually answers third
	said 'hello v3: GET, HEAD, POST /hello, '
	[ -z "$(header X-Cfn-Dev)" ]

	# A name that leads here is no name of ours: its page must not read what is developed.
	for host in evil.example localhost.evil.example 127.0.0.1.evil.example:80; do
		request /hello -H "Host: $host"
		expect 421 'answers to localhost'
		request /.cfn-dev/state -H "Host: $host"
		expect 421
	done
	for host in localhost LOCALHOST:8080 127.0.0.1 127.0.0.1:80 '[::1]' '[::1]:8080'; do
		request /hello -H "Host: $host"
		expect 200 third
	done

	echo 'this is <b>no</b> C' >>hello.c
	said 'hello.c:8:1: error: '
	said 'save again'
	get /hello 200 third
	[ "$(header X-Cfn-Dev)" = broken ]
	request /hello -H 'Accept: text/html,*/*'
	expect 500 'hello.c:8:'
	grep -qF '&lt;b&gt;no' "$D/body"
	not grep -qF '<b>no' "$D/body"
	[[ $(header Content-Type) == text/html* ]]
	[ "$(header X-Cfn-Dev)" = broken ]
	request /hello -H 'Accept: text/html' --data-binary @<(zeros 3000000)
	expect 500 'It does not compile'
	get /.cfn-dev/state 200
	number=$(cat "$D/body")
	grep -qF "+t!=$number" <(request /hello -H 'Accept: text/html'; cat "$D/body")

	hello_make hello "fourth"
	eventually answers fourth
	request /hello -H 'Accept: text/html'
	expect 200 fourth
	[ -z "$(header X-Cfn-Dev)" ]
	get /.cfn-dev/state 200
	[ "$(cat "$D/body")" != "$number" ]
	dev_end INT
}

@test "when it is killed, or its terminal goes, nothing of it is left; two work at once, through both web servers" {
	dev_start hello.c --server lighttpd
	local first=$WEB killed=$DEV
	said 'hello v1'
	dev_start --server nginx hello.c
	said 'hello v1'
	[ "$first" != "$WEB" ]
	get /hello 200 first
	rc=0
	dev_end KILL || rc=$?
	[ "$rc" = 137 ]
	WEB=$first DEV=$killed OUT=$D/dev1.out
	get /hello 200 first
	hello_make hello "second"
	eventually answers second
	echo '#error never' >>hello.c
	said 'error: #error never'
	request /hello -H 'Accept: text/html'
	expect 500 'It does not compile'
	get /hello 200 second
	dev_end HUP
}

# bats test_tags=any-user
@test "what is logged, how a function crashes, and a stream as it comes are seen at once" {
	source_make events.c <<-'END'
		static int log_it(cfn_request *q, cfn_response *r)
		{
			cfn_log(q, CFN_NOTICE, "a word \033[31m of it");
			return cfn_send(r, 200, "text/plain", "%s\n", cfn_env("GREETING"));
		}
		static int crash(cfn_request *q, cfn_response *r)
		{
			(void)q, (void)r;
			__builtin_trap();
		}
		static int stream(cfn_request *q, cfn_response *r)
		{
			cfn_stream(r, 200, "text/event-stream");
			for (int i = 1; cfn_event(r, "n", cfn_sprintf(q, "%d", i)) == 0; i++)
				cfn_wait(q, 50);
			return 0;
		}
		CFN_ROUTES({ "GET", "/log", log_it }, { "GET", "/crash", crash }, { "GET", "/stream", stream });
	END
	dev_start events.c hello.c --env 'GREETING=a "b" c' --memory=64M
	said 'events v1'
	said 'hello v1'
	get /log 200 'a "b" c'
	said 'events notice: a word '
	not grep -q $'\033' "$OUT"
	get /crash 500
	said '500  GET /crash'
	said 'crash (signal '
	curl -sN --max-time 30 "$WEB/stream" >"$D/parts" &
	eventually grep -q 'data: 3' "$D/parts"
	kill $! && wait $! || true
	# Routes may come and go.
	sed -i 's|"/log"|"/words"|' events.c
	said 'events v2'
	get /words 200
	get /log 404
	# A file that goes is an error, and is served again when it comes.
	mv events.c gone
	said 'events.c: No such file'
	get /words 200
	mv gone events.c
	eventually grep -q 'unchanged' "$OUT"
	get /words 200
	[ -z "$(header X-Cfn-Dev)" ]
	dev_end TERM
}

# bats test_tags=any-user
@test "names are names, whatever is in them" {
	local folder=$D/'a b"c; # {x} $(y)'
	mkdir "$folder"
	mv hello.c "$folder/he llo;\"'.c"
	dev_start --function hello --entry hello "$folder/he llo;\"'.c"
	said 'hello v1'
	get /hello 200 first
	echo '#error never' >>"$folder/he llo;\"'.c"
	said 'error: #error never'
	dev_end INT
}

# bats test_tags=any-user
@test "a folder is one function, and one with a manifest is all of its functions" {
	mkdir -p shop/lib
	cat >shop/shop.c <<-'END'
		#include <cfn.h>
		#include "lib/words.h"
		static int say(cfn_request *q, cfn_response *r)
		{
			(void)q;
			return cfn_send(r, 200, "text/plain", WORDS "\n");
		}
		CFN_ROUTES({ "GET", "/shop", say });
	END
	echo '#define WORDS "open"' >shop/lib/words.h
	dev_start shop
	said 'shop v1'
	get /shop 200 open
	echo '#define WORDS "closed"' >shop/lib/words.h
	said 'shop v2'
	get /shop 200 closed
	# What is new, and what goes with a whole folder.
	mkdir shop/more
	echo '#error more' >shop/more/more.c
	said 'error: #error more'
	rm -r shop/more
	said 'unchanged'
	get /shop 200 closed
	dev_end INT

	mkdir all
	mv shop all/
	printf '[function shop]\nsource = shop\n[function hi]\nsource = hi.c\nentry = hello\n' >all/cfn.ini
	cp hello.c all/hi.c
	dev_start all
	said 'applied'
	get /shop 200 closed
	get /hi 200 first
	sed -i s/first/second/ all/hi.c
	said 'applied, '
	get /hi 200 second
	sed -i '/hi/,$d' all/cfn.ini
	eventually gone /hi
	get /shop 200 closed
	dev_end INT
}

# bats test_tags=any-user
@test "what is recorded is a test" {
	rm hello.c
	mkdir tests
	source_make form.c <<-'END'
		#include <string.h>
		#include <time.h>
		static int show(cfn_request *q, cfn_response *r)
		{
			const char *accept = cfn_header(q, "X-Own-Field");
			return cfn_send(r, 200, "text/html", "<p>%s\n<input type=\"hidden\" name=\"csrf\" value=\"%s\">\n",
			                accept ? accept : "none", cfn_id(q));
		}
		static int take(cfn_request *q, cfn_response *r)
		{
			const char *token = cfn_form(q, "csrf");
			cfn_set_cookie(r, "seen", "yes", 60, CFN_COOKIE_HTTP);
			return token && strlen(token) == 32 ? cfn_redirect(r, 303, "/form?done=1") : cfn_error(r, 403, "No.");
		}
		static int size(cfn_request *q, cfn_response *r)
		{
			size_t n = 0;
			return cfn_body(q, &n) ? cfn_send(r, 200, "text/plain", "%zu bytes\n", n) : 500;
		}
		static int now(cfn_request *q, cfn_response *r)
		{
			(void)q;
			return cfn_send(r, 200, "text/plain", "%ld\n", (long)time(NULL));
		}
		CFN_ROUTES({ "GET", "/form", show }, { "POST", "/form", take }, { "POST", "/size", size }, { "GET", "/now", now });
	END
	dev_start form.c --record tests/form.http
	said 'form v1'
	request /form -H 'X-Own-Field: 5'
	expect 200 '<p>5'
	request /form --data "csrf=$(sed -n 's/.*value="\(.*\)".*/\1/p' "$D/body")" -b 'a=b'
	expect 303
	request /size --data-binary @<(printf 'one\r\n\0two')
	expect 200 '9 bytes'
	get /now 200
	get /favicon.ico 404
	dev_end INT
	cat "$D/src/tests/form.http"
	diff - "$D/src/tests/form.http" <<-'END'
		GET /form
		X-Own-Field: 5

		HTTP 200
		Content-Type: text/html; charset=utf-8
		@csrf = /name="csrf" value="([^"]*)"/

		POST /form
		Content-Type: application/x-www-form-urlencoded

		csrf={{csrf}}

		HTTP 303
		Location: /form?done=1
		Content-Type: text/plain; charset=utf-8

		POST /size
		Content-Type: application/x-www-form-urlencoded

		< form-1.body

		HTTP 200
		Content-Type: text/plain; charset=utf-8

		9 bytes

		GET /now

		HTTP 200
		Content-Type: text/plain; charset=utf-8
	END
	cmp "$D/src/tests/form-1.body" <(printf 'one\r\n\0two')
	cfn-deploy test "$D/src" >"$D/tap" || { cat "$D/tap"; return 1; }
	[ "$(grep -c '^ok' "$D/tap")" = 4 ]
}

# bats test_tags=any-user
@test "with --json every line is an object, and --config says what there is" {
	source_make late.c <<-'END'
		static int put(cfn_request *q, cfn_response *r) { (void)q; (void)r; return 204; }
		static int got(cfn_request *q, cfn_response *r) { cfn_log(q, CFN_INFO, "asked"); return cfn_send(r, 200, NULL, "got"); }
		CFN_ROUTES({ "POST", "/late/first", put }, { "GET", "/late/second", got });
	END
	printf '[global]\nmax.wall_time = 15s\n' >"$D/dev.conf"
	cfn-deploy --json --config "$D/dev.conf" dev late.c >"$D/json" 2>"$D/err" 3>&- </dev/null &
	DEV=$!
	started "$DEV"
	eventually grep -q '"event":"open"' "$D/json"
	remember_below "$DEV"
	WEB=$(jq -rs 'map(select(.event == "listening"))[0].text' "$D/json" | sed 's/ .*//')
	# The first path that a browser may ask for.
	[ "$(jq -rs 'map(select(.event == "open"))[0].text' "$D/json")" = "$WEB/late/second" ]
	get /late/second 200 got
	eventually grep -q '"text":"asked"' "$D/json"
	eventually grep -q '"path":"/late/second"' "$D/json"
	echo broken >>late.c
	eventually grep -q '"event":"waiting"' "$D/json"
	kill -TERM "$DEV"
	wait "$DEV" || true
	jq -es 'all(type == "object") and (map(.event) | contains(["listening", "serving", "open", "broken", "waiting"]))' "$D/json"
	dev_start --config "$D/dev.conf" --wall-time 20s hello.c
	said 'max.wall_time = 15s'
	dev_end TERM || true
	refused 66 timeout 150 cfn-deploy --config "$D/none.conf" dev hello.c
}

# bats test_tags=any-user
@test "what cannot be is refused in one line" {
	refused 64 cfn-deploy dev
	refused 66 cfn-deploy dev none.c
	refused 64 cfn-deploy dev hello.c --server apache
	refused 64 cfn-deploy dev hello.c --port 0
	refused 64 cfn-deploy dev hello.c --port 65536
	refused 64 cfn-deploy dev hello.c --registry "$R"
	refused 64 cfn-deploy dev hello.c --memory
	echo mine >mine.http
	refused 73 cfn-deploy dev hello.c --record mine.http
	refused 73 cfn-deploy dev hello.c --record none/x.http
	refused 73 cfn-deploy dev hello.c --record words.txt
	[ "$(cat mine.http)" = mine ]
	dev_start hello.c
	refused 69 cfn-deploy dev hello.c --port "${WEB##*:}"
	grep -q "port ${WEB##*:} " "$D/err"
	dev_end TERM
}
