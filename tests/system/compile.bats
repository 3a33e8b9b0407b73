#!/usr/bin/env bats
# compile.bats - sources that attack the compiler, its box, the check of the artifact, or who reads the diagnostics.
# shellcheck disable=SC2034,SC2154
load helper

setup() {
	place_make
	tail='int handle(cfn_request *q, cfn_response *r) { (void)q; (void)r; return 204; }'
}

teardown() {
	place_remove
}

# attack NAME <CODE: deploys the code with a handler behind it; the status in RC, the words in $D/err.
attack() {
	{
		echo '#include <cfn.h>'
		cat
		echo "$tail"
	} >"$D/src/$1"
	RC=0
	timeout 90 cfn-deploy --registry "$R" "$D/src/$1" >"$D/out" 2>"$D/err" 3>&- || RC=$?
	head -c 2000 "$D/err"
}

# The last line of what was said is ours, and says this.
says() {
	tail -n 1 "$D/err" | grep -q "^cfn-deploy: .*$1"
}

nothing_is_deployed() {
	[ "$(cfn-deploy --registry "$R" --json list)" = '[]' ]
}

@test "no file of the host can be included" {
	local file
	echo 'top secret' >"$D/secret"
	for file in /etc/shadow /etc/passwd "$D/secret" "$R" /proc/self/environ /proc/1/cmdline /dev/stdin /sys/kernel/notes; do
		attack reads.c <<<"#include \"$file\""
		[ "$RC" -eq 65 ]
		grep -q 'No such file' "$D/err"
		not grep -q 'root:\|top secret\|PATH=' "$D/err"
	done
	attack incbin.c <<<'__asm__(".incbin \"/etc/passwd\"");'
	[ "$RC" -eq 65 ]
	attack asm.c <<<'__asm__(".include \"/etc/passwd\"");'
	[ "$RC" -eq 65 ]
	not grep -q 'root:' "$D/err"
	nothing_is_deployed
}

@test "the compiler cannot be asked whether a file of the host exists" {
	attack asks.c <<-'END'
		#if __has_include("/etc/passwd") || __has_include("/etc/hostname") || __has_include("/proc/self/maps") || \
			__has_include("/usr/share/common-licenses/GPL-3") || __has_include("/root/.profile")
		#error it can
		#endif
	END
	[ "$RC" -eq 0 ]
}

@test "a source without end meets a limit that is named" {
	attack zero.c <<<'#include "/dev/zero"'
	[ "$RC" -eq 65 ]
	attack self.c <<<$'#include __FILE__\n#include __FILE__'
	[ "$RC" -eq 65 ]
	attack large.c <<<'int a[1 << 30] = { 1 };'
	[ "$RC" -eq 65 ]
	says 'limit of 128 MiB of files'
	attack repeated.c <<<'__asm__(".rept 100000000000\n.quad 1\n.endr");'
	[ "$RC" -eq 65 ]
	says 'limit of'
	{
		echo '#define A x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;'
		last=A
		for name in B C D E F G; do
			echo "#define $name $last $last $last $last $last $last $last $last $last $last $last $last $last $last $last $last"
			last=$name
		done
		echo 'int f(void) { int x = 0; G G G G G G G G G G G G G G G G return x; }'
	} | attack macros.c
	[ "$RC" -eq 65 ]
	says 'limit of'
	[ "$(wc -c <"$D/err")" -lt 3000000 ]
	nothing_is_deployed
}

@test "nothing in a source becomes an option" {
	attack optimize.c <<<'#pragma GCC optimize "-fplugin=/tmp/none.so"'
	[ "$RC" -eq 0 ]
	cp "$D/src/optimize.c" "$D/src/-fplugin=x.c"
	(cd "$D/src" && cfn-deploy --registry "$R" deploy --function dashed -- "-fplugin=x.c" 3>&-)
	cp "$D/src/optimize.c" "$D/src/@options.c"
	(cd "$D/src" && cfn-deploy --registry "$R" deploy --function at ./@options.c 3>&-)
	export GCC_EXEC_PREFIX=/nowhere CPATH=/etc C_INCLUDE_PATH=/etc COMPILER_PATH=/nowhere LIBRARY_PATH=/nowhere
	attack surrounded.c <<<'#include <passwd>'
	[ "$RC" -eq 65 ]
	attack surrounded.c <<<'/* nothing */'
	[ "$RC" -eq 0 ]
	not test -e "$D/dependencies"
}

@test "diagnostics cannot draw on the terminal" {
	attack draws.c <<<$'#line 1 "x\\r\\033[31mred\\a"\n#error \033[2J\n#pragma message "\\033]0;title\\a"'
	[ "$RC" -eq 65 ]
	not grep -q "[^[:print:][:space:]]" "$D/err"
	not grep -q $'\r' "$D/err"
}

@test "an artifact that wants more than a function may is refused" {
	attack interpreter.c <<<'__asm__(".section .interp,\"a\"\n.string \"/bin/sh\"\n.text");'
	[ "$RC" -eq 65 ]
	says 'interpreter'
	attack stack.c <<<'__asm__(".section .note.GNU-stack,\"x\",@progbits\n.text");'
	[ "$RC" -eq 0 ] || says 'executable stack'
	attack both.c <<<'__asm__(".section .both,\"awx\"\n.quad 0\n.text");'
	[ "$RC" -eq 65 ]
	says 'writable and executable'
	attack text.c <<<'extern int handle(cfn_request *, cfn_response *); __asm__(".text\n.quad handle\n");'
	[ "$RC" -eq 65 ]
}

@test "the author's code runs in the sandbox alone, also while it is loaded" {
	rm -f /tmp/cfn-compile-escaped
	attack early.c <<-'END'
		#include <fcntl.h>
		#include <stdio.h>
		#include <unistd.h>
		__attribute__((constructor)) static void early(void)
		{
			if (access("/etc/passwd", F_OK) == 0)
				open("/tmp/cfn-compile-escaped", O_CREAT | O_WRONLY, 0600);
		}
		static int one(void) { return 1; }
		static int (*pick(void))(void) { early(); return one; }
		int chosen(void) __attribute__((ifunc("pick")));
	END
	not test -e /tmp/cfn-compile-escaped
	attack loops.c <<<'__attribute__((constructor)) static void early(void) { for (;;) ; }'
	[ "$RC" -eq 65 ]
	says 'within 15 s'
	attack leaves.c <<<$'#include <unistd.h>\n__attribute__((constructor)) static void early(void) { _exit(0); }'
	[ "$RC" -eq 65 ]
	attack kills.c <<<$'#include <signal.h>\n#include <unistd.h>\n__attribute__((constructor)) static void early(void) { kill(-1, 9); kill(getppid(), 9); }'
	[ "$RC" -eq 0 ] || [ "$RC" -eq 65 ]
}

@test "cfn-deploy killed at any moment leaves the registry whole and no process" {
	local round pid
	for ((round = 0; round < 20; round++)); do
		printf '#include <cfn.h>\n/* %d */\n%s\n' "$round" "$tail" >"$D/src/k.c"
		cfn-deploy --registry "$R" "$D/src/k.c" >/dev/null 2>&1 3>&- &
		pid=$!
		started "$pid"
		sleep "0.0$((RANDOM % 90 + 10))"
		remember_below "$pid"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" || true
	done
	[ "$(sqlite3 "$R" 'PRAGMA integrity_check')" = ok ]
	[ -z "$(sqlite3 "$R" 'PRAGMA foreign_key_check')" ]
	cfn-deploy --registry "$R" "$D/src/k.c"
}

@test "cp lists a folder, for people and for programs, and a copy that fails leaves the old file" {
	attack f.c <<<'/* nothing */'
	cfn-deploy --registry "$R" deploy --function lists --shared box "$D/src/f.c" 3>&-
	refused 69 cfn-deploy --registry "$R" cp "$D/src/f.c" box:
	pool_start
	cfn-deploy --registry "$R" cp "$D/src/f.c" box: 3>&-
	cfn-deploy --registry "$R" cp - box:in.txt <<<"12345" 3>&-
	cfn-deploy --registry "$R" cp box: 3>&- | grep -qx '6 in.txt'
	[ "$(cfn-deploy --registry "$R" --json cp box: 3>&- | jq -r '.[] | select(.name == "in.txt") | .size')" -eq 6 ]
	[ "$(cfn-deploy --registry "$R" cp box:in.txt - 3>&-)" = 12345 ]
	echo old >"$D/kept.txt"
	refused 66 cfn-deploy --registry "$R" cp box:none.txt "$D/kept.txt"
	refused 66 cfn-deploy --registry "$R" cp box:none/f.txt "$D/kept.txt"
	refused 66 cfn-deploy --registry "$R" cp none:f.txt "$D/kept.txt"
	refused 66 cfn-deploy --registry "$R" cp box:none/
	refused 74 cfn-deploy --registry "$R" cp box:../f.txt "$D/kept.txt"
	[ "$(cat "$D/kept.txt")" = old ]
	cfn-deploy --registry "$R" cp box:in.txt "$D/kept.txt" 3>&-
	[ "$(cat "$D/kept.txt")" = 12345 ]
	[ "$(find "$D" -maxdepth 1 -name 'kept.txt*' | wc -l)" -eq 1 ]
	refused 64 cfn-deploy --registry "$R" cp "$D/kept.txt" "$D/other.txt"
}
