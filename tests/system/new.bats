#!/usr/bin/env bats
# new.bats - what `cfn-deploy new` makes.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	cd "$D" || return
}

teardown() {
	cd / && place_remove
}

@test "every template makes a function that deploys without a word of the compiler and passes its test, and says what to do next" {
	local template
	for template in api form stream cpp; do
		cfn-deploy new "my-$template" --template "$template" >"$D/out" 2>"$D/err"
		one_line "$D/out"
		grep -qF "cfn-deploy dev my-$template" "$D/out"
		deploy "./my-$template" 2>>"$D/err"
		[ ! -s "$D/err" ] || { cat "$D/err"; return 1; }
		[ -s "my-$template/tests/my-$template.http" ]
		[ -s "my-$template/README.md" ]
		not grep -rw NAME "my-$template"
		cfn-deploy test "my-$template" >"$D/tap" || { cat "$D/tap"; return 1; }
		[ "$(grep -c '^ok' "$D/tap")" -ge 2 ]
	done
	[ "$(cfn-deploy --registry "$R" list | grep -c ' /my-')" -ge 4 ]
	cfn-deploy new other && cmp <(sed s/other/my-api/g other/other.c) my-api/my-api.c
}

@test "the flags that it leaves for editors are those that compile it" {
	local flags
	cfn-deploy new here
	cfn-deploy new there --template cpp
	mapfile -t flags <here/compile_flags.txt
	gcc "${flags[@]}" -Werror -fsyntax-only here/here.c
	mapfile -t flags <there/compile_flags.txt
	g++ "${flags[@]}" -Werror -fsyntax-only there/there.cpp
}

@test "nothing that is there is written over, and a name is one of a function" {
	mkdir mine
	echo "my work" >mine/mine.c
	ln -s mine link
	refused 73 cfn-deploy new mine
	refused 73 cfn-deploy new link
	[ "$(ls -A mine)" = mine.c ]
	refused 64 cfn-deploy new Hello
	refused 64 cfn-deploy new a/b
	refused 64 cfn-deploy new ../up
	refused 64 cfn-deploy new "$(printf 'a%.0s' {1..65})"
	refused 64 cfn-deploy new --template php hello
	refused 64 cfn-deploy new --template every hello
	refused 64 cfn-deploy new
	[ ! -e hello ]
	cfn-deploy new "$(printf 'a%.0s' {1..64})"
}
