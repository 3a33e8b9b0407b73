/* program.c - the attempts as a program: `attempts NAME` prints the lines of that attempt; `attempts
 * --listen` is the abstract socket that net_unix_canary looks for, until its standard input ends. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void
attempt_line(const char *line)
{
	/* Not through stdio, which a copy of this process would write once more. */
	if (write(STDOUT_FILENO, line, strlen(line)) < 0)
		_exit(2);
}

static int
canary_listen(void)
{
	struct sockaddr_un name;
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;

	name.sun_family = AF_UNIX;
	memcpy(name.sun_path, "\0cfn-canary", sizeof "\0cfn-canary" - 1);
	if (bind(sock, (struct sockaddr *)&name,
	         offsetof(struct sockaddr_un, sun_path) + sizeof "\0cfn-canary" - 1) < 0 ||
	    listen(sock, 1) < 0)
		return 2;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (strcmp(argv[1], "--listen") == 0)
		return canary_listen();
	return attempt_run(argv[1]) < 0 ? 2 : 0;
}
