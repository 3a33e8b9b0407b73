/* pattern.h - a route pattern as segments.  Private to src/route. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* From the most to the least specific. */
enum segment_kind { SEGMENT_EXACT, SEGMENT_PARAM, SEGMENT_REST };

struct segment {
	enum segment_kind kind;
	const char *text; /* without '/' and, of a parameter, without ':'; not NUL-terminated */
	size_t length;
};

/* The segment that begins with the '/' at *p, which moves behind it; false at the end.  "/" is one empty
 * segment. */
bool segment_next(const char **p, struct segment *segment);
