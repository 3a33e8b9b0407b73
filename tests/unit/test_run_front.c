/* test_run_front.c - the run path between lanes and keepers that the test plays. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "runner/front.h"
#include "runner/store.h"

enum { ANSWER_MAX = 1 << 20, N_JOBS_MAX = 64, MANY = 10000 };

/* ---- lanes ---- */

struct lane {
	void *owner;
	int status;
	bool is_stream, has_ended;
	char fields[1024], type[64];
	char body[ANSWER_MAX];
	size_t n, room, size;
	void (*await)(void *context, struct lane *l);
	const char *header; /* X-Client */
};

const char *
lane_header(const struct lane *l, const char *name)
{
	assert_string_equal(name, "X-Client");
	return l->header;
}

void
lane_answer(struct lane *l, int status, const char *fields, const char *type, const void *body, size_t n)
{
	assert_int_equal(l->status, 0);
	assert_true(n < ANSWER_MAX);
	l->status = status;
	snprintf(l->fields, sizeof l->fields, "%s", fields);
	snprintf(l->type, sizeof l->type, "%s", type ? type : "");
	l->size = n;
	if (body)
		memcpy(l->body, body, n);
	l->body[body ? n : 0] = '\0';
	l->has_ended = true;
}

void
lane_stream(struct lane *l, int status, const char *fields, const char *type)
{
	lane_answer(l, status, fields, type, "", 0);
	l->is_stream = true;
	l->has_ended = false;
}

size_t
lane_room(const struct lane *l)
{
	return l->room;
}

void
lane_say(struct lane *l, const void *data, size_t n)
{
	assert_true(l->is_stream && !l->has_ended && n <= l->room && l->n + n < ANSWER_MAX);
	memcpy(l->body + l->n, data, n);
	l->n += n;
	l->room -= n;
	l->body[l->n] = '\0';
}

void
lane_await_room(struct lane *l, void (*room)(void *context, struct lane *l))
{
	l->await = room;
}

void
lane_end(struct lane *l)
{
	assert_true(l->is_stream && !l->has_ended);
	l->has_ended = true;
}

void *
lane_owner(const struct lane *l)
{
	return l->owner;
}

void
lane_set_owner(struct lane *l, void *owner)
{
	l->owner = owner;
}

/* ---- keepers ---- */

struct running {
	const struct running_rules *rules;
	void *owner;
	bool is_over;
	char language[RUN_NAME_SIZE];
};

static struct {
	size_t n;
	struct running jobs[N_JOBS_MAX];
	bool fails;
	size_t n_lingering; /* cancelled, and not gone */
} keepers;

struct running *
running_start(struct maker_link *link, const struct run_job *job, const struct running_rules *rules,
              void *owner, struct err *e)
{
	struct running *r = &keepers.jobs[keepers.n % N_JOBS_MAX];

	(void)link;
	if (keepers.fails) {
		err_set(e, EAGAIN, "maker");
		return NULL;
	}
	keepers.n++;
	*r = (struct running){ .rules = rules, .owner = owner };
	snprintf(r->language, sizeof r->language, "%s", job->language);
	return r;
}

size_t
maker_link_n_keepers(const struct maker_link *link)
{
	size_t n = keepers.n_lingering;

	(void)link;
	for (size_t i = 0; i < keepers.n && i < N_JOBS_MAX; i++)
		n += !keepers.jobs[i].is_over;
	return n;
}

void
running_cancel(struct running *r)
{
	assert_false(r->is_over);
	r->is_over = true;
}

static struct running *
job(size_t n)
{
	assert_true(n < keepers.n);
	return &keepers.jobs[n % N_JOBS_MAX];
}

static void
say(struct running *r, struct run_event event)
{
	assert_false(r->is_over);
	r->rules->event(r->owner, &event);
}

/* A whole run that writes this. */
static void
keeper_run(struct running *r, const char *output)
{
	struct run_report report = { .status = RUN_ACCEPTED,
		                     .ending = { .code = 1 /* CLD_EXITED */ },
		                     .out = output,
		                     .size_out = strlen(output),
		                     .n_out = strlen(output) };

	say(r, (struct run_event){ .type = RUN_EVENT_CASE });
	say(r,
	    (struct run_event){ .type = RUN_EVENT_OUTPUT, .stream = 1, .data = output, .n = strlen(output) });
	say(r, (struct run_event){ .type = RUN_EVENT_USAGE, .usage = { 4096, 10, 1, 250000 } });
	say(r, (struct run_event){ .type = RUN_EVENT_CASE_ENDED, .report = report });
	report.out = NULL;
	report.size_out = report.n_out = 0;
	say(r, (struct run_event){ .type = RUN_EVENT_ENDED, .report = report });
	r->is_over = true;
	r->rules->ended(r->owner, 0);
}

static void
keeper_die(struct running *r)
{
	r->is_over = true;
	r->rules->ended(r->owner, -ECONNRESET);
}

/* ---- the front between them ---- */

static const char hello[] = "{\"lang\":\"bash\",\"code\":\"echo hello\"}";

struct fixture {
	char folder[32];
	struct loop loop;
	struct run_languages languages;
	struct front_rules rules;
	struct front *f;
};

static void
front_start(struct fixture *f)
{
	struct err e = { 0 };

	assert_int_equal(front_new(&f->f, &f->loop, NULL, &f->rules, &e), 0);
	front_open(f->f);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e;

	log_init("test", open("/dev/null", O_WRONLY | O_CLOEXEC));
	strcpy(f->folder, "/tmp/cfn-test-XXXXXX");
	if (!mkdtemp(f->folder) || loop_init(&f->loop, &e) < 0)
		return -1;
	f->languages.n = 1;
	f->languages.rows[0] = (struct run_language){
		.name = "Bash", .aliases = "bash sh", .source = "main.sh", .run = "/bin/bash {main}"
	};
	f->rules = (struct front_rules){
		.folder = f->folder,
		.path = "/api/run",
		.client = "address",
		.max_concurrent = 2,
		.queue = 4,
		.queue_share = 2,
		.retention_s = 3600,
		.store_size = 16 << 20,
		.isolation = "full",
		.run = { .languages = &f->languages, .total_ms_most = 50000 },
	};
	memset(&f->rules.run.most, 0x3f, sizeof f->rules.run.most);
	memset(&f->rules.run.compile_most, 0x3f, sizeof f->rules.run.compile_most);
	keepers.n = keepers.n_lingering = 0;
	keepers.fails = false;
	front_start(f);
	front_begin(f->f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[64];

	front_free(f->f);
	loop_done(&f->loop);
	snprintf(command, sizeof command, "rm -rf %s", f->folder);
	free(f);
	return system(command);
}

struct ask {
	const char *method, *path, *query, *type, *accept, *client, *body;
};

/* The answer may come later. */
static struct lane *
ask(struct fixture *f, struct ask a)
{
	struct lane *l = calloc(1, sizeof *l);
	struct lane_request q = {
		.method = a.method ? a.method : "POST",
		.path = a.path ? a.path : "",
		.query = a.query ? a.query : "",
		.content_type = a.type ? a.type : "application/json",
		.accept = a.accept ? a.accept : "",
		.client = a.client ? a.client : "192.0.2.1",
		.user = "",
		.request_id = "r1",
		.body = a.body ? a.body : hello,
	};

	q.n_body = strlen(q.body);
	l->room = ANSWER_MAX / 2;
	l->header = "somebody";
	front_lane_rules.request(f->f, l, &q);
	return l;
}

static void
assert_answer(struct lane *l, int status, const char *text)
{
	assert_true(l->has_ended);
	if (l->status != status || !strstr(l->body, text))
		print_error("status %d: %s\n", l->status, l->body);
	assert_int_equal(l->status, status);
	assert_non_null(strstr(l->body, text));
	assert_null(l->owner);
	free(l);
}

static void
a_program_is_run_and_its_output_answered(void **state)
{
	struct fixture *f = *state;
	struct lane *l = ask(f, (struct ask){ 0 });

	assert_false(l->has_ended);
	assert_string_equal(job(0)->language, "Bash");
	keeper_run(job(0), "hello\n");
	assert_string_equal(l->type, "application/json");
	assert_non_null(strstr(l->body, "\"status\":\"accepted\""));
	assert_answer(l, 200, "\"stdout\":\"hello\\n\"");
	assert_true(front_is_idle(f->f));
}

static void
each_refusal_has_its_status(void **state)
{
	static const struct {
		struct ask ask;
		int status;
		const char *text;
	} cases[] = {
		{ { .path = "/nothing" }, 404, "no such resource" },
		{ { .path = "/languages" }, 405, "method" },
		{ { .method = "GET" }, 405, "method" },
		{ { .method = "PUT", .path = "/0123456789abcdef0123456789abcdef" }, 405, "method" },
		{ { .method = "GET", .path = "/0123456789abcdef0123456789abcdef" }, 404, "no such run" },
		{ { .method = "DELETE", .path = "/0123456789abcdef0123456789abcdef" }, 404, "no such run" },
		{ { .method = "GET", .path = "/0123456789ABCDEF0123456789abcdef" }, 404, "no such resource" },
		{ { .type = "" }, 415, "application/json" },
		{ { .type = "text/plain" }, 415, "application/json" },
		{ { .type = "application/jsonx" }, 415, "application/json" },
		{ { .type = "application/json; charset=latin1" }, 415, "UTF-8" },
		{ { .accept = "image/png" }, 406, "text/event-stream" },
		{ { .accept = "application/json;q=0" }, 406, "text/event-stream" },
		{ { .accept = "application/json;q=0, text/event-stream;q=0, */*" }, 406, "json" },
		{ { .body = "{\"lang\":\"bash\",\"code\":\"\",}" }, 400, "\"line\":1" },
		{ { .body = "{\"lang\":\"klingon\",\"code\":\"\"}" }, 422, "klingon" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lane *l = ask(f, cases[i].ask);

		assert_string_equal(l->type, "application/problem+json");
		assert_answer(l, cases[i].status, cases[i].text);
	}
	assert_int_equal(keepers.n, 0);
}

static void
each_way_to_ask_for_json_is_good(void **state)
{
	static const struct ask cases[] = {
		{ .path = "/" },
		{ .type = "application/json; charset=utf-8" },
		{ .type = "Application/JSON;charset=\"UTF-8\"" },
		{ .accept = "*/*" },
		{ .accept = "text/html, application/*;q=0.5" },
		{ .accept = "application/json" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lane *l = ask(f, cases[i]);

		keeper_run(job(i), "");
		assert_answer(l, 200, "accepted");
	}
}

static void
no_more_run_at_once_than_may(void **state)
{
	struct fixture *f = *state;
	struct lane *lanes[4];

	for (size_t i = 0; i < 4; i++)
		lanes[i] = ask(f, (struct ask){ .client = i < 2 ? "a" : "b" });
	assert_int_equal(keepers.n, 2);
	keeper_run(job(0), "");
	assert_int_equal(keepers.n, 3);
	keeper_run(job(1), "");
	assert_int_equal(keepers.n, 4);
	for (size_t i = 0; i < 4; i++) {
		if (i > 1)
			keeper_run(job(i), "");
		assert_answer(lanes[i], 200, "accepted");
	}
}

static void
a_share_is_429_and_a_full_queue_503(void **state)
{
	struct fixture *f = *state;
	struct lane *lanes[6], *l;

	for (size_t i = 0; i < 6; i++)
		lanes[i] = ask(f, (struct ask){ .client = i < 4 ? "a" : "b" });
	l = ask(f, (struct ask){ .client = "a" });
	assert_non_null(strstr(l->fields, "Retry-After: "));
	assert_answer(l, 429, "share");
	l = ask(f, (struct ask){ .client = "c" });
	assert_non_null(strstr(l->fields, "Retry-After: "));
	assert_answer(l, 503, "full");
	for (size_t i = 0; i < 6; i++)
		keeper_run(job(i), "");
	for (size_t i = 0; i < 6; i++)
		assert_answer(lanes[i], 200, "accepted");
}

static void
a_network_of_ipv6_is_one_client(void **state)
{
	static const char *const addresses[] = { "2001:db8::1", "2001:db8::ffff:1:2",
		                                 "2001:db8:0:0:7::", "2001:db8:0:0::3" };
	struct fixture *f = *state;
	struct lane *lanes[5];

	for (size_t i = 0; i < 4; i++)
		lanes[i] = ask(f, (struct ask){ .client = addresses[i] });
	assert_answer(ask(f, (struct ask){ .client = "2001:db8::4" }), 429, "share");
	lanes[4] = ask(f, (struct ask){ .client = "2001:db8:0:1::4" });
	assert_false(lanes[4]->has_ended);
	for (size_t i = 0; i < 5; i++)
		keeper_run(job(i), "");
	for (size_t i = 0; i < 5; i++)
		assert_answer(lanes[i], 200, "accepted");
}

static void
a_client_that_leaves_gives_its_slot_and_its_place(void **state)
{
	struct fixture *f = *state;
	struct lane *lanes[4];

	for (size_t i = 0; i < 4; i++)
		lanes[i] = ask(f, (struct ask){ 0 });
	front_lane_rules.gone(f->f, lanes[2]);
	front_lane_rules.gone(f->f, lanes[0]);
	assert_true(job(0)->is_over);
	assert_int_equal(keepers.n, 3);
	front_lane_rules.gone(f->f, lanes[1]);
	front_lane_rules.gone(f->f, lanes[3]);
	assert_true(front_is_idle(f->f));
	for (size_t i = 0; i < 4; i++)
		free(lanes[i]);
}

/* Or clients that come and leave would have more keepers made than the maker has. */
static void
what_was_left_takes_its_slot_until_its_keeper_has_gone(void **state)
{
	struct fixture *f = *state;
	struct lane *lanes[3];

	for (size_t i = 0; i < 3; i++)
		lanes[i] = ask(f, (struct ask){ 0 });
	keepers.n_lingering = 1;
	front_lane_rules.gone(f->f, lanes[0]);
	assert_int_equal(keepers.n, 2);
	free(lanes[0]);
	lanes[0] = ask(f, (struct ask){ 0 });
	assert_answer(ask(f, (struct ask){ 0 }), 429, "share");
	keepers.n_lingering = 0;
	job(1)->rules->gone(f->f);
	assert_int_equal(keepers.n, 3);
	for (size_t i = 0; i < 3; i++) {
		front_lane_rules.gone(f->f, lanes[i]);
		free(lanes[i]);
	}
}

static void
a_keeper_that_dies_is_replaced_once(void **state)
{
	struct fixture *f = *state;
	struct lane *l = ask(f, (struct ask){ 0 });

	say(job(0), (struct run_event){ .type = RUN_EVENT_CASE });
	keeper_die(job(0));
	assert_int_equal(keepers.n, 2);
	keeper_run(job(1), "again");
	assert_answer(l, 200, "again");

	l = ask(f, (struct ask){ 0 });
	keeper_die(job(2));
	keeper_die(job(3));
	assert_int_equal(keepers.n, 4);
	assert_answer(l, 200, "internal_error");
	assert_true(front_is_idle(f->f));
}

static void
what_a_keeper_says_in_no_order_ends_its_run(void **state)
{
	struct fixture *f = *state;
	struct lane *l = ask(f, (struct ask){ 0 });

	say(job(0), (struct run_event){ .type = RUN_EVENT_CASE, .index = 7 });
	assert_true(job(0)->is_over);
	assert_answer(l, 200, "internal_error");
	assert_true(front_is_idle(f->f));
}

static void
a_maker_that_starts_nothing_costs_no_slot(void **state)
{
	struct fixture *f = *state;

	keepers.fails = true;
	for (size_t i = 0; i < 5; i++)
		assert_answer(ask(f, (struct ask){ 0 }), 200, "internal_error");
	assert_true(front_is_idle(f->f));
}

/* ---- asynchronous ones ---- */

static void
take_id(struct lane *l, char path[64])
{
	const char *at = strstr(l->fields, "Location: /api/run/");

	assert_non_null(at);
	snprintf(path, 64, "/%.32s", at + 19);
	assert_answer(l, 202, "\"id\"");
}

static struct lane *
look(struct fixture *f, const char *path)
{
	return ask(f, (struct ask){ .method = "GET", .path = path });
}

static void
an_accepted_run_is_found_by_its_id(void **state)
{
	struct fixture *f = *state;
	struct lane *l;
	char path[64];

	take_id(ask(f, (struct ask){ .query = "async=1" }), path);
	assert_answer(look(f, path), 200, "\"status\":\"running\"");
	say(job(0), (struct run_event){ .type = RUN_EVENT_CASE });
	say(job(0), (struct run_event){ .type = RUN_EVENT_USAGE, .usage = { 4096, 10, 3, 250000 } });
	assert_answer(look(f, path), 200, "\"processes\":3");
	keeper_die(job(0));
	keeper_run(job(1), "hello\n");
	assert_answer(look(f, path), 200, "\"stdout\":\"hello\\n\"");
	assert_answer(look(f, path), 200, path + 1);
	l = ask(f, (struct ask){ .method = "HEAD", .path = path });
	assert_string_equal(l->type, "application/json");
	assert_true(l->size > 100);
	assert_int_equal(strlen(l->body), 0);
	assert_answer(l, 200, "");
	assert_answer(ask(f, (struct ask){ .method = "DELETE", .path = path }), 204, "");
	assert_answer(look(f, path), 404, "no such run");
}

static void
a_run_that_is_accepted_has_a_position_while_it_waits_only(void **state)
{
	struct fixture *f = *state;
	struct lane *l;

	for (size_t i = 0; i < 2; i++) {
		l = ask(f, (struct ask){ .query = "async=1" });
		assert_null(strstr(l->body, "position"));
		assert_answer(l, 202, "\"status\":\"running\"");
	}
	assert_answer(ask(f, (struct ask){ .query = "async=1" }), 202, "\"position\":1");
}

static void
a_run_that_waits_tells_its_position(void **state)
{
	struct fixture *f = *state;
	char paths[4][64];

	for (size_t i = 0; i < 4; i++)
		take_id(ask(f, (struct ask){ .query = "x=1&async=1" }), paths[i]);
	assert_answer(look(f, paths[3]), 200, "\"position\":2");
	assert_answer(ask(f, (struct ask){ .method = "DELETE", .path = paths[2] }), 204, "");
	assert_answer(look(f, paths[3]), 200, "\"position\":1");
	assert_answer(ask(f, (struct ask){ .method = "DELETE", .path = paths[0] }), 204, "");
	assert_true(job(0)->is_over);
	assert_int_equal(keepers.n, 3);
	keeper_run(job(1), "");
	keeper_run(job(2), "");
	assert_answer(look(f, paths[3]), 200, "accepted");
}

static void
front_restart(struct fixture *f)
{
	front_free(f->f);
	front_start(f);
	front_begin(f->f);
}

/* Whose version is known later than the first request comes. */
static void
what_the_store_has_is_begun_when_the_versions_are_known_and_once(void **state)
{
	struct fixture *f = *state;
	char paths[2][64];

	take_id(ask(f, (struct ask){ .query = "async=1" }), paths[0]);
	front_free(f->f);
	front_start(f);
	assert_int_equal(keepers.n, 1);
	assert_answer(look(f, paths[0]), 200, "queued");
	take_id(ask(f, (struct ask){ .query = "async=1" }), paths[1]);
	assert_int_equal(keepers.n, 2);
	front_begin(f->f);
	assert_int_equal(keepers.n, 3);
	keeper_run(job(1), "second");
	keeper_run(job(2), "first");
	assert_answer(look(f, paths[0]), 200, "first");
	assert_answer(look(f, paths[1]), 200, "second");
}

static void
a_restart_loses_nothing_and_runs_again_once(void **state)
{
	struct fixture *f = *state;
	char paths[3][64];

	for (size_t i = 0; i < 3; i++)
		take_id(ask(f, (struct ask){ .query = "async=1" }), paths[i]);
	front_restart(f);
	assert_int_equal(keepers.n, 4);
	assert_answer(look(f, paths[2]), 200, "queued");
	keeper_run(job(2), "second");
	keeper_run(job(4), "first");
	assert_answer(look(f, paths[0]), 200, "second");
	assert_answer(look(f, paths[2]), 200, "first");

	front_restart(f);
	assert_int_equal(keepers.n, 5);
	assert_answer(look(f, paths[1]), 200, "internal_error");
	assert_answer(look(f, paths[0]), 200, "second");
	assert_true(front_is_idle(f->f));
}

static void
who_drains_takes_nothing_and_leaves_what_waits(void **state)
{
	struct fixture *f = *state;
	char paths[3][64];
	struct lane *l;

	for (size_t i = 0; i < 3; i++)
		take_id(ask(f, (struct ask){ .query = "async=1" }), paths[i]);
	front_drain(f->f);
	l = ask(f, (struct ask){ 0 });
	assert_non_null(strstr(l->fields, "Retry-After: "));
	assert_answer(l, 503, "replaced");
	assert_false(front_is_idle(f->f));
	keeper_run(job(0), "");
	keeper_run(job(1), "");
	assert_true(front_is_idle(f->f));
	assert_int_equal(keepers.n, 2);
	front_restart(f);
	assert_int_equal(keepers.n, 3);
	keeper_run(job(2), "later");
	assert_answer(look(f, paths[2]), 200, "later");
}

/* ---- streams ---- */

static void
a_stream_says_what_happens_and_ends_with_the_result(void **state)
{
	static const char *const order[] = { "event: stdout", "event: usage", "event: end",
		                             "\"stdout\":\"hello\"" };
	struct fixture *f = *state;
	struct lane *l = ask(f, (struct ask){ .accept = "text/event-stream" });
	const char *at = l->body;

	keeper_run(job(0), "hello");
	assert_string_equal(l->type, "text/event-stream");
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		at = strstr(at, order[i]);
		assert_non_null(at);
	}
	assert_string_equal(l->body + l->n - 2, "\n\n");
	assert_answer(l, 200, "");
}

/* A stream is for who prefers it: most clients name more types than they mean. */
static void
the_weights_of_accept_decide_whether_it_is_a_stream(void **state)
{
	static const struct {
		const char *accept;
		bool is_stream;
	} cases[] = {
		{ "text/event-stream;q=0.5", true },
		{ "application/json;q=0.5, text/event-stream", true },
		{ "TEXT/Event-Stream, */*", true },
		{ "application/json;q=0, */*", true },
		{ "application/json, text/event-stream;q=0.5", false },
		{ "text/event-stream;q=0.5, application/json", false },
		{ "text/event-stream;q=0.5, */*", false },
		{ "application/json, text/event-stream", false },
		{ "text/event-stream;q=0, */*", false },
		{ "*/*", false },
		{ "", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lane *l = ask(f, (struct ask){ .accept = cases[i].accept });

		keeper_run(job(i), "");
		assert_string_equal(l->type, cases[i].is_stream ? "text/event-stream" : "application/json");
		assert_answer(l, 200, "");
	}
}

static void
a_stream_that_waits_is_told_its_position(void **state)
{
	struct fixture *f = *state;
	struct lane *first = ask(f, (struct ask){ 0 }), *second = ask(f, (struct ask){ 0 });
	struct lane *l = ask(f, (struct ask){ .accept = "text/event-stream" });

	assert_non_null(strstr(l->body, ": queued, position 1\n\n"));
	keeper_run(job(0), "");
	keeper_run(job(1), "");
	keeper_run(job(2), "");
	assert_answer(first, 200, "");
	assert_answer(second, 200, "");
	assert_answer(l, 200, "event: end");
}

static void
a_client_that_does_not_read_holds_up_nobody(void **state)
{
	struct fixture *f = *state;
	struct lane *l = ask(f, (struct ask){ .accept = "text/event-stream" });

	l->room = 0;
	say(job(0), (struct run_event){ .type = RUN_EVENT_CASE });
	for (int i = 0; i < 1000; i++) {
		say(job(0),
		    (struct run_event){ .type = RUN_EVENT_OUTPUT, .stream = 1, .data = "abc", .n = 3 });
		say(job(0), (struct run_event){ .type = RUN_EVENT_USAGE, .usage = { 1, 1, 1, 1 } });
	}
	say(job(0), (struct run_event){ .type = RUN_EVENT_CASE_ENDED });
	say(job(0), (struct run_event){ .type = RUN_EVENT_ENDED });
	job(0)->is_over = true;
	job(0)->rules->ended(job(0)->owner, 0);
	assert_true(front_is_idle(f->f));
	assert_int_equal(l->n, 0);

	l->room = ANSWER_MAX / 2;
	l->await(f->f, l);
	assert_non_null(strstr(l->body, "event: stdout"));
	assert_null(strstr(l->body, "event: usage"));
	assert_answer(l, 200, "event: end");
}

/* What becomes JSON costs the time of all: of a hundred cases it would be more than the result has. */
static void
what_is_said_of_all_cases_together_ends(void **state)
{
	enum { PIECE = 64 << 10, PIECES = (8 << 20) / PIECE };
	struct fixture *f = *state;
	struct lane *l = ask(f, (struct ask){ .accept = "text/event-stream" });
	char *piece = calloc(1, PIECE);
	size_t before = 0;

	memset(piece, 'a', PIECE);
	say(job(0), (struct run_event){ .type = RUN_EVENT_CASE });
	for (size_t i = 0; i < PIECES + 3; i++) {
		l->n = 0;
		l->room = ANSWER_MAX / 2;
		say(job(0),
		    (struct run_event){ .type = RUN_EVENT_OUTPUT, .stream = 1, .data = piece, .n = PIECE });
		assert_int_equal(l->n > PIECE, i < PIECES);
		before += l->n;
	}
	assert_true(before > PIECES * PIECE);
	keeper_die(job(0));
	l->n = 0;
	l->room = ANSWER_MAX / 2;
	say(job(1), (struct run_event){ .type = RUN_EVENT_CASE });
	say(job(1), (struct run_event){ .type = RUN_EVENT_OUTPUT, .stream = 1, .data = piece, .n = PIECE });
	assert_true(l->n > PIECE);
	front_lane_rules.gone(f->f, l);
	free(l);
	free(piece);
}

static void
a_client_that_leaves_after_the_end_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct lane *l = ask(f, (struct ask){ .accept = "text/event-stream" });

	l->room = 0;
	keeper_run(job(0), "");
	front_lane_rules.gone(f->f, l);
	assert_true(front_is_idle(f->f));
	free(l);
}

/* ---- the rest ---- */

static void
a_version_that_is_not_known_yet_is_asked_for_again(void **state)
{
	static const char versioned[] = "{\"lang\":\"bash\",\"version\":\"5\",\"code\":\"\"}";
	struct fixture *f = *state;
	struct run_offer offers[RUN_LANGUAGES_MAX] = { { .is_available = true } };
	struct lane *l, *running[2];

	f->rules.run.offers = offers;
	front_restart(f);
	l = ask(f, (struct ask){ .body = versioned });
	assert_non_null(strstr(l->fields, "Retry-After: 1\r\n"));
	assert_answer(l, 503, "\"field\":\"version\"");
	running[0] = ask(f, (struct ask){ 0 });
	assert_int_equal(keepers.n, 1);
	offers[0] = (struct run_offer){ .is_available = true, .is_asked = true, .version = "5.2.15" };
	running[1] = ask(f, (struct ask){ .body = versioned });
	assert_int_equal(keepers.n, 2);
	offers[0].version[0] = '4';
	assert_answer(ask(f, (struct ask){ .body = versioned }), 422, "4.2.15");
	front_free(f->f);
	free(running[0]);
	free(running[1]);
	f->rules.run.offers = NULL;
	front_start(f);
}

static void
languages_are_listed(void **state)
{
	struct fixture *f = *state;

	assert_answer(look(f, "/languages"), 200, "\"name\":\"Bash\",\"aliases\":[\"bash\",\"sh\"]");
}

static void
a_share_is_a_fields_where_that_is_configured(void **state)
{
	struct fixture *f = *state;
	struct lane *lanes[4];

	f->rules.client = "X-Client";
	front_restart(f);
	for (size_t i = 0; i < 4; i++)
		lanes[i] = ask(f, (struct ask){ .client = i % 2 ? "a" : "b" });
	assert_answer(ask(f, (struct ask){ .client = "c" }), 429, "share");
	for (size_t i = 0; i < 4; i++)
		keeper_run(job(i), "");
	for (size_t i = 0; i < 4; i++)
		assert_answer(lanes[i], 200, "");
}

/* A sanitizer's allocator says nothing here, and tells itself what is left at the end. */
static size_t
allocated(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* What is allowed is a byte a run: less than any of them could leave. */
static void
ten_thousand_runs_leave_no_memory_behind(void **state)
{
	struct fixture *f = *state;
	size_t before = 0;

	for (size_t i = 0; i < MANY; i++) {
		struct lane *l = ask(f, (struct ask){ .accept = i % 2 ? "text/event-stream" : "" });

		keeper_run(job(i), "hello\n");
		assert_answer(l, 200, "accepted");
		if (i == MANY / 10)
			before = allocated();
	}
	assert_in_range(allocated(), 0, before + MANY);
}

#define FRONT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRONT_TEST(a_program_is_run_and_its_output_answered),
		FRONT_TEST(each_refusal_has_its_status),
		FRONT_TEST(each_way_to_ask_for_json_is_good),
		FRONT_TEST(no_more_run_at_once_than_may),
		FRONT_TEST(a_share_is_429_and_a_full_queue_503),
		FRONT_TEST(a_network_of_ipv6_is_one_client),
		FRONT_TEST(a_client_that_leaves_gives_its_slot_and_its_place),
		FRONT_TEST(what_was_left_takes_its_slot_until_its_keeper_has_gone),
		FRONT_TEST(a_keeper_that_dies_is_replaced_once),
		FRONT_TEST(what_a_keeper_says_in_no_order_ends_its_run),
		FRONT_TEST(a_maker_that_starts_nothing_costs_no_slot),
		FRONT_TEST(an_accepted_run_is_found_by_its_id),
		FRONT_TEST(a_run_that_is_accepted_has_a_position_while_it_waits_only),
		FRONT_TEST(a_run_that_waits_tells_its_position),
		FRONT_TEST(what_the_store_has_is_begun_when_the_versions_are_known_and_once),
		FRONT_TEST(a_restart_loses_nothing_and_runs_again_once),
		FRONT_TEST(who_drains_takes_nothing_and_leaves_what_waits),
		FRONT_TEST(a_stream_says_what_happens_and_ends_with_the_result),
		FRONT_TEST(the_weights_of_accept_decide_whether_it_is_a_stream),
		FRONT_TEST(a_stream_that_waits_is_told_its_position),
		FRONT_TEST(a_client_that_does_not_read_holds_up_nobody),
		FRONT_TEST(what_is_said_of_all_cases_together_ends),
		FRONT_TEST(a_client_that_leaves_after_the_end_leaves_nothing),
		FRONT_TEST(languages_are_listed),
		FRONT_TEST(a_version_that_is_not_known_yet_is_asked_for_again),
		FRONT_TEST(a_share_is_a_fields_where_that_is_configured),
		FRONT_TEST(ten_thousand_runs_leave_no_memory_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
