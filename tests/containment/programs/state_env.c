/* state_env.c - the names of all that its environment holds. */
#include "attempt.h"

#include <unistd.h>

int
main(void)
{
	char names[300] = "";
	size_t used = 0;

	for (char **line = environ; *line; line++) {
		int n = (int)strcspn(*line, "=");

		if (strncmp(*line, "CFN", 3) == 0)
			return escaped("%.*s", n, *line);
		if (used < sizeof names - 40)
			used += (size_t)snprintf(names + used, sizeof names - used, "%s%.*s", used ? "," : "",
			                         n > 30 ? 30 : n, *line);
	}
	return contained("%s", names);
}
