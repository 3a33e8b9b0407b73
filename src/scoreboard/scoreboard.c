/* scoreboard.c - what a router writes. */
#include "scoreboard/scoreboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"

const uint64_t score_time_bounds_us[SCORE_BOUNDS] = {
	100,   250,    500,    1000,   2500,    5000,    10000,   25000,
	50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};
const uint64_t score_memory_bounds_kb[SCORE_BOUNDS] = {
	1 << 10,   2 << 10,   4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10,
	256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20,  8 << 20,  16 << 20, 32 << 20,
};

int
scoreboard_make(const struct scoreboard **board, struct err *e)
{
	AUTO_FD fd = memfd_create("scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *mapped;
	int made;

	/* Pages come when they are first written: a file that cannot shrink has none that is missing. */
	if (fd < 0 || ftruncate(fd, sizeof **board) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return err_set(e, errno, "scoreboard");
	mapped = mmap(NULL, sizeof **board, PROT_READ, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		return err_set(e, errno, "map the scoreboard");
	*board = mapped;
	made = fd;
	fd = -1;
	return made;
}

/* What is of this moment was the last router's. */
static void
forget_gauges(struct scoreboard *board)
{
	const size_t from = offsetof(struct router_counters, connections_active);

	memset((char *)&board->counters + from, 0, sizeof board->counters - from);
	board->n_workers = 0;
	if (board->n_rows < 1 || board->n_rows > SCORE_ROWS)
		board->n_rows = 1;
}

int
scoreboard_write(int fd, struct scoreboard **board, struct err *e)
{
	void *mapped = mmap(NULL, sizeof **board, PROT_READ | PROT_WRITE,
	                    fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	if (mapped == MAP_FAILED)
		return err_set(e, errno, "map the scoreboard");
	*board = mapped;
	forget_gauges(*board);
	return 0;
}

void
scoreboard_done(struct scoreboard *board)
{
	if (board)
		munmap(board, sizeof *board);
}

struct score_row *
scoreboard_row(struct scoreboard *board, const char *function)
{
	struct score_row *row;

	for (uint32_t i = 0; i < board->n_rows; i++)
		if (strncmp(board->rows[i].function, function, sizeof row->function) == 0)
			return &board->rows[i];
	if (board->n_rows == SCORE_ROWS)
		return &board->rows[SCORE_ROWS - 1];
	row = &board->rows[board->n_rows];
	if (board->n_rows == SCORE_ROWS - 1)
		function = SCORE_OTHERS;
	strncpy(row->function, function, sizeof row->function - 1);
	board->n_rows++;
	return row;
}

void
score_observe(struct score_histogram *h, const uint64_t bounds[SCORE_BOUNDS], uint64_t value, uint64_t n)
{
	size_t i = 0;

	while (i < SCORE_BOUNDS && value > bounds[i])
		i++;
	h->n[i] += n;
	h->sum += value * n;
}

/* Nearly all requests of a function are of one kind, which is the first that came. */
void
score_answer(struct score_row *row, unsigned status, enum cause cause)
{
	struct score_answers *a = row->answers, *last = &row->answers[SCORE_ANSWERS - 1];

	while (a < last && a->n > 0 && (a->status != status || a->cause != cause))
		a++;
	if (a < last) {
		a->status = status;
		a->cause = cause;
	}
	a->n++;
}
