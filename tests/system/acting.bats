#!/usr/bin/env bats
# acting.bats - cfn-deploy --token: a token acts, and no further than its scopes reach.
# shellcheck disable=SC2034,SC2154
load helper

# bats file_tags=any-user

setup() {
	place_make
	hello_make one "one"
	cfn-deploy --registry "$R" deploy --function other --route /other "$D/src/one.c" >/dev/null
	token ci 'deploy:/one*'
}

teardown() {
	place_remove
}

# token NAME SCOPE...: makes it, into a file of that name.
token() {
	local name=$1 scopes=()
	shift
	for scope in "$@"; do scopes+=(--scope "$scope"); done
	cfn-deploy --registry "$R" token create "$name" "${scopes[@]}" >"$D/$name" 2>/dev/null
}

as() {
	local name=$1
	shift
	cfn-deploy --registry "$R" --token "$D/$name" "$@" 3>&-
}

# status N ARGUMENT...: as the token ci; what it said is in D/said.
status() {
	local want=$1 rc=0
	shift
	as ci "$@" >"$D/said" 2>&1 || rc=$?
	[ "$rc" -eq "$want" ] || {
		echo "$* ended with $rc, not $want:"
		cat "$D/said"
		return 1
	}
}

@test "a token does within its routes what a deployer does, under its name" {
	status 0 deploy --route /one/x "$D/src/one.c"
	status 0 deploy --function one --entry one --route /one --route /one/x --source-fd 7:one.c 7<"$D/src/one.c"
	status 0 rollback one
	status 0 history one
	grep -q token:ci "$D/said"
	status 0 source one
	grep -q '==> one.c <==' "$D/said"
	status 0 disable one
	status 0 enable one
	status 0 lock --reason 'audit day' one
	status 79 disable one
	grep -q 'locked since .* by token:ci: audit day' "$D/said"
	cfn-deploy --registry "$R" unlock one
	cfn-deploy --registry "$R" lock --reason operator one
	status 79 unlock one
	grep -q 'a token cannot unlock it: operator' "$D/said"
	cfn-deploy --registry "$R" unlock one
	status 0 lock --reason 'audit day' one
	status 0 unlock one
	status 0 remove one
	cfn-deploy --registry "$R" audit >"$D/audit"
	[ "$(grep -c 'by token:ci' "$D/audit")" -eq 11 ]
	cfn-deploy --registry "$R" audit --verify
}

@test "routes out of its scopes are nobody's to add, to take or to see" {
	status 77 deploy --route /two "$D/src/one.c"
	grep -q 'route /two is not within' "$D/said"
	status 77 deploy --route /one --route /two "$D/src/one.c"
	status 0 list --json
	[ "$(cat "$D/said")" = '[]' ]
	not grep -q 'by token:ci' <(cfn-deploy --registry "$R" audit)
}

@test "what is out of its scopes is as if it was not there, in every word, but that its name is taken" {
	sqlite3 "$R" "INSERT INTO secret VALUES ('kept', 'KEY', hex(zeroblob(64)), 1, 'x')"
	for change in 'rollback NAME' 'rollback NAME 1' 'rollback NAME 9' 'disable NAME' 'enable NAME' 'remove NAME' 'lock --reason x NAME' \
		'unlock NAME' 'source NAME' 'source NAME 1' 'source NAME 9' 'history NAME'; do
		for name in missing other kept; do
			read -ra words <<<"${change//NAME/$name}"
			status 66 "${words[@]}"
			sed "s/$name/NAME/g" "$D/said" >"$D/said.$name"
		done
		diff "$D/said.missing" "$D/said.other"
		diff "$D/said.missing" "$D/said.kept"
	done
	for name in other kept; do
		status 73 deploy --function "$name" --entry one --route /one "$D/src/one.c"
		grep -q "the name '$name' is taken: choose another one" "$D/said"
		not grep -q '/other\|secret' "$D/said"
	done
	not grep -q 'by token:ci' <(cfn-deploy --registry "$R" audit)
}

@test "routes that the sources declare are within the scopes, or the function is not added" {
	source_make table.c <<-'END'
		static int a(cfn_request *q, cfn_response *r) { (void)q; return cfn_send(r, 200, "text/plain", "a"); }
		CFN_ROUTES({ "GET", "/one/a", a }, { "GET", "/elsewhere", a });
	END
	status 77 deploy "$D/src/table.c"
	grep -q 'route /elsewhere is not within' "$D/said"
	sed -i 's,/elsewhere,/one/b,' "$D/src/table.c"
	status 0 deploy "$D/src/table.c"
}

@test "a function that once had other routes is not a token's" {
	cfn-deploy --registry "$R" deploy --function mixed --entry one --route /two "$D/src/one.c" >/dev/null
	cfn-deploy --registry "$R" deploy --function mixed --entry one --route /one/m --replace-routes "$D/src/one.c"
	status 66 rollback mixed 1
	status 73 deploy --function mixed --route /one/m "$D/src/one.c"
}

@test "what a scope says nothing of is refused" {
	status 77 deploy --route /one --shared other "$D/src/one.c"
	status 77 deploy --route /one --grant unix:/run/x.sock "$D/src/one.c"
	for command in 'token list' 'token create x' 'secret list' 'gc' 'audit' 'verify' 'status' 'cp one:' 'invoke one' 'init'; do
		read -ra words <<<"$command"
		status 64 "${words[@]}"
		grep -q 'not for tokens' "$D/said"
	done
}

@test "a token that is revoked, over, of another kind or none does nothing" {
	token caller call:other run
	token over 'deploy:*'
	status 0 deploy --route /one "$D/src/one.c"
	cp "$D/ci" "$D/kept"
	cfn-deploy --registry "$R" token revoke ci
	status 77 disable one
	grep -q 'revoked' "$D/said"
	sqlite3 "$R" "UPDATE token SET expires_at = 1 WHERE name = 'over'"
	cp "$D/over" "$D/ci"
	status 77 disable one
	grep -q 'expired' "$D/said"
	cp "$D/caller" "$D/ci"
	status 66 disable one
	printf 'cfn_0' >"$D/ci"
	status 77 disable one
	: >"$D/ci"
	status 77 disable one
	status 77 list
}

@test "descriptors are read as files, and are nothing else" {
	printf '#include "part.h"\n#include <cfn.h>\nint one(cfn_request *q, cfn_response *r) { (void)q; return cfn_send(r, 200, "text/plain", PART); }\n' >"$D/a"
	printf '#define PART "x"\n' >"$D/b"
	status 0 deploy --route /one --source-fd 7:one.c --source-fd 8:part.h 7<"$D/a" 8<"$D/b"
	for given in 7 7: :one.c x:one.c 7:../one.c 7:.one.c 7:sub/one.c 7:one.txt -1:one.c; do
		status 64 deploy --route /one --source-fd "$given" --source-fd 7:one.c 7<"$D/a"
	done
	status 64 deploy --route /one --source-fd 7:one.c "$D/src/one.c" 7<"$D/a"
	status 65 deploy --route /one --source-fd 7:one.c --source-fd 7:one.c 7<"$D/a"
	status 64 deploy --route /one
}
