#!/usr/bin/env bats
# gate.bats - who may call a function: tokens through real web servers, their scopes, expiry and revocation, what the
# function learns, and that who writes the registry lets nobody in where keys are trusted.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	mkdir "$D/keys.d"
	conf <<-END
		routers = 3
		keys_dir = $D/keys.d
	END
	export XDG_DATA_HOME=$D/home
	source_make who.c <<-'END'
		int who(cfn_request *q, cfn_response *r)
		{
			const char *user = cfn_user(q), *shown = cfn_header(q, "Authorization");

			return cfn_send(r, 200, "text/plain", "user=%s shown=%s\n", user ? user : "nobody", shown ? shown : "nothing");
		}
	END
	hello_make open "come in"
}

teardown() {
	place_remove
}

tool() {
	cfn-deploy -c "$D/cfn.conf" --registry "$R" "$@" 3>&-
}

# token NAME [ARGUMENT...]: a new token, in TOKEN.
token() {
	TOKEN=$(tool token create "$@" 2>"$D/err")
}

# shows TOKEN CODE [TEXT]: as a bearer, through the web server.
shows() {
	request /who -H "Authorization: Bearer $1"
	shift
	expect "$@"
}

# direct TOKEN: the status line that a router of its own choice gives.
direct() {
	fcgi <<-END | grep '^|Status'
		begin 1 1 0
		param REQUEST_METHOD GET
		param SCRIPT_NAME /who
		param HTTP_AUTHORIZATION Bearer $1
		params 1
		end 1
		read-all
	END
}

log_has() {
	jq -ne "any(inputs; $1)" "$D/access.log" >/dev/null
}

@test "nginx: only who shows a token is let in, and the function learns who and not by what" {
	tool deploy --auth bearer "$D/src/who.c"
	tool "$D/src/open.c"
	pool_start
	nginx_start
	expect_cause /who 401 unauthorized
	[ "$(header WWW-Authenticate)" = 'Bearer realm="who"' ]
	token ci --scope call:who
	shows "$TOKEN" 200 "user=ci shown=nothing"
	eventually log_has '.user == "ci" and .status == 200'
	expect_cause /who 401 unauthorized -u "ci:$TOKEN"
	expect_cause /who 401 unauthorized -H "Authorization: Bearer ${TOKEN%?}"
	[ "$(header WWW-Authenticate)" = 'Bearer realm="who", error="invalid_token"' ]
	# Names that a client may try, where the web server makes params of them.
	request /who -H 'CFN-User: root' -H 'CFN_USER: root' -H 'Remote-User: root' -H "Authorization: Bearer $TOKEN"
	expect 200 "user=ci "
	get /open 200 "come in"
	token elsewhere --scope call:open
	expect_cause /who 403 forbidden -H "Authorization: Bearer $TOKEN"
	[ "$(header WWW-Authenticate)" = 'Bearer realm="who", error="insufficient_scope", scope="call:who"' ]
	eventually log_has '.user == "elsewhere" and .cause == "forbidden"'
	eventually log_has '.cause == "unauthorized" and .function == "who" and (.user | not)'
	request /who -H "Authorization: Bearer $TOKEN" -H "Authorization: Bearer $TOKEN"
	[ "$CODE" = 400 ] || expect 401
}

@test "nginx: basic takes the token as the password of its name" {
	tool deploy --auth basic "$D/src/who.c"
	pool_start
	nginx_start
	token ada --scope 'call:*'
	request /who -u "ada:$TOKEN"
	expect 200 "user=ada shown=nothing"
	expect_cause /who 401 unauthorized -u "eve:$TOKEN"
	[ "$(header WWW-Authenticate)" = 'Basic realm="who", charset="UTF-8"' ]
	expect_cause /who 401 unauthorized -u "ada:$TOKEN "
	expect_cause /who 401 unauthorized -H 'Authorization: Basic ====' 
	expect_cause /who 401 unauthorized -H "Authorization: Bearer $TOKEN"
}

@test "lighttpd: a token is let in, and nobody else" {
	tool deploy --auth bearer "$D/src/who.c"
	pool_start
	lighttpd_start spawn
	token ci
	shows "$TOKEN" 200 "user=ci shown=nothing"
	expect_cause /who 401 unauthorized
}

@test "who is refused costs no worker" {
	local i
	tool deploy --auth bearer "$D/src/who.c"
	pool_start
	for i in 1 2 3; do
		[ "$(direct "cfn_$i")" = '|Status: 401 Unauthorized' ]
	done
	[ -z "$(pool_processes cfn-worker)" ]
}

@test "a revoked token is worth nothing when the command returns, whichever router is asked" {
	local i k
	tool deploy --auth bearer "$D/src/who.c"
	pool_start
	for ((i = 0; i < 8; i++)); do
		token ci
		[ "$(direct "$TOKEN")" = '|Status: 200 OK' ]
		tool token revoke ci
		for ((k = 0; k < 6; k++)); do
			[ "$(direct "$TOKEN")" = '|Status: 401 Unauthorized' ]
		done
	done
	refused 66 tool token revoke ci
	[ "$(tool audit | grep -c 'token_revoke.*: token ci$')" = 8 ]
}

is_refused() {
	[ "$(direct "$1")" = '|Status: 401 Unauthorized' ]
}

@test "a token is worth nothing after its time, and is listed as expired" {
	tool deploy --auth bearer "$D/src/who.c"
	pool_start
	token short --expires 4s
	# A machine may be so slow that it is over already.
	direct "$TOKEN" | grep -qE '200|401'
	eventually is_refused "$TOKEN"
	tool --json token list | jq -e '.[0].expired and .[0].name == "short"'
	tool token list | grep -q '(expired)'
}

@test "the token itself is nowhere but where it was shown" {
	tool deploy --auth bearer "$D/src/who.c"
	pool_start
	token ci
	[ "$(direct "$TOKEN")" = '|Status: 200 OK' ]
	tool token list >"$D/list"
	tool --json token list >>"$D/list"
	pool_stop TERM
	not grep -rqF -- "${TOKEN#cfn_}" "$D"
	# What is kept is what sha256sum says.
	[ "$(sql "SELECT lower(hex(hash)) FROM token")" = "$(printf %s "$TOKEN" | sha256sum | cut -d' ' -f1)" ]
}

@test "a gate is kept by the next deploys until one says something else" {
	tool deploy --auth bearer "$D/src/who.c"
	pool_start
	echo >>"$D/src/who.c"
	tool "$D/src/who.c"
	[ "$(direct none)" = '|Status: 401 Unauthorized' ]
	tool deploy --defaults "$D/src/who.c"
	[ "$(direct none)" = '|Status: 401 Unauthorized' ]
	tool show who | grep -q '^auth *bearer$'
	tool --json show who | jq -e '.limits.auth == "bearer" or .auth == "bearer"'
	refused 64 tool deploy --auth digest "$D/src/who.c"
	refused 64 tool invoke who
	[ "$(tool invoke who --user ada --header 'Authorization: x' 2>/dev/null)" = 'user=ada shown=nothing' ]
	tool deploy --auth none "$D/src/who.c"
	[ "$(direct none)" = '|Status: 200 OK' ]
	refused 64 tool invoke who --user ada
	# The operator closes one that is open.
	printf '[function who]\nauth = bearer\n' >>"$D/cfn.conf"
	pool_stop TERM
	pool_start
	[ "$(direct none)" = '|Status: 401 Unauthorized' ]
}

# asked METHOD HOST: a page of https://HOST asks before it sends such a request.
asked() {
	request /who -X OPTIONS -H "Origin: https://$2" -H "Access-Control-Request-Method: $1" \
		-H 'Access-Control-Request-Headers: authorization, x-a'
}

@test "nginx: pages of the origins that are named are let in with a token, and no others" {
	local from='Origin: https://app.example'

	tool deploy --auth bearer --cors https://app.example --cors http://localhost:5173 "$D/src/who.c"
	pool_start
	nginx_start
	token ci --scope call:who
	asked POST app.example
	expect 204
	[ "$(header Access-Control-Allow-Origin)" = https://app.example ]
	[ "$(header Access-Control-Allow-Methods)" = 'GET, HEAD, POST, OPTIONS' ]
	[ "$(header Access-Control-Allow-Headers)" = 'authorization, x-a' ]
	[ "$(header Access-Control-Allow-Credentials)" = true ]
	[ "$(header Access-Control-Max-Age)" = 600 ]
	asked POST evil.example
	expect 401
	not grep -qi '^access-control' "$D/head"
	expect_cause /who 401 unauthorized -H "$from"
	[ "$(header Access-Control-Allow-Origin)" = https://app.example ]
	request /who -H "$from" -H "Authorization: Bearer $TOKEN"
	expect 200 "user=ci"
	[ "$(header Access-Control-Allow-Origin)" = https://app.example ]
	[ "$(header Vary)" = Origin ]
	request /who -H 'Origin: https://evil.example' -H "Authorization: Bearer $TOKEN"
	expect 200 "user=ci"
	[ "$(header Vary)" = Origin ]
	not grep -qi '^access-control' "$D/head"
	# It is kept until something else is said.
	echo >>"$D/src/who.c"
	tool "$D/src/who.c"
	tool show who | grep -q '^cors *http://localhost:5173 https://app.example$'
	tool --json show who | jq -e '.cors == ["http://localhost:5173", "https://app.example"]'
	asked GET app.example
	[ "$(header Access-Control-Allow-Origin)" = https://app.example ]
	refused 64 tool deploy --cors https://app.example/ "$D/src/who.c"
	refused 64 tool deploy --cors '*' --cors https://app.example "$D/src/who.c"
	printf '[function who]\nsource = src/who.c\ncors = *\n' >"$D/cfn.ini"
	tool apply "$D/cfn.ini"
	request /who -H 'Origin: https://evil.example' -H "Authorization: Bearer $TOKEN"
	expect 200 "user=ci"
	[ "$(header Access-Control-Allow-Origin)" = '*' ]
	[ -z "$(header Access-Control-Allow-Credentials)" ]
	tool deploy --cors none "$D/src/who.c"
	asked GET app.example
	expect 401
	not grep -qi '^access-control' "$D/head"
}

@test "ten thousand tokens are asked like one, and one damaged is that one alone" {
	tool deploy --auth bearer "$D/src/who.c"
	token mine --scope call:who
	sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
		INSERT INTO token SELECT 't' || i, randomblob(32), 'call:who', 1, 0, 'x', NULL, NULL FROM n;
		UPDATE token SET scopes = 'all' WHERE name = 't77'"
	pool_start
	[ "$(direct "$TOKEN")" = '|Status: 200 OK' ]
	grep -q "token 't77'.*lets nobody in" "$D/error.log" "$D/pool.out"
	refused 65 tool token list
	tool token revoke t77
	tool token revoke mine
	[ "$(direct "$TOKEN")" = '|Status: 401 Unauthorized' ]
}

# As who may write the registry, with the pool made to look.
tamper() {
	sql "BEGIN; $1; UPDATE state SET value = value + 1 WHERE name = 'tokens'; COMMIT"
}

refusals() {
	grep -c "token '.*lets nobody in" "$D/error.log" || true
}

more_refusals() {
	[ "$(refusals)" -gt "$1" ]
}

audit_has() {
	tool audit | grep -qF "$1"
}

@test "where keys are trusted, who writes the registry lets nobody in" {
	local n forged
	tool key new >"$D/alice.pem"
	tool deploy --auth bearer "$D/src/who.c"
	tool key sign
	tool key trust alice "$D/alice.pem"
	token before
	pool_start
	[ "$(direct "$TOKEN")" = '|Status: 200 OK' ]
	tool token list | grep -q '^before .*alice$'
	tool --json verify | jq -e '.ok and .tokens == 1'
	# Without the key none is made that would be worth nothing.
	XDG_DATA_HOME=$D/other refused 77 tool token create forged
	forged=cfn_$(printf '0%.0s' {1..64})
	n=$(refusals)
	tamper "INSERT INTO token VALUES ('forged', x'$(printf %s "$forged" | sha256sum | cut -d' ' -f1)', 'call:*', 1, 0, 'x', NULL, NULL)"
	eventually more_refusals "$n"
	[ "$(direct "$forged")" = '|Status: 401 Unauthorized' ]
	# Another hash, or another scope, under a signature that is good.
	n=$(refusals)
	tamper "DELETE FROM token WHERE name = 'forged'; UPDATE token SET hash = x'$(printf %s "$forged" | sha256sum | cut -d' ' -f1)'"
	eventually more_refusals "$n"
	[ "$(direct "$forged")" = '|Status: 401 Unauthorized' ]
	[ "$(direct "$TOKEN")" = '|Status: 401 Unauthorized' ]
	eventually audit_has "token 'forged' is not signed"
	not tool verify >"$D/out"
	grep -q '^fault: token before: ' "$D/out"
	# Taking one away needs no key, and takes effect.
	tool token revoke before
	token after --scope call:who
	[ "$(direct "$TOKEN")" = '|Status: 200 OK' ]
	XDG_DATA_HOME=$D/other tool token revoke after
	[ "$(direct "$TOKEN")" = '|Status: 401 Unauthorized' ]
}

@test "a key lets callers into what it may sign, and into nothing else" {
	tool key new >"$D/alice.pem"
	XDG_DATA_HOME=$D/bob tool key new >"$D/bob.pem"
	tool deploy --auth bearer "$D/src/who.c"
	tool key sign
	tool key trust alice "$D/alice.pem"
	tool key trust bob "$D/bob.pem" --route '/shop/*'
	pool_start
	XDG_DATA_HOME=$D/bob token wide --scope 'call:*'
	[ "$(direct "$TOKEN")" = '|Status: 403 Forbidden' ]
	XDG_DATA_HOME=$D/bob token narrow --scope call:who
	[ "$(direct "$TOKEN")" = '|Status: 403 Forbidden' ]
	# As soon as the function has other routes, these count.
	tool deploy --route /shop/who --replace-routes "$D/src/who.c"
	fcgi <<-END | grep -q '^|Status: 200'
		begin 1 1 0
		param REQUEST_METHOD GET
		param SCRIPT_NAME /shop/who
		param HTTP_AUTHORIZATION Bearer $TOKEN
		params 1
		end 1
		read-all
	END
	tool deploy --route /shop/who --route /who "$D/src/who.c"
	[ "$(direct "$TOKEN")" = '|Status: 403 Forbidden' ]
	# A key that is not trusted any more takes its tokens with it.
	token mine
	[ "$(direct "$TOKEN")" = '|Status: 200 OK' ]
	tool key revoke bob
	XDG_DATA_HOME=$D/bob refused 77 tool token create late
}
