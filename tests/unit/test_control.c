/* test_control.c - questions and answers over real control sockets. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/control.h"
#include "ipc/message.h"

struct fixture {
	char folder[64], registry[512];
	char path[CONTROL_PATH_SIZE];
	int listener, pair[2];
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e;
	int file;

	strcpy(f->folder, "/tmp/cfn-control-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->registry, sizeof f->registry, "%s/r.db", f->folder);
	file = open(f->registry, O_CREAT | O_WRONLY, 0600);
	assert_true(file >= 0);
	assert_int_equal(fchmod(file, 0660), 0);
	close(file);
	f->listener = -1;
	assert_int_equal(message_pair(f->pair, &e), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	fd_close(&f->listener);
	fd_close(&f->pair[0]);
	fd_close(&f->pair[1]);
	snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void
a_pool_is_found_by_its_registry(void **state)
{
	struct fixture *f = *state;
	int socks[CONTROL_POOLS_MAX];
	pid_t pids[CONTROL_POOLS_MAX];
	struct stat st;
	struct err e;

	f->listener = control_listen(f->registry, f->path, &e);
	assert_true(f->listener >= 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(control_connect(f->registry, socks, pids, &e), 1);
	assert_int_equal(pids[0], getpid());
	close(socks[0]);
}

static void
the_folder_is_closed_where_the_registry_is(void **state)
{
	struct fixture *f = *state;
	char folder[600];
	struct stat st;
	struct err e;

	assert_int_equal(chmod(f->registry, 0600), 0);
	f->listener = control_listen(f->registry, f->path, &e);
	assert_true(f->listener >= 0);
	snprintf(folder, sizeof folder, "%.80s.run", f->registry);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
a_folder_that_everybody_may_write_is_refused(void **state)
{
	struct fixture *f = *state;
	char folder[600];
	struct err e;

	snprintf(folder, sizeof folder, "%.80s.run", f->registry);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(control_listen(f->registry, f->path, &e), -EPERM);
}

static void
a_registry_deeper_than_a_socket_address_is_served(void **state)
{
	struct fixture *f = *state;
	int socks[CONTROL_POOLS_MAX];
	pid_t pids[CONTROL_POOLS_MAX];
	char folder[300];
	struct err e;
	int n;

	n = snprintf(folder, sizeof folder, "%s/%0150d", f->folder, 0);
	assert_true(n > 108);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(f->registry, sizeof f->registry, "%s/r.db", folder);
	close(open(f->registry, O_CREAT | O_WRONLY, 0600));
	f->listener = control_listen(f->registry, f->path, &e);
	assert_true(f->listener >= 0);
	assert_int_equal(control_connect(f->registry, socks, pids, &e), 1);
	close(socks[0]);
}

enum { STARTS = 2000 };

struct asker {
	const char *registry;
	atomic_bool is_over;
};

static void *
ask_always(void *context)
{
	struct asker *a = context;
	int socks[CONTROL_POOLS_MAX];
	pid_t pids[CONTROL_POOLS_MAX];
	struct err e;

	while (!a->is_over) {
		int n = control_connect(a->registry, socks, pids, &e);

		for (int i = 0; i < n; i++)
			close(socks[i]);
	}
	return NULL;
}

static void
who_asks_while_a_pool_starts_does_not_take_it_for_dead(void **state)
{
	struct fixture *f = *state;
	struct asker asker = { .registry = f->registry };
	char path[CONTROL_PATH_SIZE];
	int n_lost = 0;
	pthread_t thread;
	struct err e;

	assert_int_equal(pthread_create(&thread, NULL, ask_always, &asker), 0);
	for (int i = 0; i < STARTS; i++) {
		int sock = control_listen(f->registry, path, &e);

		n_lost += sock < 0 || access(path, F_OK) < 0;
		unlink(path);
		close(sock);
	}
	asker.is_over = true;
	pthread_join(thread, NULL);
	assert_int_equal(n_lost, 0);
}

static void
the_socket_of_a_dead_pool_is_removed(void **state)
{
	struct fixture *f = *state;
	int socks[CONTROL_POOLS_MAX];
	pid_t pids[CONTROL_POOLS_MAX];
	struct err e;

	f->listener = control_listen(f->registry, f->path, &e);
	assert_true(f->listener >= 0);
	fd_close(&f->listener);
	assert_int_equal(access(f->path, F_OK), 0);
	assert_int_equal(control_connect(f->registry, socks, pids, &e), 0);
	assert_int_equal(access(f->path, F_OK), -1);
}

static void
without_a_pool_there_is_nobody_to_ask(void **state)
{
	struct fixture *f = *state;
	int socks[CONTROL_POOLS_MAX];
	pid_t pids[CONTROL_POOLS_MAX];
	struct err e;

	assert_int_equal(control_connect(f->registry, socks, pids, &e), 0);
	unlink(f->registry);
	assert_int_equal(control_connect(f->registry, socks, pids, &e), -ENOENT);
}

/* The pool's side of one question, in a child. */
static void
answer_one(int sock)
{
	json_t *question = NULL, *answer;
	char byte = 0;
	struct err e;
	int fd = -1;

	if (fork() != 0)
		return;
	if (control_receive(sock, &question, &fd, &e) != 1 || fd < 0)
		_exit(1);
	if (read(fd, &byte, 1) != 1)
		_exit(1);
	answer =
	    json_pack("{s:b,s:O,s:i}", "ok", 1, "asked", json_object_get(question, "command"), "byte", byte);
	_exit(control_send(sock, answer, NULL, 0, &e) < 0);
}

static void
a_question_with_a_descriptor_is_answered(void **state)
{
	struct fixture *f = *state;
	json_t *question = json_pack("{s:s}", "command", "poke"), *answer = NULL;
	struct err e;
	int data[2];

	assert_int_equal(pipe(data), 0);
	assert_int_equal(write(data[1], "x", 1), 1);
	answer_one(f->pair[1]);
	assert_int_equal(control_ask(f->pair[0], question, data[0], 10000, &answer, &e), 0);
	assert_string_equal(json_string_value(json_object_get(answer, "asked")), "poke");
	assert_int_equal(json_integer_value(json_object_get(answer, "byte")), 'x');
	json_decref(answer);
	json_decref(question);
	close(data[0]);
	close(data[1]);
}

static void
descriptors_of_an_answer_reach_only_who_asked_for_several(void **state)
{
	struct fixture *f = *state;
	json_t *question = json_pack("{s:s}", "command", "invoke"), *answer = NULL;
	json_t *ok = json_pack("{s:b}", "ok", 1);
	int data[2], fds[CONTROL_FDS_MAX];
	char byte = 0;
	struct err e;

	assert_int_equal(pipe(data), 0);
	assert_int_equal(control_question(f->pair[0], question, -1, &e), 0);
	assert_int_equal(control_send(f->pair[1], ok, data, 2, &e), 0);
	assert_int_equal(control_send(f->pair[1], ok, NULL, 0, &e), 0);
	assert_int_equal(control_next(f->pair[0], 10000, &answer, fds, &e), 0);
	json_decref(answer);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(data[0], &byte, 1), 1);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(control_next(f->pair[0], 10000, &answer, fds, &e), 0);
	assert_true(fds[0] < 0 && fds[1] < 0);
	json_decref(answer);
	/* Anybody else's question has an answer without any. */
	answer = NULL;
	assert_int_equal(control_send(f->pair[1], ok, data, 1, &e), 0);
	assert_int_equal(control_ask(f->pair[0], question, -1, 10000, &answer, &e), -EBADMSG);
	assert_null(answer);
	/* Nor more than so many. */
	assert_int_equal(control_send(f->pair[1], ok, (int[]){ data[0], data[0], data[0] }, 3, &e), 0);
	assert_int_equal(control_next(f->pair[0], 10000, &answer, fds, &e), -EBADMSG);
	json_decref(ok);
	json_decref(question);
	close(data[0]);
	close(data[1]);
}

static void
who_has_said_its_last_is_still_answered(void **state)
{
	struct fixture *f = *state;
	json_t *question = NULL, *answer = NULL, *ok = json_pack("{s:b}", "ok", 1);
	int fds[CONTROL_FDS_MAX], fd = -1;
	struct err e;

	control_end(f->pair[0]);
	assert_int_equal(control_receive(f->pair[1], &question, &fd, &e), 0);
	assert_int_equal(control_send(f->pair[1], ok, NULL, 0, &e), 0);
	assert_int_equal(control_next(f->pair[0], 10000, &answer, fds, &e), 0);
	json_decref(answer);
	json_decref(ok);
}

static void
a_silent_or_gone_pool_is_an_error(void **state)
{
	struct fixture *f = *state;
	json_t *question = json_pack("{s:s}", "command", "poke"), *answer = NULL;
	struct err e;

	assert_int_equal(control_ask(f->pair[0], question, -1, 1, &answer, &e), -ETIMEDOUT);
	fd_close(&f->pair[1]);
	assert_true(control_ask(f->pair[0], question, -1, 1000, &answer, &e) < 0);
	assert_null(answer);
	json_decref(question);
}

static void
what_is_not_an_object_is_refused(void **state)
{
	static const char *const bad[] = { "[]", "{", "{}x", "{\"a\":1,\"a\":2}", "\"x\"", "\xff\xff\xff" };
	struct fixture *f = *state;
	json_t *question = NULL;
	struct err e;
	int fd = -1;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(message_send(f->pair[0], 1, bad[i], strlen(bad[i]), NULL, 0, &e), 0);
		assert_int_equal(control_receive(f->pair[1], &question, &fd, &e), -EBADMSG);
		assert_null(question);
	}
	fd_close(&f->pair[0]);
	assert_int_equal(control_receive(f->pair[1], &question, &fd, &e), 0);
}

/* {"a":"xxx"} of exactly n bytes. */
static json_t *
object_of_size(size_t n)
{
	char *text = malloc(n);
	json_t *object;

	memset(text, 'x', n);
	object = json_pack("{s:s%}", "a", text, n - strlen("{\"a\":\"\"}"));
	free(text);
	return object;
}

static void
a_message_of_the_maximum_passes_and_one_byte_more_does_not(void **state)
{
	struct fixture *f = *state;
	json_t *fits = object_of_size(CONTROL_MAX), *exceeds = object_of_size(CONTROL_MAX + 1), *got = NULL;
	struct err e;

	assert_int_equal(control_send(f->pair[0], exceeds, NULL, 0, &e), -EMSGSIZE);
	assert_int_equal(control_send(f->pair[0], fits, NULL, 0, &e), 0);
	assert_int_equal(control_receive(f->pair[1], &got, &(int){ -1 }, &e), -EBADMSG); /* no question */
	json_decref(fits);
	json_decref(exceeds);
}

static void
a_pool_that_was_asked_too_much_says_so(void **state)
{
	struct fixture *f = *state;
	static char body[CONTROL_MAX + 1];
	json_t *question = NULL;
	struct err e;
	int fd = -1;

	memset(body, ' ', sizeof body);
	body[0] = '{';
	body[CONTROL_MAX - 1] = '}';
	assert_int_equal(message_send(f->pair[0], 1, body, CONTROL_MAX, NULL, 0, &e), 0);
	assert_int_equal(control_receive(f->pair[1], &question, &fd, &e), 1);
	json_decref(question);
	question = NULL;
	assert_int_equal(message_send(f->pair[0], 1, body, CONTROL_MAX + 1, NULL, 0, &e), 0);
	assert_int_equal(control_receive(f->pair[1], &question, &fd, &e), -EBADMSG);
}

/* The lowest number that is free: the same afterwards when nothing was left open. */
static int
next_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

/* As a peer may that does not use message_send: n bytes and n_fds descriptors. */
static void
send_raw(int sock, size_t n, size_t n_fds)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * 32)];
	} control = { 0 };
	char bytes[16] = { 1 };
	struct iovec part = { bytes, n };
	struct msghdr h = { .msg_iov = &part,
		            .msg_iovlen = 1,
		            .msg_control = control.space,
		            .msg_controllen = CMSG_SPACE(sizeof(int) * n_fds) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	assert_true(n <= sizeof bytes && n_fds <= 32);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
	for (size_t i = 0; i < n_fds; i++)
		memcpy(CMSG_DATA(c) + i * sizeof sock, &sock, sizeof sock);
	assert_int_equal(sendmsg(sock, &h, 0), (ssize_t)n);
}

static void
a_message_never_has_more_descriptors_than_it_may(void **state)
{
	static const size_t counts[] = { MESSAGE_FDS_MAX, MESSAGE_FDS_MAX + 1, 16, 32 };
	struct fixture *f = *state;
	static struct message m;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		int before = next_descriptor(), rc;

		send_raw(f->pair[0], 12, counts[i]);
		rc = message_receive(f->pair[1], &m, &e);
		assert_true(rc == 1 || rc == -EMFILE);
		assert_int_equal(m.n_fds, rc == 1 ? MESSAGE_FDS_MAX : 0);
		assert_int_equal(m.pid, 0);
		message_done(&m);
		assert_int_equal(next_descriptor(), before);
	}
}

static void
an_empty_message_leaves_no_descriptor_open(void **state)
{
	struct fixture *f = *state;
	static struct message m;
	int before = next_descriptor();
	struct err e;

	send_raw(f->pair[0], 0, 3);
	assert_int_equal(message_receive(f->pair[1], &m, &e), 0);
	assert_int_equal(next_descriptor(), before);
}

/* Listens as another user where a pool would; its pid names the socket. */
static pid_t
impostor_start(const struct fixture *f, uid_t uid)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		int sock = socket(AF_UNIX, SOCK_SEQPACKET, 0);

		snprintf(address.sun_path, sizeof address.sun_path, "%.80s.run/%d.sock", f->registry,
		         (int)getpid());
		if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
		    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
		    bind(sock, (struct sockaddr *)&address, sizeof address) < 0 || listen(sock, 1) < 0)
			_exit(1);
		assert_int_equal(write(ready[1], "", 1), 1);
		pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void
a_socket_that_another_user_left_is_no_pool(void **state)
{
	struct fixture *f = *state;
	char path[CONTROL_PATH_SIZE], folder[128];
	int socks[CONTROL_POOLS_MAX];
	pid_t pids[CONTROL_POOLS_MAX], impostor;
	struct err e;

	if (geteuid() != 0) {
		print_message("only root can be another user\n");
		skip();
	}
	assert_int_equal(chown(f->registry, 4001, 4001), 0);
	assert_int_equal(chmod(f->folder, 0755), 0);
	f->listener = control_listen(f->registry, path, &e);
	assert_true(f->listener >= 0);
	snprintf(folder, sizeof folder, "%.80s.run", f->registry);
	assert_int_equal(chmod(folder, 0777), 0);
	impostor = impostor_start(f, 4002);
	assert_int_equal(control_connect(f->registry, socks, pids, &e), 1);
	assert_int_equal(pids[0], getpid());
	close(socks[0]);
	kill(impostor, SIGKILL);
	waitpid(impostor, NULL, 0);
	impostor = impostor_start(f, 4001);
	assert_int_equal(control_connect(f->registry, socks, pids, &e), 2);
	close(socks[0]);
	close(socks[1]);
	kill(impostor, SIGKILL);
	waitpid(impostor, NULL, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(a_socket_that_another_user_left_is_no_pool),
		TEST(a_message_never_has_more_descriptors_than_it_may),
		TEST(an_empty_message_leaves_no_descriptor_open),
		TEST(a_pool_is_found_by_its_registry),
		TEST(the_folder_is_closed_where_the_registry_is),
		TEST(a_folder_that_everybody_may_write_is_refused),
		TEST(a_registry_deeper_than_a_socket_address_is_served),
		TEST(the_socket_of_a_dead_pool_is_removed),
		TEST(who_asks_while_a_pool_starts_does_not_take_it_for_dead),
		TEST(without_a_pool_there_is_nobody_to_ask),
		TEST(a_question_with_a_descriptor_is_answered),
		TEST(descriptors_of_an_answer_reach_only_who_asked_for_several),
		TEST(who_has_said_its_last_is_still_answered),
		TEST(a_silent_or_gone_pool_is_an_error),
		TEST(what_is_not_an_object_is_refused),
		TEST(a_message_of_the_maximum_passes_and_one_byte_more_does_not),
		TEST(a_pool_that_was_asked_too_much_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
