#!/usr/bin/env bats
# run.bats - `cfn-deploy run`: programs of strangers in a box, without a server.
# shellcheck disable=SC2016,SC2154
load helper

setup() {
	place_make
	cd "$D/src" || return 1
}

teardown() {
	place_remove
}

run_program() {
	cfn-deploy run "$@" 3>&-
}

# Says its input, its argument, and 7.
hello_in() {
	case $1 in
	c) printf '#include <stdio.h>\nint main(int n, char **v) { char b[9]; printf("%%s %%s\\n", fgets(b, 4, stdin), v[1]); return n + 5; }\n' ;;
	cpp) printf '#include <iostream>\nint main(int n, char **v) { std::string b; std::cin >> b; std::cout << b << " " << v[1] << std::endl; return n + 5; }\n' ;;
	sh) printf 'read b; echo "$b $1"; exit 7\n' ;;
	pl) printf '$_ = <STDIN>; chomp; print "$_ $ARGV[0]\\n"; exit 7;\n' ;;
	py) printf 'import sys\nprint(input(), sys.argv[1])\nsys.exit(7)\n' ;;
	esac
}

@test "a program reads its input and its arguments, and its status is the command's, in each language" {
	local ending rc
	for ending in c cpp sh pl py; do
		hello_in "$ending" >"hello.$ending"
		rc=0
		printf 'joe' | run_program --input - "hello.$ending" "a  b" >out 2>err || rc=$?
		echo "$ending: $rc $(cat out err)"
		[ "$rc" -eq 7 ]
		[ "$(cat out)" = "joe a  b" ]
		[ ! -s err ]
	done
	cp hello.sh other
	rc=0
	run_program --lang BASH other x </dev/null >out || rc=$?
	[ "$rc" -eq 7 ]
	[ "$(cat out)" = " x" ]
}

@test "bytes go through a pipe as they are, and to a terminal as text" {
	printf 'printf "\\033[2Jx\\n"; printf "\\033[1me\\n" >&2\n' >escape.sh
	run_program escape.sh >out 2>err
	[ "$(cat out)" = $'\033[2Jx' ]
	[ "$(cat err)" = $'\033[1me' ]
	script -qec "cfn-deploy run escape.sh" /dev/null >typed 2>&1 </dev/null 3>&-
	grep -qF '\x1b[2Jx' typed
	grep -qF '\x1b[1me' typed
	not grep -q $'\033' typed
}

@test "what it uses is shown while it runs, to who looks, and its output as it comes" {
	echo 'echo begun; sleep 1; echo done' >slow.sh
	script -qec "cfn-deploy run slow.sh" /dev/null >typed 2>&1 </dev/null 3>&-
	grep -q ' s of CPU, .* MiB, 2 processes' typed
	tr '\r' '\n' <typed | sed 's/ *$//' | grep -v -e '^$' -e processes | paste -sd ' ' | grep -qx 'begun done'
	run_program slow.sh >out 2>err
	[ "$(paste -sd ' ' out)" = "begun done" ]
	[ ! -s err ]
}

@test "it is uid 1000, without a socket, and reads and writes nothing of the host" {
	cat >probe.c <<-'END'
		#include <errno.h>
		#include <fcntl.h>
		#include <stdio.h>
		#include <sys/socket.h>
		#include <unistd.h>
		static int can(const char *path, int how) { return open(path, how, 0600) >= 0; }
		int main(void)
		{
			printf("%d %d %d", getuid(), getgid(), socket(AF_INET, SOCK_STREAM, 0));
			printf(" %d%d%d%d", can("/etc/passwd", O_WRONLY), can("/etc/passwd", O_RDONLY),
			       can("/etc/shadow", O_RDONLY), can("/proc/1/environ", O_RDONLY));
			printf(" %d%d%d\n", can("/usr/bin/x", O_CREAT | O_WRONLY), can("x", O_CREAT | O_WRONLY),
			       can("/tmp/x", O_CREAT | O_WRONLY));
		}
	END
	[ "$(run_program probe.c)" = "1000 1000 -1 0000 011" ]
	[ "$(printf 'import sys\nprint(len(sys.stdin.read()))' >n.py && head -c 1048576 /dev/zero | run_program -i - n.py)" = 1048576 ]
}

# status_of [OPTION...] FILE: as JSON says it.
status_of() {
	cfn-deploy --json run "$@" 3>&- | jq -r '.status'
}

@test "each limit has its own word, and nothing is left of what met it" {
	echo 'while :; do :; done' >loop.sh
	echo 'sleep 98765' >sleep.sh
	echo 'exec yes' >flood.sh
	echo 'f() { f | f & wait; }; f; exit 1' >bomb.sh
	echo 'kill -SEGV $$' >crash.sh
	printf '#include <vector>\nint main() { std::vector<long> v; for (;;) v.push_back(1); }\n' >memory.cpp
	printf 'trap "" TERM INT; setsid sleep 98765 & exit 3\n' >leave.sh
	printf 'int main( { }\n' >error.c
	[ "$(status_of --cpu-time 200ms loop.sh)" = cpu_time_limit ]
	[ "$(status_of --wall-time 200ms sleep.sh)" = wall_time_limit ]
	[ "$(status_of flood.sh)" = output_limit ]
	[ "$(status_of --cpu-time 1s bomb.sh)" = process_limit ]
	[ "$(status_of crash.sh)" = signal ]
	[ "$(status_of --memory 32M memory.cpp)" = memory_limit ]
	[ "$(status_of leave.sh)" = nonzero_exit ]
	[ "$(status_of error.c)" = compile_error ]
	not pgrep -f 'sleep 98765'
}

@test "what it wrote and used is said as JSON, with head and tail of what was too much" {
	cat >much.sh <<-'END'
		echo first; head -c 3000000 /dev/urandom | tr "\0-\377" x; echo; echo last; echo oops >&2; printf "\377" >&2
	END
	cfn-deploy --json run much.sh 3>&- >out
	jq -e '.status == "accepted" and .exit_code == 0 and .truncated and .language == "Bash"
		and .stdout_bytes == 3000012 and (.stdout | length) == 1048576
		and (.stdout | startswith("first\nxxx")) and (.stdout | endswith("xxx\nlast\n"))
		and .stderr_bytes == 6 and .stderr == "b29wcwr/" and .stderr_encoding == "base64"
		and (.wall_ms | type) == "number" and .processes_peak >= 1' out
	jq -e '.isolation.level | IN("full", "strong")' out
	echo 'echo a; echo b >&2; echo c' >two.sh
	[ "$(run_program --merge-stderr two.sh 2>/dev/null | paste -sd ' ')" = "a b c" ]
}

@test "a file that is too large to be brought back is missed aloud" {
	printf 'open("a", "wb").write(b"x" * (5 << 20))\nopen("b", "w").write("y")\n' >large.py
	cfn-deploy --json run --output '[ab]' large.py 3>&- >out
	jq -e '.status == "accepted" and [.files[].name] == ["b"] and (.message | startswith("outputs: 1 left out"))' out
}

@test "files that are too many to be brought back are missed aloud" {
	printf 'for i in range(70): open("a%%d" %% i, "w")\n' >many.py
	cfn-deploy --json run --output 'a*' many.py 3>&- >out
	jq -e '.status == "accepted" and (.files | length) == 64 and (.message | startswith("outputs: 6 left out"))' out
	printf 'import os\nfor i in range(300): os.mkdir("d%%d" %% i)\n' >folders.py
	cfn-deploy --json run --output 'a*' folders.py 3>&- >out
	jq -e '.status == "accepted" and (.message | startswith("outputs: 1 left out"))' out
}

@test "a compile error is the compiler's own words, an option one of a list" {
	local rc=0
	printf 'int main(void) { return x; }\n' >bad.c
	run_program bad.c >out 2>err || rc=$?
	[ "$rc" -eq 65 ]
	[ ! -s out ]
	grep -q "^bad.c:1:25: error: .x. undeclared" err
	printf '#if __STDC_VERSION__ != 199901L\n#error no\n#endif\nint main(void) { return 0; }\n' >c99.c
	run_program -O -std=c99 -O -O3 c99.c
	refused 65 cfn-deploy run -O -fplugin=x c99.c
	grep -q "C does not take the option '-fplugin=x'" "$D/err"
}

@test "a language is a file, and one whose tool is missing is said to be" {
	mkdir more
	printf 'name = Sorted\naliases = lines\nsource = main.txt\nrun = /usr/bin/sort {main}\n' >more/sorted.conf
	printf 'name = Absent\nsource = main.abs\nrun = /usr/bin/cfn-no-such-tool\n' >more/absent.conf
	printf '[run]\nlanguages_dir = %s\n' "$PWD/more" >run.conf
	printf 'b\na\n' >x.txt
	[ "$(cfn-deploy -c run.conf run x.txt 3>&- | paste -sd ' ')" = "a b" ]
	[ "$(cfn-deploy -c run.conf run --lang LINES x.txt 3>&- | paste -sd ' ')" = "a b" ]
	refused 66 cfn-deploy -c run.conf run --lang absent x.txt
	grep -q 'Absent is not installed here: no /usr/bin/cfn-no-such-tool' "$D/err"
	refused 64 cfn-deploy -c run.conf run --lang c x.txt
	refused 64 cfn-deploy run x.txt
	refused 64 cfn-deploy run --lang bash --memory 1K x.txt
	refused 66 cfn-deploy run none.sh
	echo nonsense >more/bad.conf
	refused 78 cfn-deploy -c run.conf run x.txt
	grep -q 'bad.conf:1: not a line' "$D/err"
	rm more/*
	refused 78 cfn-deploy -c run.conf run x.txt
	grep -q "$PWD/more: there is no language in it" "$D/err"
}

@test "a version is asked for as it is of a server" {
	mkdir more
	printf 'name = Kind\nsource = main.kind\nrun = /bin/echo one\nversion = /bin/echo kind 1.5.2\n' >more/1.conf
	printf 'name = Kind\nsource = main.kind\nrun = /bin/echo two\nversion = /bin/echo kind 2.0\n' >more/2.conf
	printf '[run]\nlanguages_dir = %s\n' "$PWD/more" >run.conf
	: >x.kind
	[ "$(cfn-deploy -c run.conf run x.kind 3>&-)" = one ]
	[ "$(cfn-deploy -c run.conf run --version 1.5 x.kind 3>&-)" = one ]
	[ "$(cfn-deploy -c run.conf run --lang kind --version 2 x.kind 3>&-)" = two ]
	cfn-deploy -c run.conf --json run --version 2 x.kind 3>&- >out
	jq -e '.version == "2.0" and .stdout == "two\n"' out
	refused 64 cfn-deploy -c run.conf run --version 1.6 x.kind
	grep -qF "Kind: there is no version '1.6' of it here; there are: 1.5.2, 2.0" "$D/err"
}

@test "what cannot be run is said with what can be" {
	local names='Bash, C, C++, Go, Java, JavaScript, Lua, Perl, PHP, Python, Rust'
	echo 'puts 1' >a.rb
	mkdir folder
	refused 64 cfn-deploy run a.rb
	grep -qF "a.rb: its ending is of no language; say --lang with one of: $names" "$D/err"
	refused 64 cfn-deploy run --lang nonsense a.rb
	grep -qF "there is no language 'nonsense'; there are: $names" "$D/err"
	refused 66 cfn-deploy run none.rb
	grep -q 'none.rb: No such file' "$D/err"
	refused 64 cfn-deploy run folder
	grep -q 'folder: a folder; name its main file' "$D/err"
	refused 64 cfn-deploy run -
	grep -q 'a program is a file' "$D/err"
	echo 'true' >a.sh
	refused 65 cfn-deploy run --input folder a.sh
}
