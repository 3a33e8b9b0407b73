/* limits.c - the limits that a request may set. */
#include "run/limits.h"

#include <string.h>

#include "base/macros.h"

/* Below the least nothing starts, or nothing can be said of it. */
const struct run_limit run_limits[] = {
	{ "memory_bytes", offsetof(struct box_limits, memory), 4 << 20, 0 },
	{ "cpu_ms", offsetof(struct box_limits, cpu_ms), 10, 0 },
	{ "wall_ms", offsetof(struct box_limits, wall_ms), 10, 0 },
	{ "cpu_share_percent", offsetof(struct box_limits, cpu_share), 1, RUN_CPU_SHARE_ANY },
	{ "processes", offsetof(struct box_limits, processes), 1, 0 },
	{ "files", offsetof(struct box_limits, files), 8, 0 },
	{ "disk_bytes", offsetof(struct box_limits, disk), 64 << 10, 0 },
	{ "output_bytes", offsetof(struct box_limits, output), 256, 0 },
};
const size_t run_n_limits = ARRAY_SIZE(run_limits);

uint64_t
run_limit_get(const struct box_limits *limits, const struct run_limit *limit)
{
	uint64_t value;

	memcpy(&value, (const char *)limits + limit->offset, sizeof value);
	return value;
}

void
run_limit_set(struct box_limits *limits, const struct run_limit *limit, uint64_t value)
{
	memcpy((char *)limits + limit->offset, &value, sizeof value);
}

bool
run_limits_are_within(const struct box_limits *limits, const struct box_limits *most)
{
	for (size_t i = 0; i < run_n_limits; i++)
		if (run_limit_get(limits, &run_limits[i]) > run_limit_get(most, &run_limits[i]))
			return false;
	return limits->output_end <= limits->output;
}
