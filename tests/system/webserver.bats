#!/usr/bin/env bats
# webserver.bats - what `cfn-deploy webserver` prints: for this pool, its functions and its configuration.
# bats file_tags=any-user
# shellcheck disable=SC2016,SC2034,SC2154
load helper

setup() {
	place_make
	SERVERS="nginx lighttpd apache caddy haproxy"
}

teardown() {
	place_remove
}

# printed ARGUMENT...: in $D/text; what it warns of in $D/warned.
printed() {
	cfn-deploy -c "$D/cfn.conf" --registry "$R" webserver "$@" >"$D/text" 2>"$D/warned"
}

has() {
	grep -qF -- "$1" "$D/text" || { echo "no '$1' in:"; cat "$D/text"; return 1; }
}

example_of() {
	case $1 in
	nginx) echo nginx/nginx.conf ;;
	lighttpd) echo lighttpd/lighttpd-spawn.conf ;;
	apache) echo apache/cfn.conf ;;
	caddy) echo caddy/Caddyfile ;;
	haproxy) echo haproxy/haproxy.cfg ;;
	esac
}

@test "with nothing else to say it is the example, whole or the part that an installation adds" {
	local server marks='/# ---- \(from\|to\) here ----/d'
	for server in $SERVERS; do
		printed "$server" --whole --listen unix:/run/cfn/cfn.sock
		sed "$marks" "$tree/examples/$(example_of "$server")" | diff - "$D/text"
		printed "$server" --listen unix:/run/cfn/cfn.sock
		[ "$(wc -l <"$D/text")" -gt 10 ]
		not grep -qE '127\.0\.0\.1:80|^(http|global|LoadModule)|from here' "$D/text"
		[[ $(head -n 1 "$D/text") != [[:space:]]* ]]
	done
}

@test "limits are the largest of all functions, with those of the configuration" {
	hello_make large "x"
	deploy deploy --body-size 20M --wall-time 200s "$D/src/large.c"
	printed nginx
	has 'client_max_body_size 20m;'
	has 'fastcgi_read_timeout 260s;'
	printed lighttpd
	has 'server.max-request-size = 20480'
	printed apache
	has 'LimitRequestBody 20971520'
	has 'timeout=260'
	printed caddy
	has '> 20971520'
	has 'read_timeout 260s'
	printed haproxy
	has 'timeout server 260s'
	conf <<<$'max.body_size = 1000K\nbody_size = 1000K\nmax.wall_time = 20s\nstream_idle = 2m'
	printed nginx
	has 'client_max_body_size 1000k;'
	has 'fastcgi_read_timeout 180s;'
}

@test "where the pool listens is asked of the configuration, and else of the pool" {
	printed nginx
	has 'server unix:/run/cfn/cfn.sock;'
	pool_start
	printed nginx
	has "server $SOCKET;"
	conf <<<'listen = tcp:0.0.0.0:9001'
	printed nginx
	has 'server 127.0.0.1:9001;'
	printed lighttpd
	has '"host" => "127.0.0.1", "port" => 9001,'
	printed apache
	has '"fcgi://127.0.0.1:9001/"'
	printed caddy --listen 'tcp:[::]:9002'
	has 'reverse_proxy [::1]:9002 {'
	printed haproxy --listen tcp:backend.example:9002 && has 'server pool backend.example:9002 proto fcgi'
}

@test "host, port and path are put where each server has them" {
	conf <<<'mount_prefix = /fn'
	printed nginx --name a.example --port 8000
	has 'listen 8000;'
	has 'server_name a.example;'
	has 'location /fn/ {'
	has '~ ^/fn/(status|ping|'
	printed lighttpd --name a.example
	has '$HTTP["host"] == "a.example" {'
	has '"/fn/" => ('
	printed apache --name a.example --port 8000
	has '<VirtualHost *:8000>'
	has 'ServerName a.example'
	has 'ProxyPass "/fn/"'
	has 'fcgi://cfn/fn/"'
	printed caddy --name a.example
	has 'a.example {'
	has 'reverse_proxy /fn/* unix/'
	printed caddy --name a.example --port 8000
	has 'http://a.example:8000 {'
	printed haproxy --name a.example
	has 'bind :80' && has '^/+fn/+(status|ping|' && has 'use_backend cfn if { path_beg /fn/ } { req.hdr(host),field(1,:) -i a.example }'
}

@test "who may come to the management is a pattern of its path, below the prefix, for every server" {
	local server
	for server in $SERVERS; do
		printed "$server"
		has '#mgnt'
		has '^/+mgnt(/|$)'
	done
	conf <<<$'mount_prefix = /f.n\n[management]\npath = /ad.min/x'
	for server in $SERVERS; do
		printed "$server"
		has '^/+f[.]n/+ad[.]min/+x(/|$)'
		not grep -q '/mgnt\|/+mgnt' "$D/text"
	done
}

@test "what is missing here, and who cannot connect, is one line each" {
	place_of_nothing=$D/none.sock
	printed nginx --listen "unix:$place_of_nothing"
	one_line "$D/warned"
	grep -qF "no socket $place_of_nothing" "$D/warned"
	conf <<<'listen.mode = 0600'
	sed -i '/listen.mode = 0666/d' "$D/cfn.conf"
	pool_start
	printed nginx
	if [ "$(id -un)" != www-data ]; then
		grep -q "user www-data cannot connect to ${SOCKET#unix:}, whose mode is 0600" "$D/warned"
		one_line "$D/warned"
		# Who starts it himself is asked nothing of www-data.
		printed nginx --whole
		[ ! -s "$D/warned" ]
	fi
	chmod 666 "${SOCKET#unix:}"
	printed nginx
	[ ! -s "$D/warned" ]
	mkdir -m 700 "$D/closed"
	printed nginx --listen "unix:$D/closed/x.sock"
	grep -q "no socket\|cannot enter the folder" "$D/warned"
	cfn-deploy -c "$D/cfn.conf" --registry "$R" --json webserver nginx >"$D/json"
	jq -e '.server == "nginx" and .body_size == 8388608 and .wait_ms == 60000 and (.text | contains("fastcgi_pass"))' "$D/json"
}

@test "what cannot be said in a configuration is refused in one line" {
	refused 64 cfn-deploy --registry "$R" webserver
	refused 64 cfn-deploy --registry "$R" webserver iis
	grep -qF 'none of nginx, lighttpd, apache, caddy, haproxy' "$D/err"
	refused 64 cfn-deploy --registry "$R" webserver nginx --port 0
	refused 64 cfn-deploy --registry "$R" webserver nginx --port 65536
	refused 64 cfn-deploy --registry "$R" webserver nginx --name 'a;b'
	refused 64 cfn-deploy --registry "$R" webserver nginx --name ''
	refused 78 cfn-deploy --registry "$R" webserver nginx --listen "unix:/tmp/a b"
	refused 78 cfn-deploy --registry "$R" webserver nginx --listen 'unix:/tmp/a;b'
	refused 78 cfn-deploy --registry "$R" webserver nginx --listen unix:relative
	refused 78 cfn-deploy --registry "$R" webserver nginx --listen tcp:nowhere
	conf <<<'mount_prefix = /a"b'
	refused 78 cfn-deploy -c "$D/cfn.conf" --registry "$R" webserver nginx
}
