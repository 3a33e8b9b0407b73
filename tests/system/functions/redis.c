/* redis.c - a client of Redis (RESP) over the socket that the function was granted, and what else it tries
 * with sockets. */
#define _GNU_SOURCE
#include <cfn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static int
connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -errno;
}

/* One command in one line; the first bytes of its answer. */
static int
ask(const char *path, const char *line, char *answer, size_t size)
{
	int fd = connect_to(path);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = send(fd, line, strlen(line), MSG_NOSIGNAL);
	if (n > 0)
		n = send(fd, "\r\n", 2, MSG_NOSIGNAL);
	if (n > 0)
		n = recv(fd, answer, size - 1, 0);
	close(fd);
	answer[n > 0 ? n : 0] = '\0';
	return n > 0 ? 0 : -EIO;
}

static int
command(cfn_request *req, cfn_response *res)
{
	const char *line = cfn_query(req, "line");
	char answer[512];
	int rc = ask(cfn_env("REDIS"), line ? line : "PING", answer, sizeof answer);

	return rc < 0 ? cfn_error(res, 502, "%s", strerrorname_np(-rc))
	              : cfn_send(res, 200, "text/plain", "%s", answer);
}

/* Each act, and the errno that it met. */
static void
say(cfn_response *res, const char *act, long rc)
{
	cfn_printf(res, "%s %s\n", act, rc < 0 ? strerrorname_np(errno) : "DONE");
	if (rc > 2)
		close((int)rc);
}

static void
try_families(cfn_response *res)
{
	static const struct {
		const char *name;
		int family, type;
	} sockets[] = {
		{ "inet", AF_INET, SOCK_STREAM },
		{ "inet6", AF_INET6, SOCK_STREAM },
		{ "netlink", AF_NETLINK, SOCK_RAW },
		{ "packet", AF_PACKET, SOCK_RAW },
		{ "vsock", 40, SOCK_STREAM },
		{ "alg", 38, SOCK_SEQPACKET },
		{ "unix-dgram", AF_UNIX, SOCK_DGRAM },
		{ "unix-seqpacket", AF_UNIX, SOCK_SEQPACKET },
		{ "unix-raw", AF_UNIX, SOCK_RAW },
		{ "unix-0", AF_UNIX, 0 },
		{ "unix-9", AF_UNIX, 9 },
		{ "unspec", AF_UNSPEC, SOCK_STREAM },
	};

	for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++)
		say(res, sockets[i].name, socket(sockets[i].family, sockets[i].type, 0));
	say(res, "unix-high-bits", syscall(SYS_socket, (1L << 32) | AF_UNIX, (long)SOCK_STREAM, 0L));
}

static void
try_calls(cfn_response *res)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/tmp/mine" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), pair[2];
	char byte = 'x';
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	say(res, "bind", bind(fd, (struct sockaddr *)&a, sizeof a));
	say(res, "listen", listen(fd, 1));
	say(res, "accept", accept(fd, NULL, NULL));
	say(res, "socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	say(res, "mknod", mknod("/tmp/mine", S_IFSOCK | 0600, 0));
	say(res, "setsockopt", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)));
	close(fd);
	fd = connect_to(cfn_env("REDIS"));
	say(res, "sendmsg", sendmsg(fd, &message, 0));
	say(res, "recvmsg", recvmsg(fd, &message, MSG_DONTWAIT));
	say(res, "sendmmsg", syscall(SYS_sendmmsg, fd, &message, 1, 0));
	say(res, "recvmmsg", syscall(SYS_recvmmsg, fd, &message, 1, 0, NULL));
	say(res, "sendto-address", sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof a));
	say(res, "send-oob", send(fd, "x", 1, MSG_OOB));
	say(res, "recv-oob", recv(fd, &byte, 1, MSG_OOB));
	close(fd);
}

static void
try_path(cfn_response *res, const char *name, const char *path, size_t length)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(a.sun_path, path, length);
	say(res, name, connect(fd, (struct sockaddr *)&a, (socklen_t)(sizeof a.sun_family + length)));
	close(fd);
}

static void
try_places(cfn_response *res)
{
	static const char *const abstract = "\0cfn-test";

	try_path(res, "abstract", abstract, 9);
	try_path(res, "host", "/run/dbus/system_bus_socket", 28);
	try_path(res, "up", "/run/../../../../run/dbus/system_bus_socket", 44);
	say(res, "remove", unlink(cfn_env("REDIS")));
	say(res, "rename", rename(cfn_env("REDIS"), "/tmp/moved"));
	say(res, "link", link(cfn_env("REDIS"), "/tmp/linked"));
	say(res, "chmod", chmod(cfn_env("REDIS"), 0777));
	say(res, "open", open(cfn_env("REDIS"), O_RDONLY));
	say(res, "create", open("/run/new", O_CREAT | O_WRONLY, 0600));
	say(res, "create-beside", open("/run/redis/new", O_CREAT | O_WRONLY, 0600));
	say(res, "rmdir", rename("/run", "/elsewhere"));
}

static int
attempts(cfn_request *req, cfn_response *res)
{
	(void)req;
	try_families(res);
	try_calls(res);
	try_places(res);
	return 200;
}

static int
count_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* By every way of reading: what was handed over with the bytes must not be here then. */
static int
passed(cfn_request *req, cfn_response *res)
{
	int before = count_open(), more = 0;

	(void)req;
	for (int way = 0; way < 3; way++) {
		char text[64] = "";
		int fd = connect_to(cfn_env("PASSER"));
		struct iovec part = { text, sizeof text - 1 };
		ssize_t n = way == 0   ? read(fd, text, sizeof text - 1)
		            : way == 1 ? recv(fd, text, sizeof text - 1, MSG_WAITALL)
		                       : readv(fd, &part, 1);

		close(fd);
		more += count_open() - before;
		cfn_printf(res, "%s\n", n > 0 ? text : strerrorname_np(fd < 0 ? -fd : errno));
	}
	cfn_printf(res, "%d more\n", more);
	return 200;
}

CFN_ROUTES({ "GET", "/redis/passed", passed }, { "GET", "/redis", command },
           { "GET", "/redis/attempts", attempts });
