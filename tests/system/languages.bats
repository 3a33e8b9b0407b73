#!/usr/bin/env bats
# languages.bats - every language that comes with this: its programs are run by the host's tools, in boxes.
# bats file_tags=any-user
# shellcheck disable=SC2154
load helper

setup() {
	place_make
	cd "$D/src" || return 1
}

teardown() {
	place_remove
}

# tool_of LANGUAGE-FILE: what its programs are compiled or run with.
tool_of() {
	sed -nE 's/^needs = ([^ ]+).*/\1/p; s/^(compile|run) = ([^ ]+).*/\2/p' "$tree/languages.d/$1.conf" | grep -v ^/program | head -n 1
}

# Where a quick run has not installed it; a whole one installs all.
need_language() {
	[ -x "$(tool_of "$1")" ] || skip "no $(tool_of "$1")"
}

# speaks LANGUAGE STATUS: hello.* here says its input, its argument and what more.* says, and ends with 7; fail.* fails
# with STATUS and says oops on standard error; bad.* is not even begun.
speaks() {
	local rc=0 main=(hello.*)
	need_language "$1"
	[ ! -e Main.java ] || main=(Main.java)
	printf 'joe' | cfn-deploy run --input - ${3:+--file "$3"} "${main[0]}" "a  b" >out 2>err 3>&- || rc=$?
	cat out err
	[ "$rc" -eq 7 ]
	[ "$(cat out)" = "joe a  b more" ]
	[ ! -s err ]
	cfn-deploy --json run --merge-stderr fail.* 3>&- >out
	jq -c '{status, exit_code, output}' out
	[ "$(jq -r .status out)" = "$2" ]
	jq -r .output out | grep -q oops
	cfn-deploy --json run bad.* 3>&- >out
	jq -c '{status, exit_code, stderr, said: .compile.stderr}' out
	if grep -q ^compile "$tree/languages.d/$1.conf"; then
		jq -e '.status == "compile_error" and (.compile.stderr | test("error|syntax"))' out
	else
		jq -e '.status == "nonzero_exit" and (.stderr | test("[Ee]rror|expected"))' out
	fi
}

@test "C is spoken" {
	printf '#include <stdio.h>\n#include "more.h"\nint main(int n, char **v) { char b[9]; printf("%%s %%s %%s\\n", fgets(b, 9, stdin), v[1], more); return n + 5; }\n' >hello.c
	echo 'static const char more[] = "more";' >more.h
	printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { fprintf(stderr, "oops\\n"); abort(); }\n' >fail.c
	echo 'int main(void) { return x; }' >bad.c
	speaks c signal more.h
}

@test "C++ is spoken" {
	printf '#include <iostream>\nextern const char *more();\nint main(int n, char **v) { std::string b; std::cin >> b; std::cout << b << " " << v[1] << " " << more() << std::endl; return n + 5; }\n' >hello.cpp
	echo 'const char *more() { return "more"; }' >more.cpp
	printf '#include <stdexcept>\nint main() { throw std::runtime_error("oops"); }\n' >fail.cpp
	echo 'int main() { std::x; }' >bad.cpp
	speaks cpp signal more.cpp
}

@test "Rust is spoken" {
	cat >hello.rs <<-'END'
		mod more;
		fn main() {
		    let mut s = String::new();
		    std::io::stdin().read_line(&mut s).unwrap();
		    println!("{} {} {}", s.trim(), std::env::args().nth(1).unwrap(), more::MORE);
		    std::process::exit(7);
		}
	END
	echo 'pub const MORE: &str = "more";' >more.rs
	echo 'fn main() { panic!("oops"); }' >fail.rs
	echo 'fn main() { let x: i32 = "a"; }' >bad.rs
	speaks rust nonzero_exit more.rs
}

@test "Go is spoken" {
	cat >hello.go <<-'END'
		package main
		import ("bufio"; "fmt"; "os")
		func main() {
			s, _ := bufio.NewReader(os.Stdin).ReadString('\n')
			fmt.Println(s, os.Args[1], more())
			os.Exit(7)
		}
	END
	printf 'package main\nfunc more() string { return "more" }\n' >more.go
	printf 'package main\nfunc main() { panic("oops") }\n' >fail.go
	printf 'package main\nfunc main() { x }\n' >bad.go
	need_language go
	cfn-deploy --json run bad.go 3>&- >out
	jq -e '.status == "compile_error" and (.compile.stderr | test("undefined: x"))' out
	printf 'package main\nfunc main() { syntax error }\n' >bad.go
	speaks go nonzero_exit more.go
}

@test "Java is spoken" {
	cat >Main.java <<-'END'
		public class Main {
			public static void main(String[] a) {
				System.out.println(new java.util.Scanner(System.in).nextLine() + " " + a[0] + " " + More.more());
				System.exit(7);
			}
		}
	END
	echo 'class More { static String more() { return "more"; } }' >More.java
	echo 'class fail { public static void main(String[] a) { throw new RuntimeException("oops"); } }' >fail.java
	echo 'class Main { int x = "a"; }' >bad.java
	speaks java nonzero_exit More.java
}

@test "a main class may be in a package" {
	need_language java
	mkdir -p src
	printf '/* package no.this; */ // nor package that\n\npackage a . b ;\npublic class Main { public static void main(String[] x) { System.out.println(Main.class.getName()); } }\n' >Main.java
	[ "$(cfn-deploy run Main.java 3>&-)" = a.b.Main ]
}

# class_is CLASS SOURCE: what {class} is for a main file like this.
class_is() {
	printf '%b' "$2" >one.kind
	[ "$(cfn-deploy -c run.conf run one.kind 3>&-)" = "$1" ] || {
		echo "of '$2' the class is not $1"
		return 1
	}
}

@test "the class of a main file is its name behind the package that it says first" {
	mkdir kinds
	printf 'name = Kind\nsource = main.kind\nrun = /bin/echo {class}\n' >kinds/kind.conf
	printf '[run]\nlanguages_dir = %s\n' "$PWD/kinds" >run.conf
	class_is one ''
	class_is one 'class one {}\npackage a;'
	class_is one 'packages a;'
	class_is one 'package'
	class_is one '/* package a;'
	class_is one "package $(head -c 2000 /dev/zero | tr '\0' a);"
	class_is a.one 'package a;'
	class_is a.one '\357\273\277package a\nimport b.c'
	class_is a.b_2.one '// x\r\n/* y */package/**/a/* . */.\tb_2;'
}

@test "Python is spoken" {
	printf 'import sys, more\nprint(input(), sys.argv[1], more.MORE)\nsys.exit(7)\n' >hello.py
	echo 'MORE = "more"' >more.py
	echo 'raise RuntimeError("oops")' >fail.py
	echo 'print(' >bad.py
	speaks python nonzero_exit more.py
}

@test "Bash is spoken" {
	# shellcheck disable=SC2016
	printf '. ./more.sh; read b; echo "$b $1 $more"; exit 7\n' >hello.sh
	echo more=more >more.sh
	echo 'echo oops >&2; exit 3' >fail.sh
	echo 'if' >bad.sh
	speaks bash nonzero_exit more.sh
}

@test "Perl is spoken" {
	# shellcheck disable=SC2016
	printf 'use strict; use more; my $b = <STDIN>; print "$b $ARGV[0] $more::more\\n"; exit 7;\n' >hello.pl
	# shellcheck disable=SC2016
	echo 'package more; our $more = "more"; 1;' >more.pm
	echo 'die "oops"' >fail.pl
	echo 'print (' >bad.pl
	speaks perl nonzero_exit more.pm
}

@test "JavaScript is spoken" {
	printf 'const { more } = require("./more.js");\nconst b = require("fs").readFileSync(0, "utf8");\nconsole.log(b, process.argv[2], more);\nprocess.exitCode = 7;\n' >hello.js
	echo 'exports.more = "more";' >more.js
	echo 'throw new Error("oops")' >fail.js
	echo 'function (' >bad.js
	speaks javascript nonzero_exit more.js
}

@test "PHP is spoken" {
	# shellcheck disable=SC2016
	printf '<?php require "more.inc"; echo trim(fgets(STDIN)), " ", $argv[1], " ", MORE, "\\n"; exit(7);\n' >hello.php
	echo '<?php const MORE = "more";' >more.inc
	echo '<?php throw new Exception("oops");' >fail.php
	echo '<?php function (' >bad.php
	speaks php nonzero_exit more.inc
}

@test "Lua is spoken" {
	printf 'local more = require "more"\nprint(io.read() .. " " .. arg[1] .. " " .. more)\nos.exit(7)\n' >hello.lua
	echo 'return "more"' >more.lua
	echo 'error("oops")' >fail.lua
	echo 'print(' >bad.lua
	speaks lua nonzero_exit more.lua
}

# A shell and a few tools with their libraries, and nothing else.
root_make() {
	local tool file
	mkdir -p "$1"/{bin,lib,lib64,etc}
	for tool in bash cat ls; do
		cp "/bin/$tool" "$1/bin/"
		ldd "/bin/$tool" | grep -oE '/[^ ]+' | while read -r file; do
			mkdir -p "$1$(dirname "$file")"
			cp -L "$file" "$1$file"
		done
	done
	echo "of the root" >"$1/etc/mark"
	ln -s /etc/passwd "$1/etc/up"
	ln -s ../../../../../../etc/passwd "$1/etc/further"
	chmod -R a+rX "$1"
}

@test "a language with a root sees that, and nothing of the host" {
	mkdir more
	root_make "$D/root"
	printf 'name = Rooted\nsource = main.sh\nrun = /bin/bash {main}\nroot = %s\nversion = /bin/bash --version\n' "$D/root" >more/rooted.conf
	printf '[run]\nlanguages_dir = %s\n' "$PWD/more" >run.conf
	cat >see.sh <<-'END'
		cat /etc/mark
		for file in /usr/bin/env /usr/lib /etc/passwd /etc/up /etc/further /etc/alternatives; do
			[ ! -e $file ] || echo "$file is seen"
		done
		(: >/etc/mark) 2>&- || echo it is read-only
		(: >/bin/new) 2>&- || echo and so is that
		ls /bin /proc /sys /dev/pts 2>&- || exit 0
	END
	cfn-deploy -c run.conf run see.sh 3>&- >out
	diff out - <<-'END'
		of the root
		it is read-only
		and so is that
		/bin:
		bash
		cat
		ls
	END
	rm "$D/root/bin/bash"
	refused 66 cfn-deploy -c run.conf run see.sh
	grep -q 'Rooted is not installed here: no /bin/bash' "$D/err"
	mv "$D/root" "$D/gone"
	refused 66 cfn-deploy -c run.conf run see.sh
	grep -q "Rooted is not installed here: no $D/root" "$D/err"
}

@test "of the host a program reads programs and libraries, and no configuration and nobody's files" {
	cat >see.sh <<-'END'
		for file in /etc /usr/share /usr/local /usr/sbin /home /root /var /srv /opt /run /sys /proc /dev /boot; do
			ls $file 2>&-
		done
		for file in /usr/lib/ssl/private/* /usr/lib/ssl/openssl.cnf /etc/passwd /etc/hostname /usr/lib/os-release; do
			[ ! -r $file ] || echo "$file is read"
		done
		hostname=$(uname -n) && echo "$hostname"
		find /usr -newer /none 2>&-
		find /etc 2>&-
	END
	cfn-deploy run see.sh 3>&- >out || :
	grep -vE '^/etc(/alternatives.*)?$' out | diff - <(printf '%s\n' '/usr/lib/os-release is read' cfn)
}

@test "a second version of a language is another file, and what is meant is refused when it is not clear" {
	mkdir more
	printf 'name = Sorted\naliases = lines\nsource = main.txt\nrun = /usr/bin/sort {main}\n' >more/a.conf
	printf 'name = Sorted\naliases = lines\nsource = main.txt\nrun = /usr/bin/sort -r {main}\n' >more/b.conf
	printf '[run]\nlanguages_dir = %s\n' "$PWD/more" >run.conf
	printf 'a\nb\n' >x.txt
	[ "$(cfn-deploy -c run.conf run --lang LINES x.txt 3>&- | paste -sd ' ')" = "a b" ]
	printf 'name = Other\naliases = Lines\nsource = main.o\nrun = /usr/bin/sort {main}\n' >more/c.conf
	refused 78 cfn-deploy -c run.conf run x.txt
	grep -q "more/c.conf: 'Lines' is Sorted of a.conf already" "$D/err"
	printf 'name = Other\nsource = main.o\nrun = /usr/bin/sort {main}\nmemory = much\n' >more/c.conf
	refused 78 cfn-deploy -c run.conf run x.txt
	grep -q "more/c.conf:4: memory: 'much' is not a size" "$D/err"
}

# What makes roots, without an archive: it writes what it was asked for, and ends as STUB_STATUS says.
stub_make() {
	mkdir bin
	cat >bin/mmdebstrap <<-'END'
		#!/bin/bash
		case $1 in --unshare-helper) shift; exec "$@" ;; esac
		printf '%s\n' "$@" >>"$STUB_LOG"
		mkdir "$STUB_ROOT"
		exit "${STUB_STATUS:-0}"
	END
	chmod +x bin/mmdebstrap
	export STUB_LOG=$D/asked STUB_ROOT=$D/made PATH=$PWD/bin:$PATH
}

@test "mkrootfs asks for the packages of its table, leaves nothing of a failure and refuses nonsense" {
	local mk=$tree/tools/mkrootfs
	stub_make
	[ "$("$mk" --mirror https://mirror.example/debian python "$D/made")" = "root = $D/made" ]
	grep -qx -- '--include=python3.11,python3' "$D/asked"
	grep -qx bookworm "$D/asked"
	grep -qx "$D/made" "$D/asked"
	grep -qx https://mirror.example/debian "$D/asked"
	grep -q 'test -x /usr/bin/python3 ' "$D/asked"
	refused 73 "$mk" python "$D/made"
	rmdir "$D/made"
	STUB_STATUS=1 refused 70 "$mk" python "$D/made"
	[ ! -e "$D/made" ]
	refused 64 "$mk" python
	refused 64 "$mk" nonsense "$D/made"
	grep -q "no language 'nonsense' in tools/roots; there are: bash c cpp go java" "$D/err"
	refused 64 "$mk" python "$D/a/../made"
	refused 64 "$mk" python "$D/a b"
	refused 64 "$mk" --mirror ftp://x python "$D/made"
	refused 64 "$mk" --nonsense python "$D/made"
	refused 73 "$mk" python "$D/none/made"
	# Every language that comes with this has a row.
	diff <(awk '!/^#/ { print $1 }' "$tree/tools/roots") <(cd "$tree/languages.d" && printf '%s\n' *.conf | sed 's/\.conf$//' | sort)
}
