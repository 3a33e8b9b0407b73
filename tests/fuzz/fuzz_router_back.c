/* fuzz_router_back.c - a worker that says anything, in messages, to a whole router: its clients get a whole
 * answer or a cut one, and the router goes on.
 *
 * The input is messages: a byte with the length, then the message.  The byte pair "ID" in it stands for the
 * id of the request, so that hostile records can be near the truth. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "unit/router_rig.h"

enum { CLIENTS = 3 };

/* Every client that is answered gets an answer that begins with a status, and nothing that a worker may not
 * send. */
static void
client_check(int fd)
{
	struct rig_answer a;

	rig_answer(fd, &a);
	if (a.ended >= 0 && buf_used(&a.text) > 1) {
		REQUIRE(strncmp(buf_head(&a.text), "Status: ", 8) == 0);
		REQUIRE(strstr(buf_head(&a.text), "X-Request-Id: "));
	}
	buf_done(&a.text);
	close(fd);
}

static void
say(struct rig *g, struct rig_worker *w, const uint8_t *data, size_t n)
{
	unsigned char message[256];

	memcpy(message, data, n);
	for (size_t i = 0; i + 1 < n; i++) {
		if (message[i] != 'I' || message[i + 1] != 'D')
			continue;
		message[i] = (unsigned char)(w->request >> 8);
		message[i + 1] = (unsigned char)w->request;
	}
	rig_write(g, w, message, n);
	rig_receive(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct rig *g;
	struct rig_worker w;
	int fd[CLIENTS];

	if (!g) {
		g = rig_new(false);
		REQUIRE(g);
	}
	rig_lease(g, &w, RIG_FAST);
	for (int i = 0; i < CLIENTS; i++) {
		fd[i] = rig_connect(g);
		rig_get(g, fd[i], "/fast");
	}
	rig_receive(&w);
	while (n > 0) {
		size_t part = data[0] < n - 1 ? data[0] : n - 1;

		say(g, &w, data + 1, part);
		data += 1 + part;
		n -= 1 + part;
	}
	rig_worker_done(&w);
	rig_run(g);
	rig_ended(g, &w, CAUSE_CRASH);
	for (int i = 0; i < CLIENTS; i++)
		client_check(fd[i]);
	rig_run(g);
	g->n_messages = 0;
	REQUIRE(g->router.n_fronts == 0);
	REQUIRE(g->router.counters.requests_active == 0);
	REQUIRE(g->router.buffers == 0);
	REQUIRE(TAILQ_EMPTY(&g->router.workers));
	return 0;
}
