/* spawn_pool.c - a test as the master and the router. */
#include "spawn_pool.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "fcgi/fcgi.h"
#include "ipc/start.h"

enum { PATIENCE_MS = 120000, MESSAGE_SIZE = 8192 };

bool
test_is_root(void)
{
	return geteuid() == 0;
}

/* The build tree's programs, but for the router: that is the test itself. */
static void
make_libexec(struct pool *p)
{
	static const char *const programs[] = { "cfn-spawn", "cfn-worker", "libcfn.so.1" };
	char top[4096], from[4200], to[256];

	assert_non_null(realpath(".", top));
	snprintf(p->libexec, sizeof p->libexec, "%s/libexec", p->folder);
	assert_int_equal(mkdir(p->libexec, 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		snprintf(from, sizeof from, "%s/%s", top, programs[i]);
		snprintf(to, sizeof to, "%s/%s", p->libexec, programs[i]);
		assert_int_equal(symlink(from, to), 0);
	}
	snprintf(to, sizeof to, "%s/cfn-router", p->libexec);
	assert_non_null(realpath("/proc/self/exe", top));
	assert_int_equal(symlink(top, to), 0);
}

void
pool_prepare(struct pool *p)
{
	memset(p, 0, sizeof *p);
	snprintf(p->folder, sizeof p->folder, "/tmp/cfn-spawn-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	assert_int_equal(chmod(p->folder, 0711), 0);
	snprintf(p->shared, sizeof p->shared, "%s/shared", p->folder);
	make_libexec(p);
	p->options = (struct spawner_options){ .libexec_dir = p->libexec,
		                               .shared_dir = p->shared,
		                               .uid_range = TEST_UID_RANGE,
		                               .n_uids = TEST_N_UIDS };
	p->spawner.channel = p->spawner.pidfd = -1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void
pool_clean(struct pool *p)
{
	spawner_stop(&p->spawner);
	nftw(p->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int
pool_setup(void **state)
{
	static struct pool pool;
	struct err e = { 0 };

	pool_prepare(&pool);
	*state = &pool;
	if (spawner_start(&pool.options, &pool.spawner, &e) == 0)
		return 0;
	print_error("spawner_start: %s\n", e.text);
	return -1;
}

int
pool_teardown(void **state)
{
	pool_clean(*state);
	return 0;
}

void
worker_init(struct pool *p, struct worker *w, const char *entry)
{
	memset(w, 0, sizeof *w);
	w->requests = w->output = w->listener = w->init = -1;
	w->start = (struct start_worker){ .id = ++p->last_id,
		                          .slot = TEST_SLOT,
		                          .memory = 64 << 20,
		                          .tmp_size = 1 << 20,
		                          .tmp_inodes = 64,
		                          .file_size = 1 << 20,
		                          .threads = 4,
		                          .files = 64,
		                          .version = 7,
		                          .function = "tested" };
	snprintf(w->start.entry, sizeof w->start.entry, "%s", entry);
}

static int
open_artifact(const char *file)
{
	char path[256], *bytes;
	size_t n;
	struct err e;
	int artifact;

	snprintf(path, sizeof path, "tests/functions/%s.fn", file);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fd_read_file(fd, 16 << 20, &bytes, &n, &e), 0);
	artifact = fd_sealed_memory("artifact", bytes, n, &e);
	assert_true(artifact >= 0);
	free(bytes);
	return artifact;
}

void
worker_ask(struct pool *p, struct worker *w, const char *file)
{
	int requests[2], output[2], init[2], fds[5];
	size_t n_fds = w->start.is_fresh && !w->start.is_trial ? 5 : 4;
	struct err e;

	assert_int_equal(message_pair(requests, &e), 0);
	assert_int_equal(message_pair(init, &e), 0);
	assert_int_equal(pipe2(output, O_CLOEXEC), 0);
	fds[0] = open_artifact(file);
	fds[1] = fd_sealed_memory("environment", "K=V", 4, &e);
	fds[2] = requests[1];
	fds[3] = output[1];
	fds[4] = init[1];
	w->init = init[0];
	w->requests = requests[0];
	w->output = output[0];
	assert_int_equal(message_send(p->spawner.channel, MSG_START_WORKER, &w->start, sizeof w->start, fds,
	                              n_fds, &e),
	                 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static bool
is_readable(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, PATIENCE_MS) == 1;
}

static void
pool_receive(struct pool *p)
{
	struct err e = { .text = "nothing" };

	assert_true(is_readable(p->spawner.channel));
	if (message_receive(p->spawner.channel, &p->m, &e) != 1)
		fail_msg("%s", e.text);
}

void
pool_expect(struct pool *p, enum message_type type)
{
	pool_receive(p);
	if (p->m.type == MSG_PROCESS_ENDED && type != MSG_PROCESS_ENDED)
		fail_msg("ended: %s", ((struct process_ended *)p->m.body)->reason);
	assert_int_equal(p->m.type, type);
}

static const struct process_ended *
check_ended(const struct pool *p, uint32_t id)
{
	const struct process_ended *ended = (const struct process_ended *)p->m.body;

	assert_int_equal(p->m.type, MSG_PROCESS_ENDED);
	assert_int_equal(p->m.length, sizeof *ended + ended->n_kinds * sizeof(struct refused_call));
	assert_int_equal(ended->id, id);
	return ended;
}

const struct process_ended *
pool_expect_ended(struct pool *p, uint32_t id)
{
	pool_receive(p);
	return check_ended(p, id);
}

const struct process_ended *
pool_expect_ended_maybe_ready(struct pool *p, uint32_t id)
{
	pool_receive(p);
	if (p->m.type == MSG_PROCESS_READY) {
		message_done(&p->m);
		pool_receive(p);
	}
	return check_ended(p, id);
}
void
worker_start(struct pool *p, struct worker *w, const char *file, const char *entry)
{
	struct process_ready ready;

	if (w->start.id == 0)
		worker_init(p, w, entry);
	worker_ask(p, w, file);
	pool_expect(p, MSG_PROCESS_READY);
	memcpy(&ready, p->m.body, sizeof ready);
	assert_int_equal(ready.id, w->start.id);
	w->pid = ready.pid;
	w->listener = message_take_fd(&p->m, 0);
}

void
worker_done(struct worker *w)
{
	fd_close(&w->requests);
	fd_close(&w->output);
	fd_close(&w->listener);
	fd_close(&w->init);
}

static void
fresh_send(const struct worker *zygote, uint32_t number, int socket)
{
	const struct fresh_request request = { number };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof socket)] = { 0 };
	struct iovec part = { (void *)&request, sizeof request };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof socket);
	memcpy(CMSG_DATA(c), &socket, sizeof socket);
	assert_int_equal(sendmsg(zygote->requests, &m, MSG_NOSIGNAL), sizeof request);
}

static pid_t
hello_read(int socket)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
	struct fresh_request word;
	struct iovec part = { &word, sizeof word };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	struct ucred who;

	assert_true(is_readable(socket));
	assert_int_equal(recvmsg(socket, &m, 0), sizeof word);
	assert_non_null(CMSG_FIRSTHDR(&m));
	memcpy(&who, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof who);
	return who.pid;
}

void
fresh_begin(const struct worker *zygote, struct worker *request, uint32_t number)
{
	const int on = 1;
	int pair[2];
	struct err e;

	*request = (struct worker){ .output = -1, .listener = -1, .init = -1 };
	assert_int_equal(message_pair(pair, &e), 0);
	assert_int_equal(setsockopt(zygote->requests, SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
	request->requests = pair[0];
	fresh_send(zygote, number, pair[1]);
	close(pair[1]);
	request->pid = hello_read(zygote->requests);
}

struct fresh_ended
fresh_expect_ended(const struct worker *zygote)
{
	struct fresh_ended ended = { 0 };

	assert_true(is_readable(zygote->init));
	assert_int_equal(recv(zygote->init, &ended, sizeof ended, 0), sizeof ended);
	return ended;
}

static size_t
add_record(unsigned char *to, uint8_t type, uint16_t id, const void *content, size_t n)
{
	struct fcgi_header h = { .version = FCGI_VERSION_1, .type = type, .id = id, .content = (uint16_t)n };

	fcgi_header_write(to, &h);
	if (n > 0)
		memcpy(to + FCGI_HEADER_SIZE, content, n);
	return FCGI_HEADER_SIZE + n;
}

static size_t
add_pair(unsigned char *to, const char *name, const char *value)
{
	struct fcgi_pair pair = { name, value, strlen(name), strlen(value) };

	return fcgi_pair_write(to, &pair);
}

static void
send_record(const struct worker *w, uint8_t type, uint16_t id, const char *content)
{
	unsigned char message[MESSAGE_SIZE];
	size_t n = add_record(message, type, id, content, strlen(content));

	assert_int_equal(send(w->requests, message, n, MSG_NOSIGNAL), n);
}

void
request_send(const struct worker *w, uint16_t id, const char *query, const char *body)
{
	const struct fcgi_begin begin = { FCGI_RESPONDER, FCGI_KEEP_CONN };
	unsigned char message[MESSAGE_SIZE], params[1024], content[8];
	size_t n = 0, at = 0;
	char length[24];

	snprintf(length, sizeof length, "%zu", strlen(body));
	n += add_pair(params + n, "REQUEST_METHOD", body[0] ? "POST" : "GET");
	n += add_pair(params + n, "QUERY_STRING", query);
	n += add_pair(params + n, "CONTENT_LENGTH", length);
	n += add_pair(params + n, "CFN_PATH", "/");
	n += add_pair(params + n, "CFN_REQUEST_ID", "test");
	fcgi_begin_write(content, &begin);
	at += add_record(message + at, FCGI_BEGIN_REQUEST, id, content, sizeof content);
	at += add_record(message + at, FCGI_PARAMS, id, params, n);
	at += add_record(message + at, FCGI_PARAMS, id, NULL, 0);
	if (body[0] == '\0')
		at += add_record(message + at, FCGI_STDIN, id, NULL, 0);
	assert_int_equal(send(w->requests, message, at, MSG_NOSIGNAL), at);
	if (body[0] != '\0') {
		send_record(w, FCGI_STDIN, id, body);
		send_record(w, FCGI_STDIN, id, "");
	}
}

/* One stream of an answer. */
struct stream {
	size_t used;
	char text[ANSWER_SIZE];
};

static struct stream out, err;

static void
take_content(struct stream *to, const unsigned char *content, size_t n)
{
	assert_true(to->used + n < sizeof to->text);
	memcpy(to->text + to->used, content, n);
	to->used += n;
	to->text[to->used] = '\0';
}

/* Takes the records of one message; true when the request is over. */
static bool
take_records(const unsigned char *p, size_t n, uint16_t id)
{
	struct fcgi_header h;
	const unsigned char *content;
	size_t size;

	while ((size = fcgi_record_read(p, n, &h, &content)) > 0) {
		assert_int_equal(h.id, id);
		if (h.type == FCGI_END_REQUEST)
			return true;
		if (h.type == FCGI_STDOUT)
			take_content(&out, content, h.content);
		if (h.type == FCGI_STDERR)
			take_content(&err, content, h.content);
		p += size;
		n -= size;
	}
	return false;
}

const char *
answer_read(const struct worker *w, uint16_t id)
{
	unsigned char message[MESSAGE_SIZE + 1];
	const char *body;
	ssize_t n;

	out.used = err.used = 0;
	do {
		assert_true(is_readable(w->requests));
		n = recv(w->requests, message, sizeof message, 0);
		if (n <= 0)
			return NULL;
		assert_true(n <= MESSAGE_SIZE);
	} while (!take_records(message, (size_t)n, id));
	body = strstr(out.text, "\r\n\r\n");
	assert_non_null(body);
	return body + 4;
}

const char *
answer_errors(void)
{
	return err.used > 0 ? err.text : NULL;
}

const char *
ask(const struct worker *w, const char *query)
{
	request_send(w, 1, query, "");
	return answer_read(w, 1);
}

const struct process_ended *
copy(struct pool *p, uint32_t direction, const char *shared, const char *path, int data)
{
	struct start_copy c = {
		.id = ++p->last_id, .slot = TEST_SLOT, .is_in = direction, .max_size = COPY_MAX
	};
	struct err e;

	snprintf(c.shared, sizeof c.shared, "%s", shared);
	snprintf(c.path, sizeof c.path, "%s", path);
	assert_int_equal(message_send(p->spawner.channel, MSG_START_COPY, &c, sizeof c, &data, 1, &e), 0);
	return pool_expect_ended(p, c.id);
}

int
router_main(void)
{
	struct start_router start;
	unsigned char body[sizeof start + 128];
	struct err e;
	int n;

	if (pread(ROUTER_FD_START, &start, sizeof start, 0) != sizeof start)
		return 1;
	memcpy(body, &start, sizeof start);
	n = sprintf((char *)body + sizeof start, "uid %d: ", (int)getuid());
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n += sprintf((char *)body + sizeof start + n, "%d ", fd);
	message_send(ROUTER_FD_MASTER, MSG_ROUTER_READY, body, sizeof start + (size_t)n, NULL, 0, &e);
	return 5;
}
