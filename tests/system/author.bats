#!/usr/bin/env bats
# author.bats - what cfn.h offers to authors, in a function of a running pool behind nginx.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	deploy deploy --env HOOK_KEY=Jefe "$functions/secrets.c"
	cat >"$D/src/lean.c" <<-'END'
		#include <cfn.h>
		#include <dlfcn.h>
		int lean(cfn_request *q, cfn_response *r)
		{
			(void)q;
			return cfn_send(r, 200, 0, "libcrypto is %s", dlsym(RTLD_DEFAULT, "HMAC") ? "there" : "absent");
		}
	END
	deploy "$D/src/lean.c"
	pool_start
	nginx_start
}

teardown_file() {
	place_remove
}

@test "a password is hashed, checked and refused" {
	local hash
	request /sign-up -d 'password=correct+horse'
	expect 200 "\$scrypt\$ln=14,r=8,p=5\$"
	hash=$(cat "$D/body")
	request /log-in --data-urlencode "hash=$hash" -d 'password=correct+horse'
	expect 200 welcome
	request /log-in --data-urlencode "hash=$hash" -d 'password=wrong'
	expect 403 no
	request /log-in -d 'password=wrong'
	expect 403 no
}

@test "a webhook's signature is that of its body" {
	local signature
	signature=$(printf 'what do ya want for nothing?' | openssl dgst -sha256 -hmac Jefe | sed 's/.* //')
	request /hook -H "X-Signature: sha256=$signature" --data-raw 'what do ya want for nothing?'
	expect 200 taken
	request /hook -H "X-Signature: sha256=$signature" --data-raw 'what do ya want for something?'
	expect 403 no
	request /hook --data-raw 'what do ya want for nothing?'
	expect 403 no
}

@test "a function that needs no libcrypto does not carry it" {
	get /lean 200 'libcrypto is absent'
}
