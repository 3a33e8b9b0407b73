#!/usr/bin/env bats
# grant.bats - a socket of the host that a function was granted: a real Redis behind it, and nothing beside it.
# shellcheck disable=SC2034,SC2154
load helper

setup_file() {
	place_make
	mkdir "$D/redis"
	chmod 755 "$D/redis"
	conf <<-END
		grant.allow = $D/redis/*
		pm.max_children = 2
	END
	redis_start
	"${CFN_CLIENT%/*}/passer" "$D/redis/passer.sock" 3>&- &
	started $!
	eventually test -S "$D/redis/passer.sock"
	deploy -c "$D/cfn.conf" deploy --env REDIS=/run/redis.sock --grant "unix:$D/redis/redis.sock" "$functions/redis.c"
	pool_start
	nginx_start
	cat >"$D/want" <<-END
		inet EACCES
		inet6 EACCES
		netlink EACCES
		packet EACCES
		vsock EACCES
		alg EACCES
		unix-dgram EACCES
		unix-seqpacket EACCES
		unix-raw EACCES
		unix-0 EACCES
		unix-9 EACCES
		unspec EACCES
		unix-high-bits EACCES
		bind EPERM
		listen EPERM
		accept EPERM
		socketpair EPERM
		mknod EPERM
		setsockopt ENOSYS
		sendmsg EPERM
		recvmsg EPERM
		sendmmsg ENOSYS
		recvmmsg ENOSYS
		sendto-address ENOSYS
		send-oob ENOSYS
		recv-oob ENOSYS
		abstract ECONNREFUSED
		host ENOENT
		up ENOENT
		remove EROFS
		rename EXDEV
		link EXDEV
		chmod EROFS
		open ENXIO
		create EROFS
		create-beside ENOENT
		rmdir EROFS
	END
}

teardown_file() {
	place_remove
}

redis_start() {
	redis-server --port 0 --unixsocket "$D/redis/redis.sock" --unixsocketperm 777 --save '' --appendonly no \
		--dir "$D/redis" >>"$D/redis.out" 2>&1 3>&- &
	REDIS=$!
	started "$REDIS"
	eventually redis_answers
	echo "$REDIS" >"$D/redis.pid"
}

redis_answers() {
	[ "$(redis-cli -s "$D/redis/redis.sock" PING 2>/dev/null)" = PONG ]
}

# ask LINE
ask() {
	request /redis -G --data-urlencode "line=$1"
}

@test "a function talks to Redis: PING, SET and GET, and what it set is there for others" {
	ask PING
	expect 200 '+PONG'
	ask 'SET greeting hello'
	expect 200 '+OK'
	ask 'GET greeting'
	expect 200 hello
	[ "$(redis-cli -s "$D/redis/redis.sock" GET greeting)" = hello ]
	deploy show redis | grep -q "^sockets *$D/redis/redis.sock$"
	deploy --json show redis | jq -e '.grant | length == 1'
}

@test "it is the same in a process for each request, and in a shared folder that it may write or not" {
	cp "$functions/redis.c" "$D/src/again.c"
	for how in "--mode fresh" "--mode reuse --shared notes" "--mode fresh --shared notes:ro"; do
		# shellcheck disable=SC2086
		deploy -c "$D/cfn.conf" deploy $how "$functions/redis.c"
		ask "SET how x${how//[^a-z]/}"
		expect 200 '+OK'
		[ "$(redis-cli -s "$D/redis/redis.sock" GET how)" = "x${how//[^a-z]/}" ]
		request /redis/attempts
		sed -n '/^rmdir/!p' "$D/body" >"$D/now"
		grep -q '^rmdir \(EBUSY\|EROFS\|EXDEV\)$' "$D/body"
		# In fresh mode recvmsg is how a process gets its request, and gone by then.
		diff <(sed '/^rmdir/d' "$D/want") "$D/now"
	done
	deploy -c "$D/cfn.conf" deploy --defaults --env REDIS=/run/redis.sock --grant "unix:$D/redis/redis.sock" "$functions/redis.c"
}

@test "a service sees the function's user, and hands it no descriptor" {
	deploy -c "$D/cfn.conf" deploy --env PASSER=/run/passer.sock --grant "unix:$D/redis/redis.sock" \
		--grant "unix:$D/redis/passer.sock" "$functions/redis.c"
	get /redis/passed 200 '0 more'
	grep -qx 'uid [0-9]*' "$D/body"
	if [ "$(id -u)" = 0 ]; then
		not grep -qx 'uid 0' "$D/body"
	else
		[ "$(grep -cx "uid $(id -u)" "$D/body")" = 3 ]
	fi
	ask PING
	expect 200 '+PONG'
}

# It names nothing that makes threads: without a grant its processes would have one program for all of them, which knows the
# socket of the requests by its number.
@test "a request's process in fresh mode takes no descriptor from a service, whatever number its socket has" {
	source_make takes.c <<-'END'
		#include <errno.h>
		#include <string.h>
		#include <sys/socket.h>
		#include <sys/un.h>
		#include <unistd.h>
		enum { REQUESTS = 3 };
		CFN_EXPORT cfn_handler takes;
		static int
		connect_to(const char *path)
		{
			struct sockaddr_un a = { .sun_family = AF_UNIX };
			int fd = socket(AF_UNIX, SOCK_STREAM, 0);

			strcpy(a.sun_path, path);
			return connect(fd, (struct sockaddr *)&a, sizeof a) < 0 ? -1 : fd;
		}
		int
		takes(cfn_request *req, cfn_response *res)
		{
			char text[64], control[CMSG_SPACE(sizeof(int))];
			struct iovec part = { text, sizeof text };
			struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			                    .msg_controllen = sizeof control };
			int fd = connect_to(cfn_env("PASSER")), requests = dup(REQUESTS);
			ssize_t n;
			int failed;

			(void)req;
			dup2(fd, REQUESTS);
			n = recvmsg(REQUESTS, &m, 0);
			failed = n < 0 ? errno : 0;
			dup2(requests, REQUESTS);
			return cfn_send(res, 200, "text/plain", "%s\n",
			                fd < 0 ? "not connected" : failed == EPERM ? "refused" :
			                failed ? "failed" : m.msg_controllen > 0 ? "taken" : "nothing taken");
		}
	END
	deploy -c "$D/cfn.conf" deploy --mode fresh --env PASSER=/run/passer.sock --grant "unix:$D/redis/passer.sock" "$D/src/takes.c"
	get /takes 200 'refused'
}

@test "after its service was started anew the function finds the new one" {
	ask PING
	expect 200 '+PONG'
	kill "$(cat "$D/redis.pid")"
	eventually not redis_answers
	ask PING
	expect 502 ECONNREFUSED
	redis_start
	finds_it() {
		ask PING
		[ "$CODE" = 200 ]
	}
	eventually finds_it
	grep -q "function 'redis' version [0-9]*: a socket was made anew; its workers are replaced" "$D/error.log"
}

@test "what may be granted is the operator's to say: cfn-deploy refuses, and so does every pool" {
	refused 77 deploy -c "$D/cfn.conf" deploy --grant unix:/run/docker.sock "$functions/redis.c"
	grep -q 'socket /run/docker.sock may not be granted; see grant.allow in cfn.conf' "$D/err"
	refused 77 deploy deploy --grant "unix:$D/redis/redis.sock" "$functions/redis.c"
	for wrong in /run/x.sock unix:run/x unix:/run/../x unix:/run//x unix:/ tcp:127.0.0.1:1 'unix:/run/a b'; do
		refused 64 deploy -c "$D/cfn.conf" deploy --grant "$wrong" "$functions/redis.c"
	done
	# A deeper one is not meant by the star.
	refused 77 deploy -c "$D/cfn.conf" deploy --grant "unix:$D/redis/more/redis.sock" "$functions/redis.c"
	sed 's|^grant.allow.*|grant.allow = /run/docker.sock|' "$D/cfn.conf" >"$D/lax.conf"
	refused 65 deploy -c "$D/lax.conf" deploy --grant unix:/run/docker.sock "$functions/redis.c"
	grep -q 'is not active: pool [0-9]*: socket /run/docker.sock may not be granted' "$D/err"
	ask PING
	expect 200 '+PONG'
}

@test "a link, a file and nothing in the place of the socket are refused by name" {
	ln -s "$D/redis/redis.sock" "$D/redis/link.sock"
	: >"$D/redis/file.sock"
	declare -A why=([link]='Too many levels of symbolic links' [file]='Socket operation on non-socket' [none]='No such file')
	for name in link file none; do
		refused 65 deploy -c "$D/cfn.conf" deploy --grant "unix:$D/redis/$name.sock" "$functions/redis.c"
		grep -q "pool [0-9]*: .*socket $D/redis/$name.sock.*: ${why[$name]}" "$D/err"
	done
}

@test "every other socket is refused as without a grant: families, types, pairs, names, messages, places" {
	get /redis/attempts 200
	diff "$D/want" "$D/body"
}
