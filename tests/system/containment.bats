#!/usr/bin/env bats
# containment.bats - forbidden acts, tried by a deployed function in the running pool: each has the outcome that
# stands here, whoever started the pool, and nothing of it is left.
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	hello_make neighbour "the neighbour"
	deploy "$D/src/neighbour.c"
	deploy "$functions/attack.c"
	deploy deploy --function folder --entry attack --shared folder "$functions/attack.c"
	conf <<-END
		cpu_time = 1s
		wall_time = 2s
		shared_dir = $D/shared
	END
	pool_start
	nginx_start
	SPAWNER=$(pool_processes cfn-spawn) ROUTER=$(pool_processes cfn-router)
	export SPAWNER ROUTER
}

teardown_file() {
	place_remove
}

# Whatever was tried: the same spawner and router, and the neighbour answers.
teardown() {
	get /neighbour 200 'the neighbour' &&
		[ "$(pool_processes cfn-spawn) $(pool_processes cfn-router)" = "$SPAWNER $ROUTER" ]
}

# outcomes [FUNCTION] <<"ACT OUTCOME" lines: all are tried, in one run of curl.
outcomes() {
	local acts
	cat >"$D/expected"
	acts=$(cut -d' ' -f1 "$D/expected" | paste -sd,)
	curl -s --max-time 60 "$WEB/${1:-attack}?act={$acts}" >"$D/outcomes"
	diff "$D/expected" "$D/outcomes"
}

# bats test_tags=kernel
@test "processes: none is made, run, traced or reached" {
	outcomes <<-END
		fork EPERM
		clone-user EPERM
		clone-thread-user ENOSYS
		clone3 ENOSYS
		execve EPERM
		execveat EPERM
		ptrace-traceme EPERM
		ptrace-init EPERM
		process_vm_readv EPERM
		process_vm_writev EPERM
		pidfd_open ENOSYS
		pidfd_getfd EPERM
		pidfd_send_signal ENOSYS
		kcmp EPERM
		kill-stranger ESRCH
		setscheduler EPERM
		setpriority EPERM
	END
}

# bats test_tags=kernel
@test "namespaces and mounts: none is entered, made or changed" {
	outcomes <<-END
		unshare-user EPERM
		setns EPERM
		mount EPERM
		umount2 EPERM
		chroot EPERM
		pivot_root EPERM
		open_tree EPERM
		move_mount EPERM
		fsopen EPERM
		mount_setattr EPERM
		sethostname EPERM
	END
}

# bats test_tags=kernel
@test "privileges: uid 1000, and no way to be anybody else" {
	outcomes <<-END
		identity 1000,1000,1000:1000,1000,1000:pid2,parent1
		setuid EPERM
		setresuid EPERM
		setgroups EPERM
		capset EPERM
		dumpable ENOSYS
		ptracer ENOSYS
		keep-capabilities ENOSYS
		personality ENOSYS
		core 1
	END
}

# bats test_tags=kernel
@test "sockets: none is made, and the one that is there carries no descriptor" {
	outcomes <<-END
		socket-inet EACCES
		socket-unix EACCES
		socket-netlink EACCES
		socketpair EPERM
		connect EPERM
		accept4 EPERM
		sendmsg EPERM
		recvmsg EPERM
		sendmmsg ENOSYS
		sendto ENOSYS
		setsockopt ENOSYS
	END
}

# bats test_tags=kernel
@test "memory: none can be run, none escapes its limit" {
	outcomes <<-END
		map-rwx EPERM
		map-rx EPERM
		map-own-file EPERM
		protect-exec EPERM
		pkey_mprotect EPERM
		memfd_create EPERM
		memfd_secret EPERM
		shmget EPERM
		mlock EPERM
	END
}

# bats test_tags=kernel
@test "the kernel: no keys, logs, programs, rings, watches or modules" {
	outcomes <<-END
		seccomp EPERM
		seccomp-prctl ENOSYS
		bpf EPERM
		io_uring EPERM
		perf EPERM
		userfaultfd EPERM
		keyctl EPERM
		add_key EPERM
		request_key EPERM
		syslog EPERM
		init_module EPERM
		reboot EPERM
		open_by_handle EPERM
		name_to_handle EPERM
		inotify EPERM
		fanotify EPERM
		vmsplice EPERM
		unknown ENOSYS
	END
}

# bats test_tags=kernel
@test "descriptors: four, and nothing of them reaches others" {
	outcomes <<-END
		descriptors 0p,1p,2p,3s
		pipe-size ENOSYS
		set-owner ENOSYS
		notify ENOSYS
		tiocsti ENOSYS
		tiocsti-high ENOSYS
		environment PATH,HOME,TMPDIR,LANG
	END
}

# bats test_tags=kernel
@test "files: nothing of the host, nothing outside of /tmp" {
	outcomes <<-END
		proc ENOENT
		proc-parent ENOENT
		dev ENOENT
		passwd ENOENT
		library ENOENT
		above ENOENT
		write-root EROFS
		rename-tmp EROFS
		remove-tmp EROFS
		make-fifo EPERM
		make-device EPERM
		chown EPERM
	END
}

# bats test_tags=kernel
@test "limits: descriptors, bytes, inodes and threads end, and the next request has its own" {
	local round
	for round in 1 2; do
		outcomes <<-END
			fill-descriptors EMFILE
			more-descriptors EPERM
			fill-bytes ENOSPC
			fill-inodes ENOSPC
			descriptors 0p,1p,2p,3s
		END
	done
	outcomes <<<'fill-threads 16,EAGAIN'
	deploy restart attack
}

# bats test_tags=kernel
@test "a function cannot end its init, and a signal to everybody ends nobody" {
	outcomes <<-END
		kill-everybody alive
		identity 1000,1000,1000:1000,1000,1000:pid2,parent1
	END
}

@test "a call of another architecture ends the function" {
	expect_cause '/attack?act=foreign-call' 500 syscall_denied
	grep -q '"ending":"signal SYS"' "$D/access.log"
	get '/attack?act=core' 200 'core 1'
}

@test "a function that stops itself is ended, with its init" {
	expect_cause '/attack?act=stop' 504 wall_time_limit
	wait_until 10 stopped_are_gone
	get '/attack?act=core' 200
}

stopped_are_gone() {
	local pid
	for pid in $(pool_processes cfn-worker); do
		[[ $(ps -o stat= -p "$pid") != T* ]] || return 1
	done
}

# bats test_tags=kernel
@test "a kill -9 of any process of a function is the end of its sandbox, and of nothing else" {
	local pids pick
	for pick in head tail; do
		deploy restart attack
		wait_until 10 one_sandbox
		pids=$(sandbox_of attack)
		kill -KILL "$("$pick" -n 1 <<<"$pids")"
		wait_until 10 are_gone "$pids"
		get '/attack?act=core' 200 'core 1'
	done
}

one_sandbox() {
	get '/attack?act=core' 200 && [ "$(sandbox_of attack | wc -l)" = 2 ]
}

# Init and worker of a function, by their title.
sandbox_of() {
	local pid
	for pid in $(pool_processes cfn-worker); do
		tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "^cfn-worker $1 " && echo "$pid"
	done
	return 0
}

are_gone() {
	local pid
	for pid in $1; do
		! is_alive "$pid" || return 1
	done
}

# bats test_tags=kernel
@test "a shared folder is a root that leads nowhere" {
	outcomes folder <<-END
		write-root DONE
		rename-tmp EBUSY
		remove-tmp EBUSY
		proc ENOENT
		passwd ENOENT
		above ENOENT
		make-fifo EPERM
		make-device EPERM
		map-own-file EPERM
		descriptors 0p,1p,2p,3s
	END
	[ -d "$D/shared/folder/escaped" ]
}

@test "links in a shared folder lead neither cp nor the next start out of it" {
	local folder=$D/shared/folder
	get '/folder?act=core' 200
	ln -s /etc/passwd "$folder/secret"
	ln -s / "$folder/host"
	echo inside >"$D/inside"
	deploy cp "$D/inside" folder:plain
	not deploy cp folder:secret "$D/out"
	not deploy cp folder:host/etc/passwd "$D/out"
	not deploy cp folder:../../r.db "$D/out"
	not deploy cp "$D/inside" folder:host/tmp/cfn-escaped
	[ ! -e "$D/out" ] && [ ! -e /tmp/cfn-escaped ]
	deploy cp "$D/inside" folder:secret
	[ ! -L "$folder/secret" ] && [ "$(cat "$folder/secret")" = inside ]
	deploy restart folder
	get '/folder?act=passwd' 200 'passwd ENOENT'
	# A folder whose "tmp" is a link is not started at all.
	deploy disable folder
	wait_until 10 folder_is_free
	rmdir "$folder/tmp"
	ln -s /tmp "$folder/tmp"
	deploy enable folder
	get '/folder?act=core' 500
	rm "$folder/tmp"
	mkdir -m 700 "$folder/tmp"
	wait_until 20 folder_serves
}

folder_is_free() {
	[ -z "$(sandbox_of folder)" ]
}

folder_serves() {
	request '/folder?act=core'
	[ "$CODE" = 200 ]
}

@test "a copy ends with the one who asked for it" {
	local tool
	mkfifo "$D/endless"
	sleep 100 >"$D/endless" &
	started $!
	cfn-deploy --registry "$R" cp "$D/endless" folder:endless 3>&- &
	tool=$!
	wait_until 10 copy_runs
	kill -KILL "$tool"
	wait_until 10 no_copy_runs
}

copy_runs() {
	[ -n "$(sandbox_of copy)" ]
}

no_copy_runs() {
	! copy_runs
}

# constructor NAME CODE: a function whose constructor does this before it is loaded.
constructor() {
	source_make "$1.c" <<-END
		#include <pthread.h>
		#include <signal.h>
		#include <stdlib.h>
		#include <unistd.h>
		static void *fork_on(void *x) { for (;;) if (fork() == 0) _exit(0); return x; }
		__attribute__((constructor)) static void early(void) { (void)fork_on; $2 }
		int $1(cfn_request *q, cfn_response *r);
		int $1(cfn_request *q, cfn_response *r) { (void)q; return cfn_send(r, 200, "text/plain", "x"); }
	END
	not deploy "$D/src/$1.c" 2>"$D/err"
	get "/$1" 404
	[ -z "$(sandbox_of "$1")" ]
}

@test "what a constructor does or says while it is loaded only fails its own deploy" {
	constructor ends '_exit(0);'
	constructor crashes 'abort();'
	constructor tells_junk 'if (write(4, "junk and junk", 13) < 0) abort();'
	grep -q 'broke the protocol' "$D/err"
	constructor tells_nothing 'if (write(4, "", 0) < 0) abort(); pause();'
	constructor offers_no_listener 'if (write(4, "\x50\0\0\0", 4) < 0) abort();'
	constructor floods_channel 'while (write(4, "\x09\0\0\0", 4) > 0) ;'
	constructor forks_on 'pthread_t t; for (int i = 0; i < 8; i++) pthread_create(&t, 0, fork_on, 0); sleep(9);'
	grep -q 'more than 64 refused system calls' "$D/err"
}
