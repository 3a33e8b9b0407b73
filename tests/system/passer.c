/* passer.c - a service on a socket, for tests: tells each client who the kernel says it is, and hands it a
 * descriptor of the root folder that it did not ask for.
 *
 * Usage: passer PATH */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int
listen_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof a.sun_path)
		err(1, "socket");
	strcpy(a.sun_path, path);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || chmod(path, 0777) < 0 || listen(fd, 8) < 0)
		err(1, "%s", path);
	return fd;
}

static void
hand_over(int client, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control = { .bytes = "" };
	char text[64];
	struct ucred peer = { 0 };
	socklen_t size = sizeof peer;
	struct iovec part = { text, 0 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	part.iov_len = (size_t)snprintf(text, sizeof text, "uid %u", peer.uid);
	if (sendmsg(client, &message, MSG_NOSIGNAL) < 0)
		warn("sendmsg");
}

int
main(int argc, char **argv)
{
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, client;

	if (argc != 2 || root < 0)
		errx(2, "usage: passer PATH");
	fd = listen_at(argv[1]);
	while ((client = accept(fd, NULL, NULL)) >= 0) {
		hand_over(client, root);
		close(client);
	}
	return 1;
}
