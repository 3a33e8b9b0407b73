/* test_pool.c - the master's parts: options, listener, uid table, tables, timers, channels. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "base/table.h"
#include "pool/channel.h"
#include "pool/listener.h"
#include "pool/options.h"
#include "pool/storms.h"
#include "pool/uids.h"

struct fixture {
	char folder[64], path[128], address[160];
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->folder, "/tmp/cfn-pool-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof f->path, "%s/s", f->folder);
	snprintf(f->address, sizeof f->address, "unix:%s", f->path);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static struct listener_options
listen_on(const char *address)
{
	return (struct listener_options){
		.address = address, .owner = "", .group = "", .mode = 0640, .backlog = 8
	};
}

static void
a_unix_socket_is_made_with_its_mode_and_removed(void **state)
{
	struct fixture *f = *state;
	struct listener_options o = listen_on(f->address);
	struct listener l;
	struct stat st;
	struct err e;

	assert_int_equal(listener_open(&o, &l, &e), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_string_equal(l.text, f->address);
	assert_false(l.is_tcp);
	assert_true(fcntl(l.fd, F_GETFL) & O_NONBLOCK);
	listener_close(&l);
	assert_int_equal(access(f->path, F_OK), -1);
}

static void
a_stale_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct listener_options o = listen_on(f->address);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int dead = socket(AF_UNIX, SOCK_STREAM, 0);
	struct listener l;
	struct err e;

	strcpy(address.sun_path, f->path);
	assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
	close(dead);
	assert_int_equal(listener_open(&o, &l, &e), 0);
	listener_close(&l);
}

static void
a_live_socket_is_refused_and_left_alone(void **state)
{
	struct fixture *f = *state;
	struct listener_options o = listen_on(f->address);
	struct listener first, second;
	struct err e;

	assert_int_equal(listener_open(&o, &first, &e), 0);
	assert_int_equal(listener_open(&o, &second, &e), -EADDRINUSE);
	assert_int_equal(access(f->path, F_OK), 0);
	listener_close(&first);
}

static void
a_file_in_the_place_of_a_socket_is_refused_and_left_alone(void **state)
{
	struct fixture *f = *state;
	struct listener_options o = listen_on(f->address);
	struct listener l;
	struct err e;

	close(open(f->path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(listener_open(&o, &l, &e), -EEXIST);
	assert_int_equal(access(f->path, F_OK), 0);
}

static void
a_successors_socket_is_not_removed(void **state)
{
	struct fixture *f = *state;
	struct listener_options o = listen_on(f->address);
	struct listener old, successor;
	struct err e;

	assert_int_equal(listener_open(&o, &old, &e), 0);
	unlink(f->path);
	assert_int_equal(listener_open(&o, &successor, &e), 0);
	listener_close(&old);
	assert_int_equal(access(f->path, F_OK), 0);
	listener_close(&successor);
}

static void
a_tcp_socket_says_its_real_port(void **state)
{
	struct listener_options o = listen_on("tcp:127.0.0.1:0"), again;
	struct listener l, second;
	struct err e;

	(void)state;
	assert_int_equal(listener_open(&o, &l, &e), 0);
	assert_true(l.is_tcp);
	assert_int_not_equal(strcmp(l.text, "tcp:127.0.0.1:0"), 0);
	again = listen_on(l.text);
	assert_int_equal(listener_open(&again, &second, &e), -EADDRINUSE);
	listener_close(&l);
}

static void
addresses_are_checked(void **state)
{
	static const struct {
		const char *address;
		int rc;
	} cases[] = {
		{ "", -ENOENT },
		{ "unix:", -EINVAL },
		{ "/run/x.sock", -EINVAL },
		{ "tcp:127.0.0.1", -EINVAL },
		{ "tcp::80", -EINVAL },
		{ "tcp:127.0.0.1:65536", -EINVAL },
		{ "tcp:127.0.0.1:-1", -EINVAL },
		{ "tcp:127.0.0.1:", -EINVAL },
	};
	struct listener l;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct listener_options o = listen_on(cases[i].address);

		assert_int_equal(listener_open(&o, &l, &e), cases[i].rc);
	}
}

static void
a_path_of_107_bytes_fits_and_one_of_108_does_not(void **state)
{
	struct fixture *f = *state;
	char address[256];
	struct listener l;
	struct err e;

	for (int excess = 0; excess < 2; excess++) {
		int fill = 107 + excess - (int)strlen(f->folder) - 1;
		struct listener_options o = listen_on(address);

		snprintf(address, sizeof address, "unix:%s/%0*d", f->folder, fill, 0);
		assert_int_equal(listener_open(&o, &l, &e), excess ? -EINVAL : 0);
		if (!excess)
			listener_close(&l);
	}
}

static void
a_listening_socket_on_descriptor_0_is_taken(void **state)
{
	struct fixture *f = *state;
	struct listener_options o = listen_on(f->address), none = listen_on("");
	struct listener l, handed;
	int saved = dup(0);
	struct err e;

	assert_int_equal(listener_open(&o, &l, &e), 0);
	assert_int_equal(dup2(l.fd, 0), 0);
	assert_int_equal(listener_open(&none, &handed, &e), 0);
	assert_string_equal(handed.text, f->address);
	assert_string_equal(handed.path, ""); /* not ours to remove */
	dup2(saved, 0);
	close(saved);
	listener_close(&handed);
	listener_close(&l);
}

static void
sockets_of_systemd_are_for_the_named_process_and_one_alone(void **state)
{
	struct listener_options none = listen_on("");
	char pid[16];
	struct listener l;
	struct err e;

	(void)state;
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_PID", "1", 1);
	assert_int_equal(listener_open(&none, &l, &e), -ENOENT);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_PID", pid, 1);
	assert_int_equal(listener_open(&none, &l, &e), -EINVAL);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
}

/* The texts stay: options point into them. */
static int
parse(struct pool_options *o, struct err *e, const char *const *words)
{
	static char texts[8][160];
	char *argv[9] = { 0 };
	int argc = 0;

	for (; words[argc]; argc++) {
		snprintf(texts[argc], sizeof texts[argc], "%s", words[argc]);
		argv[argc] = texts[argc];
	}
	return options_parse(argc, argv, o, e);
}

static void
options_are_read_as_the_manual_says(void **state)
{
	struct pool_options o;
	struct err e;

	(void)state;
	assert_int_equal(parse(&o, &e, (const char *[]){ "cfn-pool", "-c", "f", "--registry=r", "-F", NULL }),
	                 0);
	assert_string_equal(o.config, "f");
	assert_string_equal(o.registry, "r");
	assert_null(o.listen);
	assert_false(o.is_test);
	assert_int_equal(parse(&o, &e, (const char *[]){ "cfn-pool", "-t", "--listen", "tcp:h:1", NULL }), 0);
	assert_true(o.is_test && !o.is_print);
	assert_string_equal(o.listen, "tcp:h:1");
	assert_int_equal(parse(&o, &e, (const char *[]){ "cfn-pool", "-tt", NULL }), 0);
	assert_true(o.is_test && o.is_print);
}

static void
unknown_options_are_named(void **state)
{
	static const struct {
		const char *words[4];
		const char *named;
	} cases[] = {
		{ { "cfn-pool", "-x", NULL }, "'-x'" },
		{ { "cfn-pool", "--bad", NULL }, "'--bad'" },
		{ { "cfn-pool", "-c", NULL }, "'-c'" },
		{ { "cfn-pool", "--registry", NULL }, "'--registry'" },
		{ { "cfn-pool", "file", NULL }, "'file'" },
		{ { "cfn-pool", "--listen", "nowhere", NULL }, "'nowhere'" },
	};
	struct pool_options o;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(&o, &e, cases[i].words), -EINVAL);
		assert_non_null(strstr(e.text, cases[i].named));
	}
}

static void
a_uid_slot_is_given_once_and_found_again(void **state)
{
	struct fixture *f = *state;
	struct uids u;
	uint32_t slot;
	struct err e;

	assert_int_equal(uids_open(&u, f->folder, 100, &e), 0);
	assert_int_equal(uids_slot(&u, UID_FUNCTION, "hello", &slot, &e), 0);
	assert_int_equal(slot, UIDS_FIRST);
	assert_int_equal(uids_slot(&u, UID_SHARED, "hello", &slot, &e), 0);
	assert_int_equal(slot, UIDS_FIRST + 1);
	assert_int_equal(uids_slot(&u, UID_FUNCTION, "hello", &slot, &e), 0);
	assert_int_equal(slot, UIDS_FIRST);
	uids_close(&u);
	assert_int_equal(uids_open(&u, f->folder, 100, &e), 0);
	assert_int_equal(uids_slot(&u, UID_SHARED, "hello", &slot, &e), 0);
	assert_int_equal(slot, UIDS_FIRST + 1);
	assert_int_equal(uids_slot(&u, UID_FUNCTION, "next", &slot, &e), 0);
	assert_int_equal(slot, UIDS_FIRST + 2);
	uids_close(&u);
}

static void
two_pools_give_no_slot_twice(void **state)
{
	struct fixture *f = *state;
	struct uids u[2];
	struct err e;

	assert_int_equal(uids_open(&u[0], f->folder, 100, &e), 0);
	assert_int_equal(uids_open(&u[1], f->folder, 100, &e), 0);
	for (uint32_t i = 0; i < 20; i++) {
		uint32_t slot, same;
		char name[16];

		snprintf(name, sizeof name, "f%u", i);
		assert_int_equal(uids_slot(&u[i % 2], UID_FUNCTION, name, &slot, &e), 0);
		assert_int_equal(slot, UIDS_FIRST + i);
		assert_int_equal(uids_slot(&u[!(i % 2)], UID_FUNCTION, name, &same, &e), 0);
		assert_int_equal(same, slot);
	}
	uids_close(&u[0]);
	uids_close(&u[1]);
}

static void
the_last_uid_slot_is_given_and_none_past_it(void **state)
{
	struct fixture *f = *state;
	struct uids u;
	uint32_t slot;
	struct err e;

	assert_int_equal(uids_open(&u, f->folder, UIDS_FIRST + 1, &e), 0);
	assert_int_equal(uids_slot(&u, UID_FUNCTION, "a", &slot, &e), 0);
	assert_int_equal(uids_slot(&u, UID_FUNCTION, "b", &slot, &e), -ENOSPC);
	assert_int_equal(uids_slot(&u, UID_FUNCTION, "a", &slot, &e), 0);
	uids_close(&u);
}

static void
a_damaged_uid_table_is_refused(void **state)
{
	static const char *const bad[] = { "8 function\n",           "7 function a\n",
		                           "x function a\n",         "8 other a\n",
		                           "8 function \n",          "8 function a\n9 function a\n",
		                           "4294967295 function a\n" };
	struct fixture *f = *state;
	char path[128];
	struct uids u;
	struct err e;

	snprintf(path, sizeof path, "%s/uids", f->folder);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

		assert_int_equal(fd_write_all(fd, bad[i], strlen(bad[i])), 0);
		close(fd);
		assert_int_equal(uids_open(&u, f->folder, 100, &e), -EBADMSG);
	}
}

static void
a_state_folder_that_others_may_write_is_refused(void **state)
{
	static const mode_t modes[] = { 0770, 0702, 02720, 0777 };
	struct fixture *f = *state;
	struct uids u;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(f->folder, modes[i]), 0);
		assert_int_equal(uids_open(&u, f->folder, 100, &e), -EPERM);
		assert_non_null(strstr(e.text, f->folder));
	}
	assert_int_equal(chmod(f->folder, 02755), 0);
	assert_int_equal(uids_open(&u, f->folder, 100, &e), 0);
	uids_close(&u);
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(f->folder, 4321, 4321), 0);
	assert_int_equal(uids_open(&u, f->folder, 100, &e), -EPERM);
}

/* Within a window from its first eighth on; what is older counts no more. */
static void
events_are_counted_for_their_window_and_no_longer(void **state)
{
	const uint64_t window_ms = 8000, eighth_us = 1000 * 1000, start = 1000 * eighth_us;
	struct storm_count c = { 0 };

	(void)state;
	assert_int_equal(storm_add(&c, start, window_ms, 5), 5);
	for (uint64_t i = 1; i < STORM_SLICES; i++)
		assert_int_equal(storm_add(&c, start + i * eighth_us, window_ms, 1), 5 + i);
	/* The five are gone, the seven are not. */
	assert_int_equal(storm_add(&c, start + 8 * eighth_us, window_ms, 0), 7);
	assert_int_equal(storm_add(&c, start + 12 * eighth_us, window_ms, 0), 3);
	assert_int_equal(storm_add(&c, start + 1000 * eighth_us, window_ms, 2), 2);
	assert_int_equal(storm_add(&c, start + 1000 * eighth_us, window_ms, UINT32_MAX), UINT32_MAX);
	assert_int_equal(storm_add(&c, start + 1001 * eighth_us, window_ms, UINT32_MAX),
	                 2 * (uint64_t)UINT32_MAX);
}

static void
a_table_finds_what_was_put_and_nothing_that_was_removed(void **state)
{
	enum { N = 1000 };
	static struct node nodes[N];
	struct table t = { 0 };
	size_t n = 0;

	(void)state;
	for (uint64_t i = 0; i < N; i++)
		assert_int_equal(table_put(&t, &nodes[i], i / 2), 0);
	for (uint64_t i = 0; i < N; i += 2) {
		struct node *first = table_find(&t, i / 2), *second = table_find_next(first);

		assert_non_null(second);
		assert_null(table_find_next(second));
		table_remove(&t, &nodes[i]);
		assert_ptr_equal(table_find(&t, i / 2), &nodes[i + 1]);
	}
	for (struct node *node = table_next(&t, NULL); node; node = table_next(&t, node))
		n++;
	assert_int_equal(n, N / 2);
	assert_null(table_find(&t, N));
	table_done(&t);
	assert_null(table_find(&t, 1));
}

struct hearing {
	struct channel channel;
	uint32_t n, n_fds;
	bool has_ended;
};

static void
hear(struct master *m, void *owner, struct message *message)
{
	struct hearing *h = owner;

	(void)m;
	assert_int_equal(message->type, h->n);
	h->n++;
	h->n_fds += (uint32_t)message->n_fds;
}

static void
hear_end(struct master *m, void *owner, const struct err *why)
{
	struct hearing *h = owner;

	(void)m;
	(void)why;
	h->has_ended = true;
	channel_close(&h->channel);
}

static void
channel_start(struct hearing *h, struct loop *loop, int sock)
{
	struct err e;

	*h = (struct hearing){ .channel = { .owner = h, .on_message = hear, .on_end = hear_end } };
	assert_int_equal(channel_open(&h->channel, loop, sock, &e), 0);
}

static void
messages_that_do_not_fit_follow_in_order_with_their_descriptors(void **state)
{
	enum { N = 200 };
	static char body[8192];
	struct hearing ends[2];
	struct loop loop;
	int pair[2];
	struct err e;

	(void)state;
	assert_int_equal(loop_init(&loop, &e), 0);
	assert_int_equal(message_pair(pair, &e), 0);
	channel_start(&ends[0], &loop, pair[0]);
	channel_start(&ends[1], &loop, pair[1]);
	for (uint32_t i = 0; i < N; i++) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		channel_send(&ends[0].channel, i, body, sizeof body, &fd, 1);
		close(fd);
	}
	assert_true(ends[0].channel.n_queued > 0);
	while (ends[1].n < N)
		assert_int_equal(loop_turn(&loop, NULL, &e), 0);
	assert_int_equal(ends[1].n_fds, N);
	assert_int_equal(ends[0].channel.n_queued, 0);
	channel_close(&ends[0].channel);
	while (!ends[1].has_ended)
		assert_int_equal(loop_turn(&loop, NULL, &e), 0);
	loop_done(&loop);
}

static void
a_peer_that_never_reads_is_given_up(void **state)
{
	struct hearing end;
	struct loop loop;
	int pair[2];
	struct err e;

	(void)state;
	assert_int_equal(loop_init(&loop, &e), 0);
	assert_int_equal(message_pair(pair, &e), 0);
	channel_start(&end, &loop, pair[0]);
	for (uint32_t i = 0; i < 2 * CHANNEL_QUEUE_MAX && !end.channel.is_broken; i++) {
		channel_send(&end.channel, i, NULL, 0, NULL, 0);
		assert_true(end.channel.n_queued <= CHANNEL_QUEUE_MAX);
	}
	assert_false(end.has_ended);
	while (!end.has_ended)
		assert_int_equal(loop_turn(&loop, NULL, &e), 0);
	close(pair[1]);
	loop_done(&loop);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(a_unix_socket_is_made_with_its_mode_and_removed),
		TEST(a_stale_socket_is_replaced),
		TEST(a_live_socket_is_refused_and_left_alone),
		TEST(a_file_in_the_place_of_a_socket_is_refused_and_left_alone),
		TEST(a_successors_socket_is_not_removed),
		TEST(a_tcp_socket_says_its_real_port),
		TEST(addresses_are_checked),
		TEST(a_path_of_107_bytes_fits_and_one_of_108_does_not),
		TEST(a_listening_socket_on_descriptor_0_is_taken),
		TEST(sockets_of_systemd_are_for_the_named_process_and_one_alone),
		TEST(options_are_read_as_the_manual_says),
		TEST(unknown_options_are_named),
		TEST(a_uid_slot_is_given_once_and_found_again),
		TEST(two_pools_give_no_slot_twice),
		TEST(the_last_uid_slot_is_given_and_none_past_it),
		TEST(a_damaged_uid_table_is_refused),
		TEST(a_state_folder_that_others_may_write_is_refused),
		TEST(events_are_counted_for_their_window_and_no_longer),
		TEST(a_table_finds_what_was_put_and_nothing_that_was_removed),
		TEST(messages_that_do_not_fit_follow_in_order_with_their_descriptors),
		TEST(a_peer_that_never_reads_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
