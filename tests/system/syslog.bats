#!/usr/bin/env bats
# syslog.bats - logs that go to the system's log: a socket, which may be slow, go, and come again.
# bats file_tags=any-user
# shellcheck disable=SC2016,SC2034,SC2154
load helper

setup_file() {
	place_make
	sed -i "s|^access.log = .*|access.log = syslog:$D/log|; s|^error_log = .*|error_log = syslog:$D/log|
		s|^function_log = .*|function_log = syslog:$D/log|" "$D/cfn.conf"
	printf 'slowlog = syslog:%s/log\nsyslog.ident = shop\nsyslog.facility = local3\nrequest_slowlog_timeout = 100ms\n' \
		"$D" >>"$D/cfn.conf"
	deploy deploy --function demo "$functions/demo.c" >/dev/null
	log_start
	pool_start
	nginx_start
}

teardown_file() {
	place_remove
}

# A system's log: what it is sent goes to $D/got, a line a message.  LOGGER is its pid.
log_start() {
	rm -f "$D/log"
	perl -MSocket -e '
		socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un($ARGV[0])) or die;
		chmod 0666, $ARGV[0]; $| = 1;
		while (defined recv($s, my $m, 65536, 0)) { $m =~ s/[^ -~]/?/g; print "$m\n" }' "$D/log" >>"$D/got" 3>&- &
	LOGGER=$!
	export LOGGER
	started "$LOGGER"
	eventually test -S "$D/log"
}

@test "all four logs are messages with facility, level and name" {
	get '/demo/says?text=one%0Atwo' 200
	get /demo/nap?ms=300 200
	eventually grep -qE '^<158>shop\[[0-9]+\]: \{.*"path":"/demo/says","status":200' "$D/got"
	eventually grep -qE '^<158>shop\[[0-9]+\]: \{.*"function":"demo".*"text":"by cfn_log: one' "$D/got"
	eventually grep -qE '^<157>shop\[[0-9]+\]: notice: ' "$D/got"
	eventually grep -qE '^<156>shop\[[0-9]+\]: \{.*"cause":"slow".*"frames":\[' "$D/got"
	refused 78 cfn-deploy --registry "$R" --config "$D/cfn.conf" logs
}

@test "a log that reads nothing, or has gone, holds up no request, and is written again when it is back" {
	kill -STOP "$LOGGER"
	yes $'get 1 /demo/hello 1\nread' | head -n 800 | fcgi >"$D/answers"
	[ "$(grep -c '^|Hello' "$D/answers")" = 400 ]
	get /demo/hello 200
	kill -CONT "$LOGGER"
	kill "$LOGGER"
	get /demo/hello 200
	log_start
	hello_is_logged() {
		get /demo/hello?back 200 && grep -q '"path":"/demo/hello"' "$D/got"
	}
	: >"$D/got"
	eventually hello_is_logged
	eventually grep -qE 'warning: [0-9]+ lines of the access log were not taken' "$D/got"
}

@test "a name or a place that is none is refused by its key" {
	local line
	for line in 'syslog.facility = kern' 'syslog.ident = a b' 'error_log = syslogd' 'slowlog = syslog:log'; do
		printf '[global]\n%s\n' "$line" >"$D/bad.conf"
		run cfn-pool -t -c "$D/bad.conf" --registry "$R"
		[ "$status" -eq 78 ]
		[[ $output == *"${line%% *}"* ]]
	done
}
