#!/usr/bin/env bats
# run_limits.bats - `cfn-deploy run` of programs that mean no good, and of odd ones that do: the word for each, in
# time, nothing left of it, and the next one runs.
# shellcheck disable=SC2016,SC2154
load helper

setup() {
	place_make
	cd "$D/src" || return 1
	host_before
}

teardown() {
	place_remove
}

# --- what is left --------------------------------------------------------------------------------------------------

# Boxes are in namespaces: what they mount is seen nowhere else, and a cgroup of theirs is a folder.
host_now() {
	grep -E " ($D|/work|/program)" /proc/self/mountinfo || true
	find /sys/fs/cgroup -name 'box-*' -type d 2>/dev/null | sort
	ls -A "$D/src"
}

host_before() {
	host_now >"$D/before"
}

# A mark that only programs of this test have on their command lines.
MARK=run-limits-$BATS_ROOT_PID-$$

nothing_left() {
	eventually not pgrep -f "$MARK"
}

# attack STATUS [OPTION...] FILE: it ends with that word, within its limit, leaves nothing, and the next one runs.
attack() {
	local status=$1 file=${*: -1}
	shift
	host_before
	cfn-deploy --json run "$@" "$MARK" 3>&- >"$D/out" 2>"$D/err" || {
		echo "$file: $(cat "$D/err")"
		return 1
	}
	[ "$(jq -r .status "$D/out")" = "$status" ] || {
		echo "$file: not $status but $(jq -c 'del(.stdout, .compile.stdout)' "$D/out")"
		return 1
	}
	nothing_left
	host_now | diff "$D/before" -
	good_one_runs
}

good_one_runs() {
	[ "$(cfn-deploy run "$D/good.sh" good 3>&-)" = "good" ]
}

good_make() {
	echo 'echo "$1"' >"$D/good.sh"
}

# in_time LIMIT-MS: the last attack was over soon after its limit.  200 ms are what it takes; a machine that has other
# things to do may take longer.
in_time() {
	jq -e --argjson limit "$1" '.wall_ms < $limit + 3000' "$D/out"
}

@test "bombs of processes: named, in time, and gone" {
	good_make
	echo 'f() { f "$1" | f "$1" & wait; }; f "$1"; exit 1' >bomb.sh
	cat >fork.c <<-'END'
		#include <unistd.h>
		int main(void) { for (;;) fork(); }
	END
	cat >quick.c <<-'END'
		#include <signal.h>
		#include <unistd.h>
		int main(void) { signal(SIGCHLD, SIG_IGN); for (;;) if (fork() == 0) _exit(0); }
	END
	cat >threads.c <<-'END'
		#include <pthread.h>
		#include <unistd.h>
		static void *wait(void *x) { (void)x; for (;;) pause(); }
		int main(void)
		{
			pthread_t t;
			int n = 0;
			while (pthread_create(&t, NULL, wait, NULL) == 0)
				n++;
			usleep(300000);
			return n < 100;
		}
	END
	attack process_limit --cpu-time 1s --wall-time 2s bomb.sh
	in_time 2000
	attack process_limit --cpu-time 1s --wall-time 2s fork.c
	in_time 2000
	attack process_limit threads.c
	cfn-deploy --json run --cpu-time 1s --wall-time 1s quick.c "$MARK" 3>&- >"$D/out"
	jq -e '.status | IN("cpu_time_limit", "wall_time_limit", "process_limit")' "$D/out"
	in_time 1000
	nothing_left
}

@test "what holds more memory than it may, alone or with children, is ended for that" {
	good_make
	cat >memory.c <<-'END'
		#include <stdlib.h>
		#include <string.h>
		int main(void) { for (;;) { volatile char *p = malloc(1 << 20); if (!p) return 1; for (int i = 0; i < 1 << 20; i += 4096) p[i] = 1; } }
	END
	cat >children.c <<-'END'
		#include <stdlib.h>
		#include <unistd.h>
		int main(void)
		{
			for (int i = 0; i < 8; i++)
				if (fork() == 0) {
					volatile char *p = malloc(20 << 20);
					for (int k = 0; p && k < 20 << 20; k += 4096)
						p[k] = 1;
					for (;;)
						pause();
				}
			for (;;)
				pause();
		}
	END
	printf 'x = []\nwhile True:\n    x.append(bytearray(1 << 20))\n' >memory.py
	attack memory_limit --memory 64M memory.c
	attack memory_limit --memory 64M children.c
	attack memory_limit --memory 64M memory.py
}

@test "what never ends is ended: a loop, a sleep, all signals ignored, a session of its own" {
	good_make
	echo 'int main(void) { for (;;) ; }' >loop.c
	echo 'trap "" HUP INT QUIT TERM USR1 USR2 PIPE; while :; do sleep 1000; done' >deaf.sh
	cat >daemon.c <<-'END'
		#include <signal.h>
		#include <unistd.h>
		int main(void)
		{
			for (int i = 1; i < 65; i++)
				signal(i, SIG_IGN);
			if (fork() == 0) {
				setsid();
				if (fork() == 0)
					for (;;)
						pause();
				for (;;)
					pause();
			}
			return 3;
		}
	END
	cat >stopped.c <<-'END'
		#include <signal.h>
		#include <unistd.h>
		int main(void) { for (;;) kill(0, SIGSTOP); }
	END
	echo 'sleep 1000' >sleep.sh
	attack cpu_time_limit --cpu-time 200ms loop.c
	attack wall_time_limit --wall-time 300ms sleep.sh
	in_time 300
	attack wall_time_limit --wall-time 300ms deaf.sh
	in_time 300
	attack nonzero_exit --wall-time 5s daemon.c
	in_time 1000
	attack wall_time_limit --wall-time 300ms stopped.c
	in_time 300
}

@test "a share of a processor is kept: by the cgroup, or by a budget of the time it has" {
	good_make
	echo 'int main(void) { for (;;) ; }' >loop.c
	cfn-deploy --json run --cpu-time 10s --wall-time 4s --cpu-share 5 loop.c "$MARK" 3>&- >"$D/out"
	if [ "$(jq -r .isolation.memory "$D/out")" = cgroup ]; then
		jq -e '.status == "wall_time_limit" and .cpu_ms < 500' "$D/out"
	else
		jq -e '.status == "cpu_time_limit" and .cpu_ms >= 190 and .cpu_ms < 500' "$D/out"
		jq -e '.message == "it used more CPU time than 5 percent of its 4000 ms"' "$D/out"
	fi
}

@test "the time of orphans and of children nobody waits for counts too" {
	cat >orphans.c <<-'END'
		#include <signal.h>
		#include <stdlib.h>
		#include <time.h>
		#include <unistd.h>
		static void burn(void) { while (clock() < CLOCKS_PER_SEC / 5) ; }
		int main(void)
		{
			char none;
			int ends[2];
			pipe(ends);
			for (int i = 0; i < 3; i++)
				if (fork() == 0) {
					if (fork() == 0)
						burn();
					_exit(0);
				}
			close(ends[1]);
			return read(ends[0], &none, 1) != 0;
		}
	END
	cfn-deploy --json run orphans.c "$MARK" 3>&- >"$D/out"
	jq -e '.status == "accepted" and .cpu_ms >= 550' "$D/out"
}

@test "full disks, many descriptors and floods end where they are, and are said" {
	good_make
	cat >fill.c <<-'END'
		#include <errno.h>
		#include <fcntl.h>
		#include <stdio.h>
		#include <string.h>
		#include <unistd.h>
		static char block[1 << 16];
		int main(void)
		{
			char name[32];
			long bytes = 0, files = 0;
			int fd = open("/tmp/fill", O_CREAT | O_WRONLY, 0600);
			ssize_t n;
			while ((n = write(fd, block, sizeof block)) > 0)
				bytes += n;
			printf("%d %s\n", bytes > 5 << 20 && bytes < 11 << 20, strerrorname_np(errno));
			unlink("/tmp/fill");
			for (;; files++) {
				snprintf(name, sizeof name, "/tmp/%ld", files);
				if (open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0 && errno != EMFILE)
					break;
				for (int i = 3; i < 64; i++)
					close(i);
			}
			printf("%d %s\n", files > 100 && files < 20000, strerrorname_np(errno));
			return 0;
		}
	END
	sed -i '1i #define _GNU_SOURCE' fill.c
	cat >descriptors.c <<-'END'
		#include <stdio.h>
		#include <unistd.h>
		int main(void)
		{
			int n = 3;
			while (n < 10000 && dup(0) >= 0)
				n++;
			printf("%d\n", n);
			return 0;
		}
	END
	printf 'head -c 1073741824 /dev/urandom | exec tr "\\0-\\377" x' >gib.sh
	echo 'exec yes' >yes.sh
	attack accepted fill.c
	[ "$(jq -r .stdout "$D/out")" = $'1 ENOSPC\n1 ENOSPC' ]
	attack accepted descriptors.c
	[ "$(jq -r .stdout "$D/out")" = 64 ]
	attack output_limit gib.sh
	jq -e '.stdout_bytes >= 16777216 and .stdout_bytes < 33554432 and (.stdout | length) == 1048576' "$D/out"
	attack output_limit yes.sh
	in_time 10000
}

@test "it may close its streams and never read its input" {
	good_make
	head -c 1048576 /dev/zero >mib
	echo 'exec >&- 2>&-; exit 5' >closed.sh
	echo 'exec >&- 2>&- <&-; sleep 1000' >silent.sh
	echo 'echo ready; exit 0' >unread.sh
	attack nonzero_exit --input mib closed.sh
	attack wall_time_limit --wall-time 300ms --input mib silent.sh
	in_time 300
	attack accepted --input mib unread.sh
}

@test "a bomb for the compiler ends as a compile error, or by the compiler's own limits" {
	good_make
	printf '#include "/dev/zero"\nint main(void) { return 0; }\n' >zero.c
	printf '#include "self.c"\nint main(void) { return 0; }\n' >self.c
	cat >deep.cpp <<-'END'
		template<unsigned long n, unsigned long m> struct f { enum { v = f<n - 1, m * 2>::v + f<n - 1, m * 2 + 1>::v }; };
		template<unsigned long m> struct f<0, m> { enum { v = 1 }; };
		int main() { return f<60, 0>::v; }
	END
	printf 'char big[1UL << 40] = { 1 };\nint main(void) { return 0; }\n' >big.c
	printf 'int main(void) { return 0; }\n__asm__(".fill 1000000000, 8, 0");\n' >fill.c
	local file
	for file in zero.c self.c deep.cpp big.c fill.c; do
		cfn-deploy --json run "$file" "$MARK" 3>&- >"$D/out" 2>"$D/err"
		echo "$file $(jq -r .status "$D/out")"
		jq -e '.status | IN("compile_error", "compile_time_limit")' "$D/out"
		jq -e '.compile.wall_ms < 33000 and (.exit_code | not)' "$D/out"
		nothing_left
	done
	good_one_runs
}

@test "what only an attack asks for is refused, and named when the program ends of it" {
	good_make
	printf '#include <sys/ptrace.h>\nint main(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0) == -1; }\n' >trace.c
	printf '#include <sys/mount.h>\nint main(void) { for (;;) mount("a", "/tmp", "tmpfs", 0, 0); }\n' >often.c
	printf '#include <stdio.h>\n#include <sys/socket.h>\nint main(void) { printf("%%d", socket(AF_INET, SOCK_STREAM, 0)); return 0; }\n' >socket.c
	printf 'import socket\nsocket.create_connection(("127.0.0.1", 80))\n' >connect.py
	printf 'int main(void) { __asm__ volatile("int $0x80" : : "a"(20)); return 0; }\n' >foreign.c
	attack syscall_denied trace.c
	jq -e '.syscall == "ptrace" and .exit_code == 1' "$D/out"
	attack syscall_denied often.c
	jq -e '.syscall == "mount" and .signal_number == 9' "$D/out"
	attack accepted socket.c
	jq -e '.stdout == "-1" and .syscall == null' "$D/out"
	attack syscall_denied connect.py
	jq -e '.syscall == "socket" and (.stderr | contains("PermissionError"))' "$D/out"
	[ "$(uname -m)" != x86_64 ] || attack syscall_denied foreign.c
	printf 'exit 4\n' >four.sh
	attack nonzero_exit four.sh
}

@test "bytes of every kind go in and come out as they are" {
	local input
	printf 'import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())\n' >cat.py
	for input in 'Grüße, 世界 🙂' $'\xff\xfe\x80' 'nul\0nul' '' $'a\r\nb\r\n' 'no newline'; do
		printf %b "$input" >in
		cfn-deploy run --input in cat.py 3>&- >out
		cmp in out
	done
	head -c 1048576 /dev/urandom >in
	cfn-deploy run --input in cat.py 3>&- >out
	cmp in out
}

@test "a source may be empty, of DOS, without its last newline, or no text at all" {
	: >empty.py
	cfn-deploy run empty.py 3>&- >out
	[ ! -s out ]
	: >empty.c
	[ "$(cfn-deploy --json run empty.c 3>&- | jq -r .status)" = compile_error ]
	printf '#include <stdio.h>\r\nint main(void)\r\n{\r\n\tputs("dos");\r\n\treturn 0;\r\n}' >dos.c
	[ "$(cfn-deploy run dos.c 3>&-)" = dos ]
	printf 'print("dos")\r\nprint("end")' >dos.py
	[ "$(cfn-deploy run dos.py 3>&- | paste -sd ' ')" = "dos end" ]
	head -c 1000 /dev/urandom >noise.c
	[ "$(cfn-deploy --json run noise.c 3>&- | jq -r .status)" = compile_error ]
}

@test "a program finds a place of its own: folders, user, host name, and nobody else" {
	cat >place.sh <<-'END'
		id -u; id -g; pwd; hostname; echo "$HOME $TMPDIR"
		grep -E ' (/tmp|/work) ' /proc/self/mounts 2>/dev/null
		ls /proc 2>/dev/null | grep -c '^[0-9]'
		printf '#!/bin/sh\necho ran\n' >/tmp/x; chmod 700 /tmp/x; /tmp/x 2>/dev/null || echo noexec
		mknod /tmp/d c 1 3 2>/dev/null || echo nodev
		ls
	END
	cfn-deploy run place.sh 3>&- >out
	cat out
	[ "$(sed -n 1,3p out | paste -sd ' ')" = "1000 1000 /work" ]
	[ "$(sed -n 4p out)" != "$(hostname)" ]
	grep -qx noexec out
	grep -qx nodev out
	[ "$(tail -n 1 out)" = place.sh ]
	cat >flags.c <<-'END'
		#include <stdio.h>
		#include <sys/statvfs.h>
		static void say(const char *path)
		{
			struct statvfs v;
			statvfs(path, &v);
			printf("%d%d%d %lu\n", !!(v.f_flag & 2), !!(v.f_flag & 4), !!(v.f_flag & 8), v.f_blocks * v.f_frsize >> 20);
		}
		int main(void) { say("/tmp"); say("/work"); return 0; }
	END
	sed -i '1i #define _GNU_SOURCE' flags.c
	[ "$(cfn-deploy run flags.c 3>&- | paste -sd ' ')" = "111 10 111 10" ]
}

@test "files, folders, arguments, variables and files that it leaves" {
	mkdir lib
	printf '#include <stdio.h>\n#include "lib/more.h"\nint main(int n, char **v) { puts(MORE); printf("%%d %%s\\n", n, v[1]); return 0; }\n' >main.c
	printf '#define MORE "more"\n' >lib/more.h
	[ "$(cfn-deploy run -f lib/more.h main.c 'a b' 3>&- | paste -sd ' ')" = "more 2 a b" ]
	echo 'echo "$A-$PATH-${LANG}"' >env.sh
	[ "$(cfn-deploy run -e A=1 -e LANG=C env.sh 3>&-)" = "1-/usr/bin:/bin-C" ]
	refused 64 cfn-deploy run -e 1=2 env.sh
	refused 64 cfn-deploy run -f ../env.sh env.sh
	refused 64 cfn-deploy run -f env.sh env.sh
	cat >leave.sh <<-'END'
		mkdir -p out/a/b .hidden; echo one >out/one.txt; echo two >out/a/two.txt; echo no >out/no.dat
		ln -s /etc/passwd out/link.txt; ln out/one.txt out/hard.txt; mkfifo out/fifo.txt; echo x >.hidden/x.txt
		head -c 5000000 /dev/urandom >out/big.txt
		ln -s /usr folder; printf 'a' >"$(printf 'out/new\nline.txt')"
		echo last >last.txt
	END
	cfn-deploy --json run -o 'out/*.txt' -o '*.txt' -o 'out/*/two.*' leave.sh 3>&- >"$D/out"
	jq -c .files "$D/out"
	[ "$(jq -r '.files | map(.name + "=" + .content) | sort | join(" ")' "$D/out" | tr -d '\n')" = "last.txt=last out/a/two.txt=two" ]
}
