/* disk_inodes.c - makes files until there is no room for another name. */
#include "attempt.h"

#include <sys/stat.h>

int
main(void)
{
	char name[32];

	for (int i = 0; i < 200000; i++) {
		snprintf(name, sizeof name, "/tmp/cfn_inode%d", i);
		if (mkdir(name, 0700) < 0)
			return contained("%s", attempt_error());
	}
	return escaped("200000 inodes");
}
