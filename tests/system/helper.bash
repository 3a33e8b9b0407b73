# shellcheck shell=bash disable=SC2034,SC2154
# helper.bash - what the system tests share: a pool on a registry of its own, web servers in front of it, requests,
# and the proof that nothing is left behind.
#
# CFN_PREFIX  an installed tree (what run-tests uses), or
# CFN_BUILD   a build tree;  CFN_CLIENT  the fcgi_client of the build (default: in CFN_BUILD)
# CFN_QUICK   not empty: fewer rounds in the long tests

tree=${CFN_TREE:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
# shellcheck source=../../tools/lib.sh
. "$tree/tools/lib.sh"
if [ -n "${CFN_PREFIX:-}" ]; then
	PATH=$CFN_PREFIX/bin:$CFN_PREFIX/sbin:$PATH
else
	PATH=${CFN_BUILD:?set CFN_PREFIX or CFN_BUILD}:$PATH
	export CFN_LIBEXECDIR=$CFN_BUILD CFN_INCLUDEDIR=$tree/src/function
	CFN_CLIENT=${CFN_CLIENT:-$CFN_BUILD/tests/system/fcgi_client}
fi
export PATH=$PATH:/usr/sbin:/sbin NO_COLOR=1 LC_ALL=C.UTF-8
unset CFN_REGISTRY XDG_STATE_HOME
export BATS_TEST_TIMEOUT=300
functions=$tree/tests/system/functions

# eventually COMMAND...: polls until it succeeds.  The one way to wait, and so long that a machine with other things to
# do passes too: only what fails waits for all of it.
eventually() {
	wait_until 90 "$@"
}

# --- a place of its own ------------------------------------------------------------------------------------------

# D is the test's folder (short, because of unix sockets), R its registry, SOCKET where its pool listens.
place_make() {
	D=$(mktemp -d "${CFN_TMP:-/tmp}/cfnt.XXXXXX")
	chmod 755 "$D"
	mkdir -p "$D/reg" "$D/src"
	R=$D/reg/r.db SOCKET=unix:$D/x.sock
	export D R SOCKET
	: >"$D/started"
	: >"$D/below"
	conf <<<""
	cfn-deploy --registry "$R" init >/dev/null
}

# Ends all that was started and fails when a process is left.
place_remove() {
	local pid time rc=0
	while read -r pid time; do
		is_alive "$pid" "$time" || continue
		remember_below "$pid"
		process_stop TERM "$pid"
	done < <(sort -u "$D/started")
	if ! eventually all_gone; then
		rc=1
		echo "left behind:"
		while read -r pid time; do
			is_alive "$pid" "$time" || continue
			ps -o pid=,ppid=,stat=,args= -p "$pid"
			kill -KILL "$pid"
		done < <(sort -u "$D/below")
	fi
	[ "${BATS_ERROR_STATUS:-0}" = 0 ] || show_logs
	rm -rf "$D"
	return "$rc"
}

show_logs() {
	local file
	for file in "$D"/*.out "$D"/*.log "$D"/nginx/*.log; do
		[ -s "$file" ] || continue
		echo "--- ${file##*/}"
		tail -n 15 "$file"
	done
}

# The configuration that the next pool reads: [global] lines on standard input, then sections if there are any.
conf() {
	{
		printf '[global]\nlisten.mode = 0666\naccess.log = %s/access.log\nerror_log = %s/error.log\nfunction_log = %s/function.log\n' \
			"$D" "$D" "$D"
		cat
	} >"$D/cfn.conf"
}

# --- processes -----------------------------------------------------------------------------------------------------

# When a process was born, which tells it from another one that got its number later.  Fails when there is none,
# or only one that waits to be reaped.
born() {
	local line=
	{ IFS= read -r -d '' line <"/proc/$1/stat"; } 2>/dev/null || [ -n "$line" ] || return 1
	# shellcheck disable=SC2086 # the fields behind the name, which may hold blanks
	set -- ${line##*) }
	[ "$1" != Z ] && echo "${20}"
}

# is_alive PID [BORN]
is_alive() {
	local now
	now=$(born "$1") && [ "${2:-$now}" = "$now" ]
}

# Writes down what is below a process, so that the end of the test can look whether it has gone.
remember_below() {
	local pid time
	for pid in "$1" $(descendants "$1"); do
		time=$(born "$pid") && echo "$pid $time" >>"$D/below"
	done
	return 0
}

all_gone() {
	local pid time
	while read -r pid time; do
		! is_alive "$pid" "$time" || return 1
	done < <(sort -u "$D/below")
}

# started PID: to be ended by place_remove.
started() {
	local time
	time=$(born "$1") && echo "$1 $time" >>"$D/started"
	return 0
}

# pool_processes PROGRAM: those of this pool.  What the spawner starts has its name for a moment, but it is the child.
pool_processes() {
	if [ "$1" = cfn-spawn ]; then
		pgrep -P "$POOL" -x cfn-spawn
	else
		descendants "$POOL" "$1"
	fi
}

# --- pool ------------------------------------------------------------------------------------------------------------

pool_answers() {
	local answer
	answer=$(printf 'get 1 /_ready_ 0\nread\n' | "$CFN_CLIENT" "$SOCKET" 2>/dev/null) &&
		grep -q '^|Status: 404' <<<"$answer"
}

# pool_start [ARGUMENT...]: POOL is its pid.
pool_start() {
	cfn-pool -c "$D/cfn.conf" --registry "$R" --listen "$SOCKET" "$@" >>"$D/pool.out" 2>&1 3>&- &
	POOL=$!
	export POOL
	started "$POOL"
	eventually pool_is_up_or_gone || true
	if ! is_alive "$POOL" || ! pool_answers; then
		show_logs
		return 1
	fi
	remember_below "$POOL"
}

pool_is_up_or_gone() {
	pool_answers || ! is_alive "$POOL"
}

# pool_stop SIGNAL: its exit status is the status of this.
pool_stop() {
	remember_below "$POOL"
	kill -s "$1" "$POOL"
	wait "$POOL"
}

deploy() {
	cfn-deploy --registry "$R" "$@" 3>&-
}

# sql STATEMENT: in the registry, which the pool may be reading just then.
sql() {
	sqlite3 -cmd '.timeout 60000' "$R" "$@"
}

# source_make NAME <CODE: a file of this name with cfn.h in front.
source_make() {
	{
		echo '#include <cfn.h>'
		cat
	} >"$D/src/$1"
}

# hello_make NAME TEXT: the smallest function.
hello_make() {
	source_make "$1.c" <<-END
		int $1(cfn_request *q, cfn_response *r);
		int $1(cfn_request *q, cfn_response *r)
		{
			(void)q;
			return cfn_send(r, 200, "text/plain", "$2\n");
		}
	END
}

# --- web servers -------------------------------------------------------------------------------------------------

web_is_up() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "$WEB${PREFIX:-}/_ready_")" = 404 ]
}

web_wait() {
	eventually web_is_up || { show_logs; return 1; }
}

# web_conf SERVER [OPTION...]: the configuration that cfn-deploy prints for this pool, changed by the sed script WEB_EDIT;
# WEB is the server's URL.
web_conf() {
	local port
	port=$(port_free)
	WEB=http://127.0.0.1:$port
	export WEB
	cfn-deploy -c "$D/cfn.conf" --registry "$R" webserver "$1" --whole --listen "$SOCKET" --port "$port" "${@:2}" \
		>"$D/web.conf" 2>>"$D/webserver.out"
	sed -i -e "${WEB_EDIT:-}" "$D/web.conf"
}

# nginx_start [SED-SCRIPT]: what it adds is done to the printed configuration.
nginx_start() {
	mkdir -p "$D/nginx/tmp"
	web_conf nginx
	sed -e "${1:-}" "$D/web.conf" >"$D/nginx/nginx.conf"
	nginx -e stderr -p "$D/nginx" -c "$D/nginx/nginx.conf" -g 'daemon off;' >>"$D/nginx.out" 2>&1 3>&- &
	started $!
	web_wait
	remember_below $!
}

# lighttpd_start spawn|binpath: with the printed configuration, or with the example's that starts the pool.
lighttpd_start() {
	mkdir -p "$D/upload"
	web_conf lighttpd
	[ "$1" = spawn ] || lighttpd_binpath_conf >"$D/web.conf"
	sed -e "s|\"/var/tmp\"|\"$D/upload\"|" -e "s|/dev/stderr|$D/lighttpd.log|" -e "s|/dev/stdout|$D/lighttpd-access.log|" \
		"$D/web.conf" >"$D/lighttpd.conf"
	lighttpd -D -f "$D/lighttpd.conf" >>"$D/lighttpd.out" 2>&1 3>&- &
	started $!
	web_wait
	remember_below $!
}

lighttpd_binpath_conf() {
	sed -e "s|\"/run/cfn/lighttpd-cfn.sock\"|\"$D/lighttpd.sock\"|" \
		-e "s|\"/usr/local/sbin/cfn-pool\"|\"$(command -v cfn-pool) -c $D/cfn.conf\"|" \
		-e "s|\"/var/lib/cfn/registry/registry.db\"|\"$R\"|" -e "s|^server.port .*|server.port = ${WEB##*:}|" \
		-e "s|\"PATH\" )|\"PATH\", \"CFN_LIBEXECDIR\", \"CFN_INCLUDEDIR\" )|" \
		"$tree/examples/lighttpd/lighttpd-binpath.conf"
}

# --- requests ------------------------------------------------------------------------------------------------------

# request PATH [CURL-ARGUMENT...]: CODE, the answer in $D/body, its head in $D/head.
request() {
	local path=$1
	shift
	CODE=$(curl -s --max-time 60 -o "$D/body" -D "$D/head" -w '%{http_code}' "$@" "$WEB$path") || CURL=$?
	CODE=${CODE:-000}
}

# expect CODE [TEXT]: what the last request got; TEXT is somewhere in the body.
expect() {
	if [ "$CODE" != "$1" ] || { [ $# -gt 1 ] && ! grep -qF -- "$2" "$D/body"; }; then
		echo "expected $*, got $CODE:"
		cat "$D/head" "$D/body" | head -c 2000
		return 1
	fi
}

# get PATH CODE [TEXT]: both at once.
get() {
	request "$1"
	shift
	expect "$@"
}

header() {
	sed -n "s/^$1: \(.*\)\r\$/\1/Ip" "$D/head"
}

# expect_cause PATH CODE CAUSE [CURL-ARGUMENT...]: a problem document with this cause, and an id that is in the
# head and in the body.
expect_cause() {
	local path=$1 code=$2 cause=$3
	shift 3
	request "$path" -H 'Accept: application/problem+json' "$@"
	expect "$code" "\"cause\":\"$cause\"" || return 1
	[ "$(header Content-Type)" = application/problem+json ] && jq -e . "$D/body" >/dev/null &&
		[ -n "$(header X-Request-Id)" ] && [ "$(jq -r .request_id "$D/body")" = "$(header X-Request-Id)" ]
}

# fcgi [ADDRESS] <SCRIPT: what fcgi_client prints.
fcgi() {
	"$CFN_CLIENT" "${1:-$SOCKET}"
}

# one_line FILE: exactly one line, and not empty.
one_line() {
	if [ "$(wc -l <"$1")" -ne 1 ]; then
		echo "not one line:"
		cat "$1"
		return 1
	fi
}

# For the middle of a test, where "! command" would not be noticed.
not() {
	! "$@"
}

# ends CODE COMMAND...: with this exit status; `$D/out` and `$D/err` have what was said.
ends() {
	local code=$1 rc=0
	shift
	"$@" >"$D/out" 2>"$D/err" 3>&- </dev/null || rc=$?
	[ "$rc" -eq "$code" ] || { echo "exit status $rc, not $code:"; cat "$D/out" "$D/err"; return 1; }
}

# refused CODE COMMAND...: ends with this code and one line on standard error; `$D/err` has it.
refused() {
	ends "$@" && one_line "$D/err"
}
