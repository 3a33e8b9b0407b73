/* state_persist.c - leaves a mark wherever it can write, and looks for that of an earlier run. */
#include "attempt.h"

#include <fcntl.h>

int
main(void)
{
	static const char *const places[] = { "/tmp/cfn_mark", "cfn_mark", "/dev/shm/cfn_mark",
		                              "/var/tmp/cfn_mark", "/cfn_mark" };
	int marks = 0;

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (open(places[i], O_RDONLY | O_CLOEXEC) >= 0)
			return escaped("%s", places[i]);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		marks += open(places[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0;
	return marks > 0 ? contained("no mark of another") : broken("nowhere to leave one");
}
