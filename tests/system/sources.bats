#!/usr/bin/env bats
# sources.bats - functions of several files: named one by one, as a folder, from standard input.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	mkdir -p "$D/shop/lib" "$D/shop/tests"
	cat >"$D/shop/shop.c" <<-'END'
		#include <cfn.h>
		#include "lib/price.h"
		static int list(cfn_request *q, cfn_response *r) { (void)q; return cfn_send(r, 200, "text/plain", "price %d\n", price(2)); }
		static int item(cfn_request *q, cfn_response *r) { (void)q; return cfn_send(r, 200, "text/plain", "total %d\n", total(3)); }
		CFN_ROUTES({ "GET", "/shop", list }, { "GET", "/shop/:id", item });
	END
	cat >"$D/shop/lib/price.h" <<-'END'
		#ifdef __cplusplus
		extern "C" {
		#endif
		int price(int n);
		int total(int n);
		#ifdef __cplusplus
		}
		#endif
	END
	printf '#include "price.h"\nint price(int n) { return 7 * n; }\n' >"$D/shop/lib/price.c"
	cat >"$D/shop/total.cpp" <<-'END'
		#include "lib/price.h"
		#include <numeric>
		#include <vector>
		int total(int n) { std::vector<int> v(n, price(1)); return std::accumulate(v.begin(), v.end(), 0); }
	END
	echo 'left out' >"$D/shop/tests/test.c"
	echo 'left out' >"$D/shop/.draft.c"
}

teardown() {
	place_remove
}

files=(shop.c total.cpp lib/price.c lib/price.h)

@test "a folder of C and C++ files with headers is served, and the same files make no other version" {
	deploy deploy "$D/shop"
	pool_start
	nginx_start
	get /shop 200 'price 14'
	get /shop/1 200 'total 21'
	[ "$(cd "$D/shop" && deploy --json deploy "${files[@]}" | jq .unchanged)" = true ]
	[ "$(cd "$D/shop" && deploy --json deploy . | jq .unchanged)" = true ]
	chmod 400 "$D/shop/shop.c"
	[ "$(deploy --json deploy --function shop "$D/shop/lib/price.c" "$D"/shop/*.c* "$D/shop/lib/price.h" | jq .unchanged)" = true ]
	sed -i 's/7 \* n/8 * n/' "$D/shop/lib/price.c"
	deploy deploy "$D/shop"
	get /shop 200 'price 16'
	[ "$(deploy --json show shop | jq -c '[.version, .file]')" = "[2,\"$D/shop\"]" ]
}

@test "the files of a version come out again, printed or as they were" {
	deploy deploy "$D/shop"
	deploy source shop --extract "$D/again"
	rm -r "$D/shop/tests" "$D/shop/.draft.c"
	diff -r "$D/shop" "$D/again"
	refused 73 cfn-deploy --registry "$R" source shop --extract "$D/again"
	[ "$(deploy source shop | grep -c '^==> ')" -eq 4 ]
	[ "$(deploy --json source shop 1 | jq -r '.[] | select(.name == "lib/price.c").text')" = "$(cat "$D/shop/lib/price.c")" ]
	printf '#include <cfn.h>\n/* \033[31m */ int one(cfn_request *q, cfn_response *r) { (void)q; (void)r; return 204; }\n' >"$D/src/one.c"
	deploy "$D/src/one.c"
	not grep -q $'\033' <(script -qec "cfn-deploy --registry $R source one" /dev/null)
	[ "$(deploy source one | sed 1d)" = "$(cat "$D/src/one.c")" ]
}

@test "the words of the compiler name the author's own files, in every folder" {
	printf 'int broken = y;\n' >>"$D/shop/lib/price.h"
	run cfn-deploy --registry "$R" check "$D/shop"
	[ "$status" -eq 65 ]
	grep -qx "In file included from $D/shop/lib/price.c:1:" <<<"$output"
	grep -q "^$D/shop/lib/price.h:9:14: error: " <<<"$output"
	sed -i '$d' "$D/shop/lib/price.h"
	echo 'int price(int n) { return n; }' >"$D/shop/twice.c"
	cd "$D/shop"
	run cfn-deploy --registry "$R" check . 3>&-
	[ "$status" -eq 65 ]
	grep -q "^\./twice.c:1: multiple definition of .*; \./lib/price.c:2: first defined here" <<<"$output"
}

@test "the compiler sees the files that were given, and no other" {
	cd "$D/shop"
	run cfn-deploy --registry "$R" check shop.c total.cpp lib/price.c 3>&-
	[ "$status" -eq 65 ]
	grep -q 'price.h: No such file' <<<"$output"
	cat >>shop.c <<-'END'
		#if __has_include("tests/test.c") || __has_include(".draft.c") || __has_include("../shop/shop.c") || __has_include("page.html")
		#error it can
		#endif
	END
	echo page >page.html
	cfn-deploy --registry "$R" check . 3>&-
	ln -s /etc/passwd lib/passwd.h
	refused 64 cfn-deploy --registry "$R" deploy .
	grep -q 'passwd.h: a symbolic link' "$D/err"
	rm lib/passwd.h
	mkfifo lib/pipe.h
	refused 64 timeout 150 cfn-deploy --registry "$R" deploy .
	rm lib/pipe.h
	truncate -s 1G lib/large.h
	refused 65 cfn-deploy --registry "$R" deploy .
	grep -q 'larger than 4 MiB' "$D/err"
	[ "$(deploy --json list)" = '[]' ]
}

@test "C comes from standard input when it has a name" {
	hello_make hello "from a pipe"
	cfn-deploy --registry "$R" deploy --function hello - <"$D/src/hello.c" 3>&-
	[ "$(deploy invoke hello 2>"$D/err")" = 'from a pipe' ]
	[ "$(deploy --json deploy "$D/src/hello.c" | jq .unchanged)" = true ]
	refused 64 cfn-deploy --registry "$R" deploy -
	run cfn-deploy --registry "$R" deploy --function hello - 3>&- < <(head -c 5000000 /dev/zero)
	[ "$status" -eq 65 ]
}
