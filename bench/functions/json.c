/* json.c - a JSON body parsed, gone through, and answered; json.php does the same. */
#include <cfn_json.h>

int
json(cfn_request *req, cfn_response *res)
{
	json_error_t why;
	json_t *order = cfn_json(req, &why), *items = json_object_get(order, "items"), *item;
	json_int_t total = 0;
	size_t i;

	if (!order)
		return cfn_error(res, 400, "%s", why.text);
	json_array_foreach(items, i, item) total += json_integer_value(json_object_get(item, "count")) *
	                                            json_integer_value(json_object_get(item, "price"));
	return cfn_send_json(res, 200,
	                     json_pack("{s:O,s:I,s:O}", "name", json_object_get(order, "name"), "total",
	                               total, "items", items));
}
