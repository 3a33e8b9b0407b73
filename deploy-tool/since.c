/* since.c - a moment in the past, as people say it. */
#include "deploy-tool/since.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/macros.h"
#include "base/options.h"

int
since_parse_date(const char *text, int64_t *seconds)
{
	static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i], &tm);

		if (end == NULL || (strcmp(end, "") != 0 && strcmp(end, "Z") != 0))
			continue;
		*seconds = timegm(&tm);
		return 0;
	}
	return -EINVAL;
}

int
since_parse(const char *text, int64_t now, int64_t *seconds, struct err *e)
{
	uint64_t ms;

	if (option_parse_duration(text, &ms) == 0) {
		*seconds = ms / 1000 < (uint64_t)now ? now - (int64_t)(ms / 1000) : 0;
		return 0;
	}
	if (since_parse_date(text, seconds) == 0)
		return 0;
	return err_set(e, -EINVAL, "--since: '%.40s' is no time; say 10m, 2h or 2026-11-22T08:30", text);
}
