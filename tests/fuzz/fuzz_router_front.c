/* fuzz_router_front.c - a web server that says anything, in pieces, to a whole router; then another one is
 * served.
 *
 * The input is pieces: a byte with the length of the piece, then the piece; a length of 0 turns the loop's
 * clock. */
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "unit/router_rig.h"

/* The router as it was at first, but for what it has counted. */
static void
check(struct rig *g)
{
	int fd = rig_connect(g);

	rig_get(g, fd, "/nothing");
	REQUIRE(rig_answers(fd, 404, "no_route"));
	close(fd);
	rig_run(g);
	REQUIRE(g->router.n_fronts == 0);
	REQUIRE(g->router.counters.requests_queued == 0);
	REQUIRE(g->router.buffers == 0);
}

static void
drain(int fd)
{
	static char bytes[1 << 16];

	while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct rig *g;
	static struct rig_worker w;
	int fd;

	if (!g) {
		g = rig_new(false);
		REQUIRE(g);
	}
	rig_lease(g, &w, RIG_FAST);
	fd = rig_connect(g);
	while (n > 0) {
		size_t part = data[0] < n - 1 ? data[0] : n - 1;

		if (part == 0)
			rig_tick(g);
		else
			rig_send(g, fd, data + 1, part);
		while (rig_receive(&w))
			rig_reply(g, &w, "Content-Type: a/b\r\n\r\nx");
		drain(fd);
		data += 1 + part;
		n -= 1 + part;
	}
	close(fd);
	rig_worker_done(&w);
	rig_run(g);
	rig_ended(g, &w, CAUSE_CRASH);
	g->n_messages = 0;
	check(g);
	return 0;
}
