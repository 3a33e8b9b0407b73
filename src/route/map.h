/* map.h - a mapped snapshot.  Private to src/route. */
#pragma once
#include "route/image.h"

struct snapshot {
	struct image image;
	void *data;
	size_t size;
};
