/* good_malloc64.c - 64 MiB, taken, used and given back. */
#include "attempt.h"

#include <stdlib.h>

int
main(void)
{
	size_t size = (size_t)64 << 20, sum = 0;
	unsigned char *bytes = malloc(size);

	if (!bytes)
		return broken("%s", attempt_error());
	memset(bytes, 3, size);
	for (size_t i = 0; i < size; i += 4096)
		sum += bytes[i];
	free(bytes);
	return sum == 3 * size / 4096 ? works("%zu", sum) : broken("%zu", sum);
}
