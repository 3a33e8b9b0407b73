/* limits_json.c - limits as a document has them. */
#include "run/limits.h"

/* A value of 0 is no bound where there may be none. */
static json_t *
limit_json(const struct box_limits *limits, const struct run_limit *limit)
{
	uint64_t value = run_limit_get(limits, limit);
	bool is_bound = limit->any == 0 || (value > 0 && value < limit->any);

	return is_bound ? json_integer((json_int_t)value) : json_null();
}

json_t *
run_limits_json(const struct box_limits *limits)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < run_n_limits; i++)
		json_object_set_new(object, run_limits[i].name, limit_json(limits, &run_limits[i]));
	return object;
}
