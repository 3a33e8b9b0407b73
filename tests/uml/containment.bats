#!/usr/bin/env bats
# containment.bats - attempts of tests/containment on Linux 6.1 without Landlock: the outcome is the same, as Landlock
# is a second line.  Some of each kind, as a process takes long to start here.
# shellcheck disable=SC2034,SC2154
ATTEMPT_CPU_MS=10000 ATTEMPT_WALL_MS=20000
load ../containment/corpus

CFN_ATTEMPTS='fs_read_secrets fs_proc_parent fs_dotdot_escape fs_mount_flags fs_mount_tmpfs fs_write_root fs_hardlink_secret
	disk_sparse mem_map_rwx mem_memfd_create proc_daemon proc_own_program proc_ptrace_init sig_everybody
	ns_unshare_user ns_setns priv_uid priv_capabilities priv_setresuid fd_list fd_tiocsti net_families net_connect
	sys_bpf sys_io_uring sys_keyctl state_env crash_segv'
CFN_ATTEMPTS=${CFN_ATTEMPTS//[[:space:]]/ }

setup_file() {
	[ "$(id -u)" -eq 0 ] && [[ $(uname -r) == 6.1.* ]]
	corpus_make c
	corpus_pool c
}

teardown_file() {
	place_remove
}

@test "a function on another kernel is contained in the same way" {
	attempts_are function fs disk mem proc sig ns priv fd net sys state crash
}

@test "a box on another kernel is contained in the same way" {
	attempts_are box fs disk mem proc sig ns priv fd net sys state crash
}
