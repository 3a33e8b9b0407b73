#!/usr/bin/env bats
# run_words.bats - every field of a request and every status over HTTP: what is asked for is done, what is promised is
# in the answer.
# bats file_tags=any-user
# shellcheck disable=SC2016,SC2030,SC2031,SC2154
load helper
load runs

setup() {
	place_make
}

teardown() {
	place_remove
}

# ends STATUS LANG [JQ-OBJECT] <CODE: a run of it has this status.
ends() {
	post "$(program "$2" "${3:-{\}}")"
	expect 200
	result .status "$1"
}

# is FILTER: true of the last answer.
is() {
	jq -e "$1" "$D/body" >/dev/null || {
		echo "not $1:"
		head -c 2000 "$D/body"
		return 1
	}
}

@test "every status has a program that ends so, and is said with what it is about" {
	run_serve
	ends accepted Bash <<<'echo x'
	is '.exit_code == 0 and .message == null and .signal == null'
	ends wrong_answer Bash '{expected_output: "y"}' <<<'echo x'
	is '.exit_code == 0 and .stdout == "x\n"'
	ends compile_error C <<<'int main(void) { return x; }'
	is '.exit_code == null and (.stderr | contains("main.c:1")) and .stderr == .compile.stderr'
	ends compile_time_limit C++ '{compile_limits: {cpu_ms: 20}}' <<<'#include <iostream>'
	is '.compile.status == "compile_time_limit" and .compile_limits.cpu_ms == 20'
	ends cpu_time_limit Bash '{limits: {cpu_ms: 100, wall_ms: 20000}}' <<<'while :; do :; done'
	is '.cpu_ms >= 90 and (.message | contains("100 ms"))'
	ends wall_time_limit Bash '{limits: {wall_ms: 200}}' <<<'sleep 100'
	is '.wall_ms >= 200 and (.message | contains("200 ms"))'
	ends memory_limit Python <<<'x = [bytearray(1 << 20) for i in range(500)]'
	is '.message | contains("134217728")'
	ends output_limit Bash <<<'exec yes'
	is '.truncated and .stdout_bytes > 16777216 and (.stdout | length) == 1048576'
	ends process_limit Bash '{limits: {cpu_ms: 500, wall_ms: 1500}}' <<<'f() { f | f & wait; }; f; exit 1'
	is '.processes_peak == null or .processes_peak <= 33'
	ends signal C <<<'int main(void) { *(volatile int *)0 = 0; }'
	is '.signal == "SIGSEGV" and .signal_number == 11 and .exit_code == null'
	ends nonzero_exit Bash <<<'exit 42'
	is '.exit_code == 42'
	ends syscall_denied C <<<$'#include <sys/ptrace.h>\nint main(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0) < 0; }'
	is '.syscall == "ptrace"'
}

@test "socket() is -1, /etc/passwd cannot be written, getuid() is 1000" {
	run_serve
	ends accepted C <<-'END'
		#include <fcntl.h>
		#include <stdio.h>
		#include <sys/socket.h>
		#include <unistd.h>
		int main(void)
		{
			printf("%d %d ", socket(AF_INET, SOCK_STREAM, 0), socket(AF_UNIX, SOCK_DGRAM, 0));
			printf("%d %d %u %u\n", open("/etc/passwd", O_WRONLY), open("/etc/passwd", O_RDWR | O_CREAT, 0666), getuid(), getgid());
			return 0;
		}
	END
	result .stdout '-1 -1 -1 -1 1000 1000'
	ends accepted C++ <<-'END'
		#include <fstream>
		#include <iostream>
		#include <sys/socket.h>
		#include <unistd.h>
		int main()
		{
			std::ofstream passwd("/etc/passwd");
			std::cout << socket(AF_INET, SOCK_STREAM, 0) << passwd.is_open() << getuid() << std::endl;
		}
	END
	result .stdout '-101000'
	ends accepted Python <<-'END'
		import os, socket
		def fails(f, *a):
		    try:
		        f(*a)
		    except OSError:
		        return True
		print(fails(socket.socket), fails(open, "/etc/passwd", "a"), os.getuid(), fails(os.listdir, "/home"))
	END
	result .stdout 'True True 1000 True'
}

@test "128 MiB, half a processor, 32 processes and 10 s are what there is when nobody says otherwise" {
	run_serve
	ends accepted Bash <<<'echo'
	is '.limits == {memory_bytes: 134217728, cpu_ms: 5000, wall_ms: 10000, cpu_share_percent: 50, processes: 32,
		files: 64, disk_bytes: 10485760, output_bytes: 1048576} and .total_ms == 50000'
	ends accepted Python <<<'x = bytearray(90 << 20)'
	ends memory_limit Python <<<'x = bytearray(140 << 20); input()'
	ends accepted Bash <<<'for i in {1..30}; do sleep 1 & done; wait'
	ends process_limit Bash '{limits: {wall_ms: 2000}}' <<<'for i in {1..40}; do sleep 1 & done; wait; exit 1'
	# A machine that has other things to do may not have given it all of its half when its time is over.
	post "$(program Bash <<<'while :; do :; done')"
	is '(.status | IN("cpu_time_limit", "wall_time_limit")) and .cpu_ms < 6500'
	ends wall_time_limit Bash <<<'sleep 20'
	is '.wall_ms >= 10000'
}

# limited FIELD VALUE STATUS LANG <CODE: it is accepted with that limit, and ends with this status without.
limited() {
	local code
	code=$(cat)
	ends "$3" "$4" <<<"$code"
	ends accepted "$4" "{limits: {$1: $2}}" <<<"$code"
	result ".limits.$1" "$2"
}

@test "each limit may be another one for one request, lower or higher" {
	run_serve 'max.files = 200'
	limited memory_bytes 419430400 memory_limit Python <<<'x = bytearray(200 << 20)'
	limited processes 64 process_limit C <<-'END'
		#include <unistd.h>
		int main(void)
		{
			for (int i = 0; i < 40; i++)
				switch (fork()) {
				case -1:
					usleep(300000);
					return 1;
				case 0:
					usleep(500000);
					return 0;
				}
			return 0;
		}
	END
	limited files 200 nonzero_exit Python <<<'x = [open("/work/%d" % i, "w") for i in range(100)]'
	limited disk_bytes 41943040 nonzero_exit Bash <<<'printf %020000000d 0 >file'
	ends accepted Bash '{limits: {output_bytes: 256}}' <<<'printf %01000d 0'
	is '.truncated and .stdout_bytes == 1000 and (.stdout | length) == 256'
	ends output_limit Bash '{limits: {output_bytes: 256}}' <<<'printf %010000d 0; sleep 5'
	ends wall_time_limit Bash '{limits: {wall_ms: 100}}' <<<'sleep 1'
	ends cpu_time_limit Bash '{limits: {cpu_ms: 50}}' <<<'for ((i = 0; i < 1000000; i++)); do :; done'
	ends nonzero_exit C '{limits: {processes: 1}}' <<<$'#include <unistd.h>\nint main(void) { return fork() < 0; }'
}

# has_tool LANGUAGE: it is installed here.
has_tool() {
	jq -e --arg name "$1" '.languages[] | select(.name == $name) | .available' "$D/offered" >"$D/available"
}

@test "64 processes and 64 files, the maxima without a cgroup, are enough for runtimes that take many" {
	printf 'cgroup = off\n[run]\nenabled = on\n' | conf
	pool_start
	nginx_start
	eventually runner_answers
	get /api/run/languages 200
	cp "$D/body" "$D/offered"
	jq -e '.limits_most, .compile_limits_most | .processes == 64 and .files == 64' "$D/offered"
	if has_tool Go; then
		ends accepted Go <<-'END'
			package main

			import ("fmt"; "sync")

			func main() {
				var w sync.WaitGroup
				for i := 0; i < 100; i++ {
					w.Add(1)
					go func() { defer w.Done(); _ = make([]byte, 1 << 20) }()
				}
				w.Wait()
				fmt.Println("ready")
			}
		END
		result .stdout ready
	fi
	if has_tool Java; then
		ends accepted Java <<-'END'
			public class Main {
				public static void main(String[] a) throws Exception {
					Thread[] all = new Thread[8];
					for (int i = 0; i < all.length; i++) (all[i] = new Thread(() -> { byte[] b = new byte[1 << 20]; })).start();
					for (Thread t : all) t.join();
					System.out.println("ready");
				}
			}
		END
		result .stdout ready
	fi
	if has_tool Rust; then
		ends accepted Rust <<-'END'
			fn main() {
				let all: Vec<_> = (0..8).map(|i| std::thread::spawn(move || i)).collect();
				println!("{}", all.into_iter().map(|t| t.join().unwrap()).sum::<i32>());
			}
		END
		result .stdout 28
	fi
}

@test "the maximum of each limit is taken, and one more is 422 and names it" {
	local group name most
	run_serve 'max.memory = 200M' 'max.compile_processes = 70' 'max.compile_cpu_share = 300' 'max.total_time = 20s'
	get /api/run/languages 200
	jq -r '(.limits_most | to_entries[] | "limits \(.key) \(.value)"),
		(.compile_limits_most | to_entries[] | "compile_limits \(.key) \(.value)")' "$D/body" >"$D/most"
	[ "$(wc -l <"$D/most")" -eq 16 ]
	grep -qx 'limits memory_bytes 209715200' "$D/most"
	grep -qx 'compile_limits processes 70' "$D/most"
	while read -r group name most; do
		ends accepted Bash "{$group: {$name: $most}}" <<<':'
		result ".$group.$name" "$most"
		post "$(program Bash "{$group: {$name: $((most + 1))}}" <<<':')"
		expect 422 "maximum, $most"
		result .field "$group.$name"
	done <"$D/most"
	ends accepted Bash '{total_ms: 20000}' <<<':'
	post "$(program Bash '{total_ms: 20001}' <<<':')"
	expect 422 'maximum, 20000'
	result .field total_ms
}

@test "all cases run with what was compiled once, each with its verdict, until one fails if that is asked for" {
	run_serve
	printf '#include <stdio.h>\nint main(void) { int n; scanf("%%d", &n); if (n == 3) return 1; printf("%%d\\n", n * 2); }\n' >"$D/src/double.c"
	ends wrong_answer C '{cases: [{name: "one", input: "1", expected_output: "2"}, {input: "2", expected_output: "5"},
		{name: "three", input: "3"}, {input: "4", expected_output: "8\n\n"}]}' <"$D/src/double.c"
	is '[.cases[].status] == ["accepted", "wrong_answer", "nonzero_exit", "accepted"]'
	is '[.cases[].stdout] == ["2\n", "4\n", "", "8\n"] and .cases[0].name == "one" and .cases[2].name == "three"'
	is '.compile.status == "accepted" and (has("stdout") | not) and .cases[2].exit_code == 1'
	ends wrong_answer C '{stop_on_failure: true, cases: [{input: "1", expected_output: "2"},
		{input: "2", expected_output: "5"}, {input: "4"}]}' <"$D/src/double.c"
	is '[.cases[].status] == ["accepted", "wrong_answer"] and .compile.cached'
	ends wall_time_limit Bash '{total_ms: 700, cases: [{}, {}, {}, {}, {}, {}]}' <<<'sleep 0.3'
	is '(.cases | length) < 6 and (.message | contains("700 ms"))'
}

@test "the four ways to compare are those of the manual" {
	local way expected status
	run_serve
	while read -r status way expected; do
		post "$(program Bash "{compare: \"$way\", expected_output: $expected}" <<<'printf "a  b \n1.50\n\n"')"
		[ "$(jq -r .status "$D/body")" = "$status" ] || { echo "$way $expected: not $status"; return 1; }
	done <<-'END'
		accepted exact "a  b \n1.50\n\n"
		wrong_answer exact "a  b \n1.50\n"
		accepted lines "a  b\n1.50"
		wrong_answer lines "a b\n1.50"
		accepted tokens "a b 1.50"
		wrong_answer tokens "a b 1.5"
		accepted float:1e-6 "a b\n1.5000001"
		wrong_answer float:1e-9 "a b\n1.5000001"
		wrong_answer float "a c\n1.5"
	END
}

@test "files, arguments, variables and options reach the program, and files come back" {
	run_serve
	post '{"lang": "C++", "compile_options": ["-std=c++20", "-O0"], "main": "m.cpp", "args": ["a  b", "ü", ""], "env": {"X_1": "y z"},
		"files": [{"name": "more/m.h", "content": "I2RlZmluZSBN\u00000" }, {"name": "m.cpp", "content": ""}]}'
	expect 200
	result .status compile_error
	post '{"lang": "C++", "compile_options": ["-std=c++20", "-O0"], "main": "m.cpp", "args": ["a  b", "ü", ""],
		"env": {"X_1": "y z"}, "outputs": ["out/*"], "merge_stderr": true,
		"files": [{"name": "more/m.h", "content": "I2RlZmluZSBNIDQyCg==", "encoding": "base64"}, {"name": "m.cpp", "content":
		"#include \"more/m.h\"\n#include <iostream>\n#include <fstream>\n#include <sys/stat.h>\nint main(int n, char **v) { for (int i = 1; i < n; i++) std::cout << v[i] << std::endl; std::cerr << getenv(\"X_1\") << std::endl; std::cout << M << __cplusplus << std::endl; mkdir(\"out\", 0700); std::ofstream(\"out/text\") << \"t\"; std::ofstream(\"out/bytes\") << \"\\xff\"; }"}]}'
	expect 200
	result .status accepted
	result .output $'a  b\nü\n\ny z\n42202002'
	is '.files | sort_by(.name) | map(.name + .content + .content_encoding) == ["out/bytes/w==base64", "out/texttutf-8"]'
	post "$(program C '{compile_options: ["-fplugin=x"]}' <<<'int main(void) {}')"
	expect 422
	result .field 'compile_options[0]'
	post "$(program Bash '{version: "0.1"}' <<<':')"
	expect 422
	result .field version
}

@test "a version is that of a language that is installed" {
	local version
	run_serve
	eventually bash_has_version
	get /api/run/languages 200
	version=$(jq -r '.languages[] | select(.name == "Bash") | .version' "$D/body")
	ends accepted Bash "{version: \"$version\"}" <<<'echo "$BASH_VERSION"'
	result .version "$version"
	[[ $(jq -r .stdout "$D/body") == "$version"* ]]
	ends accepted Bash "{version: \"${version%%.*}\"}" <<<':'
	result .version "$version"
}

bash_has_version() {
	curl -s "$WEB/api/run/languages" | jq -e '.languages[] | select(.name == "Bash") | .version | strings | length > 0' >/dev/null
}

@test "a result says when, how, with what it was kept and what it used" {
	run_serve
	ends accepted C <<<$'#include <string.h>\n#include <unistd.h>\nstatic char b[20 << 20];\nint main(void) { memset(b, 1, sizeof b); fork(); usleep(400000); return 0; }'
	is '.isolation.level | IN("full", "strong", "basic")'
	is '.isolation.memory | IN("cgroup", "rlimit")'
	is '[.created_at, .finished_at] | all(test("^20[0-9-]{8}T[0-9:]{8}[.][0-9]{3}Z$"))'
	is '.created_at <= .finished_at and .queued_ms >= 0 and .id == null and .language == "C"'
	is '.memory_peak_bytes > 20 * 1048576 and .processes_peak == 2 and .wall_ms >= 400'
	is '.compile.cached == false and .compile.wall_ms > 0'
	ends accepted C <<<$'#include <string.h>\n#include <unistd.h>\nstatic char b[20 << 20];\nint main(void) { memset(b, 1, sizeof b); fork(); usleep(400000); return 0; }'
	is '.compile.cached == true'
}

@test "the operator says which share of a processor a program has, and which it may ask for" {
	run_serve 'cpu_share = 75' 'max.compile_cpu_share = 200'
	get /api/run/languages 200
	is '.limits_most.cpu_share_percent == 100 and .compile_limits_most.cpu_share_percent == 200'
	is '[.languages[].limits.cpu_share_percent] | unique == [75]'
	ends accepted Bash <<<':'
	is '.limits.cpu_share_percent == 75 and .compile_limits.cpu_share_percent == 200'
	ends accepted Bash '{limits: {cpu_share_percent: 100}}' <<<':'
	post "$(program Bash '{limits: {cpu_share_percent: 101}}' <<<':')"
	expect 422 'maximum, 100'
	result .field limits.cpu_share_percent
}

@test "a language is one more file and a reload; one whose tool is missing is listed, and not broken" {
	mkdir "$D/languages"
	cp "$(share)"/languages.d/bash.conf "$D/languages/"
	run_serve "languages_dir = $D/languages"
	post '{"lang":"sorted","code":"b\na\n"}'
	expect 422
	printf 'name = Sorted\naliases = lines\nsource = main.txt\nrun = /usr/bin/sort {main}\n' >"$D/languages/sorted.conf"
	printf 'name = Absent\nsource = main.abs\nrun = /usr/bin/cfn-no-such-tool\n' >"$D/languages/absent.conf"
	kill -HUP "$POOL"
	eventually knows_sorted
	post '{"lang":"LINES","code":"b\na\n"}'
	expect 200
	result .stdout $'a\nb'
	get /api/run/languages 200
	is '.languages[] | select(.name == "Absent") | .available == false and .missing == "/usr/bin/cfn-no-such-tool"'
	post '{"lang":"Absent","code":""}'
	expect 422 'Absent is not installed'
}

share() {
	if [ -n "${CFN_PREFIX:-}" ]; then echo "$CFN_PREFIX/share/cfn"; else echo "$tree"; fi
}

knows_sorted() {
	curl -s "$WEB/api/run/languages" | jq -e '.languages[] | select(.name == "Sorted" and .available)' >/dev/null
}
