#!/usr/bin/env bats
# json.bats - every command of cfn-deploy: JSON when that is asked for, one line when it fails, progress on a terminal.
# bats file_tags=any-user
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	mkdir -p "$D/work/m" "$D/work/hello/tests"
	hello_make hello "hello 1"
	printf '[function two]\nsource = two.c\n' >"$D/work/m/cfn.ini"
	hello_make two "two"
	mv "$D/src/two.c" "$D/work/m"
	cp "$D/src/hello.c" "$D/work/hello"
	printf 'GET /hello\nHTTP 200\n' >"$D/work/hello/tests/hello.http"
	deploy --shared data "$D/src/hello.c" 2>/dev/null || deploy deploy --shared data "$D/src/hello.c"
	hello_make hello "hello 2"
	deploy deploy "$D/src/hello.c"
	export HOME=$D XDG_DATA_HOME=$D
	pool_start
	echo text >"$D/work/file"
	echo 'int main(void) { return 0; }' >"$D/work/program.c"
	key=$D/work/own.pem
	cfn-deploy key new "$D/work/own.key" >"$key"
}

teardown_file() {
	place_remove
}

# What a command is given to succeed, and to fail; in the folder $D/work.  A command that is not here fails the test:
# whoever adds one says how it is asked for JSON.
declare -gA good=(
	[init]='init'
	[deploy]='deploy ../src/hello.c'
	[apply]='apply m'
	[new]='new fresh'
	[check]='check ../src/hello.c'
	[list]='list'
	[show]='show hello'
	[source]='source hello'
	[history]='history hello'
	[rollback]='rollback hello 1'
	[enable]='enable hello'
	[disable]='disable hello'
	[lock]='lock hello --reason because'
	[unlock]='unlock hello'
	[remove]='remove two'
	[restart]='restart hello'
	[status]='status'
	[top]='top'
	[logs]='logs hello'
	[crashes]='crashes'
	[cp]='cp data:'
	[invoke]='invoke hello'
	[test]='test hello/'
	[run]='run program.c'
	[doctor]='doctor'
	[audit]='audit'
	[key]='key show own.key'
	[token]='token list'
	[secret]='secret list'
	[verify]='verify'
	[export]='export all.cfn'
	[import]='import all.cfn'
	[backup]='backup kept.db'
	[gc]='gc'
	[webserver]='webserver nginx'
)
declare -gA bad=(
	[init]='init no'
	[deploy]='deploy none.c'
	[apply]='apply none'
	[new]='new NO'
	[check]='check none.c'
	[list]='list no'
	[show]='show nobody'
	[source]='source nobody'
	[history]='history nobody'
	[rollback]='rollback nobody'
	[enable]='enable nobody'
	[disable]='disable nobody'
	[lock]='lock nobody --reason x'
	[unlock]='unlock nobody'
	[remove]='remove nobody'
	[restart]='restart nobody'
	[status]='status no'
	[top]='top no'
	[logs]='logs --since never hello'
	[crashes]='crashes --since never'
	[cp]='cp none data:x'
	[invoke]='invoke nobody'
	[test]='test none'
	[run]='run none.c'
	[doctor]='doctor no'
	[audit]='audit --since never'
	[key]='key show none'
	[token]='token revoke nobody'
	[secret]='secret remove hello NONE'
	[verify]='verify no'
	[export]='export nobody all.cfn'
	[import]='import none.cfn'
	[backup]='backup /dev/null'
	[gc]='gc --keep x'
	[webserver]='webserver none'
)
# What else commands can be asked for, in this order.
more=(
	'key new other.key' 'key sign hello --key own.key' 'key list' 'token create one' 'token revoke one' 'audit --verify'
	'cp file data:' 'cp data:file copied' 'source hello --extract out' 'apply -n m' 'invoke ../src/hello.c' 'logs'
)
# These run until they are ended, and have tests of their own.
until_ended=' dev '

commands() {
	cfn-deploy help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx help
}

# json_of COMMAND...: succeeds with JSON on standard output; only logs may have nothing to say.
json_of() {
	timeout 150 cfn-deploy -c "$D/cfn.conf" --registry "$R" --json "$@" >"$D/json.out" 2>"$D/json.err" 3>&- </dev/null ||
		[ "$1" = doctor ] || { echo "$* failed:"; cat "$D/json.err"; return 1; }
	if [ -s "$D/json.out" ]; then
		jq -e . "$D/json.out" >/dev/null || { echo "$*:"; cat "$D/json.out"; return 1; }
	else
		[ "$1" = logs ] || { echo "$* says nothing"; return 1; }
	fi
}

@test "every command that succeeds prints JSON and nothing else, when that is asked for" {
	local command missing=
	cd "$D/work"
	for command in $(commands); do
		[[ $until_ended != *" $command "* ]] || continue
		if [ -z "${good[$command]:-}" ] || [ -z "${bad[$command]:-}" ]; then
			missing+=" $command"
			continue
		fi
		# shellcheck disable=SC2086 # words
		json_of ${good[$command]}
	done
	[ -z "$missing" ] || { echo "no case for:$missing"; return 1; }
	for command in "${more[@]}"; do
		# shellcheck disable=SC2086 # words
		json_of $command
	done
}

@test "every command that fails says why in one line, and prints no JSON" {
	local command
	cd "$D/work"
	for command in $(commands); do
		[[ $until_ended != *" $command "* ]] || continue
		# shellcheck disable=SC2086 # words
		! timeout 150 cfn-deploy -c "$D/cfn.conf" --registry "$R" --json ${bad[$command]} >"$D/json.out" 2>"$D/json.err" 3>&- </dev/null ||
			{ echo "$command succeeds"; return 1; }
		one_line "$D/json.err" || { echo "$command"; return 1; }
		grep -q '^cfn-deploy: ' "$D/json.err"
		[ ! -s "$D/json.out" ] || { echo "$command:"; cat "$D/json.out"; return 1; }
	done
}

@test "a deploy shows where it is on a terminal, and nothing else anywhere" {
	local step
	hello_make hello "hello $RANDOM"
	TERM=xterm script -qec "cfn-deploy --registry $R deploy --smoke 'GET /hello=200' $D/src/hello.c" /dev/null >"$D/script.out" 2>&1 3>&-
	for step in compile check load vote smoke activate; do
		grep -q "hello: $step  *[0-9.]* s" "$D/script.out" || { cat "$D/script.out"; return 1; }
	done
	not grep -q $'\033\[[0-9;]*m' "$D/script.out"
	hello_make hello "hello again $RANDOM"
	cfn-deploy --registry "$R" deploy "$D/src/hello.c" >/dev/null 2>"$D/json.err" 3>&-
	[ ! -s "$D/json.err" ]
}
