/* event.c - events as bytes: a head of numbers, a report for those that have one, then text and data. */
#include "run/event.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/macros.h"
#include "base/utf8.h"

/* Both ends are one program on one machine: numbers are as they are in memory, without gaps. */
struct wire_head {
	uint64_t type, index, stream;
	uint64_t n_name; /* with its NUL; 0: none */
	uint64_t n_data;
	struct run_usage usage;
};

enum { FLAG_CGROUP = 1, FLAG_CACHED = 2, FLAGS_ALL = FLAG_CGROUP | FLAG_CACHED, SIGNALS = 64 };

struct wire_report {
	uint64_t status, flags;
	struct ending ending;
	uint64_t cpu_us, wall_us, memory_peak, processes_peak;
	uint64_t n_out, n_err, size_out, size_err;
	char syscall[RUN_SYSCALL_SIZE], message[RUN_MESSAGE_SIZE];
};

_Static_assert(sizeof(struct wire_head) == 9 * 8, "no gaps");
_Static_assert(sizeof(struct wire_report) ==
                   10 * 8 + sizeof(struct ending) + RUN_SYSCALL_SIZE + RUN_MESSAGE_SIZE,
               "no gaps");

/* What belongs to each; all else is nothing. */
static const struct rule {
	uint64_t streams; /* 1 to that many */
	uint64_t data_max;
	bool has_index, has_name, has_usage, has_report;
} rules[RUN_EVENT_TYPES] = {
	[RUN_EVENT_COMPILED] = { .has_report = true },
	[RUN_EVENT_CASE] = { .has_index = true },
	[RUN_EVENT_OUTPUT] = { .has_index = true, .streams = 2, .data_max = RUN_OUTPUT_PIECE_MAX },
	[RUN_EVENT_USAGE] = { .has_index = true, .has_usage = true },
	[RUN_EVENT_CASE_ENDED] = { .has_index = true, .has_report = true },
	[RUN_EVENT_FILE] = { .has_index = true, .has_name = true, .data_max = RUN_OUTPUT_FILE_MAX },
	[RUN_EVENT_ENDED] = { .has_report = true },
};

static bool
is_part(const char *name, size_t n)
{
	return n > 0 && !(name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.')));
}

bool
run_event_name_is_good(const char *name)
{
	size_t n = strnlen(name, RUN_FILE_NAME_SIZE), part;

	if (n == RUN_FILE_NAME_SIZE || !utf8_is_valid(name, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return false;
	for (;; name += part + 1) {
		part = strcspn(name, "/");
		if (!is_part(name, part))
			return false;
		if (name[part] == '\0')
			return true;
	}
}

/* ---- out ---- */

static struct wire_report
report_pack(const struct run_report *r)
{
	struct wire_report w = {
		.status = r->status,
		.flags = (r->has_cgroup ? FLAG_CGROUP : 0) | (r->is_cached ? FLAG_CACHED : 0),
		.ending = r->ending,
		.cpu_us = r->cpu_us,
		.wall_us = r->wall_us,
		.memory_peak = r->memory_peak,
		.processes_peak = r->processes_peak,
		.n_out = r->n_out,
		.n_err = r->n_err,
		.size_out = r->size_out,
		.size_err = r->size_err,
	};

	memcpy(w.syscall, r->syscall, sizeof w.syscall);
	memcpy(w.message, r->message, sizeof w.message);
	return w;
}

static void
vector_advance(struct iovec *v, size_t count, size_t n)
{
	for (size_t i = 0; i < count && n > 0; i++) {
		size_t piece = n < v[i].iov_len ? n : v[i].iov_len;

		v[i].iov_base = (char *)v[i].iov_base + piece;
		v[i].iov_len -= piece;
		n -= piece;
	}
}

static int
vector_send(int sock, struct iovec *v, size_t count)
{
	struct msghdr m = { .msg_iov = v, .msg_iovlen = count };
	size_t left = 0;

	for (size_t i = 0; i < count; i++)
		left += v[i].iov_len;
	while (left > 0) {
		ssize_t n = sendmsg(sock, &m, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			vector_advance(v, count, (size_t)n);
		left -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static struct iovec
piece_of(const void *data, size_t n)
{
	return (struct iovec){ (void *)(uintptr_t)data, n };
}

int
run_event_write(int sock, const struct run_event *event)
{
	const struct rule *rule = &rules[event->type];
	const struct run_report *r = &event->report;
	struct wire_head head = {
		.type = event->type,
		.index = rule->has_index ? event->index : 0,
		.stream = rule->streams > 0 ? event->stream : 0,
		.n_name = rule->has_name ? strlen(event->name) + 1 : 0,
		.n_data = rule->data_max > 0 ? event->n : 0,
		.usage = rule->has_usage ? event->usage : (struct run_usage){ 0 },
	};
	struct wire_report report = report_pack(r);
	struct iovec v[] = {
		piece_of(&head, sizeof head),
		piece_of(&report, rule->has_report ? sizeof report : 0),
		piece_of(event->name, head.n_name),
		piece_of(event->data, head.n_data),
		piece_of(r->out, rule->has_report ? r->size_out : 0),
		piece_of(r->err, rule->has_report ? r->size_err : 0),
	};

	return vector_send(sock, v, ARRAY_SIZE(v));
}

/* ---- in ---- */

static bool
usage_is_none(const struct run_usage *u)
{
	return u->memory == 0 && u->cpu_us == 0 && u->processes == 0 && u->wall_us == 0;
}

static bool
head_is_good(const struct wire_head *h)
{
	const struct rule *rule;

	if (h->type == 0 || h->type >= RUN_EVENT_TYPES)
		return false;
	rule = &rules[h->type];
	return h->index < (rule->has_index ? RUN_INDEX_MAX : 1) &&
	       (rule->streams > 0 ? h->stream >= 1 && h->stream <= rule->streams : h->stream == 0) &&
	       (rule->has_name ? h->n_name >= 2 && h->n_name <= RUN_FILE_NAME_SIZE : h->n_name == 0) &&
	       h->n_data <= rule->data_max && (rule->has_usage || usage_is_none(&h->usage));
}

/* One line that ends, and nothing that a terminal obeys. */
static bool
text_is_good(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	if (n == size || !utf8_is_valid(text, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

static bool
ending_is_good(const struct ending *e)
{
	switch (e->code) {
	case 0:
		return e->status == 0;
	case CLD_EXITED:
		return e->status >= 0 && e->status <= 255;
	case CLD_KILLED:
	case CLD_DUMPED:
		return e->status >= 1 && e->status <= SIGNALS;
	default:
		return false;
	}
}

static bool
report_is_good(const struct wire_report *w)
{
	return w->status < RUN_STATUSES && w->flags <= FLAGS_ALL && ending_is_good(&w->ending) &&
	       w->size_out <= w->n_out && w->size_err <= w->n_err && w->size_out <= RUN_KEPT_MAX &&
	       w->size_err <= RUN_KEPT_MAX - w->size_out && text_is_good(w->syscall, sizeof w->syscall) &&
	       text_is_good(w->message, sizeof w->message);
}

static void
report_unpack(struct run_report *r, const struct wire_report *w, const char *bytes)
{
	*r = (struct run_report){
		.status = (enum run_status)w->status,
		.ending = w->ending,
		.cpu_us = w->cpu_us,
		.wall_us = w->wall_us,
		.memory_peak = w->memory_peak,
		.processes_peak = w->processes_peak,
		.n_out = w->n_out,
		.n_err = w->n_err,
		.has_cgroup = w->flags & FLAG_CGROUP,
		.is_cached = w->flags & FLAG_CACHED,
		.out = bytes,
		.err = bytes + w->size_out,
		.size_out = w->size_out,
		.size_err = w->size_err,
	};
	memcpy(r->syscall, w->syscall, sizeof r->syscall);
	memcpy(r->message, w->message, sizeof r->message);
}

/* Copies n bytes that are there whole; else 0, or -EBADMSG when there is no room for them ever. */
static int
part_take(const struct buf *in, size_t at, void *to, size_t n)
{
	if (at + n > in->max)
		return -EBADMSG;
	if (at + n > buf_used(in))
		return 0;
	memcpy(to, buf_head(in) + at, n);
	return 1;
}

/* Everything but the pointers was checked; `at` is where its bytes begin. */
static void
event_fill(struct run_event *event, const struct wire_head *h, const struct wire_report *w, const char *at)
{
	*event = (struct run_event){
		.type = (enum run_event_type)h->type,
		.index = (uint32_t)h->index,
		.stream = (uint32_t)h->stream,
		.name = h->n_name > 0 ? at : NULL,
		.data = at + h->n_name,
		.n = h->n_data,
		.usage = h->usage,
	};
	if (w)
		report_unpack(&event->report, w, at);
}

static int
bytes_take(struct buf *in, size_t at, size_t n)
{
	if (n > in->max || at + n > in->max)
		return -EBADMSG;
	return at + n <= buf_used(in);
}

int
run_event_read(struct buf *in, struct run_event *event)
{
	struct wire_head head;
	struct wire_report report = { 0 };
	size_t at = sizeof head, n;
	const char *bytes;
	bool has_report;
	int rc = part_take(in, 0, &head, sizeof head);

	if (rc <= 0)
		return rc;
	if (!head_is_good(&head))
		return -EBADMSG;
	has_report = rules[head.type].has_report;
	rc = has_report ? part_take(in, at, &report, sizeof report) : 1;
	if (rc <= 0)
		return rc;
	if (has_report && !report_is_good(&report))
		return -EBADMSG;
	at += has_report ? sizeof report : 0;
	n = head.n_name + head.n_data + report.size_out + report.size_err;
	rc = bytes_take(in, at, n);
	if (rc <= 0)
		return rc;
	bytes = buf_head(in) + at;
	if (head.n_name > 0 &&
	    (strnlen(bytes, head.n_name) != head.n_name - 1 || !run_event_name_is_good(bytes)))
		return -EBADMSG;
	event_fill(event, &head, has_report ? &report : NULL, bytes);
	buf_consume(in, at + n);
	return 1;
}
