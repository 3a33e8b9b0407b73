#!/usr/bin/env bats
# journal.bats - logs that go to the journal by its own protocol, and standard error that the journal reads.
# bats file_tags=any-user
# shellcheck disable=SC2016,SC2034,SC2154
load helper

setup_file() {
	place_make
	conf <<-END
		slowlog = journal:$D/log
		syslog.ident = shop
		request_slowlog_timeout = 100ms
	END
	sed -i "s,^\(access.log\|error_log\|function_log\) = .*,\1 = journal:$D/log," "$D/cfn.conf"
	deploy deploy --function demo "$functions/demo.c" >/dev/null
	journal_start
	pool_start
	nginx_start
}

teardown_file() {
	place_remove
}

# A journal: each message becomes a line of $D/got, its fields with a blank between them, sorted.  JOURNAL is its pid.
journal_start() {
	rm -f "$D/log"
	perl -MSocket -e '
		socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un($ARGV[0])) or die;
		chmod 0666, $ARGV[0]; $| = 1;
		while (defined recv($s, my $m, 65536, 0)) {
			my %f;
			while (length $m) {
				if ($m =~ s/^([A-Z_]+)=([^\n]*)\n//) { $f{$1} .= $2 }
				elsif ($m =~ s/^([A-Z_]+)\n(.{8})//s) {
					my ($name, $n) = ($1, unpack "Q<", $2);
					$f{$name} .= substr $m, 0, $n, "";
					$m =~ s/^\n// or $f{BROKEN} = 1;
				} else { $f{BROKEN} = 1; last }
			}
			my $line = join " ", map { "$_=$f{$_}" } sort keys %f;
			$line =~ s/[^ -~]/?/g;
			print "$line\n";
		}' "$D/log" >>"$D/got" 3>&- &
	JOURNAL=$!
	export JOURNAL
	started "$JOURNAL"
	eventually test -S "$D/log"
}

@test "all four logs are messages with fields, and whose they are" {
	local id
	get '/demo/says?text=one%0APRIORITY%3d0%0AMESSAGE%3dforged' 200
	id=$(header X-Request-Id)
	get /demo/nap?ms=300 200
	eventually grep -qE "^CFN_FUNCTION=demo CFN_REQUEST_ID=$id MESSAGE=\{.*\"path\":\"/demo/says\".* PRIORITY=6 SYSLOG_FACILITY=3 SYSLOG_IDENTIFIER=shop SYSLOG_PID=[0-9]+$" "$D/got"
	eventually grep -qE "^CFN_FUNCTION=demo CFN_REQUEST_ID=$id MESSAGE=\{.*by cfn_log: one.* PRIORITY=5 " "$D/got"
	eventually grep -qE '^MESSAGE=notice: .* PRIORITY=5 ' "$D/got"
	eventually grep -qE '^CFN_FUNCTION=demo CFN_REQUEST_ID=[^ ]+ MESSAGE=\{.*"frames":\[.* PRIORITY=4 ' "$D/got"
	not grep -qE 'BROKEN|^MESSAGE=forged|PRIORITY=0' <(sed 's/MESSAGE={.*} PRIORITY/PRIORITY/' "$D/got")
	refused 78 cfn-deploy --registry "$R" --config "$D/cfn.conf" logs
}

@test "a journal that reads nothing, or has gone, holds up no request, and is written again when it is back" {
	kill -STOP "$JOURNAL"
	yes $'get 1 /demo/hello 1\nread' | head -n 800 | fcgi >"$D/answers"
	[ "$(grep -c '^|Hello' "$D/answers")" = 400 ]
	get /demo/hello 200
	kill -CONT "$JOURNAL"
	kill "$JOURNAL"
	get /demo/hello 200
	journal_start
	hello_is_logged() {
		get /demo/hello?back 200 && grep -q '"path":"/demo/hello"' "$D/got"
	}
	: >"$D/got"
	eventually hello_is_logged
	eventually grep -qE 'warning: [0-9]+ lines of the access log were not taken' "$D/got"
}

@test "lines of a standard error that the journal reads begin with their priority, and others do not" {
	process_stop TERM "$POOL" # the pool of setup_file, which is no child of this test
	conf <<<''
	sed -i 's/^error_log.*/error_log =/' "$D/cfn.conf"
	: >"$D/pool.out"
	JOURNAL_STREAM=$(stat -c %d:%i "$D/pool.out") pool_start
	eventually grep -qE '^<5>20[^ ]+ cfn-pool\[[0-9]+\] notice: ' "$D/pool.out"
	not grep -q '^[^<]' "$D/pool.out"
	pool_stop TERM
	: >"$D/pool.out"
	JOURNAL_STREAM=1:1 pool_start
	eventually grep -qE '^20[^ ]+ cfn-pool\[[0-9]+\] notice: ' "$D/pool.out"
	not grep -q '^<' "$D/pool.out"
}

@test "a place that is none is refused by its key" {
	local line
	for line in 'error_log = journald' 'slowlog = journal:log' 'access.log = journal:'; do
		printf '[global]\n%s\n' "$line" >"$D/bad.conf"
		run cfn-pool -t -c "$D/bad.conf" --registry "$R"
		[ "$status" -eq 78 ]
		[[ $output == *"${line%% *}"* ]]
	done
}
