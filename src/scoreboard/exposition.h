/* exposition.h - metrics as text: of Prometheus (0.0.4) or of OpenMetrics 1.0, which differ in how a counter
 * is named where it is described, and in the end. */
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "scoreboard/scoreboard.h"

struct exposition {
	struct buf *text; /* what does not fit in it is an error, kept until the end */
	bool is_openmetrics;
	bool is_too_long;
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* A label's value may be any bytes; a row without a name ends the list. */
struct metric_label {
	const char *name, *value;
};

/* "# HELP", "# TYPE".  The name of a counter comes without "_total". */
void exposition_family(struct exposition *x, const char *name, enum metric_type type, const char *help);
void exposition_counter(struct exposition *x, const char *name, const struct metric_label *labels,
                        uint64_t n);
void exposition_gauge(struct exposition *x, const char *name, const struct metric_label *labels, double n);

/* Bounds and sum are divided by unit: 1,000,000 makes seconds of microseconds. */
struct metric_scale {
	const uint64_t *bounds; /* SCORE_BOUNDS of them */
	double unit;
};
extern const struct metric_scale metric_seconds, metric_bytes;
void exposition_histogram(struct exposition *x, const char *name, const char *function,
                          const struct score_histogram *h, const struct metric_scale *scale);

/* -ENOSPC: it was too long. */
int exposition_end(struct exposition *x);
