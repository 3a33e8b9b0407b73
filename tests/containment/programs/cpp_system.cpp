/* cpp_system.cpp - a shell. */
#include "attempt.h"

#include <cstdlib>
#include <sys/wait.h>

int
main()
{
	int status = std::system("exit 42");

	if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 42)
		return attempt_say("ALLOWED", "it");
	return contained("%s", status == -1 ? attempt_error() : "no shell");
}
