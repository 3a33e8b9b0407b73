/* numbers.c - the number of a version as people write it. */
#include "deploy-tool/numbers.h"

#include <errno.h>

#include "base/options.h"

int
numbers_version(const char *text, uint32_t *number)
{
	uint64_t value;

	if (option_parse_number(text[0] == 'v' ? text + 1 : text, &value) < 0 || value == 0 ||
	    value > UINT32_MAX)
		return -EINVAL;
	*number = (uint32_t)value;
	return 0;
}
