/* sums.c - what the master reads of the boards: copied, bounded, checked, added up. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "scoreboard/scoreboard.h"

static uint64_t
bounded(uint64_t n)
{
	return n < SCORE_NUMBER_MAX ? n : SCORE_NUMBER_MAX;
}

/* A row of nothing but numbers. */
static void
bound_all(void *numbers, size_t size)
{
	uint64_t *n = numbers;

	for (size_t i = 0; i < size / sizeof *n; i++)
		n[i] = bounded(n[i]);
}

void
scoreboard_counters(const struct scoreboard *board, struct router_counters *counters)
{
	memcpy(counters, &board->counters, sizeof *counters);
	bound_all(counters, sizeof *counters);
}

/* Of a function, of none, or of all others. */
static bool
is_name(const char *text, size_t size)
{
	const char *end = memchr(text, '\0', size);

	if (!end)
		return false;
	/* '@' begins the pool's own. */
	if (strcmp(text, SCORE_OTHERS) == 0)
		return true;
	text += *text == '@';
	for (; text < end; text++)
		if (!(*text >= 'a' && *text <= 'z') && !(*text >= '0' && *text <= '9') && *text != '-' &&
		    *text != '_')
			return false;
	return true;
}

static void
add_answers(struct score_row *to, const struct score_answers *a)
{
	struct score_answers *at = to->answers, *last = &to->answers[SCORE_ANSWERS - 1];

	if (a->n == 0)
		return;
	while (at < last && at->n > 0 && (at->status != a->status || at->cause != a->cause))
		at++;
	if (at < last) {
		at->status = a->status;
		at->cause = a->cause;
	}
	at->n += a->n;
}

/* One pair once, whatever was there. */
static void
bound_answers(struct score_row *row)
{
	struct score_answers was[SCORE_ANSWERS];

	memcpy(was, row->answers, sizeof was);
	memset(row->answers, 0, sizeof row->answers);
	for (size_t i = 0; i < SCORE_ANSWERS; i++) {
		bool is_known = i < SCORE_ANSWERS - 1 && was[i].status <= 999 && was[i].cause < CAUSE_COUNT;

		add_answers(row, &(struct score_answers){ .status = is_known ? was[i].status : 0,
		                                          .cause = is_known ? was[i].cause : 0,
		                                          .n = bounded(was[i].n) });
	}
}

static void
bound_row(struct score_row *row)
{
	bound_answers(row);
	bound_all(&row->duration_us, sizeof row->duration_us);
	bound_all(&row->queue_us, sizeof row->queue_us);
	bound_all(&row->cpu_us, sizeof row->cpu_us);
	row->cold_starts = bounded(row->cold_starts);
	row->cache_hits = bounded(row->cache_hits);
	row->cache_misses = bounded(row->cache_misses);
}

/* Read once, whatever a compiler makes of it: what was compared is what counts. */
static size_t
read_count(const uint32_t *at, size_t most)
{
	uint32_t n = __atomic_load_n(at, __ATOMIC_RELAXED);

	return n < most ? n : most;
}

static size_t
n_rows(const struct scoreboard *board)
{
	return read_count(&board->n_rows, SCORE_ROWS);
}

size_t
scoreboard_n_workers(const struct scoreboard *board)
{
	return read_count(&board->n_workers, SCORE_WORKERS);
}

void
scoreboard_worker(const struct scoreboard *board, size_t i, struct score_worker *w)
{
	memcpy(w, &board->workers[i], sizeof *w);
	w->n_served = bounded(w->n_served);
	w->duration_us = bounded(w->duration_us);
	w->content_length = bounded(w->content_length);
	w->cpu_us = bounded(w->cpu_us);
	if (!is_name(w->function, sizeof w->function))
		w->function[0] = '\0';
	w->method[sizeof w->method - 1] = w->path[sizeof w->path - 1] = w->user[sizeof w->user - 1] = '\0';
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct score_row *)a)->function, ((const struct score_row *)b)->function);
}

static void
add_histogram(struct score_histogram *to, const struct score_histogram *h)
{
	for (size_t i = 0; i <= SCORE_BOUNDS; i++)
		to->n[i] += h->n[i];
	to->sum += h->sum;
}

static void
add_row(struct score_row *to, const struct score_row *row)
{
	for (size_t i = 0; i < SCORE_ANSWERS; i++)
		add_answers(to, &row->answers[i]);
	add_histogram(&to->duration_us, &row->duration_us);
	add_histogram(&to->queue_us, &row->queue_us);
	add_histogram(&to->cpu_us, &row->cpu_us);
	to->cold_starts += row->cold_starts;
	to->cache_hits += row->cache_hits;
	to->cache_misses += row->cache_misses;
}

/* Those of one name stand behind each other. */
static size_t
merge(struct score_row *rows, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && by_name(&rows[kept - 1], &rows[i]) == 0)
			add_row(&rows[kept - 1], &rows[i]);
		else if (kept++ != i)
			rows[kept - 1] = rows[i];
	}
	return kept;
}

int
scoreboard_sum(const struct scoreboard *const *boards, size_t n, struct score_row **rows, struct err *e)
{
	size_t room = 1, taken = 0;
	struct score_row *all;

	for (size_t i = 0; i < n; i++)
		room += n_rows(boards[i]);
	all = calloc(room, sizeof *all);
	if (!all)
		return err_set(e, ENOMEM, "scoreboards");
	for (size_t i = 0; i < n; i++) {
		/* Asked once more, the router could say another number: there is room for what was said. */
		for (size_t j = 0; j < n_rows(boards[i]) && taken < room; j++) {
			memcpy(&all[taken], &boards[i]->rows[j], sizeof *all);
			if (!is_name(all[taken].function, sizeof all->function))
				continue;
			bound_row(&all[taken++]);
		}
	}
	qsort(all, taken, sizeof *all, by_name);
	*rows = all;
	return (int)merge(all, taken);
}

size_t
scoreboard_keep(struct score_row *rows, size_t n, bool (*is_known)(const void *context, const char *name),
                const void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		const char *name = rows[i].function;
		bool is_nobodys = name[0] == '\0' || name[0] == '@' || strcmp(name, SCORE_OTHERS) == 0;

		if (!is_nobodys && !is_known(context, name))
			continue;
		if (kept++ != i)
			rows[kept - 1] = rows[i];
	}
	return kept;
}

uint64_t
score_requests(const struct score_row *row)
{
	uint64_t n = 0;

	for (size_t i = 0; i < SCORE_ANSWERS; i++)
		n += row->answers[i].n;
	return n;
}

uint64_t
score_errors(const struct score_row *row)
{
	uint64_t n = 0;

	for (size_t i = 0; i < SCORE_ANSWERS; i++)
		if (row->answers[i].status / 100 == 5)
			n += row->answers[i].n;
	return n;
}

uint64_t
score_count(const struct score_histogram *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= SCORE_BOUNDS; i++)
		n += h->n[i];
	return n;
}

uint64_t
score_quantile(const struct score_histogram *h, const uint64_t bounds[SCORE_BOUNDS], double part)
{
	uint64_t all = score_count(h), below = 0;

	for (size_t i = 0; i < SCORE_BOUNDS; i++) {
		below += h->n[i];
		if (all > 0 && (double)below >= part * (double)all)
			return bounds[i];
	}
	return all > 0 ? bounds[SCORE_BOUNDS - 1] : 0;
}
