/* dev_relay.c - the connections between web server and pool: who reads, who writes, and when they end.
 *
 * The configurations of dev keep no connection, so that one is one request.
 *
 *   ASKING   bytes are held until all params are there; then one of
 *   PASSING  both directions pass, each bounded by its buffer
 *   OURS     the body is thrown away, the answer is ours
 *   LEAVING  what is left of the answer is written, then both ends are closed */
#include "deploy-tool/dev_relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "deploy-tool/dev_page.h"
#include "deploy-tool/dev_records.h"

enum stage { STAGE_ASKING, STAGE_PASSING, STAGE_OURS, STAGE_LEAVING };
enum { PIECE = 64 * 1024, TEXT_MAX = 2048 };

struct passage {
	struct relay *relay;
	enum stage stage;
	int web, pool; /* -1: not connected */
	unsigned id;   /* of its request */
	struct buf in, out;
	struct records asked, answered;
	struct buf params, body, answer; /* the last two for the recorder */
	bool has_params, has_body, has_end, is_marked, is_cut;
};

static void
passage_free(struct passage *p)
{
	fd_close(&p->web);
	fd_close(&p->pool);
	buf_done(&p->in);
	buf_done(&p->out);
	buf_done(&p->params);
	buf_done(&p->body);
	buf_done(&p->answer);
	free(p);
}

static struct passage *
passage_new(struct relay *r, int web)
{
	struct passage *p = calloc(1, sizeof *p);

	if (p == NULL) {
		fd_close(&web);
		return NULL;
	}
	p->relay = r;
	p->web = web;
	p->pool = -1;
	buf_init(&p->in, RELAY_ASK_MAX);
	/* Beside what was read there is room for our own field. */
	buf_init(&p->out, RELAY_ANSWER_MAX + PIECE);
	buf_init(&p->params, RELAY_PARAMS_MAX);
	buf_init(&p->body, RELAY_COPY_MAX);
	buf_init(&p->answer, RELAY_COPY_MAX);
	return p;
}

/* ---- what the bytes say ---- */

static void
keep(struct passage *p, struct buf *to, const char *bytes, size_t n)
{
	if (p->relay->sink.exchanged != NULL && buf_append(to, bytes, n) < 0)
		p->is_cut = true;
}

static void
see_asked(void *context, const struct fcgi_header *h, const char *bytes, size_t n)
{
	struct passage *p = context;

	if (h->type == FCGI_BEGIN_REQUEST)
		p->id = h->id;
	/* Params that are too long for us are so for the pool, which says it. */
	else if (h->type == FCGI_PARAMS && n > 0)
		(void)buf_append(&p->params, bytes, n);
	else if (h->type == FCGI_PARAMS)
		p->has_params = true;
	else if (h->type == FCGI_STDIN && n > 0)
		keep(p, &p->body, bytes, n);
	else if (h->type == FCGI_STDIN)
		p->has_body = true;
}

static void
see_answered(void *context, const struct fcgi_header *h, const char *bytes, size_t n)
{
	struct passage *p = context;

	if (h->type == FCGI_STDOUT && n > 0)
		keep(p, &p->answer, bytes, n);
	else if (h->type == FCGI_END_REQUEST)
		p->has_end = true;
}

static void
param_text(const struct passage *p, const char *name, char text[TEXT_MAX])
{
	const char *value = "";
	long n = records_param(&p->params, name, &value);

	snprintf(text, TEXT_MAX, "%.*s", n < 0 ? 0 : n < TEXT_MAX ? (int)n : TEXT_MAX - 1, value);
}

/* ---- what becomes of a request ---- */

static void
answer_ourselves(struct passage *p, const struct buf *answer)
{
	buf_init(&p->out, 2 * buf_used(answer) + PIECE);
	if (records_write(&p->out, FCGI_STDOUT, p->id, answer, true) < 0 || records_end(&p->out, p->id) < 0)
		buf_clear(&p->out);
	p->stage = STAGE_OURS;
}

static void
answer_state(struct passage *p)
{
	struct buf answer;

	buf_init(&answer, TEXT_MAX);
	if (dev_page_write_state(&answer, p->relay->number) == 0)
		answer_ourselves(p, &answer);
	buf_done(&answer);
}

/* Any page in a browser can have a name of its own lead here, and would then be of one origin with what is
 * developed (DNS rebinding).  Without the field it is no browser. */
static bool
is_host_ours(const struct passage *p)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1", "[::1]" };
	const char *value = "";
	long n = records_param(&p->params, "HTTP_HOST", &value);

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		long length = (long)strlen(hosts[i]);

		if (n >= length && strncasecmp(value, hosts[i], (size_t)length) == 0 &&
		    (n == length || value[length] == ':'))
			return true;
	}
	return n <= 0;
}

static void
answer_misdirected(struct passage *p)
{
	struct buf answer;

	buf_init(&answer, TEXT_MAX);
	if (buf_printf(&answer, "Status: 421 Misdirected Request\r\nContent-Type: text/plain\r\n\r\n"
	                        "cfn-deploy dev answers to localhost, 127.0.0.1 and [::1] alone\n") == 0)
		answer_ourselves(p, &answer);
	buf_done(&answer);
}

static bool
is_refused(const struct passage *p, const char *uri)
{
	char accept[TEXT_MAX], method[TEXT_MAX];

	param_text(p, "HTTP_ACCEPT", accept);
	if (p->relay->page == NULL || strstr(accept, "text/html") == NULL)
		return false;
	param_text(p, "REQUEST_METHOD", method);
	p->relay->sink.refused(p->relay->sink.context, method, uri);
	return true;
}

static int
connect_pool(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int connected;

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
		return -1;
	connected = fd;
	fd = -1;
	return connected;
}

/* Without a pool the connection ends, which is the web server's 502. */
static void
pass_on(struct passage *p)
{
	p->pool = connect_pool(p->relay->pool);
	p->stage = p->pool < 0 ? STAGE_LEAVING : STAGE_PASSING;
	p->is_marked = p->relay->page == NULL;
}

static void
decide(struct passage *p)
{
	char uri[TEXT_MAX];

	if (!p->has_params && buf_room(&p->in) > 0)
		return;
	param_text(p, "REQUEST_URI", uri);
	if (!is_host_ours(p))
		answer_misdirected(p);
	else if (strcmp(uri, DEV_STATE_PATH) == 0)
		answer_state(p);
	else if (is_refused(p, uri))
		answer_ourselves(p, p->relay->page);
	else
		pass_on(p);
}

/* ---- bytes ---- */

/* Reads as much as fits: 1, 0 there is nothing now, -1 the end. */
static int
read_into(int fd, struct buf *to, size_t max, records_sink *sink, struct records *records, struct passage *p)
{
	size_t room = buf_used(to) < max ? max - buf_used(to) : 0, size = room < PIECE ? room : PIECE;
	char *at = buf_reserve(to, size);
	ssize_t n;

	if (size == 0)
		return 0;
	n = at != NULL ? read(fd, at, size) : 0;
	if (n == 0)
		return -1;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	records_feed(records, at, (size_t)n, sink, p);
	buf_commit(to, (size_t)n);
	return 1;
}

/* 0, or -1: nobody reads there any more. */
static int
write_from(int fd, struct buf *from)
{
	ssize_t n;

	if (buf_used(from) == 0)
		return 0;
	n = send(fd, buf_head(from), buf_used(from), MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	buf_consume(from, (size_t)n);
	return 0;
}

/* Fields in front of the function's own, in a record in front of its own. */
static void
mark(struct passage *p)
{
	struct buf field = { 0 };

	if (p->is_marked)
		return;
	p->is_marked = true;
	buf_init(&field, TEXT_MAX);
	if (buf_printf(&field, DEV_FIELD) == 0)
		(void)records_write(&p->out, FCGI_STDOUT, p->id, &field, false);
	buf_done(&field);
}

static void
tell_recorder(struct passage *p)
{
	const struct exchange_copy x = { &p->params, &p->body, &p->answer, p->is_cut };

	if (p->has_end && p->relay->sink.exchanged != NULL)
		p->relay->sink.exchanged(p->relay->sink.context, &x);
	p->has_end = false;
}

static void
turn_web_read(struct passage *p)
{
	/* The web server has gone, and what it wanted is of no use. */
	if (read_into(p->web, &p->in, RELAY_ASK_MAX, see_asked, &p->asked, p) < 0) {
		buf_clear(&p->out);
		p->stage = STAGE_LEAVING;
		return;
	}
	if (p->stage == STAGE_ASKING)
		decide(p);
	if (p->stage == STAGE_OURS) {
		buf_clear(&p->in);
		/* Closing before it has sent everything would take the answer from it. */
		if (p->has_body)
			p->stage = STAGE_LEAVING;
	}
}

static void
turn_pool_read(struct passage *p)
{
	int rc;

	mark(p);
	rc = read_into(p->pool, &p->out, RELAY_ANSWER_MAX, see_answered, &p->answered, p);
	tell_recorder(p);
	if (rc < 0)
		p->stage = STAGE_LEAVING;
}

static bool
is_ready(const struct pollfd *poll)
{
	return poll->fd >= 0 && poll->revents != 0;
}

/* False when it is over. */
static bool
turn(struct passage *p, const struct pollfd polls[2])
{
	if (is_ready(&polls[0]) && polls[0].revents & ~POLLOUT && p->stage != STAGE_LEAVING)
		turn_web_read(p);
	if (p->stage == STAGE_PASSING && is_ready(&polls[1]) && polls[1].revents & ~POLLOUT)
		turn_pool_read(p);
	/* What the pool will not hear is dropped; its last words are read on. */
	if (p->stage == STAGE_PASSING && write_from(p->pool, &p->in) < 0)
		buf_clear(&p->in);
	if (write_from(p->web, &p->out) < 0)
		return false;
	return p->stage != STAGE_LEAVING || buf_used(&p->out) > 0;
}

/* ---- all of them ---- */

int
relay_open(struct relay *r, const char *path, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (strlen(path) >= sizeof address.sun_path)
		return err_set(e, ENAMETOOLONG, "%s", path);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		return err_set(e, errno, "listen on %s", path);
	r->listener = fd;
	fd = -1;
	return 0;
}

void
relay_close(struct relay *r)
{
	while (r->n_passages > 0)
		passage_free(r->passages[--r->n_passages]);
	fd_close(&r->listener);
}

/* Of the two, and -1 for one that nothing is wanted of: its end alone must not wake us again and again. */
static void
watch(const struct passage *p, struct pollfd polls[2])
{
	bool is_open = p->stage != STAGE_LEAVING;
	short web = (short)((is_open && buf_used(&p->in) < RELAY_ASK_MAX ? POLLIN : 0) |
	                    (buf_used(&p->out) > 0 ? POLLOUT : 0));
	short pool = (short)((buf_used(&p->out) < RELAY_ANSWER_MAX ? POLLIN : 0) |
	                     (buf_used(&p->in) > 0 ? POLLOUT : 0));

	polls[0] = (struct pollfd){ .fd = web != 0 ? p->web : -1, .events = web };
	polls[1] =
	    (struct pollfd){ .fd = p->stage == STAGE_PASSING && pool != 0 ? p->pool : -1, .events = pool };
}

size_t
relay_watch(const struct relay *r, struct pollfd *polls)
{
	bool has_room = r->n_passages < RELAY_PASSAGES_MAX;

	polls[0] = (struct pollfd){ .fd = has_room ? r->listener : -1, .events = POLLIN };
	for (size_t i = 0; i < r->n_passages; i++)
		watch(r->passages[i], polls + 1 + 2 * i);
	return 1 + 2 * r->n_passages;
}

static void
accept_one(struct relay *r)
{
	int fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct passage *p = fd >= 0 ? passage_new(r, fd) : NULL;

	if (p != NULL)
		r->passages[r->n_passages++] = p;
}

void
relay_turn(struct relay *r, const struct pollfd *polls)
{
	size_t n = r->n_passages, kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct passage *p = r->passages[i];

		if (turn(p, polls + 1 + 2 * i))
			r->passages[kept++] = p;
		else
			passage_free(p);
	}
	r->n_passages = kept;
	if (is_ready(&polls[0]))
		accept_one(r);
}
