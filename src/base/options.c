/* options.c - numbers, sizes and durations as people write them. */
#include "base/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/macros.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit none[] = { { "", 1 } };

static const struct unit sizes[] = {
	{ "", 1 },           { "B", 1 },         { "K", 1u << 10 },   { "KB", 1u << 10 },
	{ "KiB", 1u << 10 }, { "M", 1u << 20 },  { "MB", 1u << 20 },  { "MiB", 1u << 20 },
	{ "G", 1u << 30 },   { "GB", 1u << 30 }, { "GiB", 1u << 30 },
};

static const struct unit durations[] = {
	{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
};

static int
parse_with_units(const char *text, const struct unit *units, size_t n_units, uint64_t *value)
{
	uint64_t number = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*p - '0'), &number))
			return -ERANGE;
	if (p == text)
		return -EINVAL;
	for (size_t i = 0; i < n_units; i++) {
		if (strcasecmp(p, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(number, units[i].factor, &number))
			return -ERANGE;
		*value = number;
		return 0;
	}
	return -EINVAL;
}

int
option_parse_number(const char *text, uint64_t *value)
{
	return parse_with_units(text, none, ARRAY_SIZE(none), value);
}

int
option_parse_size(const char *text, uint64_t *bytes)
{
	return parse_with_units(text, sizes, ARRAY_SIZE(sizes), bytes);
}

int
option_parse_duration(const char *text, uint64_t *ms)
{
	return parse_with_units(text, durations, ARRAY_SIZE(durations), ms);
}

/* The largest unit that divides the value, so that what is printed parses to the same value. */
static void
format_with_units(uint64_t value, const struct unit *units, size_t n_units, char text[OPTION_TEXT_SIZE])
{
	const struct unit *best = &units[0];

	for (size_t i = 1; i < n_units && value > 0; i++)
		if (value % units[i].factor == 0)
			best = &units[i];
	snprintf(text, OPTION_TEXT_SIZE, "%" PRIu64 "%s", value / best->factor, best->name);
}

void
option_format_size(uint64_t bytes, char text[OPTION_TEXT_SIZE])
{
	static const struct unit units[] = {
		{ "", 1 }, { "K", 1u << 10 }, { "M", 1u << 20 }, { "G", 1u << 30 }
	};

	format_with_units(bytes, units, ARRAY_SIZE(units), text);
}

void
option_format_duration(uint64_t ms, char text[OPTION_TEXT_SIZE])
{
	static const struct unit units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };

	format_with_units(ms, units, ARRAY_SIZE(units), text);
}
