/* fuzz_lane.c - a router's messages to the runner: bounded, and a request is whole or there is none.
 *
 * The input is messages, each behind its length in two bytes. */
#include <string.h>

#include "fuzz.h"
#include "lane/lane_input.h"

enum { PARAMS_MAX = 1000, BODY_MAX = 1000 };

static void
request_holds(const struct lane_input *in)
{
	size_t bytes = 0;

	REQUIRE(in->has_begun && in->has_params && in->id != 0);
	REQUIRE(in->n_pairs <= LANE_PAIRS_MAX);
	for (size_t i = 0; i < in->n_pairs; i++) {
		bytes += strlen(in->pairs[i].name) + strlen(in->pairs[i].value) + 2;
		REQUIRE(lane_input_param(in, in->pairs[i].name) != NULL);
	}
	REQUIRE(bytes <= buf_used(&in->params));
	REQUIRE(!lane_input_field(in, "Accept") ||
	        lane_input_field(in, "Accept") == lane_input_param(in, "HTTP_ACCEPT"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct lane_input in;
	int progress = LANE_MORE;

	lane_input_init(&in, PARAMS_MAX, BODY_MAX);
	while (progress >= 0 && progress != LANE_LARGE && n >= 2) {
		size_t size = (size_t)data[0] << 8 | data[1];

		size = size < n - 2 ? size : n - 2;
		progress = lane_input_message(&in, data + 2, size);
		REQUIRE(buf_used(&in.params) <= PARAMS_MAX && buf_used(&in.body) <= BODY_MAX);
		if (progress == LANE_REQUEST) {
			request_holds(&in);
			lane_input_clear(&in);
		}
		data += 2 + size;
		n -= 2 + size;
	}
	lane_input_done(&in);
	return 0;
}
