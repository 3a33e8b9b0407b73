# shellcheck shell=bash disable=SC2034,SC2154
# corpus.bash - runs the attempts inside a function, inside a compiler's box and inside nothing, and looks after each
# one for what it may have left.  By what the shell has built in, where it can: under User-mode Linux a process of its
# own for each look would cost more than the attempts.
load ../system/helper

containment=$tree/tests/containment
BOX_RUN=${CFN_CLIENT%/*}/box_run
CANARY=CFN-CANARY-0123456789ab
# What an attempt may take; and one that has to meet a limit, where each has limits of its own.
ATTEMPT_CPU_MS=${ATTEMPT_CPU_MS:-300} ATTEMPT_WALL_MS=${ATTEMPT_WALL_MS:-3000}
SHORT_CPU_MS=${SHORT_CPU_MS:-$ATTEMPT_CPU_MS} SHORT_WALL_MS=${SHORT_WALL_MS:-$ATTEMPT_WALL_MS}

# corpus_make LANGUAGE...: a place with the attempts in these, c and cpp, as programs.
corpus_make() {
	local language
	place_make
	mkdir "$D/bin"
	for language; do
		"$containment/assemble" "$language" program >"$D/src/program.$language"
		"$(compiler_of "$language")" -O2 -o "$D/bin/attempts.$language" "$D/src/program.$language" -lm -lpthread || return 1
	done
	host_remember
}

# corpus_pool LANGUAGE...: the attempts as functions of a pool, in whose master the canary stands: in the environment,
# on the command line, in the configuration and so in its memory.  Every attempt gets a worker of its own.
corpus_pool() {
	local language
	hello_make neighbour "the neighbour"
	R=$D/reg/$CANARY.db
	deploy init >/dev/null
	deploy "$D/src/neighbour.c"
	for language; do
		"$containment/assemble" "$language" function >"$D/src/attempts.$language"
		deploy deploy --entry attempts --function "attempts_$language" "$D/src/attempts.$language"
	done
	conf <<-END
		cpu_time = ${ATTEMPT_CPU_MS}ms
		wall_time = ${ATTEMPT_WALL_MS}ms
		pm.max_requests = 1
		shared_dir = $D/$CANARY
	END
	CFN_CANARY=$CANARY pool_start
	SPAWNER=$(pool_processes cfn-spawn) ROUTER=$(pool_processes cfn-router)
	export R SPAWNER ROUTER
}

compiler_of() {
	if [ "$1" = cpp ]; then echo g++; else echo gcc; fi
}

# language_of ATTEMPT: LANGUAGE.
language_of() {
	LANGUAGE=c
	[ ! -e "$containment/programs/$1.cpp" ] || LANGUAGE=cpp
}

# rows COLUMN PREFIX...: "ATTEMPT OUTCOME" of the manifest, where there is an outcome; of those that CFN_ATTEMPTS names,
# when it does, and never of those in ATTEMPTS_LEFT_OUT.
rows() {
	local column=$1
	shift
	awk -F '\t' -v column="$column" -v prefixes=" $* " -v only=" ${CFN_ATTEMPTS:-} " -v left_out=" ${ATTEMPTS_LEFT_OUT:-} " '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == column) at = i; next }
		only != "  " && !index(only, " " $1 " ") || index(left_out, " " $1 " ") { next }
		{ prefix = $1; sub(/_.*/, "", prefix) }
		index(prefixes, " " prefix " ") && $at != "-" { print $1 " " $at }' "$containment/manifest.tsv"
}

# said ATTEMPT <LINES: SAID is the verdict lines without the name, and how a box ended when it did not end well, in one
# line.
said() {
	local line
	SAID=
	while IFS= read -r line || [ -n "$line" ]; do
		if [[ $line =~ ^\|?(CONTAINED|ESCAPED|REFUSED|ALLOWED|OK|BAD)\ $1\ (.*)$ ]]; then
			line="${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
		elif [[ $line == 'ended exit 0' || $line != @(collected|ended)\ * ]]; then
			continue
		fi
		SAID+="${SAID:+; }${line//|/; }"
	done
}

# --- inside a function ---------------------------------------------------------------------------------------------

# request_attempt ATTEMPT: what the router answers.
request_attempt() {
	fcgi <<-END
		begin 1 1 0
		param REQUEST_METHOD GET
		param SCRIPT_NAME /attempts_$LANGUAGE
		param QUERY_STRING attempt=$1
		param HTTP_ACCEPT application/problem+json
		params 1
		end 1
		read
	END
}

in_function() {
	local answer
	language_of "$1"
	request_attempt "$1" >"$D/answer"
	IFS= read -r -d '' answer <"$D/answer" || true
	if [[ $answer =~ \"cause\":\"([a-z_]+)\" ]]; then
		SAID="ended $(tail -n 1 "$D/access.log" | jq -r '.ending // empty | . + ", "')${BASH_REMATCH[1]}"
	else
		said "$1" <"$D/answer"
	fi
}

# The spawner has one thread.  Not every kernel lists its children.  Spare sandboxes are no function's.
function_is_gone() {
	local list=/proc/$SPAWNER/task/$SPAWNER/children children pid name left=
	if [ -r "$list" ]; then
		read -r children <"$list" || true # no line's end
	else
		children=$(pgrep -P "$SPAWNER")
	fi
	for pid in $children; do
		read -r name 2>/dev/null <"/proc/$pid/comm" || continue
		[ "$name" = cfn-spare ] || left+="$pid "
	done
	[ "${left% }" = "$ROUTER" ]
}

# --- inside a compiler's box, and a stranger's program's -----------------------------------------------------------------

# in_box_of compiler|run ATTEMPT: with the limits that its expected outcome asks for.
in_box_of() {
	local profile=$1 cpu=$ATTEMPT_CPU_MS wall=$ATTEMPT_WALL_MS
	shift
	case ${expected:-} in
	*cpu_time_limit) cpu=$SHORT_CPU_MS ;;
	*wall_time_limit) wall=$SHORT_WALL_MS ;;
	esac
	language_of "$1"
	CFN_CANARY=$CANARY timeout 150 "$BOX_RUN" "$profile" "$cpu" "$wall" \
		"$D/bin/attempts.$LANGUAGE" "$1" </dev/null >"$D/answer" || return 1
	said "$1" <"$D/answer"
}

in_box() {
	in_box_of compiler "$1"
}

in_run() {
	in_box_of run "$1"
}

# Nothing runs the attempts any more, wherever its parent has gone.
box_is_gone() {
	local file words
	for file in /proc/[0-9]*/cmdline; do
		words=()
		mapfile -d '' words 2>/dev/null <"$file"
		case ${words[0]:-} in
		"$D"/bin/attempts.*) return 1 ;;
		/program/attempts.*) [ "${words[1]:-}" != "$ATTEMPT" ] || return 1 ;;
		esac
	done
}

run_is_gone() {
	box_is_gone
}

# --- inside nothing: what an attempt says where it may do what it tries ----------------------------------------------

# In namespaces of its own, so that what it changes goes with it; beside it a process that it may not see in a sandbox,
# and a socket that it may not reach there.
in_nothing() {
	local own=()
	language_of "$1"
	[ "$EUID" -eq 0 ] || own=(--user --map-root-user)
	# shellcheck disable=SC2016 # the inner shell expands it
	CFN_CANARY=$CANARY timeout 150 unshare "${own[@]}" --mount --uts --ipc --net --pid --fork --kill-child --mount-proc \
		sh -c '
			mount -t tmpfs none /mnt && cp "$1" /mnt/attempts && mount -t tmpfs none /tmp && cd /tmp || exit 1
			sleep 1000 &
			if [ "$2" = net_unix_canary ]; then
				sleep 1000 | /mnt/attempts --listen &
				until grep -q "@cfn-canary$" /proc/net/unix; do sleep 0.01; done
			fi
			/mnt/attempts "$2"
			exit' sh "$D/bin/attempts.$LANGUAGE" "$1" </dev/null >"$D/answer" 2>/dev/null
	said "$1" <"$D/answer"
}

nothing_is_gone() {
	box_is_gone
}

# --- and what is left ---------------------------------------------------------------------------------------------------

# Where an attempt would leave something; names that no other test makes either.
host_places='/etc/cfn* /tmp/cfn_* /var/tmp/cfn_* /dev/shm/cfn_* /cfn_*'

# STATE
host_state() {
	local mounts name places
	STATE=$(stat -c '%n %u:%g %a %s %Y' /etc/shadow /etc/passwd /etc/hosts)
	IFS= read -r -d '' mounts </proc/self/mountinfo || true
	read -r name </proc/sys/kernel/hostname
	# shellcheck disable=SC2206 # patterns; what matches nothing stays as it is written
	places=($host_places)
	STATE+=$'\n'"$mounts$name"$'\n'"${places[*]}"
}

host_remember() {
	host_state
	printf '%s' "$STATE" >"$D/host"
}

# Runs them all; stops at the first that leaves something.  Without the trap that bats sets for every command.
attempts_run() (
	set +T
	trap - DEBUG
	IFS= read -r -d '' before <"$D/host" || true
	while read -r name expected <&4; do
		ATTEMPT=$name SAID=
		"in_$1" "$name" 4<&- || true
		echo "$name $SAID" >>"$D/actual"
		eventually "$1_is_gone" || { echo "$name left a process"; return 1; }
		host_state
		[ "$STATE" = "$before" ] || { echo "$name changed the host:"; diff <(echo "$before") <(echo "$STATE"); return 1; }
	done 4<"$D/expected"
)

# attempts_are WHERE PREFIX...: each has its outcome of the manifest, and leaves nothing.
attempts_are() {
	local where=$1
	shift
	rows "$where" "$@" >"$D/expected"
	[ -s "$D/expected" ]
	: >"$D/actual"
	attempts_run "$where"
	not grep ESCAPED "$D/actual"
	diff "$D/expected" "$D/actual"
}

# As attempts_are, for what is in no sandbox: the verdict alone counts, and where it needs root, an ordinary user must
# not get it.  A call that this kernel does not have is said, as it proves nothing.
attempts_can() {
	local name verdict needs actual rc=0
	rows nothing "$@" >"$D/expected"
	: >"$D/actual"
	attempts_run nothing
	while read -r name verdict needs <&4; do
		actual=$(sed -n "s/^$name //p" "$D/actual")
		if [ "$actual" = 'REFUSED ENOSYS' ]; then
			echo "# $name: not in this kernel" >&3
		elif [ -n "$needs" ] && [ "$(id -u)" -ne 0 ]; then
			[[ $actual == REFUSED* || $actual == CONTAINED* ]] || { echo "$name, without root: $actual"; rc=1; }
		else
			[[ $actual == "$verdict"* ]] || { echo "$name: $actual"; rc=1; }
		fi
	done 4<"$D/expected"
	return "$rc"
}
