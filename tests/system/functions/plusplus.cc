// plusplus.cc - a function in C++: containers, strings and an exception that it catches itself.
#include <cfn.h>

#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

static long
sum_to(long n)
{
	if (n < 0)
		throw std::invalid_argument("negative");
	std::vector<long> numbers(static_cast<size_t>(n));
	std::iota(numbers.begin(), numbers.end(), 1L);
	return std::accumulate(numbers.begin(), numbers.end(), 0L);
}

CFN_C int
plusplus(cfn_request *q, cfn_response *r)
try {
	long n = 0;

	cfn_query_int(q, "n", -100, 100000, &n);
	std::string text = "sum " + std::to_string(sum_to(n)) + "\n";
	return cfn_send(r, 200, "text/plain", "%s", text.c_str());
} catch (const std::exception &e) {
	return cfn_send(r, 400, "text/plain", "%s\n", e.what());
}
