#!/usr/bin/env bats
# completion.bats - what bash offers behind cfn-deploy.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	hello_make alpha "a"
	hello_make almost "b"
	hello_make beta "c"
	for name in alpha almost beta; do
		deploy "$D/src/$name.c"
	done
}

teardown_file() {
	place_remove
}

# offers WORD...: what the last word, begun, may become.
offers() {
	# shellcheck source=/dev/null
	. "$CFN_PREFIX/share/bash-completion/completions/cfn-deploy"
	COMP_WORDS=(cfn-deploy "$@") COMP_CWORD=$# COMPREPLY=()
	_cfn_deploy cfn-deploy "${!#}" "${*: -2:1}"
	echo "${COMPREPLY[*]}"
}

@test "commands are offered" {
	[ "$(offers roll)" = rollback ]
	[ "$(offers help roll)" = rollback ]
	[ "$(offers --registry "$R" hist)" = history ]
	[ "$(offers --key /k -c /etc/cfn.conf hist)" = history ]
	[ "$(offers '' | wc -w)" -gt 10 ]
}

@test "what key can do is offered behind it, and then files" {
	[ "$(offers key '')" = 'new show sign trust revoke list' ]
	[ "$(offers --registry "$R" key tr)" = trust ]
	[ -z "$(offers --registry "$R" key trust al)" ]
}

@test "what token can do is offered behind it, and tokens where one is to be revoked" {
	"$CFN_PREFIX/bin/cfn-deploy" --registry "$R" token create first
	"$CFN_PREFIX/bin/cfn-deploy" --registry "$R" token create second
	[ "$(offers token '')" = 'create list revoke' ]
	[ "$(offers --registry "$R" token revoke fir)" = first ]
	[ -z "$(offers --registry "$R" token create fir)" ]
}

@test "web servers are offered behind webserver" {
	[ "$(offers webserver '')" = 'nginx lighttpd apache caddy haproxy' ]
	[ "$(offers webserver ca)" = caddy ]
	[ "$(offers webserver nginx --wh)" = --whole ]
}

@test "options of the command are offered" {
	[ "$(offers --reg)" = --registry ]
	[ "$(offers deploy --pm-max-r)" = --pm-max-requests ]
	[ "$(offers gc --kee)" = --keep ]
	[ "$(offers import --act)" = --activate ]
	[ "$(offers logs --fol)" = --follow ]
	[ -z "$(offers list --keep)" ]
}

@test "functions of the registry are offered where a name is wanted" {
	[ "$(offers --registry "$R" rollback al)" = 'almost alpha' ]
	[ "$(offers --registry "$R" rollback b)" = beta ]
	[ -z "$(offers --registry "$R" deploy al)" ]
	[ "$(offers --registry "$R" export b)" = beta ]
	[ -z "$(offers --registry "$R" import b)" ]
	[ -z "$(offers --registry "$R" backup b)" ]
	[ -z "$(offers --registry "$D/none.db" rollback al)" ]
}
