#!/usr/bin/env bats
# permissions.bats - an installation with an owner for each thing, as cfn-pool(8) has it in a table, and what a deployer,
# the web server's user, the pool's user and a stranger can do in it: each row is tried by each of them.
# bats file_tags=any-user
# shellcheck disable=SC2016,SC2034,SC2154
load helper

readonly POOL_USER=61701 DEPLOYERS=61702 WEB_USER=61703 LOG_READERS=61704 STRANGER=61705 DEPLOYER=61706 SECOND=61707

# as WHO COMMAND...: by a deployer, another one, the web server, the pool's user, or a stranger.
as() {
	local ids
	case $1 in
	deployer) ids=(--reuid="$DEPLOYER" --regid="$DEPLOYER" --groups="$DEPLOYERS") ;;
	second) ids=(--reuid="$SECOND" --regid="$SECOND" --groups="$DEPLOYERS") ;;
	web) ids=(--reuid="$WEB_USER" --regid="$WEB_USER" --clear-groups) ;;
	pool) ids=(--reuid="$POOL_USER" --regid="$DEPLOYERS" --clear-groups) ;;
	stranger) ids=(--reuid="$STRANGER" --regid="$STRANGER" --clear-groups) ;;
	function) ids=(--reuid="$FUNCTION" --regid="$FUNCTION" --clear-groups) ;;
	esac
	HOME=$D/home.$1 setpriv "${ids[@]}" --inh-caps=-all "${@:2}"
}

tool_as() {
	as "$1" cfn-deploy -c "$D/cfn.conf" --registry "$R" "${@:2}" 3>&-
}

install_all() {
	local who
	for who in "deployer $DEPLOYER" "second $SECOND" "web $WEB_USER" "stranger $STRANGER" "pool $POOL_USER"; do
		install -d -m 700 -o "${who#* }" "$D/home.${who% *}"
	done
	chown "$POOL_USER:$DEPLOYERS" "$D/reg" "$R"
	chmod 2770 "$D/reg"
	chmod 660 "$R"
	install -d -m 700 -o "$POOL_USER" "$D/state"
	install -d -m 2750 -o "$POOL_USER" -g "$LOG_READERS" "$D/log"
	install -d -m 711 -o "$POOL_USER" "$D/shared"
	install -d -m 755 "$D/keys.d" "$D/run"
	cat >"$D/cfn.conf" <<-END
		[global]
		listen = unix:$D/run/cfn.sock
		listen.owner = 0
		listen.group = $WEB_USER
		listen.mode = 0660
		state_dir = $D/state
		shared_dir = $D/shared
		keys_dir = $D/keys.d
		access.log = $D/log/access.log
		error_log = $D/log/error.log
		function_log = $D/log/function.log
	END
	chmod 644 "$D/cfn.conf"
}

pool_is_ready() {
	[ -S "$D/run/cfn.sock" ] && as web sh -c 'printf "get 1 /_ready_ 0\nread\n" | "$0" "$1"' "$CFN_CLIENT" \
		"unix:$D/run/cfn.sock" 2>/dev/null | grep -q 404
}

setup_file() {
	[ "$(id -u)" -eq 0 ] || return 0
	place_make
	install_all
	cfn-pool -c "$D/cfn.conf" --registry "$R" >>"$D/pool.out" 2>&1 3>&- &
	POOL=$!
	export POOL
	started "$POOL"
	eventually pool_is_ready
	remember_below "$POOL"
	source_make keeps.c <<-'END'
		#include <stdio.h>
		int keeps(cfn_request *q, cfn_response *r);
		int keeps(cfn_request *q, cfn_response *r)
		{
			FILE *f = fopen("/kept", "w");

			if (f)
				fclose(f);
			cfn_log(q, CFN_NOTICE, "kept");
			return cfn_send(r, 200, "text/plain", "kept\n");
		}
	END
	chmod 755 "$D/src"
	tool_as deployer deploy --shared notes "$D/src/keeps.c"
	printf 'value' | tool_as deployer secret set keeps KEY
	tool_as deployer key new
	as web sh -c 'printf "get 1 /keeps 0\nread\n" | "$0" "$1"' "$CFN_CLIENT" "unix:$D/run/cfn.sock" | grep -q kept
	FUNCTION=$(stat -c %u "$D/shared/notes")
	export FUNCTION
}

teardown_file() {
	[ -z "${D:-}" ] || place_remove
}

setup() {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to be several users"
}

# What is tried, by sh with the place's names, and by whom it can be done: d a deployer, w the web server's user, p the
# pool's, f a function's on the host, s a stranger.
readonly TABLE='
dwpfs | read the configuration                 | head -c 1 "$D/cfn.conf"
-     | write the configuration                | : >>"$D/cfn.conf"
dwpfs | list the trusted keys                  | ls "$D/keys.d"
-     | trust a key                            | : >"$D/keys.d/mine.pub"
d     | read the deployers own key             | head -c 1 "$D"/home.deployer/.local/share/cfn/deploy.key
dp    | list the folder of the registry        | ls "$D/reg"
dp    | read the registry                      | head -c 1 "$R"
dp    | write the registry                     | : >>"$R"
dp    | add to the folder of the registry      | : >"$D/reg/more" && rm "$D/reg/more"
dp    | list functions                         | cfn-deploy -c "$D/cfn.conf" --registry "$R" list
dp    | lock and unlock a function             | cfn-deploy -c "$D/cfn.conf" --registry "$R" lock --reason x keeps && cfn-deploy -c "$D/cfn.conf" --registry "$R" unlock keeps
dp    | ask the control socket                 | cfn-deploy -c "$D/cfn.conf" --registry "$R" status
dp    | have a function invoked                | cfn-deploy -c "$D/cfn.conf" --registry "$R" invoke keeps
dp    | restart a function                     | cfn-deploy -c "$D/cfn.conf" --registry "$R" restart keeps
dp    | list a shared folder through the pool  | cfn-deploy -c "$D/cfn.conf" --registry "$R" cp notes:
dp    | copy into a shared folder              | cfn-deploy -c "$D/cfn.conf" --registry "$R" cp "$D/cfn.conf" notes:/given
f     | list a shared folder itself            | ls "$D/shared/notes"
p     | list what the pool keeps               | ls "$D/state"
p     | read the keys of sessions and secrets  | find "$D/state" -maxdepth 1 -type f -exec cat {} + | grep -q .
p     | add to what the pool keeps             | : >"$D/state/more" && rm "$D/state/more"
p     | read the logs                          | head -c 1 "$D/log/function.log" && head -c 1 "$D/log/access.log"
p     | write the logs                         | : >>"$D/log/function.log"
w     | connect to the listening socket        | printf "get 1 /keeps 0\nread\n" | "$CFN_CLIENT" "unix:$D/run/cfn.sock" | grep kept
-     | replace the listening socket           | rm -f "$D/run/cfn.sock"
p     | signal the pool                        | kill -0 "$POOL"
-     | look into the pool                     | ls "/proc/$POOL/fd"
'

letter_of() {
	case $1 in
	deployer) echo d ;; web) echo w ;; pool) echo p ;; function) echo f ;; stranger) echo s ;;
	esac
}

# may WHO COMMAND: by sh, as that user.
may() {
	as "$1" env D="$D" R="$R" POOL="$POOL" CFN_CLIENT="$CFN_CLIENT" sh -c "$2" >"$D/out" 2>&1 </dev/null 3>&-
}

@test "each can do what the table says, and nothing else" {
	local who what command wrong=0 user
	while IFS='|' read -r who what command; do
		[ -n "$command" ] || continue
		what=${what%%  *}
		for user in deployer web pool function stranger; do
			if [[ $who == *$(letter_of "$user")* ]]; then
				may "$user" "$command" || { echo "$user cannot $what"; cat "$D/out"; wrong=1; }
			elif may "$user" "$command"; then
				echo "$user can $what"
				wrong=1
			fi
		done
	done <<<"$TABLE"
	[ "$wrong" = 0 ]
}

@test "everything has the owner, the group and the mode of the table" {
	stat -c '%u:%g %a %n' "$D/reg" "$R" "$R.run" "$R.run"/*.sock "$D/state" "$D/log"/*.log "$D/run/cfn.sock" "$D/shared/notes" |
		sed "s|$D/||;s|/[0-9]*.sock|/PID.sock|" | tee "$D/modes"
	diff "$D/modes" - <<-END
		$POOL_USER:$DEPLOYERS 2770 reg
		$POOL_USER:$DEPLOYERS 660 reg/r.db
		$POOL_USER:$DEPLOYERS 2770 reg/r.db.run
		$POOL_USER:$DEPLOYERS 660 reg/r.db.run/PID.sock
		$POOL_USER:0 700 state
		$POOL_USER:$LOG_READERS 640 log/access.log
		$POOL_USER:$LOG_READERS 640 log/error.log
		$POOL_USER:$LOG_READERS 640 log/function.log
		0:$WEB_USER 660 run/cfn.sock
		$FUNCTION:$FUNCTION 700 shared/notes
	END
	[ -z "$(find "$D/state" ! -uid "$POOL_USER" ! -path "$D/state/runs*")" ]
	[ -z "$(find "$D/state" -mindepth 1 -perm /007)" ]
}

@test "what one deployer leaves the pool and the next deployer can go on with, whatever his umask is" {
	local journal
	hello_make another "one"
	(umask 077 && tool_as second deploy "$D/src/another.c")
	tool_as deployer rollback another 2>/dev/null || true
	hello_make another "two"
	tool_as deployer deploy "$D/src/another.c"
	tool_as second rollback another
	as web sh -c 'printf "get 1 /another 0\nread\n" | "$0" "$1"' "$CFN_CLIENT" "unix:$D/run/cfn.sock" | grep -q one
	# A change that a killed deployer did not end: its journal is for all who may write the registry.
	journal=$(umask 077 && as second sqlite3 -cmd '.timeout 60000' "$R" 'BEGIN IMMEDIATE; CREATE TABLE left_over (x);' \
		".shell stat -c '%g %a' $R-journal")
	echo "$journal"
	[ "$journal" = "$DEPLOYERS 660" ]
	tool_as deployer list | grep -q another
}
