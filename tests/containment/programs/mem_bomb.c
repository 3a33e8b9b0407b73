/* mem_bomb.c - takes and touches a gigabyte. */
#include "attempt.h"

#include <stdlib.h>

enum { MEM_BOMB_MIB = 1024, MEM_BOMB_STEP = 16 };

int
main(void)
{
	/* Through a volatile pointer: a plain memset of memory that nobody reads is no code at all. */
	for (int taken = 0; taken < MEM_BOMB_MIB; taken += MEM_BOMB_STEP) {
		volatile char *bytes = malloc((size_t)MEM_BOMB_STEP << 20);

		if (!bytes)
			return contained("%s", attempt_error());
		for (int i = 0; i < MEM_BOMB_STEP << 20; i += 4096)
			bytes[i] = 1;
	}
	return escaped("%d MiB", MEM_BOMB_MIB);
}
