/* disk_deep.c - folders in folders, deeper than any path: who cleans up by name fails on them. */
#include "attempt.h"

#include <sys/stat.h>
#include <unistd.h>

int
main(void)
{
	for (int i = 0; i < 200000; i++)
		if (mkdir("cfn_deep", 0700) < 0 || chdir("cfn_deep") < 0)
			return contained("%s", attempt_error());
	return escaped("200000 folders deep");
}
