/* top.c - `cfn-deploy top`: what the pools' functions do, again and again.
 *
 * Plain sequences of a terminal, so that it works over ssh; on one that has none (TERM=dumb), and into a
 * file, tables stand one behind the other.  The terminal is put back however it ends. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/options.h"
#include "deploy-tool/commands.h"
#include "deploy-tool/live.h"
#include "deploy-tool/top.h"

enum { ROUNDS_DELAY_S = 2, DELAY_MAX_S = 3600, LINES_BESIDE = 6 };

struct top_options {
	const char *sort, *delay, *rounds;
};

const struct argument_row top_options[] = {
	{ "sort", 's', ARGUMENT_TEXT, offsetof(struct top_options, sort), "KEY",
	  "rate (the default), function, workers, waiting, requests, errors, p50, p99, cpu, cold, crashes" },
	{ "delay", 'd', ARGUMENT_TEXT, offsetof(struct top_options, delay), "SECONDS",
	  "between two looks; 2" },
	{ "rounds", 'n', ARGUMENT_TEXT, offsetof(struct top_options, rounds), "N", "end after so many" },
};
const size_t top_n_options = ARRAY_SIZE(top_options);

struct top {
	struct tool *tool;
	struct pools pools;
	struct top_rows rows;
	size_t sort;
	uint64_t delay_s, rounds; /* rounds: 0: until it is ended */
	bool is_live;             /* on a terminal that moves its cursor */
	struct termios before;
	char message[256]; /* of the last look that failed; empty: none did */
	uint64_t n_pools, n_workers, n_requests, n_active, n_queued;
};

static volatile sig_atomic_t has_signal;

static void
on_signal(int number)
{
	/* A window of another size is only looked at anew. */
	if (number != SIGWINCH)
		has_signal = number;
}

/* ---- the terminal ---- */

static void
terminal_open(struct top *t)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
	const struct sigaction action = { .sa_handler = on_signal };
	const char *term = getenv("TERM");
	struct termios raw;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
	t->is_live = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && term && term[0] &&
	             strcmp(term, "dumb") != 0 && tcgetattr(STDIN_FILENO, &t->before) == 0;
	if (!t->is_live)
		return;
	raw = t->before;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	raw.c_cc[VMIN] = raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	fputs("\033[?1049h\033[?25l", stdout);
}

static void
terminal_close(struct top *t)
{
	if (!t->is_live)
		return;
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
}

/* Where there is no window the table is as long as it is. */
static void
window_size(const struct top *t, size_t *width, size_t *height)
{
	struct winsize size = { 0 };
	bool is_known = t->is_live && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

	*width = is_known && size.ws_col > 0 ? size.ws_col : TOP_LINE_SIZE;
	*height = is_known && size.ws_row > 0 ? size.ws_row : SIZE_MAX;
}

/* ---- a look ---- */

static uint64_t
number(const json_t *object, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(object, name));

	return n > 0 ? (uint64_t)n : 0;
}

static void
take_pool(struct top *t, const json_t *status)
{
	json_t *list = json_object_get(status, "routers"), *one;
	size_t i;

	t->n_pools++;
	t->n_workers += number(status, "workers");
	json_array_foreach(list, i, one)
	{
		t->n_requests += number(one, "requests");
		t->n_active += number(one, "requests_active");
		t->n_queued += number(one, "requests_queued");
	}
	list = json_object_get(status, "functions");
	json_array_foreach(list, i, one) top_add(&t->rows, one);
}

/* A pool that has gone may be another one by the next look. */
static void
look(struct top *t)
{
	struct err e;

	t->n_pools = t->n_workers = t->n_requests = t->n_active = t->n_queued = 0;
	t->message[0] = '\0';
	top_begin(&t->rows, clock_now_us());
	if (t->pools.n == 0 && pools_connect(t->tool, &t->pools, &e) < 0)
		log_escape(t->message, sizeof t->message, e.text, strlen(e.text));
	for (size_t i = 0; i < t->pools.n; i++) {
		AUTO_JSON json_t *status = NULL;

		if (pools_ask(&t->pools, i, json_pack("{s:s}", "command", "status"), -1, POOLS_ASK_MS,
		              &status, &e) == 0) {
			take_pool(t, status);
			continue;
		}
		log_escape(t->message, sizeof t->message, e.text, strlen(e.text));
	}
	top_end(&t->rows);
	top_sort(&t->rows, t->sort);
	if (t->message[0] != '\0')
		pools_done(&t->pools);
	else if (t->n_pools == 0)
		snprintf(t->message, sizeof t->message, "no pool serves this registry");
}

/* ---- what is shown ---- */

static void
put_line(const struct top *t, size_t width, const char *line)
{
	printf("%.*s%s\n", (int)width, line, t->is_live ? "\033[K" : "");
}

static void
draw(const struct top *t)
{
	size_t width, height, n;
	char line[TOP_LINE_SIZE];

	window_size(t, &width, &height);
	if (t->is_live)
		fputs("\033[H", stdout);
	snprintf(line, sizeof line,
	         "%llu pool%s, %llu worker%s, %llu request%s, %llu active, %llu waiting, %.1f/s",
	         (unsigned long long)t->n_pools, t->n_pools == 1 ? "" : "s", (unsigned long long)t->n_workers,
	         t->n_workers == 1 ? "" : "s", (unsigned long long)t->n_requests,
	         t->n_requests == 1 ? "" : "s", (unsigned long long)t->n_active,
	         (unsigned long long)t->n_queued, top_rate(&t->rows));
	put_line(t, width, line);
	snprintf(line, sizeof line, "sorted by %s%s%s%s", top_key(t->sort),
	         t->is_live ? "; s: another, q: end" : "", t->message[0] != '\0' ? "; " : "", t->message);
	put_line(t, width, line);
	put_line(t, width, "");
	top_heading(line);
	put_line(t, width, line);
	n = height > LINES_BESIDE ? height - LINES_BESIDE : 1;
	for (size_t i = 0; i < t->rows.n && i < n; i++) {
		top_format(&t->rows.rows[i], line);
		put_line(t, width, line);
	}
	fputs(t->is_live ? "\033[J" : "\n", stdout);
	fflush(stdout);
}

/* ---- until it ends ---- */

/* The key that was hit until the next look is due; 0: none. */
static int
await_key(const struct top *t, uint64_t until_us)
{
	struct pollfd in = { .fd = t->is_live ? STDIN_FILENO : -1, .events = POLLIN };
	uint64_t now = clock_now_us();
	char key;

	if (now >= until_us)
		return 0;
	if (poll(&in, 1, (int)((until_us - now) / 1000 + 1)) <= 0 || !in.revents)
		return 0;
	if (read(STDIN_FILENO, &key, 1) != 1)
		return 'q'; /* the terminal has gone */
	return key;
}

/* False when it is to end. */
static bool
serve_keys(struct top *t)
{
	uint64_t until_us = clock_now_us() + t->delay_s * 1000000;

	while (has_signal == 0 && clock_now_us() < until_us) {
		int key = await_key(t, until_us);

		if (key == 'q' || key == 'Q')
			return false;
		if (key == 's' || key == 'S') {
			t->sort = (t->sort + 1) % TOP_KEYS;
			top_sort(&t->rows, t->sort);
		}
		draw(t);
	}
	return has_signal == 0;
}

/* Without a terminal nothing is drawn while it waits. */
static bool
sleep_until_next(struct top *t)
{
	uint64_t until_us = clock_now_us() + t->delay_s * 1000000;

	if (t->is_live)
		return serve_keys(t);
	while (has_signal == 0 && clock_now_us() < until_us)
		await_key(t, until_us);
	return has_signal == 0;
}

static int
watch(struct top *t)
{
	uint64_t round = 0;

	terminal_open(t);
	do {
		look(t);
		draw(t);
		round++;
	} while (round != t->rounds && !ferror(stdout) && sleep_until_next(t));
	terminal_close(t);
	return tool_flush();
}

static int
read_options(struct top *t, const struct top_options *o)
{
	t->delay_s = ROUNDS_DELAY_S;
	if (o->sort != NULL && top_find_key(o->sort, &t->sort) < 0)
		return tool_fail_as(EX_USAGE, "'%.40s' is nothing to sort by; see 'cfn-deploy help top'",
		                    o->sort);
	if (o->delay != NULL &&
	    (option_parse_number(o->delay, &t->delay_s) < 0 || t->delay_s < 1 || t->delay_s > DELAY_MAX_S))
		return tool_fail_as(EX_USAGE, "--delay is a number of seconds from 1 to %d", DELAY_MAX_S);
	if (o->rounds != NULL && (option_parse_number(o->rounds, &t->rounds) < 0 || t->rounds < 1))
		return tool_fail_as(EX_USAGE, "--rounds is a number from 1 on");
	return 0;
}

int
run_top(struct tool *tool, const char *const *arguments)
{
	struct top_options own = { 0 };
	const struct argument_table table = { top_options, top_n_options, &own };
	const struct tool_syntax syntax = { &table, 1, 0, 0 };
	struct top t = { .tool = tool };
	struct argument_list rest;
	int rc = tool_arguments(tool, &syntax, arguments, &rest);

	if (rc == 0 && !tool->wants_help)
		rc = read_options(&t, &own);
	if (rc == 0 && !tool->wants_help)
		rc = tool_open_registry(tool, REGISTRY_READ);
	if (rc != 0 || tool->wants_help)
		return rc;
	rc = live_connect(tool, &t.pools);
	if (rc == 0 && tool->json) {
		look(&t);
		rc = tool_print_json(json_pack("{s:s, s:o}", "registry", tool->config.registry, "functions",
		                               top_json(&t.rows)));
	} else if (rc == 0) {
		rc = watch(&t);
	}
	top_done(&t.rows);
	pools_done(&t.pools);
	return rc;
}
