#!/usr/bin/env bats
# compile.bats - sources that attack the compiler, its box, the check of the artifact, or who reads the diagnostics.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154
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
		case $1 in
		*.cpp) echo "extern \"C\" $tail" ;;
		*) echo "$tail" ;;
		esac
	} >"$D/src/$1"
	RC=0
	timeout 150 cfn-deploy --registry "$R" "$D/src/$1" >"$D/out" 2>"$D/err" 3>&- || RC=$?
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

# bats test_tags=any-user
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
	attack macros.c < <(
		echo '#define A x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;x;'
		last=A
		for name in B C D E F G; do
			echo "#define $name $last $last $last $last $last $last $last $last $last $last $last $last $last $last $last $last"
			last=$name
		done
		echo 'int f(void) { int x = 0; G G G G G G G G G G G G G G G G return x; }'
	)
	[ "$RC" -eq 65 ]
	says 'limit of'
	[ "$(wc -c <"$D/err")" -lt 3000000 ]
	nothing_is_deployed
}

# bounded WORDS: the last attack ended in a diagnostic of bounded size, the last line ours.
bounded() {
	[ "$RC" -eq 65 ] && says "$1" && [ "$(wc -c <"$D/err")" -lt 3000000 ]
}

# bats test_tags=any-user
@test "depth and recursion end in the compiler's own bounds, or it crashes in its box and that is said" {
	attack parentheses.c <<<"int f(void) { return $(head -c 200000 /dev/zero | tr '\0' '(')1; }"
	bounded 'crashed over this source'
	attack braces.c <<<"int f[] = $(head -c 200000 /dev/zero | tr '\0' '{')1;"
	bounded 'limit of 512 MiB of memory\|crashed\|found errors'
	attack includes.c <<<'#include __FILE__'
	bounded 'found errors'
	attack macros.c <<<'__asm__(".macro a\na\na\n.endm\na");'
	bounded 'found errors'
	attack templates.cpp <<<'template <unsigned long n> struct b { static const unsigned long v = b<n * 2 + 1>::v + b<n * 2>::v; };
		unsigned long x = b<1>::v;'
	bounded 'found errors'
	attack constant.cpp <<<'constexpr unsigned f() { unsigned n = 0; for (;;) n++; return n; } constexpr unsigned x = f();'
	bounded 'found errors'
	attack pack.cpp <<<'template <unsigned... n> struct s { }; template <unsigned n> s<__integer_pack(n)...> f(); decltype(f<1u << 27>()) x;'
	bounded 'limit of 512 MiB of memory\|crashed'
	nothing_is_deployed
}

# bats test_tags=any-user
@test "what an assembler is told to fill or to read ends at the disk's limit" {
	local line
	for line in '.fill 100000000000, 1, 1' '.space 0x7fffffffffff, 1' '.skip 1 << 40, 7'; do
		attack fills.c <<<"__asm__(\".data\n$line\n.text\");"
		bounded 'limit of'
	done
	attack reads.c <<<'__asm__(".incbin \"/dev/zero\"");'
	bounded 'found errors'
	attack bss.c <<<'char a[1L << 40];'
	bounded 'wants more than 1 GiB'
	nothing_is_deployed
}

# bats test_tags=any-user
@test "a flood of diagnostics is cut" {
	local words line
	words=$(head -c 100000 /dev/zero | tr '\0' 'x')
	attack messages.c < <(for line in {1..30}; do echo "#pragma message \"$words\""; done)
	[ "$RC" -eq 0 ]
	[ "$(wc -c <"$D/err")" -lt 3000000 ]
	attack warnings.c <<<'__asm__(".macro a\n.rept 1000\n.warning \"x\"\n.endr\n.endm\n.rept 1000000\na\n.endr");'
	bounded 'limit of'
	attack linker.c <<-'END'
		__asm__(".section .gnu.warning.cfn_send,\"a\"\n.ascii \"\\033[2Jdrawn\\0\"\n.text");
		int g(cfn_response *r) { return cfn_send(r, 200, "", "x"); }
	END
	not grep -q "[^[:print:][:space:]]" "$D/err"
}

# words_about PATH HOW: what the compiler says of a file, with the file's name taken out.
words_about() {
	attack about.c <<<"${2//PATH/$1}" >/dev/null
	[ "$RC" -eq 65 ]
	sed "s|$1|PATH|g; s|/tmp/cc[A-Za-z0-9]*|TEMPORARY|g" "$D/err"
}

@test "a file of the host and a missing one get the same words" {
	local how
	for how in '#include "PATH"' '#include <PATH>' '#include_next "PATH"' '_Pragma("GCC dependency \"PATH\"")' \
		'__asm__(".incbin \"PATH\"");' '__asm__(".include \"PATH\"");'; do
		words_about /etc/passwd "$how" >"$D/there"
		words_about /etc/passwz "$how" >"$D/missing"
		diff "$D/there" "$D/missing"
	done
	echo 'int beside;' >"$D/src/beside.h"
	attack beside.c <<<'#include "beside.h"'
	bounded 'found errors'
	attack embeds.c <<-'END'
		#ifdef __has_embed
		#if __has_embed("/etc/passwd")
		#error it can
		#endif
		#endif
	END
	[ "$RC" -eq 0 ]
}

# bats test_tags=any-user
@test "the name of a source is only a name" {
	local name
	cd "$D/src"
	for name in '-x.c' '-Wl,-x.c' "\$(touch own);\`touch own\`|&'\".c" $'new\nline\033[31m.c' 'a b *.c'; do
		printf '#include <cfn.h>\n#error found\n' >"$name"
		rc=0
		cfn-deploy --registry "$R" check --function f -- "$name" >"$D/out" 2>"$D/err" 3>&- || rc=$?
		[ "$rc" -eq 65 ]
		grep -q 'error found' "$D/err"
		not grep -q "[^[:print:][:space:]]" "$D/err"
		says 'found errors'
	done
	not test -e own
}

# bats test_tags=any-user
@test "nothing in a source becomes an option" {
	attack optimize.c <<<'#pragma GCC optimize "-fplugin=/tmp/none.so"'
	[ "$RC" -eq 0 ]
	cp "$D/src/optimize.c" "$D/src/-fplugin=x.c"
	(cd "$D/src" && cfn-deploy --registry "$R" deploy --function dashed -- "-fplugin=x.c" 3>&-)
	cp "$D/src/optimize.c" "$D/src/@options.c"
	(cd "$D/src" && cfn-deploy --registry "$R" deploy --function at ./@options.c 3>&-)
	export GCC_EXEC_PREFIX=/nowhere CPATH=/etc C_INCLUDE_PATH=/etc COMPILER_PATH=/nowhere LIBRARY_PATH=/nowhere \
		DEPENDENCIES_OUTPUT=$D/dependencies SUNPRO_DEPENDENCIES=$D/dependencies TMPDIR=$D/none GCC_COMPARE_DEBUG=-fplugin=x
	attack surrounded.c <<<'#include <passwd>'
	[ "$RC" -eq 65 ]
	attack surrounded.c <<<'/* nothing */'
	[ "$RC" -eq 0 ]
	not test -e "$D/dependencies"
}

# bats test_tags=any-user
@test "diagnostics cannot draw on the terminal" {
	attack draws.c <<<$'#line 1 "x\\r\\033[31mred\\a"\n#error \033[2J\n#pragma message "\\033]0;title\\a"'
	[ "$RC" -eq 65 ]
	not grep -q "[^[:print:][:space:]]" "$D/err"
	not grep -q $'\r' "$D/err"
}

# bats test_tags=any-user
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
	[ "$(sql 'PRAGMA integrity_check')" = ok ]
	[ -z "$(sql 'PRAGMA foreign_key_check')" ]
	cfn-deploy --registry "$R" "$D/src/k.c"
}

# What could be left: temporary folders, in a place where nobody else makes some, and mounts.
own_temporaries() {
	mkdir "$D/tmp"
	export TMPDIR=$D/tmp
	cut -d ' ' -f 5- /proc/self/mountinfo >"$D/mounts"
}

left_behind() {
	find "$TMPDIR" -mindepth 1 -maxdepth 1
	cut -d ' ' -f 5- /proc/self/mountinfo | diff "$D/mounts" - || true
}

below_has() {
	[ -n "$(descendants "$1" "$2")" ]
}

spawner_hangs() {
	ps -o args= -p "$(descendants "$1" | paste -sd ,)" 2>/dev/null | grep -q ^cfn-spawn
}

@test "cfn-deploy killed while its spawner starts leaves no folder" {
	local pid pids
	own_temporaries
	mkdir "$D/libexec"
	cp "${CFN_LIBEXECDIR:-$CFN_PREFIX/libexec/cfn}"/{cfn-router,cfn-worker,libcfn.so.1} "$D/libexec"
	# It never gets ready, and never ends by itself.
	cp "$(command -v yes)" "$D/libexec/cfn-spawn"
	echo "$tail" | cat <(echo '#include <cfn.h>') - >"$D/src/f.c"
	CFN_LIBEXECDIR=$D/libexec cfn-deploy --registry "$R" "$D/src/f.c" >/dev/null 2>&1 3>&- &
	pid=$!
	started "$pid"
	eventually spawner_hangs "$pid"
	pids=$(descendants "$pid")
	kill -KILL "$pid"
	wait "$pid" || true
	# shellcheck disable=SC2086 # several
	kill -KILL $pids
	left_behind >"$D/left"
	diff /dev/null "$D/left"
	nothing_is_deployed
}

@test "cfn-deploy killed in a long compile or in a long load leaves nothing" {
	local pid program
	own_temporaries
	printf '#include <cfn.h>\ntemplate <int n, int m> struct b { typedef typename b<n - 1, 2 * m>::t l; typedef typename b<n - 1, 2 * m + 1>::t t; };\ntemplate <int m> struct b<0, m> { typedef int t; };\nb<26, 0>::t x;\nextern "C" %s\n' \
		"$tail" >"$D/src/cc1plus.cpp"
	printf '#include <cfn.h>\n__attribute__((constructor)) static void early(void) { for (;;) ; }\n%s\n' "$tail" >"$D/src/cfn-worker.c"
	for program in cc1plus.cpp cfn-worker.c; do
		cfn-deploy --registry "$R" deploy --function killed "$D/src/$program" >/dev/null 2>&1 3>&- &
		pid=$!
		started "$pid"
		eventually below_has "$pid" "${program%.*}"
		remember_below "$pid"
		kill -KILL "$pid"
		wait "$pid" || true
		eventually all_gone
		left_behind >"$D/left"
		diff /dev/null "$D/left"
	done
	nothing_is_deployed
}

@test "cp lists a folder, for people and for programs, and a copy that fails leaves the old file" {
	attack f.c <<<'/* nothing */'
	cfn-deploy --registry "$R" deploy --function lists --shared box "$D/src/f.c" 3>&-
	refused 69 cfn-deploy --registry "$R" cp "$D/src/f.c" box:
	pool_start
	cfn-deploy --registry "$R" cp "$D/src/f.c" box: 3>&-
	refused 66 cfn-deploy --registry "$R" cp nope:
	grep -q '^cfn-deploy: nope: ' "$D/err"
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
