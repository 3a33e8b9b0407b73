/* request_cases.c - input and expected output: one of each, or one of each in every case. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "run/request_parts.h"

static int
take_case_name(struct request *r, json_t *value, void *of_case)
{
	struct run_case *c = of_case;
	size_t n = json_string_length(value);

	if (n >= sizeof c->name)
		return request_fail(r, 422, "it is longer than %zu bytes", sizeof c->name - 1);
	memcpy(c->name, json_string_value(value), n + 1);
	return 0;
}

int
request_take_case_input(struct request *r, json_t *value, void *of_case)
{
	struct run_case *c = of_case;

	(void)r;
	c->input = json_string_value(value);
	c->n_input = json_string_length(value);
	return 0;
}

int
request_take_case_expected(struct request *r, json_t *value, void *of_case)
{
	struct run_case *c = of_case;

	(void)r;
	c->expected = json_string_value(value);
	c->n_expected = json_string_length(value);
	c->has_expected = true;
	return 0;
}

static const struct request_field case_fields[] = {
	{ .name = "name", .kind = REQUEST_TEXT, .take = take_case_name },
	REQUEST_CASE_FIELDS,
};

static int
take_case(struct request *r, json_t *value, struct run_case *c)
{
	int rc = request_check_kind(r, value, REQUEST_OBJECT);

	*c = (struct run_case){ .input = "", .expected = "" };
	return rc == 0 ? request_take(r, value, case_fields, ARRAY_SIZE(case_fields), c) : rc;
}

/* What is said once for all of them would be said twice. */
static int
check_alone(struct request *r)
{
	static const char *const others[] = { "input", "expected_output" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		const json_t *other = json_object_get(r->root, others[i]);

		if (!other || json_is_null(other))
			continue;
		request_leave(r, 0);
		request_enter(r, others[i]);
		return request_fail(r, 422, "with cases, each of them has its own");
	}
	return 0;
}

int
request_take_cases(struct request *r, json_t *value, void *unused)
{
	struct run_job *job = r->job;
	json_t *element;
	size_t i;

	(void)unused;
	if (json_array_size(value) == 0 || json_array_size(value) > RUN_CASES_MAX)
		return request_fail(r, 422, "they are from 1 to %d", RUN_CASES_MAX);
	if (check_alone(r) < 0)
		return -EINVAL;
	job->has_cases = true;
	job->n_cases = json_array_size(value);
	json_array_foreach(value, i, element)
	{
		size_t mark = request_enter_element(r, i);

		if (take_case(r, element, &job->cases[i]) < 0)
			return -EINVAL;
		request_leave(r, mark);
	}
	return 0;
}
