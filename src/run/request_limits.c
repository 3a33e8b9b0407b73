/* request_limits.c - limits: the usual ones, what a client asks for, and what the server allows. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "run/engine.h"
#include "run/limits.h"
#include "run/request_parts.h"

static void
keep_within(struct box_limits *limits, const struct box_limits *most)
{
	for (size_t i = 0; i < run_n_limits; i++)
		if (run_limit_get(limits, &run_limits[i]) > run_limit_get(most, &run_limits[i]))
			run_limit_set(limits, &run_limits[i], run_limit_get(most, &run_limits[i]));
	if (limits->output_end > limits->output / 2)
		limits->output_end = limits->output / 2;
}

void
request_limits_init(struct request *r)
{
	struct run_job *job = r->job;

	run_limits_init(&job->limits, r->language);
	if (r->rules->cpu_share > 0)
		job->limits.cpu_share = r->rules->cpu_share;
	run_compile_limits_init(&job->compile_limits, r->language);
	keep_within(&job->limits, &r->rules->most);
	keep_within(&job->compile_limits, &r->rules->compile_most);
	job->total_ms = r->rules->total_ms_most;
}

static const struct run_limit *
find_limit(const char *name)
{
	for (size_t i = 0; i < run_n_limits; i++)
		if (strcmp(run_limits[i].name, name) == 0)
			return &run_limits[i];
	return NULL;
}

static int
take_limit(struct request *r, const struct run_limit *limit, const json_t *value, struct box_limits *limits,
           const struct box_limits *most)
{
	uint64_t allowed = run_limit_get(most, limit);
	json_int_t asked = json_integer_value(value);

	if (request_check_kind(r, value, REQUEST_INTEGER) < 0)
		return -EINVAL;
	if (asked < 0 || (uint64_t)asked < limit->least)
		return request_fail(r, 422, "it is below the minimum, %" PRIu64, limit->least);
	if ((uint64_t)asked > allowed)
		return request_fail(r, 422, "it is above this server's maximum, %" PRIu64, allowed);
	run_limit_set(limits, limit, (uint64_t)asked);
	return 0;
}

static int
take_limits(struct request *r, json_t *object, struct box_limits *limits, const struct box_limits *most)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		const struct run_limit *limit = find_limit(name);
		size_t mark = request_enter(r, name);

		if (!limit)
			return request_fail(r, 422, "there is no such field");
		if (!json_is_null(value) && take_limit(r, limit, value, limits, most) < 0)
			return -EINVAL;
		request_leave(r, mark);
	}
	return 0;
}

/* Of what a program writes the end counts as much as the beginning; a compiler says first what matters. */
int
request_take_limits(struct request *r, json_t *value, void *unused)
{
	int rc = take_limits(r, value, &r->job->limits, &r->rules->most);

	r->job->limits.output_end = r->job->limits.output / 2;
	(void)unused;
	return rc;
}

int
request_take_compile_limits(struct request *r, json_t *value, void *unused)
{
	(void)unused;
	return take_limits(r, value, &r->job->compile_limits, &r->rules->compile_most);
}

int
request_take_total(struct request *r, json_t *value, void *unused)
{
	json_int_t asked = json_integer_value(value);

	(void)unused;
	if (asked < 1)
		return request_fail(r, 422, "it is below the minimum, 1");
	if ((uint64_t)asked > r->rules->total_ms_most)
		return request_fail(r, 422, "it is above this server's maximum, %" PRIu64,
		                    r->rules->total_ms_most);
	r->job->total_ms = (uint64_t)asked;
	return 0;
}
