# shellcheck shell=bash disable=SC2034,SC2154,SC2317
# peers.sh - what is compared, how each starts, and the web servers in front of all.

# --- cfn -------------------------------------------------------------------------------------------------------------

# deploy_to POOL [OPTION...] FILE: into the registry of that pool.
deploy_to() {
	local registry=$run/$1/r.db
	shift
	cfn-deploy --registry "$registry" deploy "$@" >/dev/null || die "$EX_SOFTWARE" "cfn-deploy failed"
}

# start_cfn NAME MODE [LINES]: a pool of its own, with hello in that mode; more lines for its configuration.  256 connections
# are more than may wait for one function by default.
start_cfn() {
	printf '[global]\nlisten.mode = 0666\naccess.log = /dev/null\nqueue = 1024\nmode = %s\n%s\n' "$2" "${3:-}" >"$run/$1.conf"
	mkdir -p "$run/$1"
	cfn-deploy --registry "$run/$1/r.db" init >/dev/null || die "$EX_SOFTWARE" "cfn-deploy failed"
	deploy_to "$1" "$tree/bench/functions/hello.c"
	start cfn-pool -c "$run/$1.conf" --registry "$run/$1/r.db" --listen "unix:$run/$1.sock"
}

# It runs programs, by the languages of the tree.
start_runner() {
	start_cfn runner reuse "[run]
enabled = on
languages_dir = $tree/languages.d"
	runner=${pids[-1]}
}

# All but hello, in another pool, as workers of the first one are looked at.
start_more() {
	local f=$tree/bench/functions
	start_cfn more reuse 'max.body_size = 256M'
	deploy_to more --link jansson "$f/json.c"
	deploy_to more --function cached --entry hello --route /cached/hello --cache 3600 "$f/hello.c"
	deploy_to more --body-size 256M --wall-time 60s "$f/body.c"
	deploy_to more --pm-max-children 16 "$f/rare.c"
	# Who asks for a token is packed never, as the token may be revoked while the request waits.
	deploy_to more --function rare_flat --entry rare --route /rare_flat --pm-max-children 16 --auth bearer "$f/rare.c"
	deploy_to more --concurrency 2 "$f/slow.c"
	deploy_to more --function full --entry slow --route /full --concurrency 1 --queue 1 "$f/slow.c"
	deploy_to more "$f/crash.c"
	deploy_to more --function crash_late --entry crash --route /crash_late "$f/crash.c"
	token=$(cfn-deploy --registry "$run/more/r.db" token create bench --scope call:rare_flat | grep -o 'cfn_[A-Za-z0-9_-]*' | head -n 1)
	more=${pids[-1]}
}

# The same with workers that are not confined (bench/open_worker.c).
start_open() {
	local program
	mkdir -p "$run/libexec"
	for program in cfn-router cfn-spawn libcfn.so.1; do
		ln -s "$build/$program" "$run/libexec/$program"
	done
	ln -s "$build/bench/open_worker" "$run/libexec/cfn-worker"
	CFN_LIBEXECDIR=$run/libexec start_cfn open reuse
}

# --- the others --------------------------------------------------------------------------------------------------------

start() {
	"$@" >>"$run/out" 2>&1 </dev/null &
	pids+=($!)
}

# spawn N SOCKET PROGRAM: N processes on one socket.  With -n, which would stay our child, -F means one.
spawn() {
	local pid
	for pid in $(spawn-fcgi -F "$1" -M 0666 -s "$run/$2" -- "$3" | sed -n 's/.*PID: //p'); do
		pids+=("$pid")
	done
}

start_bare() {
	spawn 24 bare24.sock "$build/bench/bare_fcgi"
	spawn 64 bare64.sock "$build/bench/bare_fcgi"
	spawn 4 bare_body.sock "$build/bench/bare_body"
	spawn 4 fcgiwrap.sock /usr/sbin/fcgiwrap
}

start_php() {
	local program
	program=$(find /usr/sbin -name 'php-fpm*' | sort | tail -n 1)
	mkdir -p "$run/php"
	cat >"$run/php/hello.php" <<-'END'
		<?php header("Content-Type: text/plain"); echo "Hello, ", $_GET["name"] ?? "world", "!\n";
	END
	cp "$tree/bench/json.php" "$run/php/json.php"
	{
		printf '[global]\nerror_log = %s/php.log\ndaemonize = no\n[bench]\n' "$run"
		[ "$(id -u)" -ne 0 ] || printf 'user = www-data\ngroup = www-data\n'
		printf 'listen = %s/php.sock\nlisten.mode = 0666\npm = static\npm.max_children = 4\n' "$run"
	} >"$run/php.conf"
	start "$program" -y "$run/php.conf"
}

start_kore() {
	kore_port=$(port_free)
	mkdir -p "$run/kore"
	gcc -O2 -shared -fPIC -o "$run/kore/hello.so" "$tree/bench/kore_hello.c" || die "$EX_SOFTWARE" "Kore's module failed"
	cat >"$run/kore/kore.conf" <<-END
		load $run/kore/hello.so
		workers 2
		worker_max_connections 1024
		http_keepalive_time 3600
		http_header_timeout 3600
		server bench {
			bind 127.0.0.1 $kore_port
			tls no
		}
		domain * {
			attach bench
			route /hello hello
		}
	END
	(cd "$run/kore" && exec kore -frnq -c kore.conf) >>"$run/out" 2>&1 </dev/null &
	pids+=($!)
}

# --- the web servers in front ------------------------------------------------------------------------------------------

# name | web server | socket, or kore | connections kept | SCRIPT_FILENAME | path | body
readonly PEERS="
cfn        | nginx    | cfn.sock       | 64 | -                      | /hello        | -
open       | nginx    | open.sock      | 64 | -                      | /hello        | -
fresh      | nginx    | fresh.sock     | 64 | -                      | /hello        | -
bare24     | nginx    | bare24.sock    | 64 | -                      | /hello        | -
bare64     | nginx    | bare64.sock    | 64 | -                      | /hello        | -
php        | nginx    | php.sock       | -  | $run/php/hello.php     | /hello        | -
fcgiwrap   | nginx    | fcgiwrap.sock  | -  | $build/bench/bare_fcgi | /hello        | -
kore       | nginx    | kore           | 64 | -                      | /hello        | -
light      | lighttpd | cfn.sock       | -  | -                      | /hello        | -
light_bare | lighttpd | bare24.sock    | -  | -                      | /hello        | -
cached     | nginx    | more.sock      | 64 | -                      | /cached/hello | -
json       | nginx    | more.sock      | 64 | -                      | /json         | order.json
php_json   | nginx    | php.sock       | -  | $run/php/json.php      | /json         | order.json
more       | nginx    | more.sock      | 64 | -                      | /hello        | -
bare_body  | nginx    | bare_body.sock | 4  | -                      | /body         | -
runner     | nginx    | runner.sock    | 16 | -                      | /hello        | -
"

# nginx's own buffers hold a page: with them its reads and writes are most of what a large answer costs on either side.
readonly BODY_BUFFERS="fastcgi_buffer_size 64k; fastcgi_buffers 8 64k;"

each_peer() {
	local name web socket keep file path body
	while IFS=' |' read -r name web socket keep file path body; do
		[ -z "$name" ] || "$1" "$name" "$web" "$socket" "$keep" "$file" "$path" "$body"
	done <<<"$PEERS"
}

port_of() {
	sed 's|.*:\([0-9]*\)/.*|\1|' "$run/url.$1"
}

# Each has its own port, since the path is the same for most.
choose_port() {
	echo "http://127.0.0.1:$(port_free)$6" >"$run/url.$1"
	[ "$7" = - ] || echo "$tree/bench/$7" >"$run/body.$1"
}

nginx_upstream() {
	[ "$2" = nginx ] || return
	if [ "$3" = kore ]; then
		say "upstream $1 { server 127.0.0.1:$kore_port;"
	else
		say "upstream $1 { server unix:$run/$3;"
	fi
	[ "$4" = - ] || say "keepalive $4;"
	say "}"
}

nginx_server() {
	[ "$2" = nginx ] || return
	say "server { listen 127.0.0.1:$(port_of "$1"); location / {"
	if [ "$3" = kore ]; then
		say "proxy_pass http://$1; proxy_http_version 1.1; proxy_set_header Connection '';"
	else
		say "include /etc/nginx/fastcgi_params; fastcgi_pass $1;"
		[ "$4" = - ] || say "fastcgi_keep_conn on;"
		[ "$5" = - ] || say "fastcgi_param SCRIPT_FILENAME $5;"
		case $1 in more | bare_body) say "$BODY_BUFFERS" ;; esac
	fi
	say "} }"
}

# Bodies go through as they come: what nginx's own files on the disk cost is no matter of the program behind it.
start_nginx() {
	mkdir -p "$run/nginx/tmp"
	{
		say "worker_processes 1; pid nginx.pid; error_log error.log; events { worker_connections 4096; } http {"
		say "access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; client_max_body_size 0;"
		say "client_body_temp_path tmp/a; fastcgi_temp_path tmp/b; fastcgi_max_temp_file_size 0;"
		say "proxy_temp_path tmp/c; scgi_temp_path tmp/d; uwsgi_temp_path tmp/e; fastcgi_request_buffering off;"
		each_peer nginx_upstream
		each_peer nginx_server
		say "}"
	} >"$run/nginx/nginx.conf"
	start nginx -e stderr -p "$run/nginx" -c "$run/nginx/nginx.conf" -g 'daemon off;'
}

lighttpd_server() {
	[ "$2" = lighttpd ] || return
	say "\$SERVER[\"socket\"] == \"127.0.0.1:$(port_of "$1")\" { fastcgi.server = ( \"/\" => ( \"$1\" => ("
	say "\"socket\" => \"$run/$3\", \"check-local\" => \"disable\", \"fix-root-scriptname\" => \"enable\" ) ) ) }"
}

start_lighttpd() {
	{
		say 'server.modules = ( "mod_fastcgi" )'
		say "server.bind = \"127.0.0.1\"" "server.port = $(port_free)" "server.document-root = \"$run/nginx\""
		say "server.errorlog = \"$run/lighttpd.log\"" "server.max-keep-alive-requests = 1000000000"
		say "server.max-keep-alive-idle = 3600"
		each_peer lighttpd_server
	} | sed 's/ server\./\nserver./g' >"$run/lighttpd.conf"
	start lighttpd -D -f "$run/lighttpd.conf"
}

# What is right is for all the same.
peer_answers() {
	local url
	url=$(cat "$run/url.$1")
	case $url in
	*/json)
		curl -s --max-time 5 -H 'Content-Type: application/json' --data-binary "@$(cat "$run/body.$1")" "$url" |
			jq -e '.total == 140686 and (.items | length) == 13' >/dev/null 2>&1 ;;
	*/body)
		[ "$(curl -s --max-time 5 --data-binary xyz "$url")" = 3 ] ;;
	*)
		[ "$(curl -s --max-time 5 "$url")" = 'Hello, world!' ] ;;
	esac
}

peer_wait() {
	wait_until 20 peer_answers "$1" || {
		tail -n 20 "$run/out" "$run/nginx/error.log" >&2
		die "$EX_SOFTWARE" "$1 does not answer"
	}
}

runner_answers() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://127.0.0.1:$(port_of runner)/api/run/languages")" = 200 ]
}

peers_start() {
	each_peer choose_port
	start_cfn fresh fresh
	start_open
	start_more
	start_runner
	start_cfn cfn reuse
	pool=${pids[-1]}
	start_bare
	start_php
	start_kore
	start_nginx
	start_lighttpd
	each_peer peer_wait
	wait_until 60 runner_answers || die "$EX_SOFTWARE" "the runner does not answer"
}
