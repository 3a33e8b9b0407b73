/* router_rig.c - a router in the test's own process. */
#include "router_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macros.h"
#include "router/pages.h"

/* ---- snapshot ---- */

static struct snapshot_function
function_of(uint64_t version, const char *name)
{
	struct snapshot_function f = {
		.version_id = version,
		.version = (uint32_t)version,
		.is_enabled = version != RIG_DISABLED,
		.wall_ms = 10000,
		.cpu_ms = 5000,
		.stream_idle_ms = 60000,
		.idle_timeout_ms = 60000,
		.max_workers = 4,
		.denied_max = DENIED_MAX,
		.queue = 2,
		.max_requests = version == RIG_SMALL ? 2 : 0,
		.body_max = version == RIG_SMALL ? 10 : 1000000,
		.output_max = version == RIG_SMALL ? 100 : 1000000,
		.memory = 1 << 20,
		.has_session = version == RIG_FAST || version == RIG_FAST_NEXT,
		.session_s = 1000,
		.session_length_s = 5000,
		.cache_ms = version == RIG_KEPT || version == RIG_KEPT_NEXT ? 60000 : 0,
	};

	strncpy(f.name, name, sizeof f.name - 1);
	return f;
}

static void
snapshot_give(struct rig *g, uint64_t generation, const struct snapshot_function *functions, size_t n)
{
	static const char *const patterns[] = { "/small/:name", "/disabled", "/kept", "/fast", "/gated" };
	static const unsigned methods[] = { HTTP_POST, HTTP_GET, HTTP_GET | HTTP_POST, HTTP_GET | HTTP_POST,
		                            HTTP_GET | HTTP_POST };
	struct snapshot_route routes[ARRAY_SIZE(patterns)];
	struct err e = { 0 };
	AUTO_FD fd = -1;

	for (size_t i = 0; i < n; i++)
		routes[i] = (struct snapshot_route){ patterns[i], methods[i], (uint32_t)i, 0 };
	fd = snapshot_build(generation, functions, n, routes, n, &e);
	message_send(g->master, MSG_SNAPSHOT, NULL, 0, &fd, 1, &e);
	rig_run(g);
}

void
rig_swap(struct rig *g, bool has_fast)
{
	const struct snapshot_function functions[] = { function_of(RIG_SMALL, "small"),
		                                       function_of(RIG_DISABLED, "disabled"),
		                                       function_of(RIG_KEPT_NEXT, "kept"),
		                                       function_of(RIG_FAST_NEXT, "fast") };

	snapshot_give(g, 2, functions, has_fast ? 4 : 3);
}

struct snapshot_function
rig_gated(enum call_auth auth)
{
	struct snapshot_function f = function_of(RIG_GATED, "gated");

	f.auth = auth;
	return f;
}

void
rig_gate(struct rig *g, const struct snapshot_function *gated)
{
	const struct snapshot_function functions[] = { function_of(RIG_SMALL, "small"),
		                                       function_of(RIG_DISABLED, "disabled"),
		                                       function_of(RIG_KEPT, "kept"),
		                                       function_of(RIG_FAST, "fast"), *gated };

	snapshot_give(g, 3, functions, ARRAY_SIZE(functions));
}

void
rig_tokens(struct rig *g, uint64_t serial, const struct token_row *rows, size_t n,
           const struct token_grant *grants, size_t n_grants)
{
	const struct tokens_serial body = { serial };
	struct err e = { 0 };
	int fd = tokens_seal(rows, n, grants, n_grants, &e);

	message_send(g->master, MSG_TOKENS, &body, sizeof body, &fd, 1, &e);
	close(fd);
	rig_run(g);
}

/* ---- the router ---- */

/* Listens at an abstract address that the kernel chooses. */
static int
listen_somewhere(struct rig *g)
{
	struct sockaddr_un own = { .sun_family = AF_UNIX };
	socklen_t n = sizeof own;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&own, sizeof own.sun_family) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &n) < 0) {
		close(fd);
		return -1;
	}
	memcpy(g->address, &own, n);
	g->n_address = n;
	return fd;
}

static int
listen_tcp(struct rig *g)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof own;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&own, n) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &n) < 0) {
		close(fd);
		return -1;
	}
	memcpy(g->address, &own, n);
	g->n_address = n;
	return fd;
}

static struct rig *
open_rig(struct rig *g, int listener, const char *allowed_clients)
{
	struct start_router start = { .n_connections = 40, .mount_prefix = "/fn", .cache_size = 1 << 20 };
	struct router_fds fds;
	struct err e = { 0 };
	int pair[2];

	signal(SIGPIPE, SIG_IGN);
	if (listener < 0 || message_pair(pair, &e) < 0)
		return NULL;
	strncpy(start.allowed_clients, allowed_clients, sizeof start.allowed_clients - 1);
	g->master = pair[0];
	fd_set_blocking(g->master, 0);
	g->logs[0] = memfd_create("access", MFD_CLOEXEC);
	g->logs[1] = memfd_create("function", MFD_CLOEXEC);
	fds = (struct router_fds){ listener, pair[1], dup(g->logs[0]), dup(g->logs[1]), -1, -1, -1 };
	if (router_open(&g->router, &start, &fds, &e) == 0)
		return g;
	router_done(&g->router);
	return NULL;
}

struct rig *
rig_new(bool is_bare)
{
	const struct snapshot_function functions[] = { function_of(RIG_SMALL, "small"),
		                                       function_of(RIG_DISABLED, "disabled"),
		                                       function_of(RIG_KEPT, "kept"),
		                                       function_of(RIG_FAST, "fast") };
	struct rig *g = calloc(1, sizeof *g);

	if (g && open_rig(g, listen_somewhere(g), "") && !is_bare)
		snapshot_give(g, 1, functions, ARRAY_SIZE(functions));
	return g;
}

struct rig *
rig_new_tcp(const char *allowed_clients)
{
	struct rig *g = calloc(1, sizeof *g);

	if (g && open_rig(g, listen_tcp(g), allowed_clients))
		return g;
	free(g);
	return NULL;
}

void
rig_free(struct rig *g)
{
	router_done(&g->router);
	close(g->router.access.fd);
	close(g->router.function.fd);
	close(g->logs[0]);
	close(g->logs[1]);
	close(g->master);
	free(g);
}

void
rig_plain(struct rig *g)
{
	struct err e = { 0 };

	if (plain_open(&g->router, listen_somewhere(g), &e) < 0)
		abort();
}

void
rig_page(struct rig *g, enum page page, int status, const char *text)
{
	const struct page_made made = { page, (uint32_t)status, (uint32_t)strlen(text) };
	int fd = memfd_create("page", MFD_CLOEXEC);
	struct err e = { 0 };

	if (write(fd, text, made.size) != (ssize_t)made.size)
		abort();
	message_send(g->master, MSG_PAGE, &made, sizeof made, &fd, 1, &e);
	close(fd);
	rig_run(g);
}

static void
stream_grant(struct rig *g, uint32_t worker)
{
	const struct stream_answer answer = { worker, 1 };
	struct err e = { 0 };

	message_send(g->master, MSG_STREAM_ANSWER, &answer, sizeof answer, NULL, 0, &e);
}

static void
messages_take(struct rig *g)
{
	static struct message m;
	struct err e = { 0 };

	while (message_receive(g->master, &m, &e) > 0) {
		struct rig_message *to = &g->messages[g->n_messages];

		if (g->n_messages == RIG_MESSAGES_MAX)
			abort();
		g->n_messages++;
		to->type = m.type;
		memcpy(&to->denied, m.body, m.length < sizeof to->denied ? m.length : sizeof to->denied);
		message_done(&m);
		if (to->type == MSG_STREAM && !g->holds_streams) {
			g->n_messages--;
			stream_grant(g, to->ref.id);
		}
	}
}

static void
turn(struct rig *g)
{
	enum { TURNS = 12 };
	struct err e = { 0 };

	for (int i = 0; i < TURNS; i++)
		if (router_turn(&g->router, 0, &e) < 0)
			abort();
}

void
rig_run(struct rig *g)
{
	turn(g);
	messages_take(g);
	/* What the master has answered by himself. */
	turn(g);
	messages_take(g);
}

void
rig_tick(struct rig *g)
{
	g->router.tick_us = g->router.slow_tick_us = 0;
	rig_run(g);
}

void
rig_say(struct rig *g, uint32_t type, const void *body, size_t n)
{
	struct err e = { 0 };

	message_send(g->master, type, body, n, NULL, 0, &e);
	rig_run(g);
}

const struct rig_message *
rig_said(struct rig *g, uint32_t type)
{
	static struct rig_message found;

	for (size_t i = 0; i < g->n_messages; i++) {
		if (g->messages[i].type != type)
			continue;
		found = g->messages[i];
		memmove(&g->messages[i], &g->messages[i + 1],
		        (g->n_messages - i - 1) * sizeof g->messages[0]);
		g->n_messages--;
		return &found;
	}
	return NULL;
}

/* ---- a web server ---- */

/* What was read of a connection and not yet taken. */
static struct buf *
input_of(int fd)
{
	static struct buf inputs[1024];

	if (!inputs[fd].max)
		buf_init(&inputs[fd], 16 << 20);
	return &inputs[fd];
}

int
rig_connect(struct rig *g)
{
	int fd = socket(((struct sockaddr *)g->address)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)g->address, (socklen_t)g->n_address) < 0)
		abort();
	fd_set_blocking(fd, 0);
	buf_clear(input_of(fd));
	rig_run(g);
	return fd;
}

size_t
rig_send(struct rig *g, int fd, const void *p, size_t n)
{
	const char *at = p;
	ssize_t sent;

	while (n > 0 && (sent = send(fd, at, n, MSG_NOSIGNAL)) > 0) {
		at += sent;
		n -= (size_t)sent;
		rig_run(g);
	}
	return (size_t)(at - (const char *)p);
}

void
rig_record(struct buf *to, uint8_t type, uint16_t id, const void *content, size_t n)
{
	struct fcgi_header h = { FCGI_VERSION_1, type, id, (uint16_t)n, 0 };
	unsigned char bytes[FCGI_HEADER_SIZE];

	fcgi_header_write(bytes, &h);
	buf_append(to, bytes, sizeof bytes);
	buf_append(to, content, n);
}

static void
pair_add(struct buf *to, const char *name, const char *value)
{
	struct fcgi_pair pair = { name, value, strlen(name), value ? strlen(value) : 0 };
	size_t n = fcgi_pair_size(pair.name_length, pair.value_length);
	char *at;

	if (!value)
		return;
	at = buf_reserve(to, n);
	buf_commit(to, fcgi_pair_write((unsigned char *)at, &pair));
}

void
rig_request_put(struct buf *bytes, const struct rig_request *q)
{
	unsigned char begin[8];
	struct buf params;
	size_t put = 0;

	buf_init(&params, 60000);
	fcgi_begin_write(begin, &(struct fcgi_begin){ FCGI_RESPONDER, q->keeps ? FCGI_KEEP_CONN : 0 });
	pair_add(&params, "REQUEST_METHOD", q->method);
	pair_add(&params, "SCRIPT_NAME", q->path);
	pair_add(&params, "CONTENT_LENGTH", q->length);
	for (const char *const *p = q->params; p && *p; p += 2)
		pair_add(&params, p[0], p[1]);
	pair_add(&params, "HTTP_PROXY", "evil");
	pair_add(&params, "CFN_ROUTE", "7");
	pair_add(&params, "CFN_SESSION", RIG_SESSION "&user=evil");
	pair_add(&params, "HTTP_CFN_SESSION", RIG_SESSION "&user=evil");
	pair_add(&params, "HTTP_COOKIE", q->cookie);
	pair_add(&params, "HTTP_COOKIE", q->is_cookie_twice ? q->cookie : NULL);
	pair_add(&params, "REQUEST_SCHEME", q->scheme);
	pair_add(&params, "HTTPS", q->https);
	rig_record(bytes, FCGI_BEGIN_REQUEST, q->id, begin, sizeof begin);
	rig_record(bytes, FCGI_PARAMS, q->id, buf_head(&params), buf_used(&params));
	rig_record(bytes, FCGI_PARAMS, q->id, NULL, 0);
	while (put < q->n_body) {
		size_t n = q->n_body - put < 60000 ? q->n_body - put : 60000;

		rig_record(bytes, FCGI_STDIN, q->id, q->body + put, n);
		put += n;
	}
	if (!q->is_open)
		rig_record(bytes, FCGI_STDIN, q->id, NULL, 0);
	buf_done(&params);
}

void
rig_request(struct rig *g, int fd, const struct rig_request *q)
{
	struct buf bytes;

	buf_init(&bytes, 4 << 20);
	rig_request_put(&bytes, q);
	rig_send(g, fd, buf_head(&bytes), buf_used(&bytes));
	buf_done(&bytes);
}

void
rig_get(struct rig *g, int fd, const char *path)
{
	rig_request(g, fd, &(struct rig_request){ .method = "GET", .path = path, .id = 1 });
}

static void
input_read(int fd, struct rig_answer *a)
{
	static char bytes[1 << 16];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
		buf_append(input_of(fd), bytes, (size_t)n);
	a->is_closed = n == 0 || errno == ECONNRESET;
}

/* One record; false when there is no whole one, or it was END_REQUEST. */
static bool
answer_record(struct buf *in, struct rig_answer *a)
{
	const unsigned char *content;
	struct fcgi_header h = { 0 };
	size_t size = fcgi_record_read((unsigned char *)buf_head(in), buf_used(in), &h, &content);

	a->is_broken = size > 0 && h.version != FCGI_VERSION_1;
	if (size == 0 || a->is_broken)
		return false;
	if (h.type == FCGI_STDOUT) {
		buf_append(&a->text, content, h.content);
	} else if (h.type == FCGI_END_REQUEST) {
		a->ended = content[4];
		a->end_id = h.id;
	} else {
		a->other = h.type;
	}
	buf_consume(in, size);
	return h.type != FCGI_END_REQUEST;
}

void
rig_answer(int fd, struct rig_answer *a)
{
	memset(a, 0, sizeof *a);
	a->ended = -1;
	buf_init(&a->text, 4 << 20);
	input_read(fd, a);
	while (answer_record(input_of(fd), a))
		;
	buf_append(&a->text, "", 1);
}

bool
rig_answers(int fd, int status, const char *part)
{
	struct rig_answer a;
	bool is_so;

	rig_answer(fd, &a);
	is_so = a.ended == FCGI_REQUEST_COMPLETE && strncmp(buf_head(&a.text), "Status: ", 8) == 0 &&
	        strtol(buf_head(&a.text) + 8, NULL, 10) == status && strstr(buf_head(&a.text), part);
	if (!is_so)
		fprintf(stderr, "got: %d %s\n", a.ended, buf_head(&a.text));
	buf_done(&a.text);
	return is_so;
}

/* ---- a worker ---- */

void
rig_lease_listened(struct rig *g, struct rig_worker *w, uint64_t version, int listener)
{
	struct lease lease = { .worker = ++g->next_id, .pid = getpid(), .version = version };
	int pair[2], output[2], fds[3];
	struct err e = { 0 };

	memset(w, 0, sizeof *w);
	if (message_pair(pair, &e) < 0 || pipe2(output, O_CLOEXEC) < 0)
		abort();
	w->id = lease.worker;
	w->requests = pair[0];
	w->output = output[1];
	fd_set_blocking(w->requests, 0);
	fds[0] = pair[1];
	fds[1] = output[0];
	fds[2] = listener;
	message_send(g->master, MSG_LEASE, &lease, sizeof lease, fds, listener < 0 ? 2 : 3, &e);
	close(pair[1]);
	close(output[0]);
	fd_close(&listener);
	rig_run(g);
}

void
rig_lease(struct rig *g, struct rig_worker *w, uint64_t version)
{
	rig_lease_listened(g, w, version, -1);
}

void
rig_worker_done(struct rig_worker *w)
{
	fd_close(&w->requests);
	fd_close(&w->output);
}

/* The records up to the next request's. */
static size_t
first_request(const unsigned char *p, size_t n)
{
	const unsigned char *content;
	struct fcgi_header h;
	size_t at = 0, size;

	while ((size = fcgi_record_read(p + at, n - at, &h, &content)) > 0 &&
	       (at == 0 || h.type != FCGI_BEGIN_REQUEST))
		at += size;
	return at;
}

bool
rig_receive(struct rig_worker *w)
{
	if (w->n_rest == 0) {
		ssize_t n = recv(w->requests, w->rest, FCGI_MESSAGE_MAX, 0);

		if (n <= 0)
			return false;
		w->n_rest = (size_t)n;
	}
	w->n_message = first_request(w->rest, w->n_rest);
	memcpy(w->message, w->rest, w->n_message);
	w->n_rest -= w->n_message;
	memmove(w->rest, w->rest + w->n_message, w->n_rest);
	if (w->message[1] == FCGI_BEGIN_REQUEST)
		w->request = (uint16_t)(w->message[2] << 8 | w->message[3]);
	return true;
}

bool
rig_message_has(const struct rig_worker *w, const char *text)
{
	return memmem(w->message, w->n_message, text, strlen(text)) != NULL;
}

void
rig_write(struct rig *g, struct rig_worker *w, const void *p, size_t n)
{
	if (send(w->requests, p, n, MSG_NOSIGNAL) < 0)
		return;
	rig_run(g);
}

void
rig_reply_id(struct rig *g, struct rig_worker *w, uint16_t id, const char *text)
{
	static const unsigned char end[8];
	struct buf bytes;

	buf_init(&bytes, 1 << 20);
	rig_record(&bytes, FCGI_STDOUT, id, text, strlen(text));
	rig_record(&bytes, FCGI_STDOUT, id, NULL, 0);
	rig_record(&bytes, FCGI_END_REQUEST, id, end, sizeof end);
	rig_write(g, w, buf_head(&bytes), buf_used(&bytes));
	buf_done(&bytes);
}

void
rig_reply(struct rig *g, struct rig_worker *w, const char *text)
{
	rig_reply_id(g, w, w->request, text);
}

void
rig_ended(struct rig *g, const struct rig_worker *w, enum cause cause)
{
	struct worker_ended ended = { .worker = w->id,
		                      .cause = cause,
		                      .ending = { .code = CLD_KILLED, .status = SIGSEGV } };

	rig_say(g, MSG_WORKER_ENDED, &ended, sizeof ended);
}

void
rig_flood(struct rig *g, struct rig_worker *w, char fill, size_t n)
{
	char content[60000];
	struct buf bytes;

	memset(content, fill, sizeof content);
	buf_init(&bytes, FCGI_MESSAGE_MAX);
	rig_record(&bytes, FCGI_STDOUT, w->request, content, sizeof content);
	for (size_t i = 0; i < n; i += sizeof content)
		rig_write(g, w, buf_head(&bytes), buf_used(&bytes));
	buf_done(&bytes);
}

/* ---- what most tests begin with ---- */

int
rig_setup(void **state)
{
	*state = rig_new(false);
	return *state ? 0 : -1;
}

int
rig_teardown(void **state)
{
	rig_free(*state);
	return 0;
}

int
rig_asked(struct rig *g)
{
	int fd = rig_connect(g);

	rig_get(g, fd, "/fast");
	return fd;
}

struct pool *
rig_fast(struct rig *g)
{
	return pool_find(&g->router, RIG_FAST);
}

void
rig_age(struct rig *g, const struct rig_worker *w, unsigned ms)
{
	struct worker *worker = worker_find(&g->router, w->id);

	worker->since_us = worker->active_us = g->router.now_us - ms * 1000ULL;
}

bool
rig_killed_for(struct rig *g, const struct rig_worker *w, enum cause cause)
{
	const struct rig_message *m = rig_said(g, MSG_OVERRUN);

	return m && m->overrun.worker == w->id && m->overrun.cause == cause;
}
